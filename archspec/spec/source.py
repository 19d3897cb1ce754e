"""YAML and JSON text as plain data that can still tell where each part of it stands.

Scalars follow the YAML 1.2 core schema (`1e-5` is a number, `on` is a text), which JSON agrees with. Duplicate keys,
tags and anything but text as a key are errors. Size, depth and the number of values after aliases are bounded.
"""

from __future__ import annotations

import re
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from archspec.errors import Diagnostic, SpecError
from archspec.graph.tree import Path

MAX_BYTES: Final = 8 * 2**20
MAX_VALUES: Final = 500_000
MAX_DEPTH: Final = 64

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, Any]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A loader that leaves it to us to tell numbers from texts."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        return "tag:yaml.org,2002:str"


class Source:
    """A parsed file: `data` is plain Python, `diagnostic` makes findings that point into the text."""

    def __init__(self, text: str, file: str = "<spec>") -> None:
        """Parses `text`. Raises SpecError if it is not YAML or JSON, or is beyond the limits."""
        self.file = file
        self.lines = text.split("\n")
        if len(text) > MAX_BYTES:
            raise self._refusal(f"the file is larger than {MAX_BYTES // 2**20} MiB, the limit for a spec")
        self.root = self._compose(text)
        self._count = 0
        self._problems: list[Diagnostic] = []
        self.data = self._construct(self.root, 0)
        if self._problems:
            raise SpecError(self._problems)

    @classmethod
    def read(cls, path: FilePath, shown: str | None = None) -> Source:
        """The parsed file at `path`. Raises SpecError if it cannot be read, is not UTF-8, or as the constructor."""
        file = str(path) if shown is None else shown
        try:
            size = path.stat().st_size
            raw = path.read_bytes() if size <= MAX_BYTES else b" " * (MAX_BYTES + 1)
        except OSError as error:
            raise SpecError([Diagnostic(f"cannot be read: {error.strerror}", file)]) from None
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
            message = f"the file is not UTF-8: byte 0x{raw[error.start]:02x} cannot stand here"
            raise SpecError([Diagnostic(message, file, line, column, hint="save the file as UTF-8")]) from None
        return cls(text, file)

    def diagnostic(self, path: Path, message: str, *, hint: str = "", key: bool = False, offset: int = 0,
                   severity: Any = "error") -> Diagnostic:  # fmt: skip
        """A finding about the value at `path` (about its key, with `key`), `offset` characters into it."""
        mark = self._mark(path, key, offset)
        line, column = (mark.line, mark.column + offset) if offset >= 0 else (mark.line, mark.column)
        text = self.lines[line] if line < len(self.lines) else ""
        return Diagnostic(message, self.file, line + 1, min(column, len(text)) + 1, text.rstrip("\r"), hint, severity)

    def _mark(self, path: Path, key: bool, offset: int) -> Any:
        node, mark = self.root, self.root.start_mark
        for depth, part in enumerate(path):
            if isinstance(node, yaml.MappingNode):
                pair = next(((k, v) for k, v in node.value if k.value == part), None)
                if pair is None:
                    continue
                last = depth == len(path) - 1
                mark = pair[0].start_mark if key and last else pair[1].start_mark
                if isinstance(pair[1], yaml.ScalarNode) and not pair[1].value and not pair[1].style:
                    mark = pair[0].start_mark
                node = pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                mark = node.start_mark
        if offset and isinstance(node, yaml.ScalarNode) and node.style in ("'", '"'):
            mark = yaml.Mark(None, 0, mark.line, mark.column + 1, None, None)
        return mark

    def _compose(self, text: str) -> Any:
        if not text.strip():
            raise self._refusal("the file is empty", hint="a spec begins with 'archspec: 1'")
        loader = None
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            message = " ".join(filter(None, (error.context, error.problem)))
            line, column = (mark.line, mark.column) if mark else (0, 0)
            shown = self.lines[line] if line < len(self.lines) else ""
            raise SpecError(
                [Diagnostic(f"not valid YAML or JSON: {message}", self.file, line + 1, column + 1, shown)]
            ) from None
        except yaml.reader.ReaderError as error:
            before = text[: error.position] if isinstance(error.position, int) else ""
            line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
            character = error.character if isinstance(error.character, str) else chr(error.character)
            message = f"a character that YAML does not allow: {character!r}"
            raise SpecError([Diagnostic(message, self.file, line + 1, column + 1)]) from None
        except (RecursionError, yaml.YAMLError, ValueError) as error:
            message = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise self._refusal(f"not valid YAML or JSON: {message}") from None
        finally:
            if loader is not None:
                loader.dispose()
        if node is None:
            raise self._refusal("the file is empty", hint="a spec begins with 'archspec: 1'")
        return node

    def _refusal(self, message: str, node: Any = None, hint: str = "") -> SpecError:
        line, column = (node.start_mark.line, node.start_mark.column) if node is not None else (0, 0)
        shown = self.lines[line] if self.lines else ""
        return SpecError([Diagnostic(message, self.file, line + 1, column + 1, shown[:2000], hint)])

    def _problem(self, message: str, node: Any, hint: str = "") -> None:
        self._problems.extend(self._refusal(message, node, hint).diagnostics)

    def _construct(self, node: Any, depth: int) -> Any:
        self._count += 1
        if self._count > MAX_VALUES:
            raise self._refusal(f"the file holds more than {MAX_VALUES:,} values (aliases count each time)", node)
        if depth > MAX_DEPTH:
            raise self._refusal(f"the file is nested more than {MAX_DEPTH} levels deep", node)
        if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.startswith("tag:yaml.org,2002:python"):
            self._problem(f"tags such as '{node.tag[:60]}' are not allowed in a spec", node)
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self._construct(item, depth + 1) for item in node.value]
        return self._scalar(node)

    def _mapping(self, node: Any, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not isinstance(self._scalar(key), str):
                self._problem("a key must be a text", key)
                continue
            if key.value in result:
                self._problem(f"duplicate key '{key.value[:60]}'", key,
                              f"it is already given in line {lines[key.value] + 1}")  # fmt: skip
                continue
            lines[key.value] = key.start_mark.line
            result[key.value] = self._construct(value, depth + 1)
        return result

    def _scalar(self, node: Any) -> Any:
        text: str = node.value
        if node.style:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            if len(text) > 18:
                self._problem("a number is larger than 2**53, the limit of specs", node)
                return 0
            return int(text)
        if _FLOAT.fullmatch(text):
            number = float(text)
            if abs(number) == float("inf"):
                self._problem("a number is too large", node)
            return number
        return text
