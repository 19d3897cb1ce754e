"""What `init` says: which weights begin how. Read without values of params; what follows from those is the business of
`archspec.graph.initial`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cached_property
from typing import Any, Final

from archspec import ops
from archspec.expressions import Const, Expr, ExpressionError, Name, free_names, parse_call, suggestion
from archspec.ops.base import Operation, Parameter
from archspec.ops.initializers import VOCABULARY, Distribution, Fans, Initializer
from archspec.spec.source import Path

KINDS: Final = ("weight", "bias", "scale", "table")
"""What `init` may speak of, whatever an operation calls it: kernels, what is added, what a normalization multiplies
with, and rows that are looked up."""
FANS: Final = ("fan_in", "fan_out")
"""What the arguments of an initializer may read besides what all expressions do; no param is called so."""
_ELSEWHERE: Final = {
    "glorot_normal": "xavier_normal", "glorot_uniform": "xavier_uniform", "he_normal": "kaiming_normal",
    "he_uniform": "kaiming_uniform", "truncated_normal": "trunc_normal", "eye": "identity", "dirac": "identity",
    "gaussian": "normal", "random_normal": "normal", "random_uniform": "uniform", "zero": "zeros", "one": "ones",
}  # fmt: skip
_KEYS: Final = {"kernel": "weight", "weights": "weight", "gamma": "scale", "beta": "bias", "embeddings": "table",
                "biases": "bias", "scales": "scale", "tables": "table"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an `init`: the weights that it is about, and how they begin."""

    key: str
    initializer: Initializer
    path: Path = field(compare=False)
    own: bool = False
    """Whether it stands at the step of the operation itself."""

    @property
    def rank(self) -> int:
        """Of the lines of one `init`, the most particular comes first."""
        return 0 if "." in self.key else 2 if self.key in KINDS else 1

    def matches(self, operation: str, name: str, parameter: Parameter) -> bool:
        """Whether it is about a weight of an operation, whose own name that is."""
        of, _, part = self.key.rpartition(".")
        if part in KINDS:
            return parameter.kind == part and of in ("", operation)
        if of or self.own:
            return part == name if part else parameter.kind != "bias"
        return part == operation and parameter.kind != "bias"


Rules = tuple[Rule, ...]
"""The nearest first."""


@dataclass(frozen=True)
class Initial:
    """How one weight begins."""

    initializer: Initializer
    fans: Fans
    origin: Path = ()
    """Where the spec says so; nothing for a default."""

    @cached_property
    def distribution(self) -> Distribution:
        return self.initializer.distribution(self.fans)


def entries(raw: Any) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What is said of which weights: its key (nothing for a text alone), the text, and where it stands below `init`."""
    if isinstance(raw, str):
        yield "", raw, ()
    elif isinstance(raw, Mapping):
        for key, text in raw.items():
            yield key, text, (key,)


def names(raw: Any) -> set[str]:
    """The params, and what else an `init` reads."""
    found: set[str] = set()
    for _, text, _ in entries(raw):
        try:
            found.update(*(free_names(value) for value in read(text)[1].values() if isinstance(value, Expr)))
        except ExpressionError:
            continue
    return found - set(FANS)


def read(text: str) -> tuple[type[Initializer], dict[str, Any]]:
    """An initializer and its arguments: expressions, words and truth values.

    Raises ExpressionError for what is none, with the place in the text.
    """
    name, arguments = parse_call(text)
    cls = VOCABULARY.get(name)
    if cls is None:
        meant = f"did you mean '{_ELSEWHERE[name]}'?" if name in _ELSEWHERE else suggestion(name, VOCABULARY)
        raise ExpressionError(f"there is no initializer '{name}'", 0, meant or f"there are: {', '.join(VOCABULARY)}")
    known = {each.name: each for each in fields(cls)}
    given: dict[str, Any] = {}
    for number, argument in enumerate(arguments):
        key = argument.name or (list(known)[number] if number < len(known) else "")
        takes = f"it takes {', '.join(known)}" if known else "it takes none"
        if not key:
            count = f"{len(known)} argument{'s' * (len(known) != 1)}" if known else "no arguments"
            raise ExpressionError(f"{name} takes {count}, not {len(arguments)}", argument.offset)
        if key not in known:
            hint = suggestion(key, known) or takes
            raise ExpressionError(f"{name} has no argument '{key}'", argument.offset, hint)
        if key in given:
            raise ExpressionError(f"{name}: '{key}' is given twice", argument.offset)
        given[key] = _argument(known[key], argument.value, name)
    for key, each in known.items():
        if each.default is MISSING and key not in given:
            raise ExpressionError(f"{name}: missing argument '{key}'", 0, f"as in {name}(0.02)")
    problem = cls(**given).problem()
    if problem:
        raise ExpressionError(f"{name}: {problem}", 0)
    return cls, given


def initializer(text: str) -> Initializer:
    """An initializer. Raises as `read`."""
    cls, given = read(text)
    return cls(**given)


def _argument(field: Field[Any], value: Expr, name: str) -> Any:
    if field.type == "str":
        if isinstance(value, Const) and isinstance(value.value, str):
            return value.value
        if isinstance(value, Name):
            return value.id
        raise ExpressionError(f"{name}: {field.name} is a word", value.offset)
    if field.type == "bool":
        if isinstance(value, Const) and isinstance(value.value, bool):
            return value.value
        raise ExpressionError(f"{name}: {field.name} is true or false", value.offset)
    return value


def key_problem(key: str, on_operation: bool) -> tuple[str, str]:
    """What is wrong with a key of `init`, and a hint; nothing if nothing is. On the step of an operation the names of
    its weights are keys, too, which are looked at where those are known."""
    operation, _, part = key.rpartition(".")
    if not key:
        due = (
            "several steps have weights of several kinds",
            "say which, as in init: {weight: normal(0.02), bias: zeros}",
        )
        return ("", "") if on_operation else due
    if operation or key not in KINDS:
        known = ops.names()
        if operation and on_operation:
            return "here the weights of one operation are meant", f"write {part}"
        if (operation or key) not in known:
            if on_operation:
                return "", ""
            meant = f"did you mean '{_KEYS[key]}'?" if key in _KEYS else suggestion(operation or key, [*KINDS, *known])
            return (f"'{operation or key}' is neither an operation nor a kind of weights",
                    meant or f"kinds are {', '.join(KINDS)}")  # fmt: skip
        if on_operation:
            return f"'{key}' is an operation, and here the weights of one are meant", f"kinds are {', '.join(KINDS)}"
        if ops.get(operation or key).parameters is Operation.parameters:
            return f"{operation or key} has no weights", ""
    return "", ""


def renamed(key: str) -> str:
    """A hint for a weight that an operation does not have."""
    return f"did you mean '{_KEYS[key]}'?" if key in _KEYS else ""
