"""Tables, as text and as HTML."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from html import escape
from typing import Final

UNBOUNDED: Final = sys.maxsize
_INSET: Final = " " * 4
_LEAST: Final = 24
"""Characters of prose that are read with ease; in fewer it stands below its row."""


def columns(
    rows: Sequence[Sequence[str]],
    aligns: str,
    width: int = UNBOUNDED,
    groups: Sequence[int] | None = None,
    key: int = 1,
) -> str:
    """Rows of text in columns, in at most `width` characters; the first row is the heading. Columns are aligned by `<`
    and `>`; `w`, the last one, is prose, which may go on in a line below. Of other columns, what does not fit beside
    the rest stands in a table below, which has the first `key` columns, too. `groups` are numbers of columns, after
    those, that stay together, else each is alone; one group alone may be wider.
    """
    if aligns[-1] == "w":
        head, *body = lines(rows, aligns, width)
        return "\n".join([head, _rule([head, *body]), *body])
    parts = [[*range(key)]]
    start = key
    for count in groups if groups is not None else [1] * (len(aligns) - key):
        group = list(range(start, start + count))
        start += count
        if len(parts[-1]) > key and _width(rows, [*parts[-1], *group]) > width:
            parts.append([*range(key)])
        parts[-1] += group
    tables = []
    for part in parts:
        head, *body = lines([[row[index] for index in part] for row in rows], "".join(aligns[index] for index in part))
        tables.append("\n".join([head, _rule([head, *body]), *body]))
    return "\n\n".join(tables)


def lines(rows: Sequence[Sequence[str]], aligns: str, width: int = UNBOUNDED) -> list[str]:
    """A text for each row, of several lines where its prose goes on."""
    if aligns[-1] != "w" or _width(rows, range(len(aligns))) <= width:
        return _aligned(rows, aligns.replace("w", "<"))
    room = width - _width(rows, range(len(aligns) - 1)) - 2
    if room < _LEAST:
        others = _aligned([row[:-1] for row in rows], aligns[:-1])
        return ["\n".join([line, *_filled(row[-1], width)]) for line, row in zip(others, rows, strict=True)]
    split = [textwrap.wrap(row[-1], room, break_on_hyphens=False) or [""] for row in rows]
    first = _aligned([[*row[:-1], parts[0]] for row, parts in zip(rows, split, strict=True)], aligns.replace("w", "<"))
    left = " " * (width - room)
    return ["\n".join([line, *(left + part for part in parts[1:])]) for line, parts in zip(first, split, strict=True)]


def prose(text: str, width: int) -> str:
    """Sentences, each a line, in lines of at most so many characters."""
    if width == UNBOUNDED:
        return text
    broken = (textwrap.wrap(line, width, subsequent_indent="  ", break_on_hyphens=False) for line in text.split("\n"))
    return "\n".join("\n".join(lines) for lines in broken)


def _filled(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=_INSET, subsequent_indent=_INSET, break_on_hyphens=False)


def _aligned(rows: Sequence[Sequence[str]], aligns: str) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{text:{a}{w}}" for text, a, w in zip(row, aligns, widths, strict=True)).rstrip() for row in rows
    ]


def _width(rows: Sequence[Sequence[str]], chosen: Sequence[int]) -> int:
    return sum(max(len(row[index]) for row in rows) + 2 for index in chosen) - 2


def _rule(rows: Sequence[str]) -> str:
    return "-" * max(len(line) for row in rows for line in row.split("\n"))


def html(rows: Sequence[Sequence[str]], aligns: str, title: str, below: str = "") -> str:
    """The same as a table of HTML."""
    styles = ["text-align: right" if align == ">" else "text-align: left" for align in aligns]
    lines = [f"<table><caption>{escape(title)}</caption>"]
    for index, row in enumerate(rows):
        tag = "td" if index else "th"
        cells = zip(styles, row, strict=True)
        lines.append(
            "".join(["<tr>", *(f'<{tag} style="{style}">{escape(text)}</{tag}>' for style, text in cells), "</tr>"])
        )
    return "\n".join([*lines, "</table>", *(f"<div>{escape(line)}</div>" for line in below.splitlines())])
