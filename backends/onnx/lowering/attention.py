"""Rows: attention, and how sequences tell places apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from onnx import TensorProto

from archspec.ops.attention import alibi_slopes

from .linear import product
from .writing import Row, Step, Value

if TYPE_CHECKING:
    from archspec.ops.base import Array


def _attend(
    step: Step, q: Value, k: Value, v: Value, mask: Value | None, time: int, source: int, scale: float
) -> Value:
    """softmax(q k^T scale + mask) v over the last two axes, the heads on the axis before."""
    scores = step("MatMul", q, step("Transpose", k, perm=[0, 1, 3, 2]))
    scores = step("Mul", scores, step.floats(scale))
    hidden = step.floats(-np.inf)
    if step.attr("causal"):
        scores = step("Where", _before(step, time, source), scores, hidden, gives="float")
    window, alibi = (getattr(step.op, name, None) for name in ("window", "alibi"))
    if window is not None or alibi:
        distance = _distance(step, time, source)
    if window is not None:
        scores = step("Where", step("Less", distance, step.ints(window)), scores, hidden, gives="float")
    if alibi:
        slopes = step.floats(np.reshape(alibi_slopes(int(step.out[1])), (-1, 1, 1)))
        scores = step("Sub", scores, step("Mul", slopes, step.cast(distance, "float")))
    if mask is not None and mask.dtype == "bool":
        scores = step("Where", mask, scores, hidden, gives="float")
    elif mask is not None:
        scores = step("Add", scores, mask)
    return step("MatMul", step("Softmax", scores, axis=-1), v)


def _before(step: Step, time: int, source: int) -> Value:
    """Which places are up to each: [time, source]."""
    if not step.is_open(time, source):
        return step.writer.constant(np.tril(np.ones((int(time), int(source)), bool)), "bool")
    shape = step.joined([step.writer.size(time), step.writer.size(source)])
    ones = step("Expand", step.ints(1), shape)
    return step.cast(step("Trilu", ones, upper=0), "bool")


def _distance(step: Step, time: int, source: int) -> Value:
    """How far each place is from each: [time, source]."""
    rows, columns = (_count(step, size) for size in (time, source))
    return step("Abs", step("Sub", step("Unsqueeze", rows, step.ints([1])), columns))


def _scaled_dot_product_attention(step: Step) -> Value:
    q, k, v, *masks = step.inputs
    shapes = [tensor.shape for tensor in step.node.inputs]
    heads, kv_heads = int(shapes[0][1]), int(shapes[1][1])
    if heads != kv_heads:  # neighbouring heads share them
        k, v = (_shared(step, x, shape, heads // kv_heads) for x, shape in zip((k, v), shapes[1:3], strict=True))
    scale = step.attr("scale")
    scale = step.number(shapes[0][3]) ** -0.5 if scale is None else scale
    return _attend(step, q, k, v, masks[0] if masks else None, shapes[0][2], shapes[1][2], scale)


def _shared(step: Step, x: Value, shape: tuple[int, ...], count: int) -> Value:
    """Each head so many times."""
    batch, heads, places, features = shape
    wide = step("Expand", step("Unsqueeze", x, step.ints([2])), step.ints([1, 1, count, 1, 1]))
    return step.reshape(wide, (batch, heads * count, places, features), of=(batch, heads, count))


def _multi_head_attention(step: Step) -> Value:
    query, *others = step.inputs
    key = others[0] if others else query
    value = others[1] if len(others) > 1 else key
    weights, heads = step.weights(), step.attr("num_heads")
    parts = []
    for name, x in (("q", query), ("k", key), ("v", value)):
        y = product(step, x, 3, weights[f"{name}_proj_weight"], weights.get(f"{name}_proj_bias"))
        y = step("Reshape", y, step.ints([0, 0, heads, -1]))
        parts.append(step("Transpose", y, perm=[0, 2, 1, 3]))
    size = int(step.op.head_size(step.node.inputs[0].shape))
    mask = others[2] if len(others) > 2 else None
    q, k, v = parts
    places = step.node.inputs[0].shape[1], step.node.inputs[min(1, len(others))].shape[1]
    y = _attend(step, q, k, v, mask, *places, size**-0.5)
    y = step("Reshape", step("Transpose", y, perm=[0, 2, 1, 3]), step.ints([0, 0, -1]))
    return product(step, y, 3, weights["out_proj_weight"], weights.get("out_proj_bias"))


# Places -------------------------------------------------------------------------------------------------------------


def _angles(step: Step, time: int, features: int) -> Value | Array:
    """place / base^(2 i / features), [time, features / 2]: numbers, or where the time is open what computes them, in
    float64, as large angles have no other exact sines."""
    rates: Array = float(step.attr("base")) ** -(np.arange(0, features, 2) / features)
    if not step.is_open(time):
        return np.arange(int(time))[:, None] * rates
    places = _count(step, time)
    column = step("Cast", step("Unsqueeze", places, step.ints([1])), to=TensorProto.DOUBLE, gives="float")
    return step("Mul", column, step.writer.exact(rates))


def _count(step: Step, size: int) -> Value:
    """0, 1, ... up to, and without, a size."""
    end = step("Squeeze", step.size(size), step.ints([0]))
    return step("Range", step.ints(0), end, step.ints(1))


def _waves(step: Step, time: int, features: int) -> tuple[Value, Value]:
    """The sines and the cosines of all angles."""
    angles = _angles(step, time, features)
    if isinstance(angles, Value):
        sine, cosine = (step.cast(step(op, angles), "float") for op in ("Sin", "Cos"))
        return sine, cosine
    return step.floats(np.sin(angles)), step.floats(np.cos(angles))


def _waves_at(step: Step, features: int) -> tuple[Value, Value]:
    """The sines and cosines for places that are given, [batch, 1, time, features / 2]."""
    rates: Array = float(step.attr("base")) ** -(np.arange(0, features, 2) / features)
    places = step("Cast", step("Unsqueeze", step.inputs[1], step.ints([1, 3])), to=TensorProto.DOUBLE, gives="float")
    angles = step("Mul", places, step.writer.exact(rates))
    sine, cosine = (step.cast(step(op, angles), "float") for op in ("Sin", "Cos"))
    return sine, cosine


def _rotary_embedding(step: Step) -> Value:
    shape, last = step.out, step.ints([3])
    half = step.number(shape[3]) // 2
    sine, cosine = _waves(step, shape[2], 2 * half) if len(step.inputs) == 1 else _waves_at(step, 2 * half)
    if step.attr("style") == "half":
        first, second = step.parts(step.x, 2, 3)
    else:
        end, two = step.ints([2 * half]), step.ints([2])
        first, second = (step("Slice", step.x, step.ints([start]), end, last, two) for start in (0, 1))
    a = step("Sub", step("Mul", first, cosine), step("Mul", second, sine))
    b = step("Add", step("Mul", first, sine), step("Mul", second, cosine))
    if step.attr("style") == "half":
        return step("Concat", a, b, axis=3)
    pairs = step("Concat", *(step("Unsqueeze", x, step.ints([4])) for x in (a, b)), axis=4)
    return step.reshape(pairs, shape, of=shape[:3])


def _sinusoidal_positions(step: Step) -> Value:
    _, time, features = step.out
    sine, cosine = _waves(step, time, step.number(features))
    axis = 2 if step.attr("layout") == "interleaved" else 1
    both = step("Concat", *(step("Unsqueeze", x, step.ints([axis])) for x in (sine, cosine)), axis=axis)
    rows = step("Reshape", both, step.ints([0, -1]))
    return step("Add", step.x, rows)


def _learned_positions(step: Step) -> Value:
    table, time = step.weight("weight"), step.out[1]
    assert table.shape is not None
    if step.is_open(time) or int(table.shape[0]) > int(time):
        table = step("Slice", table, step.ints([0]), step.size(time), step.ints([0]))
    return step("Add", step.x, table)


def _relative_position_bias(step: Step) -> Value:
    height, width = step.attr("window_size")
    rows, columns = np.divmod(np.arange(height * width), width)
    down, right = rows[:, None] - rows + height - 1, columns[:, None] - columns + width - 1
    biases = step("Gather", step.weight("weight"), step.ints(down * (2 * width - 1) + right))
    return step("Add", step.x, step("Transpose", biases, perm=[2, 0, 1]))


def _bucketed_position_bias(step: Step) -> Value:
    op, (_, _, time, source) = step.op, step.out
    far = int(step.attr("max_distance")) + 1
    # What is farther away than max_distance shares a bucket: all buckets stand in a table of distances.
    table = _buckets(op.num_buckets, op.max_distance, op.bidirectional, np.arange(-far, far + 1))
    if step.is_open(time, source):
        offsets = step("Sub", _count(step, source), step("Unsqueeze", _count(step, time), step.ints([1])))
        near = step("Clip", offsets, step.ints(-far), step.ints(far))
        buckets = step("Gather", step.ints(table), step("Add", near, step.ints(far)))
    else:
        offset = np.arange(int(source)) - np.arange(int(time))[:, None]
        buckets = step.ints(table[np.clip(offset, -far, far) + far])
    biases = step("Gather", step.weight("weight"), buckets)
    return step("Add", step.x, step("Transpose", biases, perm=[2, 0, 1]))


def _buckets(num_buckets: int, max_distance: int, bidirectional: bool, offset: Array) -> Array:
    """The bucket of each distance, as the operation tells."""
    count = num_buckets // 2 if bidirectional else num_buckets
    distance = abs(offset) if bidirectional else np.maximum(-offset, 0)
    small = count // 2
    growth = np.log(np.maximum(distance, small) / small) / math.log(max_distance / small)
    far = small + (growth * (count - small) + 1e-9).astype(int)
    bucket = np.where(distance < small, distance, np.minimum(far, count - 1))
    return bucket + (count * (offset > 0) if bidirectional else 0)


ROWS: Final[dict[str, Row]] = {
    "scaled_dot_product_attention": _scaled_dot_product_attention,
    "multi_head_attention": _multi_head_attention,
    "rotary_embedding": _rotary_embedding,
    "sinusoidal_positions": _sinusoidal_positions,
    "learned_positions": _learned_positions,
    "relative_position_bias": _relative_position_bias,
    "bucketed_position_bias": _bucketed_position_bias,
}
