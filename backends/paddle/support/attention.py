import math

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    scale: float | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Scaled dot-product attention with heads before time, which Paddle has behind."""
    q, k, v = (x.transpose([0, 2, 1, 3]) for x in (q, k, v))
    y = F.scaled_dot_product_attention(q, k, v, mask, dropout, causal, scale=scale)
    return y.transpose([0, 2, 1, 3])


class DroppingAttention(nn.Layer):
    """F.scaled_dot_product_attention, dropping some of its weights in training."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout

    def forward(self, q: Tensor, k: Tensor, v: Tensor, *mask: Tensor, **options):
        dropout = self.dropout if self.training else 0.0
        return attend(q, k, v, *mask, dropout=dropout, **options)


def alibi_slopes(heads: int) -> list[float]:
    """How fast scores fall with the distance, for each head."""
    known = 2 ** (heads.bit_length() - 1)
    own = [2.0 ** (-8 * (i + 1) / known) for i in range(known)]
    return own + [2.0 ** (-4 * (2 * i + 1) / known) for i in range(heads - known)]


def place_scores(
    q: Tensor,
    k: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    window: int | None = None,
    alibi: bool = False,
) -> Tensor:
    """What is added to scores for how far away keys are: minus infinity hides them."""
    offset = paddle.arange(q.shape[2]).unsqueeze(1) - paddle.arange(k.shape[2])
    hidden = offset < 0 if causal else paddle.zeros_like(offset, dtype="bool")
    if window is not None:
        hidden = hidden | (offset.abs() >= window)
    scores = paddle.zeros_like(offset, dtype=q.dtype).unsqueeze([0, 1])
    if alibi:
        slopes = paddle.to_tensor(alibi_slopes(q.shape[1]), dtype=q.dtype)
        scores = scores - slopes.reshape([1, -1, 1, 1]) * offset.abs().astype(q.dtype)
    if mask is not None and mask.dtype == paddle.bool:
        hidden = hidden | ~mask
    elif mask is not None:
        scores = scores + mask
    return paddle.where(hidden, paddle.full_like(scores, float("-inf")), scores)


def hide_future(time: int, source: int, mask: Tensor | None = None) -> Tensor:
    """A mask that also hides what comes later; Paddle takes one or the other."""
    past = paddle.ones([time, source], dtype="bool").tril()
    if mask is None:
        return past
    if mask.dtype == paddle.bool:
        return mask & past
    return paddle.where(past, mask, paddle.full_like(mask, float("-inf")))


def attend_to(layer: nn.Layer, query: Tensor, memory: Tensor) -> Tensor:
    """Attention to one tensor, which Paddle's own layer must be given twice."""
    return layer(query, memory, memory)


class MultiHeadAttention(nn.Layer):
    """Multi-head attention with a size of heads and of the output that are free."""

    def __init__(
        self,
        features: int,
        num_heads: int,
        head_dim: int | None = None,
        key_features: int | None = None,
        value_features: int | None = None,
        out_features: int | None = None,
        bias_attr: bool | tuple[str, ...] | None = None,
        causal: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.head_dim = head_dim or features // num_heads
        inner = num_heads * self.head_dim
        key_features = key_features or features
        value_features = value_features or key_features
        self.num_heads = num_heads
        self.causal = causal
        self.dropout = dropout
        biased = ("q", "k", "v", "out") if bias_attr is None else bias_attr or ()
        q, k, v, out = (None if n in biased else False for n in ("q", "k", "v", "out"))
        self.q_proj = nn.Linear(features, inner, bias_attr=q)
        self.k_proj = nn.Linear(key_features, inner, bias_attr=k)
        self.v_proj = nn.Linear(value_features, inner, bias_attr=v)
        self.out_proj = nn.Linear(inner, out_features or features, bias_attr=out)

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        key = query if key is None else key
        value = key if value is None else value
        q, k, v = (
            x.reshape([0, 0, self.num_heads, self.head_dim])
            for x in (self.q_proj(query), self.k_proj(key), self.v_proj(value))
        )
        causal = self.causal and mask is None and key is query
        if self.causal and not causal:
            mask = hide_future(query.shape[1], key.shape[1], mask)
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, mask, dropout, causal)
        return self.out_proj(y.flatten(2))


def wave_angles(time: int, features: int, base: float) -> Tensor:
    """place / base^(2 i / features), in float64."""
    places = paddle.arange(time, dtype="float64").unsqueeze(1)
    exponents = paddle.arange(0, features, 2, dtype="float64") / features
    return places / paddle.full_like(exponents, base) ** exponents


def rotary_embedding(x: Tensor, base: float = 10000.0, style: str = "half") -> Tensor:
    """Turns pairs of features by angles that grow with the place."""
    angles = wave_angles(x.shape[-2], x.shape[-1], base)
    cos, sin = angles.cos().astype(x.dtype), angles.sin().astype(x.dtype)
    if style == "half":
        x1, x2 = x.chunk(2, axis=-1)
        return paddle.concat([x1 * cos - x2 * sin, x1 * sin + x2 * cos], axis=-1)
    x1, x2 = x[..., ::2], x[..., 1::2]
    pairs = paddle.stack([x1 * cos - x2 * sin, x1 * sin + x2 * cos], axis=-1)
    return pairs.flatten(-2)


def rotary_at(
    x: Tensor, places: Tensor, base: float = 10000.0, style: str = "half"
) -> Tensor:
    """Turns pairs of features by angles that grow with the place, which is given."""
    exponents = paddle.arange(0, x.shape[-1], 2, dtype="float64") / x.shape[-1]
    rates = paddle.full_like(exponents, base) ** exponents
    angles = places.astype("float64").unsqueeze(1).unsqueeze(3) / rates
    cos, sin = angles.cos().astype(x.dtype), angles.sin().astype(x.dtype)
    if style == "half":
        x1, x2 = x.chunk(2, axis=-1)
        return paddle.concat([x1 * cos - x2 * sin, x1 * sin + x2 * cos], axis=-1)
    x1, x2 = x[..., ::2], x[..., 1::2]
    pairs = paddle.stack([x1 * cos - x2 * sin, x1 * sin + x2 * cos], axis=-1)
    return pairs.flatten(-2)


def add_sinusoidal_positions(
    x: Tensor, base: float = 10000.0, layout: str = "interleaved"
) -> Tensor:
    """Adds sines and cosines of the place, of growing wavelengths."""
    angles = wave_angles(x.shape[-2], x.shape[-1], base)
    axis = -1 if layout == "interleaved" else -2
    waves = paddle.stack([angles.sin(), angles.cos()], axis=axis)
    return x + waves.flatten(1).astype(x.dtype)


class LearnedPositions(nn.Layer):
    """Adds a learned row for each place."""

    def __init__(self, max_length: int, features: int) -> None:
        super().__init__()
        normal = nn.initializer.Normal(std=0.02)
        self.weight = self.create_parameter(
            [max_length, features], default_initializer=normal
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]


class RelativePositionBias(nn.Layer):
    """Adds a learned number for each head and each offset in a window of pixels."""

    def __init__(self, window_size: tuple[int, int], num_heads: int) -> None:
        super().__init__()
        height, width = window_size
        self.weight = self.create_parameter(
            [(2 * height - 1) * (2 * width - 1), num_heads],
            default_initializer=nn.initializer.Normal(std=0.02),
        )
        pixels = paddle.arange(height * width)
        y, x = pixels // width, pixels % width
        down, right = y.unsqueeze(1) - y, x.unsqueeze(1) - x
        index = (down + height - 1) * (2 * width - 1) + right + width - 1
        self.register_buffer("index", index, persistable=False)

    def forward(self, scores: Tensor) -> Tensor:
        return scores + F.embedding(self.index, self.weight).transpose([2, 0, 1])


def bucket_edges(count: int, max_distance: int) -> list[int]:
    """Where buckets begin: half have one distance each, the others ever more."""
    small = count // 2
    growth = (max_distance / small) ** (1 / (count - small))
    # Rounding must not move an edge that is a whole number.
    far = [math.ceil(small * growth**i - 1e-9) for i in range(1, count - small)]
    return [*range(1, small + 1), *far]


class BucketedPositionBias(nn.Layer):
    """Adds a learned number for each head and each range of distances."""

    def __init__(
        self,
        num_heads: int,
        num_buckets: int = 32,
        max_distance: int = 128,
        bidirectional: bool = True,
    ) -> None:
        super().__init__()
        self.later = num_buckets // 2 if bidirectional else 0
        self.weight = self.create_parameter(
            [num_buckets, num_heads],
            default_initializer=nn.initializer.Normal(std=0.02),
        )
        edges = paddle.to_tensor(bucket_edges(num_buckets - self.later, max_distance))
        self.register_buffer("edges", edges, persistable=False)

    def forward(self, scores: Tensor) -> Tensor:
        places = paddle.arange(scores.shape[2]).unsqueeze(1)
        offset = paddle.arange(scores.shape[3]) - places
        distance = offset.abs() if self.later else (-offset).clip(min=0)
        index = paddle.bucketize(distance, self.edges, right=True)
        index = index + self.later * (offset > 0).astype("int64")
        return scores + F.embedding(index, self.weight).transpose([2, 0, 1])
