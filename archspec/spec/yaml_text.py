"""YAML text as nodes."""

from __future__ import annotations

import re
from typing import Any

import yaml

from archspec.spec.nodes import (
    MAX_DEPTH,
    MAX_VALUES,
    TOO_DEEP,
    TOO_MANY,
    Mapping,
    Scalar,
    Sequence,
    TextError,
    error_at,
)

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parser() -> Any:
    """The class of parsers, which are asked for their events alone; libyaml's if it is there."""
    if hasattr(yaml, "CSafeLoader"):
        return yaml.CSafeLoader
    from archspec.spec.yaml_python import PythonParser

    return PythonParser


def compose_yaml(text: str) -> Any:
    """The root of a YAML text, None if there is nothing in it. Raises TextError."""
    reader = None
    try:
        reader = parser()(text)
        return _Composer().compose(reader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        message = " ".join(filter(None, (error.context, error.problem)))
        raise TextError(f"not valid YAML: {message}", line, column, _hint(message, text, line)) from None
    except yaml.reader.ReaderError as error:
        found = _FORBIDDEN.search(text)
        before = LINE_BREAK.split(text[: found.start()]) if found else [""]
        message = f"a character that YAML does not allow: {(found[0] if found else str(error.character))!r}"
        raise TextError(message, len(before) - 1, len(before[-1])) from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, TextError):
            raise
        raise TextError(f"not valid YAML: {error}") from None
    finally:
        if reader is not None:
            reader.dispose()


def _hint(message: str, text: str, number: int) -> str:
    lines = LINE_BREAK.split(text)
    line = lines[number] if number < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not tabs"
    if "expected ',' or" in message and re.search(r"\w[\[(]", line):
        return 'put an expression with brackets in quotes: "depths[0]"'
    return ""


class _Composer:
    """From events to nodes, without recursion.

    libyaml's own way there recurses in C, and crashes the process where brackets are nested 100,000 deep.
    """

    def __init__(self) -> None:
        self.anchors: dict[str, Any] = {}
        self.root: Any = None
        self.open: list[Any] = []
        self.keys: list[Any] = []  # for each of these the key that waits for its value

    def compose(self, parser: Any) -> Any:
        count = 0
        while (event := parser.get_event()) is not None:
            if isinstance(event, yaml.NodeEvent):
                count += 1
                if count > 2 * MAX_VALUES:  # keys and values
                    raise error_at(event, TOO_MANY)
                self.node(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self.open.pop()
                self.keys.pop()
            elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
                raise error_at(event, "a second document begins here; a file holds one spec")
        return self.root

    def node(self, event: Any) -> None:
        node = event
        if isinstance(event, yaml.AliasEvent):
            node = self.anchors.get(event.anchor or "")
            if node is None:
                raise error_at(event, f"'*{event.anchor}' is not defined before")
        elif event.anchor is not None:
            self.anchors[event.anchor] = event
        if not self.open:
            self.root = node
        elif isinstance(self.open[-1], Sequence):
            self.open[-1].value.append(node)
        elif self.keys[-1] is None:
            self.keys[-1] = node
        else:
            self.open[-1].value.append((self.keys[-1], node))
            self.keys[-1] = None
        if node is event and not isinstance(event, Scalar):
            assert isinstance(event, (Sequence, Mapping))
            if len(self.open) > MAX_DEPTH:
                raise error_at(event, TOO_DEEP)
            event.value = []
            self.open.append(event)
            self.keys.append(None)
