"""JSON text as nodes.

A YAML parser alone will not do: it refuses tabs, some of JSON's escapes, and long keys.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from archspec.spec.nodes import MAX_DEPTH, MAX_VALUES, TOO_DEEP, TOO_MANY, Mapping, Mark, Scalar, Sequence, TextError

_TOKEN = re.compile(
    r"[ \t\r\n]*(?:(?P<mark>[\[\]{},:\"])|(?P<plain>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?![\w.])"
    r"|(?:true|false|null)\b)|(?P<end>\Z)|(?P<other>[^\s,:\[\]{}\"]+|.))"
)


def compose_json(text: str) -> Any:
    """The root of a JSON text. Raises TextError."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.count = 0
        self.lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self.advance(0)

    def advance(self, at: int) -> None:
        """Reads the token that begins at `at` or after the blanks there."""
        match = _TOKEN.match(self.text, at)
        assert match is not None
        assert match.lastgroup is not None
        self.kind = match.lastgroup
        self.token = match[match.lastgroup]
        self.at = match.start(match.lastgroup)

    def next(self) -> None:
        self.advance(self.at + len(self.token))

    def whole(self) -> Any:
        node = self.value(0)
        if self.kind != "end":
            raise self.error("expected the end of the file")
        return node

    def value(self, depth: int) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            raise self.error_at(self.at, TOO_MANY)
        if depth > MAX_DEPTH:
            raise self.error_at(self.at, TOO_DEEP)
        start = self.mark()
        if self.token == '"':
            return self.string()
        if self.kind == "plain":
            value = self.token
            self.next()
            return Scalar(None, None, None, value, start)
        if self.token == "[":
            return self.several(Sequence(None, None, None, start), "]", depth)
        if self.token == "{":
            return self.several(Mapping(None, None, None, start), "}", depth)
        raise self.error("expected a value")

    def several(self, node: Any, end: str, depth: int) -> Any:
        node.value = list(self.items(end, depth))
        return node

    def items(self, end: str, depth: int) -> Any:
        """The items of a list, or the pairs of a mapping."""
        self.next()
        if self.token == end:
            self.next()
            return
        while True:
            if end == "]":
                yield self.value(depth + 1)
            else:
                if self.token != '"':
                    raise self.error("expected a key in double quotes")
                key = self.string()
                if self.token != ":":
                    raise self.error("expected ':'")
                self.next()
                yield key, self.value(depth + 1)
            if self.token == end:
                self.next()
                return
            if self.token != ",":
                raise self.error(f"expected ',' or '{end}'")
            self.next()
            if self.token == end:
                raise self.error("expected another item after ','")

    def string(self) -> Any:
        start = self.mark()
        try:
            value, end = scanstring(self.text, self.at + 1, True)
        except JSONDecodeError as error:
            message = error.msg[:1].lower() + error.msg[1:].removesuffix(" at")
            raise self.error_at(error.pos, f"not valid JSON: {message}") from None
        if not value.isascii() and re.search("[\ud800-\udfff]", value):
            raise self.error_at(self.at, "half of a surrogate pair is not a character")
        self.advance(end)
        return Scalar(None, None, None, value, start, style='"')

    def place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self.lines, at) - 1
        return line, at - self.lines[line]

    def mark(self) -> Any:
        return Mark(None, self.at, *self.place(self.at), None, None)

    def error_at(self, at: int, message: str, hint: str = "") -> TextError:
        return TextError(message, *self.place(at), hint)

    def error(self, message: str) -> TextError:
        found = "the end" if self.kind == "end" else f"'{self.token[:40]}'"
        hint = "JSON has no comments" if self.token.startswith(("//", "/*", "#")) else ""
        hint = "JSON takes double quotes" if self.token.startswith("'") else hint
        return self.error_at(self.at, f"not valid JSON: {message}, found {found}", hint)
