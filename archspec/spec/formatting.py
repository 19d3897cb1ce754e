"""YAML text in the style of the zoo, with its comments: blanks, indentation and quotes change, never where lines break.

Each list and mapping in another is indented by two columns. In brackets there is one blank after a comma or colon, and
none at the brackets; only where lines below one another are a table, its columns stay. A comment stands two columns or
more behind what it is about, where its author put it. The scanner that reads specs takes the text apart, and what lies
between two of its tokens is written anew.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import yaml

from archspec.errors import ArchspecError, SpecError
from archspec.spec.source import Source
from archspec.spec.yaml_text import parser

_OPEN: Final = (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)
_CLOSE: Final = (yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


def formatted(text: str, file: str = "<spec>") -> str:
    """The text in the style, which means the same; the text itself, if it is in that style.

    Raises SpecError if it is not YAML, or is beyond the limits of specs.
    """
    before = Source(text, file).data
    try:
        result = _Formatter(re.sub("\r\n?", "\n", text)).run()
    except yaml.YAMLError:
        raise ArchspecError(f"{file}: the file is JSON, of which there is no style here") from None
    if not _means(result, before):
        raise ArchspecError(f"{file}: the file is left as it is: in the style it would mean something else")
    return result.replace("\n", "\r\n") if "\r\n" in text else result


def _means(text: str, data: Any) -> bool:
    try:
        return bool(Source(text).data == data)
    except SpecError:
        return False


class _Level(NamedTuple):
    """A list or mapping without brackets: the column where it stood, and where it stands."""

    before: int
    after: int
    kind: str
    """`mapping`, `list`, or `dashes`: a list that is not indented below its key."""


class _Formatter:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: list[str] = []
        self.line = ""
        self.moved = 0
        """By how many columns the line begins further to the right than it did."""
        self.levels: list[_Level] = []
        self.brackets = 0
        self.commas: dict[int, dict[int, int]] = {}
        """For lines by number: the columns that stand after a comma, with the number of blanks before them."""

    def run(self) -> str:
        scanner = parser()(self.text)
        last, end, outer, begins = None, 0, list(self.levels), False
        try:
            while (token := scanner.get_token()) is not None:
                self._structure(token)
                begins = begins or isinstance(token, (yaml.KeyToken, yaml.BlockEntryToken, yaml.ValueToken))
                start, stop = token.start_mark.index, token.end_mark.index
                if start < stop:
                    self._gap(end, start, last, token, [*outer, *self.levels], begins)
                    end = self._token(token, start, stop)
                    last, outer, begins = token, list(self.levels), False
        finally:
            scanner.dispose()
        self._gap(end, len(self.text), last, None, outer, begins)
        self._tables()
        return "\n".join(self.lines).rstrip("\n") + "\n" * (self.text.rstrip(" ").endswith("\n") or not _is_block(last))

    def _structure(self, token: Any) -> None:
        """Follows the lists and mappings that begin and end."""
        column, after = token.start_mark.column, 2 * len(self.levels)
        match token:
            case yaml.FlowMappingEndToken() | yaml.FlowSequenceEndToken():
                self.brackets -= 1
            case yaml.BlockMappingStartToken():
                self.levels.append(_Level(column, after, "mapping"))
            case yaml.BlockSequenceStartToken():
                self.levels.append(_Level(column, after, "list"))
            case yaml.BlockEntryToken() if self.levels[-1].kind == "mapping":
                self.levels.append(_Level(column, after, "dashes"))
            case yaml.KeyToken() if not self.brackets and self.levels[-1].kind == "dashes":
                self.levels.pop()
            case yaml.BlockEndToken():
                if self.levels[-1].kind == "dashes":
                    self.levels.pop()
                self.levels.pop()

    def _token(self, token: Any, start: int, stop: int) -> int:
        """Writes a token; where the next gap begins."""
        self.brackets += isinstance(token, _OPEN)
        text = self.text[start:stop]
        if text.endswith("\n"):  # a text of many lines has the break that follows it
            text, stop = text[:-1], stop - 1
        if isinstance(token, yaml.ScalarToken) and token.style == "'" and not set(token.value) & set('"\\\n'):
            text = f'"{token.value}"'
        first, *lines = text.split("\n")
        self.line += first
        level = self.moved if self.brackets or not self.levels else self.levels[-1].after - self.levels[-1].before
        for line in lines:
            self.lines.append(self.line)
            indent = min(-level, len(line) - len(line.lstrip(" "))) if level < 0 else 0
            self.line = " " * max(level, 0) * bool(line) + line[indent:]
        return stop

    # Between two tokens ---------------------------------------------------------------------------------------------

    def _gap(self, start: int, stop: int, last: Any, token: Any, levels: list[_Level], begins: bool) -> None:
        gap = "\n" * (last is None) + self.text[start:stop] + "\n" * (token is None)
        first, *lines = gap.split("\n")
        if not lines:
            self.line += _blank(last, token)
            if isinstance(last, yaml.FlowEntryToken) and self.line.endswith(" "):
                self.line += " " * (len(first) - 1)
                self.commas.setdefault(len(self.lines), {})[len(self.line)] = max(len(first), 1)
            return
        if first.strip():
            column = start + len(first) - len(first.lstrip()) - (self.text.rfind("\n", 0, start) + 1)
            self.line = f"{self.line}  ".ljust(column + self.moved) + _spaced(first.strip())
        if last is not None:
            self.lines.append(self.line)
        for line in lines[:-1]:
            if comment := line.strip():
                self.lines.append(" " * self._beside(len(line) - len(line.lstrip()), levels) + _spaced(comment))
            elif self.lines and self.lines[-1]:
                self.lines.append("")
        if token is not None:
            self._begin(token, begins)

    def _begin(self, token: Any, begins: bool) -> None:
        """Goes to where the first token of a line stands."""
        before = token.start_mark.column
        if self.brackets + isinstance(token, _CLOSE):
            after = max(before + self.moved, 0)
        else:
            after = 2 * (len(self.levels) - begins) if self.levels else 0
            self.moved = after - before
        self.line = " " * after

    def _beside(self, column: int, levels: list[_Level]) -> int:
        """Where a comment stands that has a line of its own."""
        if self.brackets:
            return max(column + self.moved, 0)
        around = [(level.before, number) for number, level in enumerate(levels) if level.before <= column]
        return levels[max(around)[1]].after if around else 0

    def _tables(self) -> None:
        """Closes up what follows commas, but in lines that stand below one another in columns."""
        runs: list[list[int]] = []
        for number in self.commas:
            if runs and runs[-1][-1] == number - 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        for run in runs:
            if not all(self._is_row(number) for number in run):
                for number in run:
                    self._close_up(number)

    def _is_row(self, number: int) -> bool:
        near = self.commas.get(number - 1, {}).keys() | self.commas.get(number + 1, {}).keys()
        return all(column in near for column, blanks in self.commas[number].items() if blanks > 1)

    def _close_up(self, number: int) -> None:
        line = self.lines[number]
        for column, blanks in reversed(self.commas[number].items()):
            line = line[: column - blanks + 1] + line[column:]
        self.lines[number] = line


def _is_block(token: Any) -> bool:
    """Whether it is a text whose last line break counts."""
    return isinstance(token, yaml.ScalarToken) and token.style in ("|", ">")


def _blank(last: Any, token: Any) -> str:
    """What stands between two tokens of a line."""
    match last, token:
        case yaml.AliasToken() | yaml.KeyToken(), yaml.ValueToken():
            return " "  # or the colon would be a part of the name
        case _, yaml.ValueToken():
            return ""
        case yaml.ValueToken(), _:
            return " "
        case _, yaml.FlowEntryToken() | yaml.FlowMappingEndToken() | yaml.FlowSequenceEndToken():
            return ""
        case yaml.FlowMappingStartToken() | yaml.FlowSequenceStartToken(), _:
            return ""
    return " "


def _spaced(comment: str) -> str:
    return re.sub(r"^#(?=\w)", "# ", comment)
