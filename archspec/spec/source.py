"""YAML and JSON text as plain data that can still tell where each part of it stands.

Scalars follow the YAML 1.2 core schema (`1e-5` is a number, `on` is a text), which JSON agrees with. Duplicate keys,
tags and anything but text as a key are errors. Size, depth and the number of values after aliases are bounded.
"""

from __future__ import annotations

import re
from pathlib import Path as FilePath
from typing import Any, Final, NoReturn

from archspec._collector import paused_collector
from archspec.errors import Diagnostic, Severity, SpecError, printable
from archspec.expressions import MAX_NUMBER
from archspec.spec.json_text import compose_json
from archspec.spec.nodes import MAX_DEPTH, MAX_VALUES, TOO_DEEP, TOO_MANY, Mapping, Scalar, Sequence, TextError
from archspec.spec.yaml_text import LINE_BREAK, compose_yaml

Path = tuple[str | int, ...]
"""Where in a document something stands: keys and indices from the top."""

MAX_BYTES: Final = 8 * 2**20
MOST_FINDINGS: Final = 200

_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: Final[dict[str, Any]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class Source:
    """A parsed file: `data` is plain Python, `diagnostic` makes findings that point into the text."""

    def __init__(self, text: str, file: str = "<spec>") -> None:
        """Parses `text`. Raises SpecError if it is not YAML or JSON, or is beyond the limits."""
        self.file = printable(file, 4096)
        if len(text) > MAX_BYTES:
            raise SpecError([Diagnostic(_TOO_LARGE, file)])
        self.lines = LINE_BREAK.split(text)
        self._used: dict[str, Source] = {}
        self._places: dict[int, dict[str, tuple[Any, Any]]] = {}
        self._count = 0
        self._problems: list[Diagnostic] = []
        with paused_collector():
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
        return cls.of_bytes(raw, file)

    @classmethod
    def of_bytes(cls, raw: bytes, file: str = "<spec>") -> Source:
        """The parsed text of a file. Raises SpecError if it is not UTF-8, or as the constructor."""
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
        source = self.of(path)
        line, column = source._place(path, key, offset)
        return source._diagnostic(line, column, message, hint, severity, context)

    def add(self, block: str, source: Source, raw: Any) -> None:
        """Takes in a block that stands in another file, as plain data."""
        self._used[block] = source
        self.data.setdefault("blocks", {})[block] = raw

    def of(self, path: Path) -> Source:
        """The file in which the part at `path` stands: this one, unless it is in a block of another file."""
        return self._used.get(str(path[1]), self) if path[:1] == ("blocks",) and len(path) > 1 else self

    @property
    def files(self) -> list[Source]:
        """This file, and those whose blocks it uses."""
        return list(dict.fromkeys([self, *self._used.values()]))

    @property
    def listing(self) -> list[str]:
        """The lines of this file, and, each after a line with its name, of those whose blocks it uses."""
        first, *others = self.files
        return [*first.lines, *(line for each in others for line in (f"# {each.file}", *each.lines))]

    def lines_of(self, path: Path) -> tuple[int, int]:
        """The first and the last line, from 1 and in `listing`, of the part at `path`; its last one is where its last
        value begins."""
        before, source = 0, self.of(path)
        for each in self.files[: self.files.index(source)]:
            before += len(each.lines) + 1
        first, last = source._lines_of(path)
        return before + first, before + last

    def listed(self, line: int) -> tuple[Source, int]:
        """The file and the number in it of a line of `listing`."""
        for each in self.files:
            if line <= len(each.lines):
                return each, line
            line -= len(each.lines) + 1
        raise IndexError(line)

    def _lines_of(self, path: Path) -> tuple[int, int]:
        first, _ = self._place(path, True, 0)
        last, node = first, self._node(path)
        todo = [node]
        while todo:
            node = todo.pop()
            last = max(last, node.start_mark.line)
            if isinstance(node, Mapping):
                todo += [value for _, value in node.value]
            elif isinstance(node, Sequence):
                todo += node.value
        return first + 1, last + 1

    def _node(self, path: Path) -> Any:
        node = self.root
        for part in path:
            node = self._pairs(node)[str(part)][1] if isinstance(node, Mapping) else node.value[part]
        return node

    def _place(self, path: Path, key: bool, offset: int) -> tuple[int, int]:
        """Line and column, from 0, of the part at `path`, or of the nearest part around it that there is."""
        node, mark = self.root, self.root.start_mark
        for depth, part in enumerate(path):
            if isinstance(node, Mapping):
                pair = self._pairs(node).get(str(part))
                if pair is None:
                    break
                empty = isinstance(pair[1], Scalar) and not pair[1].value and not pair[1].style
                mark = pair[0].start_mark if empty or (key and depth == len(path) - 1) else pair[1].start_mark
                node = pair[1]
            elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                mark = node.start_mark
            else:
                break
        if offset and isinstance(node, Scalar) and not key:
            quoted = mark.column + (1 if node.style in ("'", '"') else 0)
            if self._line(mark.line).startswith(node.value, quoted):  # as it is written: no escapes, on one line
                return mark.line, quoted + offset
        return mark.line, mark.column

    def _pairs(self, node: Any) -> dict[str, tuple[Any, Any]]:
        if id(node) not in self._places:
            self._places[id(node)] = {key.value: (key, value) for key, value in reversed(node.value)
                                      if isinstance(key, Scalar)}  # fmt: skip
        return self._places[id(node)]

    def _line(self, number: int) -> str:
        return self.lines[number].rstrip("\r") if number < len(self.lines) else ""

    def _diagnostic(self, line: int, column: int, message: str, hint: str = "", severity: Severity = "error",
                    context: str = "") -> Diagnostic:  # fmt: skip
        text = self._line(line)
        column = min(column, len(text))
        shown, hint, context = (printable(part) for part in (message, hint, context))
        return Diagnostic(shown, self.file, line + 1, column + 1, text, hint, severity, context)

    # From text to nodes ---------------------------------------------------------------------------------------------

    def _compose(self, text: str) -> Any:
        if not text.strip():
            self._refuse("the file is empty", hint=_BEGIN)
        try:
            root = self._compose_json(text) or compose_yaml(text)
        except TextError as error:
            raise SpecError([self._diagnostic(error.line, error.column, error.message, error.hint)]) from None
        if root is None:
            self._refuse("the file is empty", hint=_BEGIN)
        return root

    def _compose_json(self, text: str) -> Any:
        """The root of a text that is JSON, by its content or by the name of the file."""
        is_json = self.file.lower().endswith(".json")
        if not is_json and not text.lstrip().startswith("{"):
            return None
        lines, self.lines = self.lines, text.split("\n")
        try:
            return compose_json(text)
        except TextError:
            if is_json:
                raise
            self.lines = lines
            return None

    def _refuse(self, message: str, node: Any = None, hint: str = "") -> NoReturn:
        self._problem(message, node, hint)
        raise SpecError(self._problems)

    def _problem(self, message: str, node: Any = None, hint: str = "") -> None:
        line, column = (node.start_mark.line, node.start_mark.column) if node is not None else (0, 0)
        self._problems.append(self._diagnostic(line, column, message, hint))
        if len(self._problems) >= MOST_FINDINGS:
            raise SpecError(self._problems)

    # From nodes to data ---------------------------------------------------------------------------------------------

    def _construct(self, node: Any, depth: int) -> Any:
        self._count += 1
        if self._count > MAX_VALUES:
            self._refuse(TOO_MANY, node)
        if depth > MAX_DEPTH:
            self._refuse(TOO_DEEP, node)
        if node.tag is not None:
            self._problem(f"tags such as '{node.tag.replace('tag:yaml.org,2002:', '!!')[:60]}' are not allowed", node,
                          "a spec is plain data: texts, numbers, true, false, null, lists and mappings")  # fmt: skip
            return None
        if isinstance(node, Mapping):
            return self._mapping(node, depth)
        if isinstance(node, Sequence):
            return [self._construct(item, depth + 1) for item in node.value]
        return self._scalar(node)

    def _mapping(self, node: Any, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, Scalar) or key.tag is not None or not isinstance(self._scalar(key), str):
                shown = f"'{key.value[:60]}' is not" if isinstance(key, Scalar) else "lists and mappings are not"
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


_BEGIN: Final = "a spec begins with 'archspec: 1'"
_TOO_LARGE: Final = f"the file is larger than {MAX_BYTES // 2**20} MiB, the limit of specs"
