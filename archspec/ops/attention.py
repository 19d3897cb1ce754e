"""Attention, and how sequences tell places apart."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._shapes import broadcast
from archspec.ops._special import LEAST_SHARE
from archspec.ops.base import (
    MODERATE,
    Draw,
    DType,
    Flag,
    Operation,
    Parameter,
    Positive,
    Probability,
    Real,
    Sets,
    Shape,
    Window2d,
    check_rank,
    describe,
    product,
    show,
)

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")

DROPOUT = Field(0.0, description="share of the weights of the sums that training sets to zero; the rest is scaled")
PROJECTIONS: Final = ("q", "k", "v", "out")


def _biases(value: Any) -> bool | tuple[str, ...]:
    """All, none, or some of the projections, in their order."""
    if isinstance(value, (list, tuple)) and value and all(name in PROJECTIONS for name in value):
        return len({*value}) == len(PROJECTIONS) or tuple(name for name in PROJECTIONS if name in value)
    if not isinstance(value, bool):
        raise ValueError(f"must be true, false or a list of {', '.join(PROJECTIONS)}, not {describe(value)}")
    return value


if TYPE_CHECKING:
    Biases = bool | tuple[str, ...]
else:
    _NAMES = {"type": "array", "items": {"enum": [*PROJECTIONS]}, "minItems": 1}
    Biases = Annotated[Any, BeforeValidator(_biases), WithJsonSchema({"anyOf": [{"type": "boolean"}, _NAMES]})]
AboveZero = Annotated[Real, Field(gt=0)]
_MASK: tuple[DType, ...] = ("bool", "float")


def _attend(
    q: Array, k: Array, v: Array, mask: Array | None = None, kept: Array | None = None, *, causal: bool = False,
    scale: float | None = None, window: int | None = None, alibi: bool = False, dropout: float = 0.0,
) -> Array:  # fmt: skip
    """softmax(q k^T scale) v over the last two axes, for heads that are on the axis before."""
    k, v = (x.repeat(q.shape[1] // x.shape[1], axis=1) for x in (k, v))
    scores = q @ k.swapaxes(-1, -2)
    scores *= q.dtype.type(q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], dtype=bool)), scores, -np.inf)
    distance = np.abs(np.arange(scores.shape[2])[:, None] - np.arange(scores.shape[3]))
    if window is not None:
        scores = np.where(distance < window, scores, -np.inf)
    if alibi:
        slopes = np.array(alibi_slopes(scores.shape[1]), scores.dtype)
        scores = scores - slopes[:, None, None] * distance.astype(scores.dtype)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    highest = scores.max(-1, keepdims=True)
    if (highest == -np.inf).any():
        raise ValueError("a mask hides everything from one of the queries")
    weights = np.exp(scores - highest)
    weights /= weights.sum(-1, keepdims=True)
    return (weights if kept is None else np.where(kept, weights / (1 - dropout), 0)) @ v


def alibi_slopes(heads: int) -> list[float]:
    """2^(-8 i / heads) for the heads i from 1 on; if they are no power of two, those of the largest in them, and every
    second one of twice as many."""
    known = 2 ** (heads.bit_length() - 1)
    own = [2.0 ** (-8 * (i + 1) / known) for i in range(known)]
    return own + [2.0 ** (-4 * (2 * i + 1) / known) for i in range(heads - known)]


def _drawn(scores: Shape, dropout: float) -> dict[str, Draw]:
    """Which weights of attention training keeps."""
    return {"kept": Draw(scores, 1 - dropout)} if dropout else {}


def _check_mask(mask: Shape, scores: Shape) -> None:
    if len(mask) != 4 or broadcast(scores, mask) != scores:
        raise ShapeError(f"needs a mask that broadcasts to the scores, {show(scores)}, not {show(mask)}")


class ScaledDotProductAttention(Operation):
    """y = softmax(scale q k^T + mask) v, for each head.

    Inputs: q: batch, heads, time, d; k: batch, kv_heads, source, d; v: batch, kv_heads, source, features; perhaps a
    mask that broadcasts to batch, heads, time, source: true where q may look, or numbers to add. Output: batch, heads,
    time, features. Where kv_heads is less than heads, which it divides, neighbouring heads share k and v (grouped
    queries). What a query sees must not be masked altogether. With `alibi` scores lose slope_h |i - j| for a query at
    place i and a key at place j, with 2^(-8 h / heads) as the slope of head h, from 1 on. Vaswani et al., Attention is
    all you need, 2017, https://arxiv.org/abs/1706.03762; Ainslie et al., GQA, 2023, https://arxiv.org/abs/2305.13245;
    Press et al., ALiBi, 2021, https://arxiv.org/abs/2108.12409.
    """

    free: ClassVar[frozenset[str]] = frozenset({"dropout"})

    wish: ClassVar = "spec"
    steep: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (3, 4)
    takes_each: ClassVar[tuple[tuple[DType, ...], ...]] = (("float",),) * 3 + (_MASK,)
    causal: Flag = Field(False, description="the query at a place sees the places up to it, counted from the first")
    scale: AboveZero | None = Field(None, description="factor of the scores; null: 1 / sqrt(d)")
    window: Positive | None = Field(None, description="a query sees places that are less than so many away; null: all")
    alibi: Flag = Field(False, description="the farther away a key is, the lower is its score")
    dropout: Probability = DROPOUT

    def infer(self, q: Shape, k: Shape, v: Shape, mask: Shape | None = None) -> tuple[Shape, ...]:
        for x in (q, k, v):
            check_rank(x, 4)
        if k[:3] != v[:3] or q[0] != k[0] or q[3] != k[3]:
            raise ShapeError(
                f"cannot attend with q {show(q)} to k {show(k)} and v {show(v)}",
                hint="q and k need as many features, k and v as many heads and places",
            )
        if q[1] % k[1]:
            raise ShapeError(f"the {k[1]} heads of k and v must divide the {q[1]} heads of q")
        if mask is not None:
            _check_mask(mask, (*q[:3], k[2]))
        if self.window is not None and q[2] - k[2] >= self.window:
            raise ShapeError(
                f"window (={self.window}) hides all {k[2]} places from the last of {q[2]} queries", attribute="window"
            )
        return ((*q[:3], v[3]),)

    def edges(self, q: Shape, k: Shape, v: Shape, mask: Shape | None = None) -> tuple[Sets, ...]:
        """A head whose scores are equal and below -1e4, which some take for minus infinity where a mask hides; numbers
        that make the scores exact."""
        scale = q[3] ** -0.5 if self.scale is None else self.scale
        far = 2.0 ** math.ceil(math.log2(16384 / (scale * q[3])) / 2)
        return (((far,), *MODERATE), ((-far,), *MODERATE), (), *(() for _ in (mask,) if mask is not None))

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        return product(inputs[0][:3]) * inputs[1][2] * (inputs[0][3] + outputs[0][3])

    def inner(self, q: Array, k: Array, v: Array, mask: Array | None = None) -> Array:
        return LEAST_SHARE * np.abs(v).sum(2, keepdims=True).repeat(q.shape[1] // v.shape[1], axis=1)

    def draws(self, q: Shape, k: Shape, v: Shape, mask: Shape | None = None) -> dict[str, Draw]:
        return _drawn((*q[:3], k[2]), self.dropout)

    def reference(self, q: Array, k: Array, v: Array, mask: Array | None = None, *, kept: Array | None = None) -> Array:
        return _attend(q, k, v, mask, kept, causal=self.causal, scale=self.scale, window=self.window, alibi=self.alibi,
                       dropout=self.dropout)  # fmt: skip


class MultiHeadAttention(Operation):
    """y = concat of softmax(q_h k_h^T / sqrt(head_dim) + mask) v_h over the heads h, projected.

    q, k and v are linear in the inputs query: batch, time, features; key (by default query): batch, source, any
    features; value (by default key): batch, source, any features. A fourth input may be a mask that broadcasts to
    batch, heads, time, source: true where a query may look, or numbers to add; it must not hide everything. Output:
    batch, time, out_features. Weights: out, in. Vaswani et al., Attention is all you need, 2017,
    https://arxiv.org/abs/1706.03762.
    """

    free: ClassVar[frozenset[str]] = frozenset({"out_features", "dropout"})
    wish: ClassVar = "spec"
    steep: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (1, 4)
    takes_each: ClassVar[tuple[tuple[DType, ...], ...]] = (("float",),) * 3 + (_MASK,)
    gain: ClassVar[tuple[str, ...]] = ("out_proj_weight", "out_proj_bias")
    num_heads: Positive = Field(description="number of heads")
    causal: Flag = Field(False, description="the query at a place sees the places up to it, counted from the first")
    bias: Biases = Field(True, description="add learned numbers in each of the four projections, or in a list of them")
    dropout: Probability = DROPOUT
    head_dim: Positive | None = Field(None, description="features of a head; null: features / num_heads")
    out_features: Positive | None = Field(None, description="features of the output; null: those of the query")

    def edges(self, *inputs: Shape) -> tuple[Sets, ...]:
        return (*(MODERATE,) * min(3, len(inputs)), *((),) * (len(inputs) - 3))

    @property
    def biased(self) -> tuple[str, ...]:
        """The projections that have a bias."""
        return PROJECTIONS if self.bias is True else self.bias or ()

    @staticmethod
    def _whole(query: Shape, key: Shape | None = None, value: Shape | None = None) -> tuple[Shape, Shape, Shape]:
        key = query if key is None else key
        return query, key, key if value is None else value

    def head_size(self, query: Shape) -> int:
        """The features of a head."""
        return query[2] // self.num_heads if self.head_dim is None else self.head_dim

    def infer(
        self, query: Shape, key: Shape | None = None, value: Shape | None = None, mask: Shape | None = None
    ) -> tuple[Shape, ...]:
        query, key, value = self._whole(query, key, value)
        for x in (query, key, value):
            check_rank(x, 3)
        if self.head_dim is None and query[2] % self.num_heads:
            raise ShapeError(
                f"num_heads (={self.num_heads}) must divide the {query[2]} features of its input",
                attribute="num_heads",
                hint="or say head_dim",
            )
        if key[:2] != value[:2] or query[0] != key[0]:
            raise ShapeError(f"cannot attend with query {show(query)} to key {show(key)} and value {show(value)}")
        if mask is not None:
            _check_mask(mask, (query[0], self.num_heads, query[1], key[1]))
        return ((*query[:2], query[2] if self.out_features is None else self.out_features),)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        inner = self.num_heads * self.head_size(inputs[0])
        sizes = {name: (inner, x[2]) for name, x in zip("qkv", self._whole(*inputs[:3]), strict=True)}
        sizes["out"] = (self.infer(*inputs)[0][2], inner)
        found = {f"{name}_proj_weight": Parameter(shape) for name, shape in sizes.items()}
        found |= {f"{name}_proj_bias": Parameter(sizes[name][:1], "bias") for name in self.biased}
        return found

    def draws(self, *inputs: Shape) -> dict[str, Draw]:
        query, key, _ = self._whole(*inputs[:3])
        return _drawn((query[0], self.num_heads, query[1], key[1]), self.dropout)

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        query, key, value = self._whole(*inputs[:3])
        inner = self.num_heads * self.head_size(query)
        projections = product((*query, inner)) + product((*key, inner)) + product((*value, inner))
        return projections + 2 * product((*query[:2], key[1], inner)) + product((*outputs[0], inner))

    def inner(
        self, query: Array, key: Array | None = None, value: Array | None = None, mask: Array | None = None
    ) -> Array:
        seen = query if key is None else key if value is None else value
        projected = np.abs(seen).max((1, 2), keepdims=True).clip(1)  # weights are such that results are near one
        return LEAST_SHARE * seen.shape[1] * projected

    def reference(
        self, query: Array, key: Array | None = None, value: Array | None = None, mask: Array | None = None, *,
        kept: Array | None = None, **w: Array,
    ) -> Array:  # fmt: skip
        def project(name: str, x: Array) -> Array:
            y = x @ w[f"{name}_proj_weight"].T
            return y + w[f"{name}_proj_bias"] if name in self.biased else y

        key = query if key is None else key
        value = key if value is None else value
        heads = (project(*each) for each in (("q", query), ("k", key), ("v", value)))
        q, k, v = (x.reshape(*x.shape[:2], self.num_heads, -1).swapaxes(1, 2) for x in heads)
        y = _attend(q, k, v, mask, kept, causal=self.causal, dropout=self.dropout).swapaxes(1, 2)
        return project("out", y.reshape(*y.shape[:2], -1))


def _angles(places: int | Array, features: int, base: float) -> Array:
    """place / base^(2 i / features), for the places, or so many from 0 on, and half as many i as there are features."""
    places = np.arange(places) if isinstance(places, int) else places
    return places[..., None] / base ** (np.arange(0, features, 2) / features)


def _check_even(features: int) -> None:
    if features % 2:
        raise ShapeError(f"needs an even number of features, not {features}")


class _Positions(Operation):
    wish: ClassVar = "spec"
    linear: ClassVar[bool] = True


class RotaryEmbedding(_Positions):
    """(y1, y2) = (x1 cos a - x2 sin a, x1 sin a + x2 cos a), with a = place / base^(2 i / d), for the pairs i.

    Input and output: batch, heads, time, d, with d even. A place is counted from 0, or given by a second input, whole
    numbers: batch, time; so what comes after a cache stands at its own. With `half` the pair i is that of the features
    i and i + d/2 (GPT-NeoX, LLaMA), with `interleaved` that of 2 i and 2 i + 1 (GPT-J, and the paper).
    Su et al., RoFormer, 2021, https://arxiv.org/abs/2104.09864.
    """

    arity: ClassVar[tuple[int, int | None]] = (1, 2)
    takes_each: ClassVar[tuple[tuple[DType, ...], ...]] = (("float",), ("int64",))

    base: AboveZero = Field(10000.0, description="the slowest pair turns about base times slower than the first")
    style: Literal["half", "interleaved"] = Field("half", description="which features make a pair")

    def infer(self, x: Shape, places: Shape | None = None) -> tuple[Shape, ...]:
        check_rank(x, 4)
        _check_even(x[3])
        if places is not None and places != (x[0], x[2]):
            raise ShapeError(f"the places are {show(places)}, not {show((x[0], x[2]))}")
        return (x,)

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        return 2 * product(outputs[0])

    def reference(self, x: Array, places: Array | None = None) -> Array:
        angles = _angles(x.shape[2] if places is None else places[:, None], x.shape[3], self.base)
        cos, sin = np.cos(angles).astype(x.dtype), np.sin(angles).astype(x.dtype)
        half = x.shape[3] // 2
        first, second = (np.s_[..., :half], np.s_[..., half:]) if self.style == "half" else (
            np.s_[..., ::2], np.s_[..., 1::2])  # fmt: skip
        y = np.empty_like(x)
        y[first] = x[first] * cos - x[second] * sin
        y[second] = x[first] * sin + x[second] * cos
        return y


class SinusoidalPositions(_Positions):
    """y = x + p, with p[t, 2 i] = sin(t / base^(2 i / features)) and p[t, 2 i + 1] the cosine of the same.

    Input and output: batch, time, features, with features even. With `halves` the sines of all i come first, then the
    cosines. Vaswani et al., Attention is all you need, 2017, https://arxiv.org/abs/1706.03762.
    """

    base: AboveZero = Field(10000.0, description="the slowest wave is about base times longer than the first")
    layout: Literal["interleaved", "halves"] = Field("interleaved", description="the order of sines and cosines")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 3)
        _check_even(x[2])
        return (x,)

    def reference(self, x: Array) -> Array:
        angles = _angles(x.shape[1], x.shape[2], self.base)
        waves = np.stack((np.sin(angles), np.cos(angles)), -1 if self.layout == "interleaved" else -2)
        return x + waves.reshape(x.shape[1:]).astype(x.dtype)


class LearnedPositions(_Positions):
    """y[t] = x[t] + weight[t]: a learned row for each place.

    Input and output: batch, time, features. Weight: max_length, features.
    """

    max_length: Positive | None = Field(None, description="rows of the table; null: the time of the input")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 3)
        if self.max_length is not None and self.max_length < x[1]:
            raise ShapeError(f"max_length (={self.max_length}) must not be less than the time of its input, {x[1]}",
                             attribute="max_length")  # fmt: skip
        return (x,)

    def rows(self, x: Shape) -> int:
        """The rows of the table."""
        return x[1] if self.max_length is None else self.max_length

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {"weight": Parameter((self.rows(x), x[2]), "table")}

    def reference(self, x: Array, weight: Array) -> Array:
        return x + weight[: x.shape[1]]


class RelativePositionBias(_Positions):
    """y[head, a, b] = x[head, a, b] + weight[(ay - by + h - 1) (2 w - 1) + ax - bx + w - 1, head], for the pixels
    a = ay w + ax and b = by w + bx of a window.

    Input and output: scores of attention inside windows: batch, heads, h w, h w, or batch, windows, heads, h w, h w.
    Weight: (2 h - 1) (2 w - 1), heads. Liu et al., Swin transformer, 2021, https://arxiv.org/abs/2103.14030.
    """

    window_size: Window2d = Field(description="height and width of the window: one number, or one per axis")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 4, 5)
        height, width = self.window_size
        if x[-1] != height * width or x[-2] != height * width:
            raise ShapeError(f"needs scores among the {height * width} pixels of a window, not {show(x)}",
                             attribute="window_size")  # fmt: skip
        return (x,)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        height, width = self.window_size
        return {"weight": Parameter(((2 * height - 1) * (2 * width - 1), x[-3]), "table")}

    def reference(self, x: Array, weight: Array) -> Array:
        height, width = self.window_size
        rows, columns = np.divmod(np.arange(height * width), width)
        down = rows[:, None] - rows + height - 1
        right = columns[:, None] - columns + width - 1
        return x + np.moveaxis(weight[down * (2 * width - 1) + right], -1, 0)


class BucketedPositionBias(_Positions):
    """y[head, t, s] = x[head, t, s] + weight[bucket(s - t), head].

    Small distances have buckets of their own; the others, up to max_distance, share as many buckets, whose widths
    grow exponentially; what is farther away is in the last one. If not `bidirectional`, all that comes later is in
    the bucket of distance 0; else it has the second half of the buckets.

    Input and output: scores of attention: batch, heads, time, source. Weight: num_buckets, heads.
    Raffel et al., Exploring the limits of transfer learning (T5), 2019, https://arxiv.org/abs/1910.10683.
    """

    num_buckets: Positive = Field(32, description="number of buckets; even, if bidirectional")
    max_distance: Positive = Field(128, description="distances from here on share one bucket")
    bidirectional: Flag = Field(True, description="tell what comes before from what comes after")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 4)
        sides = 2 if self.bidirectional else 1
        if self.num_buckets % sides or self.num_buckets < 2 * sides:
            rule = "an even number of at least 4" if self.bidirectional else "at least 2"
            raise ShapeError(f"num_buckets (={self.num_buckets}) must be {rule}", attribute="num_buckets")
        if self.max_distance <= self.num_buckets // sides // 2:
            raise ShapeError(
                f"max_distance (={self.max_distance}) must be greater than the {self.num_buckets // sides // 2} "
                "distances that have buckets of their own",
                attribute="max_distance",
            )
        return (x,)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {"weight": Parameter((self.num_buckets, x[1]), "table")}

    def reference(self, x: Array, weight: Array) -> Array:
        offset = np.arange(x.shape[3]) - np.arange(x.shape[2])[:, None]
        count = self.num_buckets // 2 if self.bidirectional else self.num_buckets
        distance = abs(offset) if self.bidirectional else np.maximum(-offset, 0)
        small = count // 2
        growth = np.log(np.maximum(distance, small) / small) / np.log(self.max_distance / small)
        # Rounding must not put a distance just below a border that it is on.
        far = small + (growth * (count - small) + 1e-9).astype(int)
        bucket = np.where(distance < small, distance, np.minimum(far, count - 1))
        later = count * (offset > 0) if self.bidirectional else 0
        return x + np.moveaxis(weight[bucket + later], -1, 0)
