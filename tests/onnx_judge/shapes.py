"""Operations that arrange, join, cut and select elements, and that change their kind."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from onnx import TensorProto

from .cases import Left, OnnxCase, Rule, Twin, floats, lift, lifted, shifted, through
from .windows import pairs

FLOATS: Final = (TensorProto.FLOAT, TensorProto.DOUBLE)
INTEGERS: Final = (TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64, TensorProto.UINT8,
                   TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64)  # fmt: skip


def cast(case: OnnxCase) -> Twin:
    """To our kinds, from any."""
    target = case.attribute("to")
    kinds = {**dict.fromkeys(FLOATS, "float"), **dict.fromkeys(INTEGERS, "int64"), TensorProto.BOOL: "bool"}
    if target not in kinds:
        raise Left("numbers of fewer than 32 bits as the result of a cast")
    return Twin("cast", {"dtype": kinds[target]}, [lift(case.x())], lifted)


def one_hot(case: OnnxCase) -> Twin:
    """Ours are 0 and 1, along the last axis."""
    indices, depth, (off, on) = case.x(0), int(case.x(1).item()), case.x(2)
    if indices.min() < 0 or indices.max() >= depth:
        raise Left("classes that are counted from the end, or do not exist")
    axis = case.attribute("axis", -1)
    change = through(lambda y: lift(np.moveaxis((y - off) / (on - off), axis, -1)))
    return Twin("one_hot", {"num_classes": depth}, [lift(indices.astype(np.int64))], change)


def concat(case: OnnxCase) -> Twin:
    inputs = [case.x(i) for i in range(len(case.inputs))]
    return Twin("concat", {"axis": shifted(case.attribute("axis"), inputs[0].ndim)}, [*map(lift, inputs)], lifted)


def split(case: OnnxCase) -> Twin:
    x, sizes = case.x(), case.whole(1)
    axis = case.attribute("axis", 0)
    attributes: dict[str, Any] = {"axis": shifted(axis, x.ndim)}
    count = len(case.given)
    if sizes is not None:
        return Twin("split", attributes | {"sizes": sizes}, [lift(x)], lifted)
    if x.shape[axis] % count:
        return Twin("chunk", attributes | {"chunks": count}, [lift(x)], lifted)
    return Twin("split", attributes | {"sections": count}, [lift(x)], lifted)


def cut(case: OnnxCase) -> Twin:
    x, starts, ends = case.x(), case.whole(1) or [], case.whole(2) or []
    axes, steps = case.whole(3) or range(len(starts)), case.whole(4) or [1] * len(starts)
    if min(steps) < 0:
        raise Left("a slice that goes backwards")
    cuts = {}
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = x.shape[axis]
        first, last, _ = slice(start, end).indices(size)
        if first >= last:
            raise Left("an axis without elements")
        if (first, last, step) != (0, size, 1):
            cuts[axis] = {"start": first, "end": last, "step": step}
    if len(cuts) != 1:
        raise Left("a slice along several axes at once")
    ((axis, bounds),) = cuts.items()
    return Twin("slice", {"axis": shifted(axis, x.ndim), **bounds}, [lift(x)], lifted)


def gather(case: OnnxCase) -> Twin:
    """With indices that are known: those from the end are told from the beginning."""
    x, indices = case.x(), case.x(1)
    axis = case.attribute("axis", 0) % x.ndim
    places = [int(place) % x.shape[axis] for place in indices.ravel()]
    shape = (1, *x.shape[:axis], len(places), *x.shape[axis + 1 :])
    return Twin("index_select", {"axis": axis + 1, "indices": places}, [lift(x)], through(lambda y: y.reshape(shape)))


def gather_elements(case: OnnxCase) -> Twin:
    x, indices = case.x(), case.x(1)
    axis = case.attribute("axis", 0) % x.ndim
    if indices.min() < 0:
        raise Left("indices from the end among the inputs")
    if np.delete(x.shape, axis).tolist() != np.delete(indices.shape, axis).tolist():
        raise Left("indices for a part of the elements")
    return Twin("gather", {"axis": axis + 1}, [lift(x), lift(indices)], lifted)


def flatten(case: OnnxCase) -> Twin:
    """Ours merges one range of axes; ONNX's merges those before `axis`, too."""
    x = case.x()
    axis = case.attribute("axis", 1)
    axis = axis % x.ndim if axis < 0 else axis
    if axis > 1:
        raise Left("two groups of axes that are merged at once")
    if axis == 1:
        return Twin("flatten", {}, [x], list)
    return Twin("flatten", {}, [lift(x)], list)  # its axis of one element is our batch


def reshape(case: OnnxCase) -> Twin:
    x, shape = case.x(), case.whole(1) or []
    sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(shape)]
    return Twin("reshape", {"shape": sizes}, [lift(x)], lifted)


def squeeze(case: OnnxCase) -> Twin:
    axes = [shifted(axis, case.x().ndim) for axis in case.whole(1) or []]
    return Twin("squeeze", {"axis": axes}, [lift(case.x())], lifted)


def unsqueeze(case: OnnxCase) -> Twin:
    axes = case.whole(1) or []
    rank = case.x().ndim + len(axes)
    return Twin("unsqueeze", {"axis": [shifted(axis, rank) for axis in axes]}, [lift(case.x())], lifted)


def transpose(case: OnnxCase) -> Twin:
    order = case.attribute("perm") or range(case.x().ndim)[::-1]
    return Twin("permute", {"axes": [axis + 1 for axis in order]}, [lift(case.x())], lifted)


def expand(case: OnnxCase) -> Twin:
    """With as many axes as the new shape, as broadcasting has it."""
    x, shape = case.x(), case.whole(1) or []
    x = x.reshape(*(1,) * (len(shape) - x.ndim), *x.shape)
    sizes = [max(size, old) for size, old in zip(shape, x.shape, strict=True)]
    return Twin("expand", {"shape": sizes}, [lift(x)], lifted)


def tile(case: OnnxCase) -> Twin:
    return Twin("tile", {"repeats": case.whole(1)}, [lift(case.x())], lifted)


def pad(case: OnnxCase) -> Twin:
    """Images, whose batch axis is not padded. Ours is of floating-point numbers."""
    x, value = case.x(), case.optional(2)
    around = [[0, 0] for _ in x.shape]
    axes = case.whole(3)
    for axis, pair in zip(range(x.ndim) if axes is None else axes, pairs(case.whole(1) or []), strict=True):
        around[axis] = pair
    assert around[0] == [0, 0]
    modes = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    attributes = {"padding": around[1:], "mode": modes[case.attribute("mode", "constant")]}
    if value is not None:
        attributes["value"] = value.item()
    return Twin("pad", attributes, [x.astype(float)], floats)


RULES: Final[dict[str, Rule]] = {
    "Cast": cast,
    "OneHot": one_hot,
    "Concat": concat,
    "Split": split,
    "Slice": cut,
    "Gather": gather,
    "GatherElements": gather_elements,
    "Flatten": flatten,
    "Reshape": reshape,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Expand": expand,
    "Tile": tile,
    "Pad": pad,
}
