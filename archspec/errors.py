"""One exception per audience: the author of a spec, the author of a backend, the user of the command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from unicodedata import combining, east_asian_width

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about a spec: where, what, the rule, and a hint."""

    message: str
    file: str = "<spec>"
    line: int = 0  # from 1; 0 if the finding is about the file as a whole
    column: int = 0  # from 1
    source: str = ""  # the text of that line
    hint: str = ""
    severity: Severity = "error"
    context: str = ""  # which instance of a block it is about

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def __str__(self) -> str:
        """`file:line:column: error: message`, the source line, a caret under the column, the context and the hint."""
        lines = [f"{self.where}: {self.severity}: {self.message}"]
        if self.source:
            shown, caret = _excerpt(self.source, self.column)
            lines += [f"    {shown}", f"    {caret}"]
        if self.context:
            lines.append(f"    {self.context}")
        if self.hint:
            lines.append(f"    hint: {self.hint}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, str | int]:
        return {
            "severity": self.severity,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "context": self.context,
            "hint": self.hint,
        }


def _excerpt(source: str, column: int, width: int = 110) -> tuple[str, str]:
    """The part of a long line that surrounds the column, and a caret below that column."""
    start = 0 if column <= width - 20 else column - width // 2
    part = source[start : start + width]
    shown = "".join(c if c.isprintable() else " " for c in part)
    before = shown[: max(0, column - 1 - start)]
    if before.isascii():
        return shown.rstrip(), " " * len(before) + "^"
    cells = sum((east_asian_width(c) in "WF") + (combining(c) == 0) for c in before)
    return shown.rstrip(), " " * cells + "^"


class ArchspecError(Exception):
    """What archspec raises on purpose."""

    diagnostics: tuple[Diagnostic, ...] = ()
    """What is wrong with a spec, if that is the reason."""

    def to_json(self) -> dict[str, Any]:
        """As plain data that JSON can hold."""
        return {"message": str(self), "findings": [each.as_json() for each in self.diagnostics]}


class SpecError(ArchspecError):
    """A spec is not valid. Carries every finding, not just the first."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(map(str, self.diagnostics)))


class ShapeError(ArchspecError):
    """An operation cannot be applied to inputs of these shapes.

    `attribute` names the attribute to blame, if one is; elaboration turns this into a Diagnostic with its position.
    """

    def __init__(self, message: str, *, attribute: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.attribute = attribute
        self.hint = hint


class BackendError(ArchspecError):
    """A backend cannot express a step exactly, and refuses; the message says which step and why."""


class UsageError(ArchspecError):
    """The command or the API was asked for something that does not exist (exit code 2)."""


def understood(error: Exception) -> ArchspecError:
    """Any exception as one that says in a line what happened: what the system refused, or a fault of archspec."""
    match error:
        case ArchspecError():
            return error
        case OSError(strerror=str(strerror)):
            return ArchspecError(f"{error.filename}: {strerror}" if error.filename else strerror)
        case MemoryError():
            return ArchspecError(f"the machine has too little memory{f': {error}' if str(error) else ''}")
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f" ({last.tb_frame.f_code.co_filename}:{last.tb_lineno})" if last is not None else ""
    said = " ".join(str(error).split())[:300]
    return ArchspecError(f"this is a fault of archspec itself: {type(error).__name__}: {said}{place}")


def printable(text: str, most: int = 600) -> str:
    """A text that a terminal can show as it is, on one line, of bounded length."""
    text = text if len(text) <= most else f"{text[: most - 4]} ..."
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
