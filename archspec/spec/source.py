"""YAML and JSON text as plain data that can still tell where each part of it stands.

Scalars follow the YAML 1.2 core schema (`1e-5` is a number, `on` is a text), which JSON agrees with. Duplicate keys,
tags and anything but text as a key are errors. Size, depth and the number of values after aliases are bounded.
"""

from __future__ import annotations

import re
from pathlib import Path as FilePath
from typing import Any, Final, NoReturn

import yaml

from archspec.errors import Diagnostic, Severity, SpecError
from archspec.graph.tree import Path
from archspec.spec.json_text import JsonError, compose_json

MAX_BYTES: Final = 8 * 2**20
MAX_VALUES: Final = 500_000
MAX_DEPTH: Final = 64
MAX_NUMBER: Final = 2**53  # above it float64 does not hold every whole number

_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_WORDS: Final[dict[str, Any]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # for its events alone
_SEVERAL: Final = (yaml.MappingStartEvent, yaml.SequenceStartEvent)


class Source:
    """A parsed file: `data` is plain Python, `diagnostic` makes findings that point into the text."""

    def __init__(self, text: str, file: str = "<spec>") -> None:
        """Parses `text`. Raises SpecError if it is not YAML or JSON, or is beyond the limits."""
        self.file = file
        if len(text) > MAX_BYTES:
            raise SpecError([Diagnostic(_TOO_LARGE, file)])
        self.lines = _LINE_BREAK.split(text)
        self._places: dict[int, dict[str, tuple[Any, Any]]] = {}
        self._count = 0
        self._problems: list[Diagnostic] = []
        if not text.strip():
            self._refuse("the file is empty", hint="a spec begins with 'archspec: 1'")
        self.root = self._compose(text)
        self.data = self._construct(self.root, 0)
        if self._problems:
            raise SpecError(self._problems)

    @classmethod
    def read(cls, path: FilePath, shown: str | None = None) -> Source:
        """The parsed file at `path`. Raises SpecError if it cannot be read, is not UTF-8, or as the constructor."""
        file = str(path) if shown is None else shown
        try:
            with path.open("rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
        except OSError as error:
            raise SpecError([Diagnostic(f"the file cannot be read: {error.strerror}", file)]) from None
        if len(raw) > MAX_BYTES:
            raise SpecError([Diagnostic(_TOO_LARGE, file)])
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            start = raw.rfind(b"\n", 0, error.start) + 1
            line, column = raw.count(b"\n", 0, error.start) + 1, error.start - start + 1
            message = f"the file is not UTF-8: byte 0x{raw[error.start]:02x} cannot stand here"
            raise SpecError([Diagnostic(message, file, line, column, hint="save the file as UTF-8")]) from None
        return cls(text, file)

    # Positions -----------------------------------------------------------------------------------------------------

    def diagnostic(self, path: Path, message: str, *, hint: str = "", key: bool = False, offset: int = 0,
                   severity: Severity = "error", context: str = "") -> Diagnostic:  # fmt: skip
        """A finding about the value at `path` (about its key, with `key`), `offset` characters into it."""
        line, column = self._place(path, key, offset)
        return self._diagnostic(line, column, message, hint, severity, context)

    def _place(self, path: Path, key: bool, offset: int) -> tuple[int, int]:
        """Line and column, from 0, of the part at `path`, or of the nearest part around it that there is."""
        node, mark = self.root, self.root.start_mark
        for depth, part in enumerate(path):
            if isinstance(node, yaml.MappingStartEvent):
                pair = self._pairs(node).get(str(part))
                if pair is None:
                    break
                empty = isinstance(pair[1], yaml.ScalarEvent) and not pair[1].value and not pair[1].style
                mark = pair[0].start_mark if empty or (key and depth == len(path) - 1) else pair[1].start_mark
                node = pair[1]
            elif isinstance(node, yaml.SequenceStartEvent) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                mark = node.start_mark
            else:
                break
        if offset and isinstance(node, yaml.ScalarEvent) and not key:
            quoted = mark.column + (1 if node.style in ("'", '"') else 0)
            if self._line(mark.line).startswith(node.value, quoted):  # as it is written: no escapes, on one line
                return mark.line, quoted + offset
        return mark.line, mark.column

    def _pairs(self, node: Any) -> dict[str, tuple[Any, Any]]:
        if id(node) not in self._places:
            self._places[id(node)] = {key.value: (key, value) for key, value in reversed(node.value)
                                      if isinstance(key, yaml.ScalarEvent)}  # fmt: skip
        return self._places[id(node)]

    def _line(self, number: int) -> str:
        return self.lines[number] if number < len(self.lines) else ""

    def _diagnostic(self, line: int, column: int, message: str, hint: str = "", severity: Severity = "error",
                    context: str = "") -> Diagnostic:  # fmt: skip
        text = self._line(line)
        column = min(column, len(text))
        shown, hint, context = (_printable(part) for part in (message, hint, context))
        return Diagnostic(shown, self.file, line + 1, column + 1, text, hint, severity, context)

    # From text to nodes ---------------------------------------------------------------------------------------------

    def _compose(self, text: str) -> Any:
        is_json = self.file.lower().endswith(".json")
        if is_json or text.lstrip().startswith("{"):
            try:
                return compose_json(text, MAX_DEPTH, MAX_VALUES)
            except JsonError as error:
                if is_json:
                    self.lines = text.split("\n")
                    line = text.count("\n", 0, error.at)
                    column = error.at - (text.rfind("\n", 0, error.at) + 1)
                    raise SpecError([self._diagnostic(line, column, error.message, error.hint)]) from None
        return self._compose_yaml(text)

    def _compose_yaml(self, text: str) -> Any:
        parser = None
        try:
            parser = _Parser(text)
            node = self._from_events(parser)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line, mark.column) if mark else (0, 0)
            message = " ".join(filter(None, (error.context, error.problem)))
            hint = _yaml_hint(message, self._line(line))
            raise SpecError([self._diagnostic(line, column, f"not valid YAML: {message}", hint)]) from None
        except yaml.reader.ReaderError as error:
            found = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
            at = found.start() if found else 0
            before = _LINE_BREAK.split(text[:at])
            message = f"a character that YAML does not allow: {text[at] if found else str(error.character)!r}"
            raise SpecError([self._diagnostic(len(before) - 1, len(before[-1]), message)]) from None
        except (yaml.YAMLError, ValueError) as error:
            self._refuse(f"not valid YAML: {error}")
        finally:
            if parser is not None:
                parser.dispose()
        if node is None:
            self._refuse("the file is empty", hint="a spec begins with 'archspec: 1'")
        return node

    def _from_events(self, parser: Any) -> Any:
        """The only document's root: events, those that begin a list or mapping with its items as their `value`.

        libyaml's own way from events to nodes recurses in C, and crashes where brackets are nested 100,000 deep.
        """
        anchors: dict[str, Any] = {}
        root: Any = None
        stack: list[Any] = []
        pending: list[Any] = []  # for each mapping in the stack the key that waits for its value
        count = 0
        while (event := parser.get_event()) is not None:
            if isinstance(event, yaml.AliasEvent):
                if event.anchor not in anchors:
                    self._refuse(f"'*{event.anchor}' is not defined before", event)
                node = anchors[event.anchor]
            elif isinstance(event, yaml.NodeEvent):
                node = event
                count += 1
                if count > 2 * MAX_VALUES:
                    self._refuse(_TOO_MANY, event)
                if event.anchor is not None:
                    anchors[event.anchor] = event
            elif isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
                pending.pop()
                continue
            elif isinstance(event, yaml.DocumentStartEvent) and root is not None:
                self._refuse("a second document begins here; a file holds one spec", event)
            else:
                continue
            if not stack:
                root = node
            elif isinstance(stack[-1], yaml.SequenceStartEvent):
                stack[-1].value.append(node)
            elif pending[-1] is None:
                pending[-1] = node
            else:
                stack[-1].value.append((pending[-1], node))
                pending[-1] = None
            if node is event and isinstance(event, _SEVERAL):
                if len(stack) > MAX_DEPTH:
                    self._refuse(_TOO_DEEP, event)
                event.value = []
                stack.append(event)
                pending.append(None)
        return root

    def _refuse(self, message: str, node: Any = None, hint: str = "") -> NoReturn:
        self._problem(message, node, hint)
        raise SpecError(self._problems)

    def _problem(self, message: str, node: Any = None, hint: str = "") -> None:
        line, column = (node.start_mark.line, node.start_mark.column) if node is not None else (0, 0)
        self._problems.append(self._diagnostic(line, column, message, hint))

    # From nodes to data ---------------------------------------------------------------------------------------------

    def _construct(self, node: Any, depth: int) -> Any:
        self._count += 1
        if self._count > MAX_VALUES:
            self._refuse(_TOO_MANY, node)
        if depth > MAX_DEPTH:
            self._refuse(_TOO_DEEP, node)
        if node.tag is not None:
            self._problem(f"tags such as '{node.tag.replace('tag:yaml.org,2002:', '!!')[:60]}' are not allowed", node,
                          "a spec is plain data: texts, numbers, true, false, null, lists and mappings")  # fmt: skip
            return None
        if isinstance(node, yaml.MappingStartEvent):
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceStartEvent):
            return [self._construct(item, depth + 1) for item in node.value]
        return self._scalar(node)

    def _mapping(self, node: Any, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarEvent) or key.tag is not None or not isinstance(self._scalar(key), str):
                shown = (
                    f"'{key.value[:60]}' is not" if isinstance(key, yaml.ScalarEvent) else "lists and mappings are not"
                )
                self._problem(f"a key must be a text; {shown}", key)
            elif key.value == "<<":
                self._problem("'<<' (merging mappings) is not part of YAML 1.2", key, "write the keys out")
            elif key.value in result:
                self._problem(f"duplicate key '{key.value[:60]}'", key,
                              f"it is already given in line {lines[key.value] + 1}")  # fmt: skip
            else:
                lines[key.value] = key.start_mark.line
                result[key.value] = self._construct(value, depth + 1)
        return result

    def _scalar(self, node: Any) -> Any:
        text: str = node.value
        if node.style:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in "+-.0123456789":
            return text
        if _INTEGER.fullmatch(text) or _BASED.fullmatch(text):
            if len(text) > 60 or abs(number := int(text, 0 if text[1:2] in ("o", "x") else 10)) > MAX_NUMBER:
                self._problem("a number is larger than 2**53, the limit of specs", node)
                return 0
            return number
        if _FLOAT.fullmatch(text):
            if abs(real := float(text)) == float("inf"):
                self._problem("a number is too large for float64", node)
            return real
        if _NOT_FINITE.fullmatch(text):
            self._problem(f"a number must be finite, not {text}", node)
            return 0.0
        return text


_TOO_MANY: Final = f"the file holds more than {MAX_VALUES:,} values, the limit; an alias counts each time"
_TOO_DEEP: Final = f"the file is nested more than {MAX_DEPTH} levels deep"
_TOO_LARGE: Final = f"the file is larger than {MAX_BYTES // 2**20} MiB, the limit of specs"


def _yaml_hint(message: str, line: str) -> str:
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not tabs"
    if "expected ',' or" in message and re.search(r"\w[\[(]", line):
        return 'put an expression with brackets in quotes: "depths[0]"'
    return ""


def _printable(text: str, most: int = 600) -> str:
    """A text that a terminal can show as it is, on one line, of bounded length."""
    text = text if len(text) <= most else f"{text[: most - 4]} ..."
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
