"""JSON text as the events of a YAML parser, those of lists and mappings with their items, so that both tell their positions alike.

A YAML parser alone will not do: it refuses tabs, some of JSON's escapes, and long keys.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

import yaml

_EVENTS: Any = yaml  # whose events need neither a tag nor all marks, though its types say so
_TOKEN = re.compile(
    r"[ \t\r\n]*(?:(?P<mark>[\[\]{},:\"])|(?P<plain>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?![\w.])"
    r"|(?:true|false|null)\b)|(?P<end>\Z)|(?P<other>[^\s,:\[\]{}\"]+|.))"
)


class JsonError(ValueError):
    """A text is not JSON; `at` counts characters from its start."""

    def __init__(self, message: str, at: int, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.hint = hint


def compose_json(text: str, max_depth: int, max_values: int) -> Any:
    """The root of a JSON text. Raises JsonError if it is not JSON, or beyond the limits."""
    return _Parser(text, max_depth, max_values).whole()


class _Parser:
    def __init__(self, text: str, max_depth: int, max_values: int) -> None:
        self.text = text
        self.max_depth = max_depth
        self.max_values = max_values
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
        if self.count > self.max_values:
            raise JsonError(f"the file holds more than {self.max_values:,} values, the limit", self.at)
        if depth > self.max_depth:
            raise JsonError(f"the file is nested more than {self.max_depth} levels deep", self.at)
        start = self.mark()
        if self.token == '"':
            return self.string()
        if self.kind == "plain":
            value = self.token
            self.next()
            return _EVENTS.ScalarEvent(None, None, None, value, start)
        if self.token == "[":
            return self.several(_EVENTS.SequenceStartEvent(None, None, None, start), "]", depth)
        if self.token == "{":
            return self.several(_EVENTS.MappingStartEvent(None, None, None, start), "}", depth)
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
            raise JsonError(f"not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}", error.pos) from None
        if not value.isascii() and re.search("[\ud800-\udfff]", value):
            raise JsonError("half of a surrogate pair is not a character", self.at)
        self.advance(end)
        return _EVENTS.ScalarEvent(None, None, None, value, start, style='"')

    def mark(self) -> Any:
        line = bisect_right(self.lines, self.at) - 1
        return _EVENTS.Mark(None, self.at, line, self.at - self.lines[line], None, None)

    def error(self, message: str) -> JsonError:
        found = "the end" if self.kind == "end" else f"'{self.token[:40]}'"
        hint = "JSON has no comments" if self.token.startswith(("//", "/*", "#")) else ""
        hint = "JSON takes double quotes" if self.token.startswith("'") else hint
        return JsonError(f"not valid JSON: {message}, found {found}", self.at, hint)
