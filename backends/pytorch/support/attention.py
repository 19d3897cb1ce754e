import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def hide_future(mask: Tensor, q: Tensor) -> Tensor:
    """A mask that also hides what comes later; places are on the last axis but one."""
    shape = (q.shape[-2], mask.shape[-1])
    past = torch.ones(shape, dtype=torch.bool, device=mask.device).tril()
    if mask.dtype == torch.bool:
        return mask & past
    return torch.where(past, mask, float("-inf"))


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
    places = torch.arange(k.shape[-2], device=q.device)
    offset = torch.arange(q.shape[-2], device=q.device)[:, None] - places
    hidden = offset < 0 if causal else torch.zeros_like(offset, dtype=torch.bool)
    if window is not None:
        hidden = hidden | (offset.abs() >= window)
    scores = torch.zeros_like(offset, dtype=q.dtype)
    if alibi:
        scores = -q.new_tensor(alibi_slopes(q.shape[1]))[:, None, None] * offset.abs()
    if mask is not None and mask.dtype == torch.bool:
        hidden = hidden | ~mask
    elif mask is not None:
        scores = scores + mask
    return scores.masked_fill(hidden, float("-inf"))


class DroppingAttention(nn.Module):
    """Scaled dot-product attention that drops some of its weights in training."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout

    def forward(self, q: Tensor, k: Tensor, v: Tensor, **options) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, **options)


def attend_to(layer: nn.Module, query: Tensor, memory: Tensor) -> Tensor:
    """Attention whose keys and values come from one tensor."""
    return layer(query, memory, memory, need_weights=False)[0]


class MultiHeadAttention(nn.Module):
    """Multi-head attention with a size of heads and of the output that are free."""

    def __init__(
        self,
        features: int,
        num_heads: int,
        head_dim: int | None = None,
        key_features: int | None = None,
        value_features: int | None = None,
        out_features: int | None = None,
        bias: bool | tuple[str, ...] = True,
        causal: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        biased = ("q", "k", "v", "out") if bias is True else bias or ()
        inner = num_heads * (head_dim or features // num_heads)
        key_features = key_features or features
        self.num_heads = num_heads
        self.causal = causal
        self.dropout = dropout
        self.q_proj = nn.Linear(features, inner, "q" in biased)
        self.k_proj = nn.Linear(key_features, inner, "k" in biased)
        self.v_proj = nn.Linear(value_features or key_features, inner, "v" in biased)
        self.out_proj = nn.Linear(inner, out_features or features, "out" in biased)

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
            x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for x in (self.q_proj(query), self.k_proj(key), self.v_proj(value))
        )
        causal = self.causal and mask is None
        if self.causal and mask is not None:
            mask = hide_future(mask, q)
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, mask, dropout, is_causal=causal)
        return self.out_proj(y.transpose(1, 2).flatten(2))


def wave_angles(time: int, features: int, base: float) -> Tensor:
    """place / base^(2 i / features), in float64."""
    places = torch.arange(time, dtype=torch.float64)
    exponents = torch.arange(0, features, 2, dtype=torch.float64) / features
    return places[:, None] / base**exponents


def rotary_embedding(x: Tensor, base: float = 10000.0, style: str = "half") -> Tensor:
    """Turns pairs of features by angles that grow with the place."""
    angles = wave_angles(x.shape[-2], x.shape[-1], base)
    cos, sin = angles.cos().to(x), angles.sin().to(x)
    if style == "half":
        x1, x2 = x.chunk(2, dim=-1)
        return torch.cat((x1 * cos - x2 * sin, x1 * sin + x2 * cos), dim=-1)
    x1, x2 = x[..., ::2], x[..., 1::2]
    return torch.stack((x1 * cos - x2 * sin, x1 * sin + x2 * cos), dim=-1).flatten(-2)


def rotary_at(
    x: Tensor, places: Tensor, base: float = 10000.0, style: str = "half"
) -> Tensor:
    """Turns pairs of features by angles that grow with the place, which is given."""
    exponents = torch.arange(0, x.shape[-1], 2, dtype=torch.float64) / x.shape[-1]
    angles = places[:, None, :, None] / (base**exponents).to(x.device)
    cos, sin = angles.cos().to(x), angles.sin().to(x)
    if style == "half":
        x1, x2 = x.chunk(2, dim=-1)
        return torch.cat((x1 * cos - x2 * sin, x1 * sin + x2 * cos), dim=-1)
    x1, x2 = x[..., ::2], x[..., 1::2]
    return torch.stack((x1 * cos - x2 * sin, x1 * sin + x2 * cos), dim=-1).flatten(-2)


def add_sinusoidal_positions(
    x: Tensor, base: float = 10000.0, layout: str = "interleaved"
) -> Tensor:
    """Adds sines and cosines of the place, of growing wavelengths."""
    angles = wave_angles(x.shape[-2], x.shape[-1], base)
    dim = -1 if layout == "interleaved" else -2
    waves = torch.stack((angles.sin(), angles.cos()), dim=dim)
    return x + waves.flatten(1).to(x)


class LearnedPositions(nn.Module):
    """Adds a learned row for each place."""

    def __init__(self, max_length: int, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(max_length, features))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]


class RelativePositionBias(nn.Module):
    """Adds a learned number for each head and each offset in a window of pixels."""

    def __init__(self, window_size: tuple[int, int], num_heads: int) -> None:
        super().__init__()
        height, width = window_size
        self.weight = nn.Parameter(
            torch.empty((2 * height - 1) * (2 * width - 1), num_heads)
        )
        nn.init.normal_(self.weight, std=0.02)
        pixels = torch.arange(height * width, device=filled_device())
        y, x = pixels // width, pixels % width
        down, right = y[:, None] - y, x[:, None] - x
        index = (down + height - 1) * (2 * width - 1) + right + width - 1
        self.index = nn.Buffer(index, persistent=False)

    def forward(self, scores: Tensor) -> Tensor:
        return scores + self.weight[self.index].permute(2, 0, 1)


def bucket_edges(count: int, max_distance: int) -> list[int]:
    """Where buckets begin: half have one distance each, the others ever more."""
    small = count // 2
    growth = (max_distance / small) ** (1 / (count - small))
    # Rounding must not move an edge that is a whole number.
    far = [math.ceil(small * growth**i - 1e-9) for i in range(1, count - small)]
    return [*range(1, small + 1), *far]


class BucketedPositionBias(nn.Module):
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
        self.weight = nn.Parameter(torch.empty(num_buckets, num_heads))
        nn.init.normal_(self.weight, std=0.02)
        edges = bucket_edges(num_buckets - self.later, max_distance)
        self.edges = nn.Buffer(
            torch.tensor(edges, device=filled_device()), persistent=False
        )

    def forward(self, scores: Tensor) -> Tensor:
        time, source = scores.shape[-2:]
        device = scores.device
        places = torch.arange(time, device=device)[:, None]
        offset = torch.arange(source, device=device) - places
        distance = offset.abs() if self.later else (-offset).clamp(min=0)
        index = torch.bucketize(distance, self.edges, right=True)
        index = index + self.later * (offset > 0)
        return scores + self.weight[index].permute(2, 0, 1)
