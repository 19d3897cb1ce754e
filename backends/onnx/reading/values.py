"""What is known of the values of a file, and its nodes' attributes as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


@dataclass(eq=False)
class Known:
    """What is known of a value."""

    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    kind: str
    static: tuple[Any, Any] | None = None
    """Its numbers in both runs, if no input has a part in them."""
    number: int | None = None
    """Of a value of the trace."""
    weight: str = ""
    """The name, if it is a weight."""
    rooted: bool = False
    """Whether it comes from what a file keeps as its weights."""
    giver: dict[str, Any] | None = None
    """The event that gives it."""
    moved: tuple[Any, Any] | None = None
    """Of a weight that is moved, the node that does it, and the weight."""

    @property
    def same(self) -> bool:
        return self.static is not None and self.static[0] is self.static[1]


def read(graph: Any) -> Iterable[str]:
    """What nodes read, and what comes out."""
    for node in graph.node:
        yield from node.input
        for each in node.attribute:
            if each.type == onnx.AttributeProto.GRAPH:
                yield from read(each.g)
    yield from (each.name for each in graph.output)


def title(node: Any) -> str:
    """`'conv1' (Conv)`."""
    return f"'{(node.name or next(filter(None, node.output), '?'))[:80]}' ({node.op_type[:40]})"


def attributes(node: Any) -> dict[str, Any]:
    """The attributes of a node, without graphs; tensors as arrays."""
    found = {}
    for each in node.attribute:
        value = helper.get_attribute_value(each)
        match each.type:
            case onnx.AttributeProto.FLOAT:
                value = _short(value)
            case onnx.AttributeProto.FLOATS:
                value = [_short(one) for one in value]
            case onnx.AttributeProto.STRING:
                value = value.decode(errors="replace")
            case onnx.AttributeProto.STRINGS:
                value = [one.decode(errors="replace") for one in value]
            case onnx.AttributeProto.INTS:
                value = list(value)
            case onnx.AttributeProto.TENSOR:
                value = numpy_helper.to_array(value)
            case onnx.AttributeProto.INT:
                pass
            case _:
                continue
        found[each.name] = value
    return found


def plain(array: Any) -> Any:
    """Numbers as an argument: a number, or a list."""
    if array.size == 1 and array.dtype.kind == "f":
        return _short(array.item())
    return array.tolist() if array.ndim else array.item()


def _short(number: float) -> Any:
    """The shortest number that is this one in float32."""
    if number - number != 0:
        return {"float": str(number)}
    return float(str(np.float32(number)))


def is_weight(array: Any) -> bool:
    return bool(array.dtype.kind == "f" and array.size > 1 and np.isfinite(array).all())


def content(array: Any) -> Any:
    """By which equal arrays are found; those that have one number alone are equal by chance."""
    if array.size and (array == array.reshape(-1)[0]).all():
        return object()
    return array.shape, array.dtype.str, hash(np.ascontiguousarray(array).tobytes())
