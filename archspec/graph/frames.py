"""What names mean at a place of a network while it is elaborated, and the findings that are made there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from archspec.errors import Diagnostic
from archspec.expressions import (
    Apply,
    Const,
    Dim,
    Expr,
    ExpressionError,
    Name,
    evaluate,
    free_names,
    parse,
    substitute,
)
from archspec.ops.base import describe
from archspec.spec.document import Param
from archspec.spec.initial import Rules
from archspec.spec.source import MOST_FINDINGS, Path, Source


class Failed(Exception):
    """A step could not be elaborated; its diagnostic is recorded."""


class Enough(Exception):
    """The network is beyond a limit; that is recorded, and to look at the rest of it would take too long."""


class Findings:
    """Collects diagnostics: at most one error for a place in the file, however many instances of a block fail there."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: dict[Diagnostic, None] = {}
        self.failures = 0
        """How many steps could not be elaborated."""
        self._places: set[tuple[str, int, int]] = set()

    @property
    def errors(self) -> bool:
        return bool(self._places)

    @property
    def full(self) -> bool:
        return len(self.found) >= MOST_FINDINGS

    def error(self, path: Path, message: str, *, hint: str = "", key: bool = False, offset: int = 0,
              frame: Frame | None = None) -> Failed:  # fmt: skip
        """Records an error about the value at `path`, and gives what to raise where there is no way on."""
        context = frame.context if frame is not None else ""
        found = self.source.diagnostic(path, message, hint=hint, key=key, offset=offset, context=context)
        if (found.file, found.line, found.column) not in self._places and not self.full:
            self._places.add((found.file, found.line, found.column))
            self.found[found] = None
        return Failed()

    def warning(self, path: Path, message: str, *, hint: str = "", key: bool = False) -> None:
        if not self.full:
            self.found[self.source.diagnostic(path, message, hint=hint, key=key, severity="warning")] = None


@dataclass(frozen=True, slots=True)
class Frame:
    """What names mean inside one module, at one place."""

    values: Mapping[str, Any]
    """The values of params, of `index` and a row's keys, and of `x.channels` under that text."""
    exprs: Mapping[str, Expr]
    """What each of these is called in generated code; constants for `index` and a row's keys."""
    context: str = ""
    network: bool = False
    """Whether this is the network itself, of which there is one, and not a block."""
    bound: frozenset[str] = frozenset()
    """The names that `repeat` and `each` bind."""
    constant: frozenset[str] = frozenset()
    """The document's params as a block sees them: the same in all of its instances."""
    open: frozenset[str] = frozenset()
    """The sizes that may be any number when the network runs; what they are here is an example."""
    blocks: tuple[str, ...] = ()
    """The blocks around, from the outermost."""
    initial: Rules = ()
    """How weights begin here, the nearest first."""
    frozen: bool = False
    """Whether training leaves weights and statistics alone here."""

    def bind(self, index: int, row: Mapping[str, Any]) -> Frame:
        """The frame of one iteration of `repeat` or `each`."""
        here = {"index": index, **row}
        return replace(
            self,
            values={**self.values, **here},
            exprs={**self.exprs, **{name: Const(value) for name, value in here.items()}},
            bound=self.bound | here.keys(),
        )

    def begun(self, rules: Rules) -> Frame:
        """The frame where these say how weights begin."""
        return self if rules is self.initial else replace(self, initial=rules)

    def settled(self, condition: Any) -> bool:
        """Whether the network's params alone decide a condition, so that the step is the same wherever it stands."""
        if not isinstance(condition, str):
            return True
        names = free_names(parse(condition))
        return not names & self.bound and (self.network or names <= self.constant)


def param_name(name: str, param: Param, value: Any) -> Name:
    """A param as generated code calls it."""
    if param.type == "int":
        return Name(name)
    whole = isinstance(value, (list, tuple)) and all(type(item) is int for item in value)
    return Name(name, kind="list" if whole else "other")


class Evaluator:
    """Gives what the spec writes its value."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings

    def value(
        self, raw: Any, frame: Frame, path: Path, texts: frozenset[str] = frozenset(), instead: str = ""
    ) -> tuple[Any, Expr]:
        """The value of what the spec gives (sizes as `Dim`s), and the expression it is in names of the block.

        `texts` are no expressions; `instead` is a hint for what is open. Raises Failed after an error.
        """
        if isinstance(raw, list):
            pairs = [self.value(item, frame, (*path, index), texts, instead) for index, item in enumerate(raw)]
            exprs = tuple(expr for _, expr in pairs)
            if all(isinstance(expr, Const) for expr in exprs):
                return [value for value, _ in pairs], Const([value for value, _ in pairs])
            return [value for value, _ in pairs], Apply("list", exprs)
        if not isinstance(raw, str) or raw in texts:
            return raw, Const(raw)
        try:
            parsed = parse(raw)
            value = evaluate(parsed, frame.values)
        except ExpressionError as error:
            raise self.findings.error(path, str(error), hint=error.hint, offset=error.offset, frame=frame) from None
        expr = substitute(parsed, frame.exprs)
        if frame.open and frame.open & free_names(expr):
            hint = instead or "it may be any number when the network runs, so nothing can be built on it"
            raise self.findings.error(path, f"'{raw}' depends on a size that is open", frame=frame, hint=hint)
        return dims(value, expr), Const(value) if isinstance(expr, Const) else expr

    def truth(self, raw: Any, frame: Frame, path: Path) -> tuple[bool, Expr]:
        value, expr = self.value(raw, frame, path)
        if not isinstance(value, bool):
            raise self.findings.error(path, f"a condition must be true or false, not {describe(value)}", frame=frame)
        return value, expr

    def whole(self, raw: Any, frame: Frame, path: Path, what: str, least: int = 1) -> tuple[int, Expr]:
        value, expr = self.value(raw, frame, path)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            hint = "write // to divide whole numbers, or int(...)" if isinstance(value, float) else ""
            message = f"{what} must be a whole number from {least}, not {describe(value)}"
            raise self.findings.error(path, message, hint=hint, frame=frame)
        return value, expr


def dims(value: Any, expr: Expr) -> Any:
    """Whole numbers (in lists, too) that remember where they came from."""
    if isinstance(expr, Const) or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return Dim(value, expr)
    if isinstance(value, (list, tuple)):
        if isinstance(expr, Apply) and expr.head == "list":
            return [dims(v, e) for v, e in zip(value, expr.args, strict=True)]
        return [dims(v, Apply("[]", (expr, Const(i)))) for i, v in enumerate(value)]
    return value


def plain(value: Any) -> Any:
    """A value without the memory of where it came from."""
    if isinstance(value, Dim):
        return int(value)
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value
