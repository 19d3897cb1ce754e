"""What a lowering sees: a step in all instances of its block, and the names that generated code has there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from archspec.backend import Moves
from archspec.emit.aligned import Differs, Key, MCall, MStep, Wire
from archspec.emit.code import Code, Items, Loop, Symbol, fraction, literal, walk
from archspec.emit.layouts import asked
from archspec.emit.names import word
from archspec.expressions import (
    Apply,
    Const,
    Dim,
    Expr,
    ExpressionError,
    Name,
    dim,
    evaluate,
    expr_of,
    float32,
    free_names,
    substitute,
)
from archspec.graph.tree import Module, Step, Value
from archspec.ops.base import AXES, Shape


@dataclass(slots=True)
class Context:
    """The names of one class or function: its params, the sizes of its inputs, and what else it must be told."""

    modules: Mapping[Key, Module]
    folded: Mapping[str, Expr]
    """Params that need no argument; see `Body`."""
    envs: dict[Key, dict[str, Any]] = field(init=False)
    """What the names mean in each instance."""
    extras: dict[str, dict[Key, Any]] = field(default_factory=dict)
    """Arguments for what no expression over params and input sizes gives, with their values."""
    sources: dict[str, dict[Key, Expr]] = field(default_factory=dict)
    """Where those values come from, each in its instance."""
    readers: dict[str, list[MStep | MCall]] = field(default_factory=dict)
    """The steps whose code reads them."""
    choices: dict[str, dict[str, Code]] = field(default_factory=dict)
    """What stands for the operations that a param may name, where it says which one a step is; see `choice`."""
    resolved: dict[str, Expr] = field(default_factory=dict)
    """What stands for those of them, and for those params, that the network is not told; see `Generator.resolve`."""

    def __post_init__(self) -> None:
        self.envs = {}
        for key, module in self.modules.items():
            env = dict(module.params)
            for name, value in module.inputs.items():
                for axis, size in enumerate(value.shape):
                    if axis:
                        env[f"{name}.{axis}"] = int(size)
                    expr = size.expr if isinstance(size, Dim) else None
                    if isinstance(expr, Name):
                        env[expr.id] = int(size)
            self.envs[key] = env

    def unify(
        self, values: Mapping[Key, Any], item: MStep | MCall, exprs: Sequence[Expr] = (), name: str = ""
    ) -> Code:  # fmt: skip
        """One piece of code, for a step, that has these values in these instances.

        An expression over names of the block that holds in all instances comes first, then a literal; else the block
        gets an argument called `name`.
        """
        first = next(iter(values.values()))
        if not exprs and all(value is first for value in values.values()) and not _has_names(first):
            return literal(first)  # mostly it is an attribute of one operation that all of them have
        if isinstance(first, (list, tuple)):
            return self._sequence(values, item, exprs, name)
        plain = {key: _plain(value) for key, value in values.items()}
        literals = set(map(repr, plain.values()))
        for expr in self._candidates(values, exprs):
            if isinstance(expr, Const) or (len(literals) == 1 and self._only_places(expr)):
                continue
            if self._holds(expr, plain):
                return Symbol(expr)
        return literal(plain[next(iter(plain))]) if len(literals) == 1 else self.extra(name, values, item)

    def shape(self, values: Mapping[Key, Value]) -> Shape | None:
        """The shape of a value, in names with which it is right in all instances; None if there are none."""
        found = []
        for sizes in zip(*(value.shape for value in values.values()), strict=True):
            plain = dict(zip(values, map(int, sizes), strict=True))
            expr = next((expr for expr in map(expr_of, sizes) if self._holds(expr, plain)), None)
            if expr is None:
                return None
            found.append(dim(int(sizes[0]), expr))
        return tuple(found)

    def _candidates(self, values: Mapping[Key, Any], exprs: Sequence[Expr]) -> Iterator[Expr]:
        """Expressions that may give these values: those of the spec, and where the values came from."""
        sources = [*exprs, *(value.expr for value in values.values() if isinstance(value, Dim))]
        distinct = {id(expr): expr for expr in sources}  # most are one object, and hashing a tree takes time
        for expr in dict.fromkeys(distinct.values()):
            yield substitute(expr, self.folded) if self.folded else expr

    def _only_places(self, expr: Expr) -> bool:
        """Whether an expression follows from heights and widths, which a number says better if all agree. A multiple of
        the last of three axes is one of features."""
        parts = [name.rpartition(".") for name in free_names(expr)]
        axes = {int(axis): base for base, _, axis in parts if axis.isdigit()}
        if not isinstance(expr, Apply) or not axes or max(axes) < 2:
            return False
        inputs = next(iter(self.modules.values())).inputs
        return not (expr.head == "*" and list(axes) == [2] and len(inputs[axes[2]].shape) == 3)

    def _sequence(
        self, values: Mapping[Key, Any], item: MStep | MCall, exprs: Sequence[Expr], name: str
    ) -> Code:  # fmt: skip
        whole = [substitute(expr, self.folded) for expr in exprs]
        for expr in whole:
            if isinstance(expr, Name) and self._holds(expr, values):
                return Symbol(expr)
        lengths = {len(value) for value in values.values()}
        if len(lengths) > 1:
            return self.extra(name, values, item)
        parts = [self.unify({key: value[i] for key, value in values.items()}, item, (), f"{name}{i}")
                 for i in range(lengths.pop())]  # fmt: skip
        base = _common_base(parts)
        if base is not None and self._holds(base, values):
            return Symbol(base)
        brackets = "()" if isinstance(next(iter(values.values())), tuple) else "[]"
        return Items(tuple(parts), brackets)

    def _holds(self, expr: Expr, values: Mapping[Key, Any]) -> bool:
        try:
            return all(_equal(evaluate(expr, self.envs[key]), value) for key, value in values.items())
        except ExpressionError:
            return False

    def extra(self, name: str, values: Mapping[Key, Any], item: MStep | MCall) -> Code:
        """An argument of the block for values that differ between its instances and follow from nothing else."""
        plain = {key: _plain(value) for key, value in values.items()}
        found = next((known for known, other in self.extras.items()
                      if all(other.get(key, value) == value for key, value in plain.items())), "")  # fmt: skip
        if not found:
            taken = {n for env in self.envs.values() for n in env}
            found = word(name)
            while found in taken:
                found += "_"
        self.extras.setdefault(found, {}).update(plain)
        for key, value in plain.items():
            self.envs[key][found] = value
        exprs = {key: value.expr for key, value in values.items() if isinstance(value, Dim)}
        self.sources.setdefault(found, {}).update(exprs)
        self.readers.setdefault(found, []).append(item)
        return Symbol(Name(found))

    def choose(self, values: Mapping[Key, str], exprs: Sequence[Expr], spelled: Mapping[str, Code]) -> Code:
        """Code for an operation that a block is told: what stands for it, or a param that is told so. Raises Differs
        if it is neither."""
        codes = {spelled[value] for value in values.values()}
        if len(codes) == 1:
            return codes.pop()
        for expr in exprs:
            if isinstance(expr, Name) and self._holds(expr, values):
                known = self.choices.setdefault(expr.id, {})
                if all(known.setdefault(name, code) == code for name, code in spelled.items()):
                    return Symbol(expr)
        raise Differs("its instances tell a block to use different operations", values)

    def told(self, expr: Expr) -> Expr:
        """An expression in names of what the network is told."""
        return substitute(expr, self.resolved) if self.resolved else expr

    def condition(self, expr: Expr) -> Code:
        return Symbol(substitute(expr, self.folded))


def _common_base(parts: Sequence[Code]) -> Expr | None:
    """`kernel` where the parts are `kernel[0], kernel[1]`."""
    bases = set()
    for index, part in enumerate(parts):
        if not (isinstance(part, Symbol) and isinstance(part.expr, Apply) and part.expr.head == "[]"):
            return None
        if part.expr.args[1] != Const(index):
            return None
        bases.add(part.expr.args[0])
    return bases.pop() if len(bases) == 1 else None


def _equal(a: Any, b: Any) -> bool:
    """Whether two values are the same, floats to the precision of a float32 (builds for verification round them)."""
    if isinstance(a, float) or isinstance(b, float):
        return type(a) is not bool and (a == b or float32(float(a)) == float32(float(b)))
    return bool(a == b or _plain(a) == _plain(b))


def _has_float(value: Any) -> bool:
    return any(map(_has_float, value)) if isinstance(value, (list, tuple)) else isinstance(value, float)


def _has_names(value: Any) -> bool:
    return any(map(_has_names, value)) if isinstance(value, (list, tuple)) else isinstance(value, Dim)


def _plain(value: Any) -> Any:
    if isinstance(value, Dim):
        return int(value)
    return tuple(map(_plain, value)) if isinstance(value, (list, tuple)) else value


def size_names(name: str, axis: int, wire: Wire, alone: bool) -> tuple[str, ...]:
    """What generated code may call the size of an axis of an input: `in_channels`, or `x_channels` where that is a
    param's name or the input is not the only one. Of three
    axes, the second is time, but for convolutions and their like."""
    three = {1: "channels", 2: "length"} if wire.rank == 3 and asked(wire) == "image" else {1: "time", 2: "features"}
    names = {number: word for word, number in reversed(AXES.get(wire.rank, {}).items())}
    word = {2: {1: "features"}, 3: three}.get(wire.rank, names).get(axis, f"size{axis}")
    own = f"{name}_{word}"
    return (f"in_{word}", own) if alone else (own,)


@dataclass(slots=True)
class Site:
    """One step, over all instances of its block."""

    context: Context
    step: MStep
    path: str

    @property
    def op(self) -> Any:
        """The operation in one instance. Ask `every` before relying on an attribute that may differ in others."""
        return self.step.op

    @property
    def inputs(self) -> tuple[Wire, ...]:
        return self.step.inputs

    @property
    def outputs(self) -> tuple[Wire, ...]:
        return self.step.outputs

    def every(self, predicate: Callable[[Step], Any]) -> bool:
        """Whether something holds in all instances."""
        return all(predicate(step) for step in self.step.steps.values())

    @property
    def frozen(self) -> bool:
        """Whether training leaves the weights of the step alone. Raises Differs if it does in some instances."""
        return bool(self.same(lambda step: step.frozen, "frozen"))

    @property
    def open(self) -> bool:
        """Whether the size of an image or sequence that it takes may be any number when the network runs."""
        return any(
            free_names(expr_of(size)) & self.context.modules[key].open
            for key, step in self.step.steps.items() if self.context.modules[key].open
            for value in step.inputs for size in value.shape[2:]
        )  # fmt: skip

    def same(self, compute: Callable[[Step], Any], what: str) -> Any:
        """What is one and the same in all instances. Raises Differs if it is not."""
        values = {key: compute(step) for key, step in self.step.steps.items()}
        first, *others = values.values()
        if any(other != first for other in others):
            raise Differs(f"step '{self.path}' differs in its {what}", values)
        return first

    @property
    def chosen(self) -> bool:
        """Whether a param of the block says which operation the step is; `step.operations` are those that it may be."""
        return bool(self.step.choice)

    def shared(self, which: int) -> bool:
        """Whether an input has one value for all samples, where others have one for each."""
        return int(self.inputs[which].shape[0]) == 1 and any(int(wire.shape[0]) != 1 for wire in self.inputs)

    def distinguish(self, predicate: Callable[[Step], Any], attribute: str) -> Expr | None:
        """A condition on one param of the block that holds in just the instances where `predicate` does; if there is
        a choice, a param that gives `attribute`."""
        groups: dict[bool, list[Mapping[str, Any]]] = {True: [], False: []}
        for key, step in self.step.steps.items():
            groups[bool(predicate(step))].append(self.context.envs[key])
        if not (groups[True] and groups[False]):
            return None
        given = [step.exprs[attribute] for step in self.step.steps.values() if attribute in step.exprs]
        direct = {name for expr in given for name in free_names(expr)}
        params = next(iter(self.context.modules.values())).params
        for name in sorted(params, key=lambda name: name not in direct):
            kinds = {truth: {repr(env[name]) for env in envs} for truth, envs in groups.items()}
            if name in self.context.folded or kinds[True] & kinds[False]:
                continue
            for truth, operator in ((True, "=="), (False, "!=")):
                if len(kinds[truth]) == 1 and isinstance(value := groups[truth][0][name], (int, bool, str)):
                    if isinstance(value, bool):
                        return Name(name) if value is truth else Apply("not", (Name(name),))
                    return Apply(operator, (Name(name), Const(value)))
        return None

    def value(self, compute: Callable[[Step], Any], name: str) -> Code:
        """Code for a value computed per instance."""
        values = {key: compute(step) for key, step in self.step.steps.items()}
        return self._code(values, (), name)

    def attr(self, name: str) -> Code:
        """Code for an attribute; one number for equal numbers on every axis."""
        values = {key: getattr(step.op, name) for key, step in self.step.steps.items()}
        exprs = [step.exprs[name] for step in self.step.steps.values() if name in step.exprs]
        return once(self._code(values, exprs, name))

    def _code(self, values: Mapping[Key, Any], exprs: Sequence[Expr], name: str) -> Code:
        code = self.context.unify(values, self.step, exprs, f"{word(self.step.name)}_{name}")
        return fraction(code) if any(map(_has_float, values.values())) else code

    def size(self, axis: int, which: int = 0) -> Code:
        """Code for the size of an axis of an input, as the spec numbers axes."""
        return self.value(lambda step: step.inputs[which].shape[axis], "size")


def once(code: Code) -> Code:
    """One item for equal items: `3` for `(3, 3)`."""
    if isinstance(code, Items) and code.items and len(set(code.items)) == 1:
        return code.items[0]
    return code


WeightLayout = Callable[[tuple[int, ...]], Moves]
"""From a parameter's canonical shape to the steps that bring it into the framework's."""


class WeightPlace(NamedTuple):
    """Where a step has a weight."""

    layer: str = ""
    """Suffix of the layer that has it."""
    name: str = ""
    """The framework's name of it."""
    layout: Callable[[Step], Moves] | None = None
    """How it is laid out; None: as in the spec."""

    def moves(self, step: Step) -> Moves:
        """What brings it there."""
        return self.layout(step) if self.layout is not None else ()


Spelling = Callable[[Mapping[str, Code], Sequence[Code]], Code]
"""A value, given a step's own layers and its inputs."""


@dataclass(slots=True)
class Lowered:
    """How a backend spells one step."""

    apply: Spelling
    """The value of the step, of its inputs or of what `first` made of them."""
    layers: dict[str, Code] = field(default_factory=dict)
    """What makes the layers that the step holds, by suffix of their names; mostly one, with no suffix."""
    array: Code | None = None
    """What makes the value, if the only layer is an array that is not learned: it need not be kept where nothing but
    the constructor reads it."""
    module: Code | None = None
    """The step as an element of a sequential container, if it can be one."""
    places: dict[str, str] = field(default_factory=dict)
    """Suffix of a layer: where it stands inside `module`, if that is not the layer itself."""
    weights: dict[str, WeightPlace] = field(default_factory=dict)
    """Where each weight is, by its canonical name."""
    layouts: tuple[Any, ...] = ()
    """The orders of axes of the outputs, where channels are last; empty: that of the first input."""
    first: tuple[Spelling, ...] = ()
    """What is computed before in statements of their own: the first from the inputs, each other from the one before."""
    condition: Code | None = None
    """When those statements are needed; None: always."""
    sized: bool = False
    """Whether the code is right only for inputs of the sizes that the spec gives."""
    inexact: float = 0.0
    """The error that the framework's own operation is known to have in float64; 0: none."""
    inexact_gradient: float = 0.0
    """The same for the gradient of its inputs and weights."""


Lowering = Callable[[Site], Lowered]


def symbols(code: Code) -> dict[str, None]:
    """The names that a piece of code reads, in order."""
    found: dict[str, None] = {}
    loops: set[str] = set()
    for part in walk(code):
        match part:
            case Symbol(expr):
                found.update(dict.fromkeys(sorted(free_names(expr))))
            case Loop(_, variable, _):
                loops.add(variable)
    return {name: None for name in found if name not in loops}
