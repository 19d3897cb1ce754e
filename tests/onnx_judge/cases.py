"""What a case of ONNX is, and what it becomes."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import onnx.backend.test.case.base
import onnx.backend.test.case.node
import onnx.reference.ops.op_pool_common as pools
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

Array = np.ndarray[Any, np.dtype[Any]]

LARGE: Final = 50_000
"""Windows of a pool that take ONNX's loops in Python seconds: they are computed when they are asked for."""

WEIGHTED: Final = ("Conv", "ConvTranspose", "GRU", "LSTM", "RNN")
"""Operators most of whose cases have weights that are all equal."""


class Left(Exception):
    """A case is left out; the text is the reason, the same for all cases that are left out because of it."""


@dataclass
class OnnxCase:
    """A node with its inputs and the outputs that it must give."""

    name: str
    operator: str
    attributes: dict[str, Any]
    inputs: list[Array | None]
    """As the node has them; None: left out."""
    slow: bool
    """Whether the outputs are not computed yet, and take seconds."""
    given: list[Any]
    varied: bool = False
    """Whether it is one of ONNX's with other weights."""

    @cached_property
    def outputs(self) -> list[Array | None]:
        """As the node has them; None: not wanted."""
        return [_array(value() if isinstance(value, partial) else value) for value in self.given]

    @property
    def half(self) -> bool:
        return any(x is not None and x.dtype.kind not in "biuO" and x.dtype.itemsize < 4 for x in self.inputs)

    @property
    def strings(self) -> bool:
        return any(x is not None and x.dtype.kind in "OSU" for x in self.inputs)

    @property
    def empty(self) -> bool:
        return self.inputs[0] is not None and self.inputs[0].size == 0

    def x(self, index: int = 0) -> Array:
        """An input that every case of the operator has, as one of our kinds of numbers."""
        found = self.inputs[index]
        assert found is not None
        return kind(found)

    def optional(self, index: int) -> Array | None:
        """An input that may be left out."""
        found = self.inputs[index] if index < len(self.inputs) else None
        return None if found is None else kind(found)

    def whole(self, index: int) -> list[int] | None:
        """A list of whole numbers among the inputs, which may be left out."""
        found = self.optional(index)
        return None if found is None else [int(number) for number in np.atleast_1d(found)]

    def attribute(self, name: str, default: Any = None) -> Any:
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value


@dataclass
class Twin:
    """The same in our terms: batch axis first, and the kinds of numbers that we have."""

    op: str
    attributes: dict[str, Any]
    inputs: list[Array]
    arrange: Callable[[list[Array | None]], list[Array | None]]
    """ONNX's outputs as ours must be; None, and what is missing at the end: ONNX does not tell, or not in this case."""
    parameters: dict[str, Array] = field(default_factory=dict)
    ignored: str = ""
    """Outputs that ONNX has and our operation does not."""
    training: bool = False
    """Whether it is about training; then the last outputs of ONNX are `statistics`."""
    statistics: tuple[str, ...] = ()


@dataclass
class Outcome:
    """What became of a case."""

    case: OnnxCase
    twin: Twin | None = None
    reason: str = ""

    def expected(self) -> list[Array | None]:
        """What our operation must give."""
        assert self.twin is not None
        return self.twin.arrange([y if y is None else kind(y) for y in self.case.outputs])


Rule = Callable[[OnnxCase], Twin]


def kind(array: Array) -> Array:
    """An array as float64, int64 or bool."""
    if array.dtype.kind == "b":
        return array
    names = array.dtype.name  # the narrow kinds of ml_dtypes have no kind of their own
    if array.dtype.kind in "iu" or names.startswith(("int", "uint")):
        return array.astype(np.int64)
    with np.errstate(invalid="ignore"):
        return array.astype(np.float64)


def _array(value: Any) -> Array | None:
    if isinstance(value, TensorProto):
        return numpy_helper.to_array(value)
    return None if value is None else np.asarray(value)


@cache
def collect(operators: tuple[str, ...]) -> list[OnnxCase]:
    """The cases of these operators, in the order of ONNX's modules.

    `collect_testcases` makes the same from all operators, with models around them and once more with the operators
    written as functions, which takes half a minute. So what its modules hand in is taken from them directly.
    """
    found: list[OnnxCase] = []

    def expect(node: NodeProto, inputs: Sequence[Any], outputs: Sequence[Any], name: str, **_: Any) -> None:
        if node.op_type in operators:
            case = _case(node, inputs, outputs, name)
            found.append(case)
            if node.op_type in WEIGHTED and all(np.ptp(part) == 0 for part in case.x(1)):
                found.append(_varied(node, case))

    package = onnx.backend.test.case.node
    wanted = {operator.lower() for operator in operators}
    with (
        warnings.catch_warnings(),
        patch.object(package, "expect", expect),
        patch.object(onnx.backend.test.case.base, "process_snippet", lambda *_: ("", "")),
        patch.object(pools, "pool", partial(_deferred, pools.pool)),
    ):
        warnings.simplefilter("ignore", RuntimeWarning)  # overflow and division by zero are what some cases are about
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.replace("_", "") in wanted:
                importlib.import_module(f"{package.__name__}.{module.name}")
    return found


def _deferred(pool: Callable[..., Array], padded: Array, x_shape: Any, kernel: Any, strides: Any, out: Any,
              *rest: Any, **more: Any) -> Any:  # fmt: skip
    call = partial(pool, padded, x_shape, kernel, strides, out, *rest, **more)
    return call if np.prod(x_shape[:2]) * np.prod(out) > LARGE else call()


def _case(node: NodeProto, inputs: Sequence[Any], outputs: Sequence[Any], name: str) -> OnnxCase:
    arrays, values = iter(inputs), iter(outputs)
    return OnnxCase(
        name.removeprefix("test_"),
        node.op_type,
        {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute},
        [_array(next(arrays)) if each else None for each in node.input],
        any(isinstance(value, partial) for value in outputs),
        [next(values) if each else None for each in node.output],
    )


def _varied(node: NodeProto, case: OnnxCase) -> OnnxCase:
    """The same case with random weights; what it must give is computed by ONNX's reference, in NumPy as well.

    A flipped kernel, or gates in another order, would not show where all weights are equal.
    """
    random = np.random.default_rng(0)
    inputs: list[Array | None] = [
        np.asarray(random.standard_normal(x.shape, np.float32))
        if place and x is not None and x.dtype.kind == "f"
        else x
        for place, x in enumerate(case.inputs)
    ]
    feeds = {name: x for name, x in zip(node.input, inputs, strict=True) if x is not None}
    outputs = ReferenceEvaluator(node).run(None, feeds)
    wanted = [y if name else None for name, y in zip(node.output, outputs, strict=True)]
    return replace(case, name=f"{case.name}_varied", inputs=inputs, given=wanted, varied=True)


# What rules are made of.


def lift(x: Array) -> Array:
    """With a batch axis of one sample in front."""
    return x[None]


def lifted(outputs: list[Array | None]) -> list[Array | None]:
    return [None if y is None else lift(y) for y in outputs]


def first(outputs: list[Array | None]) -> list[Array | None]:
    """The first output alone, as it is."""
    return outputs[:1]


def first_lifted(outputs: list[Array | None]) -> list[Array | None]:
    return lifted(outputs[:1])


def through(change: Callable[[Array], Array]) -> Callable[[list[Array | None]], list[Array | None]]:
    """The first output, changed."""
    return lambda outputs: [None if y is None else change(y) for y in outputs[:1]]


def floats(outputs: list[Array | None]) -> list[Array | None]:
    """The first output as floating-point numbers, which are the only kind that our operation takes."""
    return [None if y is None else y.astype(np.float64) for y in outputs[:1]]


def shifted(axis: int, rank: int) -> int:
    """The number of an axis after a batch axis was put in front."""
    return axis % rank + 1


def is_one_of(value: Any, *allowed: Any, reason: str) -> None:
    if value not in allowed:
        raise Left(reason)
