"""A small interpreter of specs, apart from archspec's own elaboration: what flows through the steps, as arrays.

The generator runs each step on random numbers as soon as it has drawn it. So it knows shapes and kinds of numbers by
the operations' own rules, and refuses what no comparison could hold: overflow, NaN, jumps and steep slopes where the
numbers happen to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from math import prod
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from archspec import ops
from archspec.errors import ShapeError
from archspec.expressions import FUNCTIONS
from archspec.ops.base import AXES, DType, Operation, Parameter, Shape, resolve_axis
from archspec.spec.lint import literal_texts

Array = np.ndarray[Any, np.dtype[Any]]
Step = dict[str, Any]
Wires = tuple["Value", ...]
Weights = dict[str, Array]
Names = MutableMapping[str, Wires]
"""References and what they lead to, `halves.0` and `stem.conv1` as such."""

BATCH: Final = 2
LARGEST: Final = 3000
"""Elements of a tensor, the batch counted."""
HIGHEST: Final = 40.0
STEEPEST: Final = 100.0
"""How many times an error in its inputs an operation may add to its result."""
STEP: Final = 2.0**-24

JUMPS: Final = frozenset(
    "floor ceil round sign mod cast equal not_equal less less_equal greater greater_equal where".split()
)
"""Numbers that are whole are so in every framework here, and may stand on the border where the result jumps."""
SINGULAR: Final = frozenset("norm std sqrt rsqrt power l2_normalize lp_pool1d lp_pool2d lp_pool3d divide log".split())
"""What has no derivative where its inputs are all zero, so that frameworks give any."""
KEPT: Final = frozenset(ops.FAMILIES["shape"] + ops.FAMILIES["joining"] + ("where", "maximum", "minimum")) - {"one_hot"}
"""What gives whole numbers out of those that go in."""


class Rejected(Exception):
    """A step does not fit, or gives numbers that cannot be compared."""


@dataclass(frozen=True, eq=False)
class Value:
    """What flows: random numbers, and for whole ones what they are surely less than (and at least 0)."""

    array: Array
    limit: int | None = None

    @property
    def shape(self) -> Shape:
        return tuple(self.array.shape)

    @property
    def dtype(self) -> DType:
        kinds: dict[str, DType] = {"f": "float", "i": "int64", "b": "bool"}
        return kinds[self.array.dtype.kind]


def random_value(random: np.random.Generator, sizes: Iterable[int], dtype: str, limit: int | None) -> Value:
    """What an input holds; `sizes` are without the batch axis."""
    shape = (BATCH, *sizes)
    if dtype == "float":
        return Value(random.standard_normal(shape))
    drawn = random.integers(0, (limit or 2) if dtype == "int64" else 2, shape, dtype=np.int64)
    return Value(drawn, limit) if dtype == "int64" else Value(drawn.astype(bool))


def sizes_of(value: Value) -> SimpleNamespace:
    """The sizes of an input as expressions know them: `x.channels`."""
    return SimpleNamespace(**{name: value.shape[axis] for name, axis in AXES.get(len(value.shape), {}).items() if axis})


def evaluate(raw: Any, env: Mapping[str, Any], texts: frozenset[str] = frozenset()) -> Any:
    """A value of a spec: its texts are expressions, which are also Python's, unless they are among `texts`."""
    if isinstance(raw, list):
        return [evaluate(item, env, texts) for item in raw]
    if not isinstance(raw, str) or raw in texts:
        return raw
    try:
        return eval(raw, {"__builtins__": {}, **FUNCTIONS}, dict(env))
    except (NameError, ZeroDivisionError, TypeError, IndexError, AttributeError) as error:
        raise Rejected(str(error)) from None


def given(step: Step, current: Wires, names: Names) -> Wires:
    """What flows into a step. Raises Rejected."""
    if "from" not in step:
        return current
    references = [step["from"]] if isinstance(step["from"], str) else step["from"]
    try:
        return tuple(wire for reference in references for wire in names[reference])
    except KeyError as error:
        raise Rejected(f"no {error}") from None


def _times(count: int) -> list[dict[str, Any]]:
    if count < 0:  # in a block that is called once more, with another size
        raise Rejected("a number of repetitions below zero")
    return [{}] * count


@dataclass
class Log:
    """What a call of a block did: operations, and their weights."""

    kind: str
    """The block, the values of its params, and its inputs: of other sizes, frameworks may need other layers."""
    steps: list[tuple[str, Weights]] = field(default_factory=list)


class Interpreter:
    """Runs steps. Raises Rejected."""

    def __init__(self, blocks: Mapping[str, Any], random: np.random.Generator) -> None:
        self.blocks, self.random = blocks, random
        self.weights: dict[Value, Weights] = {}
        """Those of the step that gave a value."""
        self.logs: dict[str, Log] = {}
        """By name of a call of a block: what it did, by the latest instance of that step."""
        self.open: list[Log] = []
        """Those of the calls around."""
        self.lent: list[Iterator[tuple[str, Weights]]] = []
        """The weights that are left of those that calls around use."""

    def steps(self, layers: list[Any], current: Wires, env: Mapping[str, Any], names: Names) -> Wires:
        for step in layers:
            current = self.step({"op": step} if isinstance(step, str) else step, current, env, names)
        return current

    def step(self, step: Step, current: Wires, env: Mapping[str, Any], names: Names) -> Wires:
        """What a step gives; its name leads there."""
        current = given(step, current, names)
        if "repeat" in step or "each" in step:
            rows: list[dict[str, Any]] = step.get("each") or _times(evaluate(step["repeat"], env))
            for index, row in enumerate(rows):
                bound = {**env, "index": index}
                bound |= {key: evaluate(raw, bound) for key, raw in row.items()}
                before = len(current)
                form = {**step, "name": None}
                if "block" in step and step.get("weights_of") == step["name"]:
                    form |= {"log": step["name"], "weights_of": step["name"] if index else None}
                current = self._conditional(form, current, bound, _Child(names))
                if len(current) != before and index + 1 < len(rows):
                    raise Rejected("a repeated step gives as many values as it takes")
                if step.get("name") and len(current) == 1:
                    names[f"{step['name']}.{index}"] = current
            if not current:
                raise Rejected("nothing flows")
            if step.get("name"):
                names[step["name"]] = current
            return current
        return self._conditional(step, current, env, names)

    def _conditional(self, step: Step, current: Wires, env: Mapping[str, Any], names: Names) -> Wires:
        if not evaluate(step.get("when", True), env):
            return current
        name = step.get("name")
        if "op" in step:
            outputs = self._operation(step, current, env, names)
        elif "block" in step:
            call = self._along if "over" in step else self._call
            labels, outputs = call(step, current, env)
            if name and labels:
                names.update((f"{name}.{label}", (value,)) for label, value in zip(labels, outputs, strict=True))
        elif "branches" in step:
            ends: list[Value] = []
            for label, layers in step["branches"].items():
                end = self.steps(layers, current, env, names)
                if len(end) != 1:
                    raise Rejected("a branch gives one value")
                names[label] = end
                ends += end
            join = {"op": step["join"]} if isinstance(step["join"], str) else step["join"]
            outputs = self._operation(join, tuple(ends), env, names)
        else:
            inner = _Child(names) if name else names
            outputs = self.steps(step["layers"], current, env, inner)
            if name and isinstance(inner, _Child):
                names.update((f"{name}.{key}", wires) for key, wires in inner.own.items())
        if name:
            names[name] = outputs
            if len(outputs) > 1 and "op" in step:
                names.update((f"{name}.{number}", (value,)) for number, value in enumerate(outputs))
        return outputs

    def _along(self, step: Step, current: Wires, env: Mapping[str, Any]) -> tuple[list[str], Wires]:
        """A block that is called at each place of its first input, with state by name."""
        x, *others = current
        block, axis = self.blocks[step["block"]], step["over"]
        state = dict(zip(block["inputs"][1:], others, strict=True))
        state = {name: value if value.shape[0] == x.shape[0] else Value(np.repeat(value.array, x.shape[0], 0))
                 for name, value in state.items()}  # fmt: skip
        form = {key: value for key, value in step.items() if key not in ("over", "reverse", "name")} | {
            "log": step["name"]
        }
        made: list[dict[str, Value]] = []
        places = range(x.shape[axis])
        for place in reversed(places) if step.get("reverse") else places:
            moment = Value(np.take(x.array, place, axis))
            labels, outputs = self._call(form, (moment, *state.values()), env)
            made.append(dict(zip(labels, outputs, strict=True)))
            before, state = state, {name: made[-1].get(name, value) for name, value in state.items()}
            if any(
                (state[name].shape, state[name].dtype) != (before[name].shape, before[name].dtype) for name in state
            ):
                raise Rejected("state that does not stay as it is")
            form["weights_of"] = step["name"]
        ordered = made[::-1] if step.get("reverse") else made
        if any(axis > len(value.shape) for value in made[0].values()):
            raise Rejected("no place for that axis")
        return list(made[0]), tuple(
            state[label] if label in state else Value(np.stack([each[label].array for each in ordered], axis))
            for label in made[0]
        )

    def _call(self, step: Step, current: Wires, env: Mapping[str, Any]) -> tuple[list[str], Wires]:
        block = self.blocks[step["block"]]
        if len(current) != len(block["inputs"]):
            raise Rejected("a block takes as many values as it has inputs")
        inner: dict[str, Any] = {}
        for name, param in block["params"].items():
            raw = step.get(name, param["default"])
            inner[name] = raw if param["type"] == "operation" else evaluate(raw, env)
        names: Names = {}
        for name, value in zip(block["inputs"], current, strict=True):
            inner[name], names[name] = sizes_of(value), (value,)
        kind = repr((step["block"], {name: inner[name] for name in block["params"]},
                     [(value.shape, value.dtype) for value in current]))  # fmt: skip
        lender = step.get("weights_of")
        if lender is not None:
            there = self.logs.get(lender)
            if there is None or there.kind != kind or not any(weights for _, weights in there.steps):
                raise Rejected("no such call")
            self.lent.append(iter(there.steps))
        self.open.append(Log(kind))
        try:
            end = self.steps(block["layers"], current, inner, names)
            if lender is not None and next(self.lent[-1], None) is not None:
                raise Rejected("fewer steps than there")
        finally:
            log = self.open.pop()
            if lender is not None:
                self.lent.pop()
        if self.open:
            self.open[-1].steps += log.steps
        self.logs[step.get("log") or step.get("name") or ""] = log
        shown = block["outputs"]
        if shown is None:
            return [], end if len(end) == 1 else _reject("a block gives one value")
        if not names.keys() >= set(shown.values()):
            raise Rejected("a step that gives an output is left out")
        if any(len(names[reference]) != 1 for reference in shown.values()):
            raise Rejected("an output is one value")
        return list(shown), tuple(names[reference][0] for reference in shown.values())

    def _operation(self, step: Step, current: Wires, env: Mapping[str, Any], names: Names) -> Wires:
        key = env.get(step["op"], step["op"])
        cls = ops.get(key)
        given = {
            name: evaluate(raw, env, literal_texts(cls, name))
            for name, raw in step.items()
            if name not in ("op", "name", "from", "when", "repeat", "each", "weights_of", "init")
        }
        try:
            op = cls.model_validate(given)
            shared = self.weights[names[step["weights_of"]][0]] if "weights_of" in step else None
            if shared is not None and not shared:
                raise Rejected("no weights")
            return self.apply(op, () if op.accepts() == (0, 0) else current, shared)
        except (ValidationError, ShapeError, ValueError, IndexError) as error:
            raise Rejected(str(error)) from None

    def apply(self, op: Operation, inputs: Wires, shared: Weights | None = None) -> Wires:
        """What an operation gives, by its own rules and its reference, with weights that are drawn or `shared`."""
        least, most = op.accepts()
        if not least <= len(inputs) <= (len(inputs) if most is None else most):
            raise Rejected("another number of inputs")
        if any(x.dtype not in (op.takes_each[i] if op.takes_each else op.takes) for i, x in enumerate(inputs)):
            raise Rejected("another kind of numbers")
        if op.key in ("maximum", "minimum") and len({x.array.tobytes() for x in inputs}) < len(inputs):
            raise Rejected("a tie of all numbers, at which frameworks have slopes of their own")
        shapes = op.infer(*(x.shape for x in inputs))
        kinds = op.result(*(x.dtype for x in inputs))
        if any(min(shape) < 1 or prod(shape) > LARGEST for shape in shapes):
            raise Rejected("too large, or empty")
        weights = op.parameters(*(x.shape for x in inputs))
        if sum(prod(weight.shape) for weight in weights.values()) > 2 * LARGEST:
            raise Rejected("too many weights")
        if shared is None:
            shared = self._lent(op)
        drawn = {name: self._weight(weight) for name, weight in weights.items()} if shared is None else shared
        if self.open:
            self.open[-1].steps.append((op.key, drawn))
        if any(name not in drawn or drawn[name].shape != weight.shape for name, weight in weights.items()):
            raise Rejected("weights of other shapes")
        arrays = _reference(op, [x.array for x in inputs], drawn)
        if tuple(array.shape for array in arrays) != shapes:
            raise AssertionError(f"{op!r}: the reference gives {[a.shape for a in arrays]}, infer says {shapes}")
        outputs = tuple(Value(array, self._limit(op, array, inputs)) for array in arrays)
        self.weights[outputs[0]] = drawn
        due = kinds if isinstance(kinds, tuple) else (kinds,) * len(outputs)
        if tuple(value.dtype for value in outputs) != due:
            raise AssertionError(f"{op!r}: the reference gives {[v.dtype for v in outputs]}, result says {due}")
        _hold(op, [x.array for x in inputs], drawn, arrays, self.random)
        return outputs

    def _lent(self, op: Operation) -> Weights | None:
        """The weights of a step in a call that uses those of another; None where it has its own."""
        if not self.lent:
            return None
        key, weights = next(self.lent[-1], ("", {}))
        if key != op.key:
            raise Rejected("other steps than there")
        return weights

    def _weight(self, weight: Parameter) -> Array:
        """Numbers as `archspec.verification.data` draws them."""
        drawn: Array = self.random.random(weight.shape)
        if weight.kind in ("scale", "variance"):
            return drawn + 0.5
        scale = {"bias": 0.1, "mean": 0.25, "table": 1.0}.get(weight.kind, (2 / max(1, prod(weight.shape[1:]))) ** 0.5)
        drawn -= 0.5
        drawn *= scale * 12**0.5
        return drawn

    @staticmethod
    def _limit(op: Operation, array: Array, inputs: Wires) -> int | None:
        """What whole numbers are surely less than."""
        if array.dtype.kind != "i":
            return None
        attributes: dict[str, Any] = dict(op)
        whole = [x.limit for x in inputs if x.dtype == "int64"]
        if op.key in ("argmax", "argmin", "topk"):
            return inputs[0].shape[_axis_of(op, len(inputs[0].shape))]
        if op.key in ("constant", "range"):
            return int(array.max()) + 1 if array.min() >= 0 else None
        if op.key == "cast" and inputs[0].dtype != "int64":
            return 2 if inputs[0].dtype == "bool" else None
        if op.key == "mod" and attributes["value"] is not None:
            return max(1, int(attributes["value"])) if attributes["value"] > 0 else None
        if op.key == "gather":
            return inputs[0].limit
        if op.key == "clip" and None not in (attributes["minimum"], attributes["maximum"]):
            return int(attributes["maximum"]) + 1 if attributes["minimum"] >= 0 else None
        if op.key in KEPT and attributes.get("value") in (None, 0.0) and None not in whole and whole:
            return max(limit for limit in whole if limit is not None)
        return None


class _Child(dict[str, Wires]):
    """Names of an inner scope, which sees the outer ones."""

    def __init__(self, outer: Names) -> None:
        super().__init__()
        self.outer = outer

    @property
    def own(self) -> dict[str, Wires]:
        return dict(self)

    def __missing__(self, key: str) -> Wires:
        return self.outer[key]


def _reject(reason: str) -> Any:
    raise Rejected(reason)


def _axis_of(op: Operation, rank: int) -> int:
    return resolve_axis(dict(op)["axis"], rank)


def _reference(op: Operation, inputs: list[Array], weights: dict[str, Array]) -> list[Array]:
    with np.errstate(all="ignore"):
        found = op.reference(*inputs, **weights)
    return [np.asarray(array) for array in (found if isinstance(found, tuple) else (found,))]


def _hold(
    op: Operation, inputs: list[Array], weights: dict[str, Array], outputs: list[Array], random: np.random.Generator
) -> None:
    """Refuses results that are large or not finite, and inputs near which an operation jumps or is steep."""
    for array in outputs:
        if array.dtype.kind != "b" and not np.abs(array).max() <= (HIGHEST if array.dtype.kind == "f" else 2**12):
            raise Rejected("large numbers")
    if not any(array.dtype.kind == "f" for array in inputs):
        return
    steps = [random.standard_normal(array.shape) * STEP if array.dtype.kind == "f" else array for array in inputs]
    if op.key in JUMPS:
        steps = [np.where(array == np.round(array), 0, step) if array.dtype.kind == "f" else step
                 for array, step in zip(inputs, steps, strict=True)]  # fmt: skip
    ends = []
    for sign in (1, -1):
        moved = [array + sign * step if array.dtype.kind == "f" else array
                 for array, step in zip(inputs, steps, strict=True)]  # fmt: skip
        ends.append(_reference(op, moved, weights))
    for array, after, before in zip(outputs, *ends, strict=True):
        if array.dtype.kind != "f":
            if not (np.array_equal(array, after) and np.array_equal(array, before)):
                raise Rejected("on the border between whole numbers")
            continue
        far = np.abs([after - array, before - array]).max()
        if not far <= STEP * STEEPEST * max(1.0, np.abs(array).max()):
            raise Rejected("steep")
        if op.key in SINGULAR and not np.abs(after + before - 2 * array).max() <= 1e-3 * STEP:
            raise Rejected("singular")
