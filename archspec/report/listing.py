"""Lines of Python as HTML, in which keywords, texts and comments are told apart."""

from __future__ import annotations

import io
import keyword
import tokenize
from typing import Final

from archspec.drawing.vector import escaped

_TAGS: Final = {tokenize.STRING: "i", tokenize.COMMENT: "u", "keyword": "b"}
for _name in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END"):  # Python 3.12 and later
    if hasattr(tokenize, _name):
        _TAGS[getattr(tokenize, _name)] = "i"


def listing(source: str) -> list[str]:
    """The lines of a generated file, escaped, with `<b>` around keywords, `<i>` around texts, `<u>` around comments."""
    lines = source.splitlines()
    marks: list[list[tuple[int, int, str]]] = [[] for _ in lines]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        word = token.type == tokenize.NAME and keyword.iskeyword(token.string)
        tag = _TAGS.get("keyword" if word else token.type)
        if tag is None:
            continue
        (first, start), (last, end) = token.start, token.end
        for number in range(first, last + 1):
            begin = start if number == first else 0
            marks[number - 1].append((begin, end if number == last else len(lines[number - 1]), tag))
    return [_marked(line, each) for line, each in zip(lines, marks, strict=True)]


def _marked(line: str, marks: list[tuple[int, int, str]]) -> str:
    parts, here = [], 0
    for start, end, tag in marks:
        if end > start >= here:
            parts += [escaped(line[here:start]), f"<{tag}>{escaped(line[start:end])}</{tag}>"]
            here = end
    return "".join([*parts, escaped(line[here:])])
