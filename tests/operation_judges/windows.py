"""Who judges convolutions, pools and images: PyTorch's functions, and ONNX's where PyTorch has none."""

from __future__ import annotations

import math
import warnings
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (as PyTorch's own documentation has it)
from torch import nn
from torch._meta_registrations import pooling_output_shape_pad_lr

from .common import Ask, Attributes, Judge, each, everywhere, given, held, last_first, onnx, windows

CONVOLUTIONS: Final = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED: Final = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def conv(rank: int, *, depthwise: bool = False) -> Ask:
    """PyTorch pads by itself where it knows how: with `same` for a stride of one. Keras' default multiplier is 1."""

    def ask(a: Attributes, x: Any, **weights: Any) -> Any:
        kernel, stride, dilation, pairs = windows(a, x, rank)
        own = a.get("padding") == "same" and set(stride) == {1} and all(k % 2 for k in kernel)
        options = given(a, "groups", "bias")
        out = a.get("out_channels")
        if depthwise:
            out, options["groups"] = x.shape[1] * a.get("multiplier", 1), x.shape[1]
        layer = CONVOLUTIONS[rank - 1](x.shape[1], out, kernel, stride, "same" if own else 0, dilation, **options)
        return held(layer, weights)(x if own else F.pad(x, last_first(pairs)))

    return ask


def separable(rank: int) -> Ask:
    def ask(a: Attributes, x: Any, **weights: Any) -> Any:
        first = {"weight": weights.pop("depthwise_weight")}
        second = {name.removeprefix("pointwise_"): array for name, array in weights.items()}
        inner = conv(rank, depthwise=True)({**a, "bias": False}, x, **first)
        last = {"out_channels": a["out_channels"], "kernel_size": 1, **given(a, "bias")}
        return conv(rank)(last, inner, **second)

    return ask


SEEN: Final = {
    (3, 3): ([1, 1, 1], [1, 0, 0], [0, 0, 0]),
    (3, 5): ([1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]),
    (5, 5): ([1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]),
    (1, 1): ([0],),
    # The centre of an even axis is element size // 2, as in the authors' code and those that followed it.
    (1, 4): ([1, 1, 0, 0],),
    (4, 1): ([1], [1], [0], [0]),
    (2, 4): ([1, 1, 1, 1], [1, 1, 0, 0]),
}
"""Mask A of the kernels of PixelCNN, by their sizes: figure 1 of van den Oord et al., Conditional image generation with
PixelCNN decoders, 2016. Mask B has a 1 in the place of the centre."""


def masked(a: Attributes, x: Any, weight: Any, **bias: Any) -> Any:
    kernel = tuple(each(a["kernel_size"], 2))
    seen = torch.tensor(SEEN[kernel])
    if a["mask"] == "B":
        seen[kernel[0] // 2, kernel[1] // 2] = 1
    return conv(2)(a, x, weight=weight * seen, **bias)


def conv_with(rank: int) -> Ask:
    """The layer of PyTorch with these weights, whose sizes say what it is."""

    def ask(a: Attributes, x: Any, kernel: Any, *bias: Any) -> Any:
        sizes = {"out_channels": kernel.shape[1], "kernel_size": list(kernel.shape[3:]), "bias": bool(bias)}
        weights = {"weight": kernel[0]} | ({"bias": bias[0][0]} if bias else {})
        return conv(rank)({**a, **sizes}, x, **weights)

    return ask


def conv_transpose_with(rank: int) -> Ask:
    def ask(a: Attributes, x: Any, kernel: Any, *bias: Any) -> Any:
        out = kernel.shape[2] * a.get("groups", 1)
        sizes = {"out_channels": out, "kernel_size": list(kernel.shape[3:]), "bias": bool(bias)}
        weights = {"weight": kernel[0]} | ({"bias": bias[0][0]} if bias else {})
        return conv_transpose(rank)({**a, **sizes}, x, **weights)

    return ask


def conv_transpose(rank: int) -> Ask:
    def ask(a: Attributes, x: Any, **weights: Any) -> Any:
        _, _, _, pairs = windows(a, x, rank)
        padding, more = [before for before, _ in pairs], [[0, 0]] * rank
        if any(before != after for before, after in pairs):  # PyTorch cuts off as much on both sides
            padding, more = [0] * rank, pairs
        options = given(a, "stride", "output_padding", "groups", "dilation", "bias")
        layer = TRANSPOSED[rank - 1](x.shape[1], a["out_channels"], a["kernel_size"], padding=padding, **options)
        y = held(layer, weights)(x)
        inside = [slice(before, size - after) for size, (before, after) in zip(y.shape[2:], more, strict=True)]
        return y[(..., *inside)]

    return ask


# Pools --------------------------------------------------------------------------------------------------------------


def beyond(a: Attributes, x: Any, rank: int) -> tuple[list[list[int]], list[list[int]]]:
    """The padding, and what has to be added after it so that all windows of PyTorch's own count fit."""
    kernel, stride, dilation, pairs = windows(a, x, rank, a["kernel_size"])
    more = []
    for n, k, s, d, (before, after) in zip(x.shape[2:], kernel, stride, dilation, pairs, strict=True):
        count = pooling_output_shape_pad_lr(n, k, before, after, s, d, a.get("ceil_mode", False))
        if a.get("padding") == "same":
            count = math.ceil(n / s)
        more.append([0, (count - 1) * s + (k - 1) * d + 1 - n - before - after])
    return pairs, more


def enlarged(x: Any, pairs: list[list[int]], value: float = 0.0) -> Any:
    return F.pad(x, last_first(pairs), value=value)


def max_pool(rank: int) -> Ask:
    def ask(a: Attributes, x: Any) -> Any:
        kernel, stride, dilation, pairs = windows(a, x, rank, a["kernel_size"])
        function = getattr(F, f"max_pool{rank}d")
        if everywhere(pairs, kernel) and a.get("padding") != "same":
            padding = [before for before, _ in pairs]
            return function(x, padding=padding, **given(a, "kernel_size", "stride", "dilation", "ceil_mode"))
        wide = enlarged(enlarged(x, pairs, -math.inf), beyond(a, x, rank)[1], -math.inf)
        return function(wide, kernel, stride, 0, dilation)

    return ask


def avg_pool(rank: int) -> Ask:
    def ask(a: Attributes, x: Any) -> Any:
        kernel, stride, _, pairs = windows(a, x, rank, a["kernel_size"])
        function = getattr(F, f"avg_pool{rank}d")
        counted = a.get("count_include_pad", False)
        fits = all(k <= n for k, n in zip(kernel, x.shape[2:], strict=True))  # avg_pool3d does not count the padding
        if fits and everywhere(pairs, kernel) and a.get("padding") != "same":
            padding = [before for before, _ in pairs]
            options = given(a, "kernel_size", "stride", "ceil_mode")
            return function(x, padding=padding, count_include_pad=counted, **options)
        more = beyond(a, x, rank)[1]
        ones = torch.ones_like(x)
        inside = enlarged(ones, pairs, float(counted))
        total, count = (function(enlarged(y, more), kernel, stride) for y in (enlarged(x, pairs), inside))
        return total / count

    return ask


def lp_pool(rank: int) -> Ask:
    def ask(a: Attributes, x: Any) -> Any:
        kernel, stride, _, pairs = windows(a, x, rank, a["kernel_size"])
        wide = enlarged(enlarged(x.abs(), pairs), beyond(a, x, rank)[1])
        size, step = (kernel, stride) if rank > 1 else (kernel[0], stride[0])
        return getattr(F, f"lp_pool{rank}d")(wide, float(a.get("norm_type", 2)), size, step)

    return ask


def adaptive(kind: str, rank: int) -> Ask:
    return lambda a, x: getattr(F, f"adaptive_{kind}_pool{rank}d")(x, a["output_size"])


def over_all(kind: str, rank: int) -> Ask:
    """A global pool is the adaptive one to a single element."""

    def ask(a: Attributes, x: Any) -> Any:
        y = getattr(F, f"adaptive_{kind}_pool{rank}d")(x, 1)
        return y if a.get("keepdims", False) else y.reshape(x.shape[:2])

    return ask


# Images -------------------------------------------------------------------------------------------------------------


def resized(a: Attributes, x: Any, *like: Any) -> Any:
    """By PyTorch; where elements are copied, to many by ONNX: PyTorch has scales in float32, which is off by one then.
    (To few not: ONNX's reference rounds some places that are just below an element to the one before.)"""
    rank = x.ndim - 2
    mode = a.get("mode", "nearest")
    if like:
        size = list(like[0].shape[2:])
    elif "size" in a:
        size = each(a["size"], rank)
    else:
        factors = each(a["scale"], rank)
        size = [math.floor(round(n * factor, 9)) for n, factor in zip(x.shape[2:], factors, strict=True)]
    if mode in ("nearest", "nearest_exact") and max(size) <= 20:
        return F.interpolate(x, size, mode=mode.replace("_", "-"))
    if mode in ("nearest", "nearest_exact"):
        place, rounding = ("asymmetric", "floor") if mode == "nearest" else ("half_pixel", "round_prefer_ceil")
        return onnx("Resize", x, None, None, np.array([*x.shape[:2], *size]), mode="nearest", nearest_mode=rounding,
                    coordinate_transformation_mode=place)  # fmt: skip
    return F.interpolate(x, size, mode=mode, align_corners=a.get("align_corners", False))


def unfold(a: Attributes, x: Any) -> Any:
    kernel, stride, dilation, pairs = windows(a, x, 2)
    return F.unfold(F.pad(x, last_first(pairs)), kernel, dilation, 0, stride)


def fold(a: Attributes, x: Any) -> Any:
    kernel, stride, dilation, pairs = windows(a, x, 2)
    height, width = each(a["output_size"], 2)
    (top, bottom), (left, right) = pairs
    if top == bottom and left == right:
        return F.fold(x, (height, width), kernel, dilation, (top, left), stride)
    y = F.fold(x, (height + top + bottom, width + left + right), kernel, dilation, 0, stride)
    return y[:, :, top : top + height, left : left + width]


def patches(a: Attributes, x: Any) -> Any:
    """What unfold takes if windows touch each other; ViT's embedding is a convolution of that stride."""
    return F.unfold(x, a["patch_size"], stride=a["patch_size"]).mT


def max_pool_with_indices(rank: int) -> Ask:
    def ask(a: Attributes, x: Any) -> Any:
        pool = getattr(F, f"max_pool{rank}d")
        return tuple(pool(x, **given(a, "kernel_size", "stride", "padding"), return_indices=True))

    return ask


def max_unpool(rank: int) -> Ask:
    def ask(a: Attributes, x: Any, indices: Any) -> Any:
        options = given(a, "kernel_size", "stride", "padding")
        if "output_size" in a:
            options["output_size"] = each(a["output_size"], rank)
        return getattr(F, f"max_unpool{rank}d")(x, indices, **options)

    return ask


def affine_grid(a: Attributes, theta: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that one pixel stood elsewhere in versions of long ago
        return F.affine_grid(theta, [len(theta), 1, *a["size"]], align_corners=a.get("align_corners", False))


TORCH: Final = "torch.nn.functional"
SPACES: Final = ((1, "1d"), (2, "2d"), (3, "3d"))

JUDGES: Final[dict[str, Judge]] = {
    **{f"conv{kind}": Judge(f"torch.nn.Conv{kind}", conv(rank)) for rank, kind in SPACES},
    **{f"depthwise_conv{kind}": Judge(f"torch.nn.Conv{kind}", conv(rank, depthwise=True)) for rank, kind in SPACES[:2]},
    **{f"separable_conv{kind}": Judge(f"torch.nn.Conv{kind}, twice", separable(rank)) for rank, kind in SPACES[:2]},
    **{f"conv_transpose{kind}": Judge(f"torch.nn.ConvTranspose{kind}", conv_transpose(rank)) for rank, kind in SPACES},
    **{f"conv{kind}_with": Judge(f"torch.nn.Conv{kind}", conv_with(rank)) for rank, kind in SPACES},
    **{
        f"conv_transpose{kind}_with": Judge(f"torch.nn.ConvTranspose{kind}", conv_transpose_with(rank))
        for rank, kind in SPACES[:2]
    },
    "masked_conv2d": Judge("torch.nn.Conv2d, with the masks of the paper's figure", masked),
    **{f"max_pool{kind}": Judge(f"{TORCH}.max_pool{kind}", max_pool(rank)) for rank, kind in SPACES},
    **{f"avg_pool{kind}": Judge(f"{TORCH}.avg_pool{kind}", avg_pool(rank)) for rank, kind in SPACES},
    **{f"lp_pool{kind}": Judge(f"{TORCH}.lp_pool{kind}", lp_pool(rank)) for rank, kind in SPACES},
    **{
        f"adaptive_{pool}_pool{kind}": Judge(f"{TORCH}.adaptive_{pool}_pool{kind}", adaptive(pool, rank))
        for pool in ("avg", "max")
        for rank, kind in SPACES
    },
    **{
        f"global_{pool}_pool{kind}": Judge(f"{TORCH}.adaptive_{pool}_pool{kind}, to one element", over_all(pool, rank))
        for pool in ("avg", "max")
        for rank, kind in SPACES
    },
    "upsample": Judge(f"{TORCH}.interpolate; ONNX Resize of copies to many", resized),
    "channel_shuffle": Judge(f"{TORCH}.channel_shuffle", lambda a, x: F.channel_shuffle(x, a["groups"])),
    "pixel_shuffle": Judge(f"{TORCH}.pixel_shuffle", lambda a, x: F.pixel_shuffle(x, a["upscale_factor"])),
    "pixel_unshuffle": Judge(f"{TORCH}.pixel_unshuffle", lambda a, x: F.pixel_unshuffle(x, a["downscale_factor"])),
    "space_to_depth": Judge("ONNX SpaceToDepth", lambda a, x: onnx("SpaceToDepth", x, blocksize=a["block_size"])),
    "depth_to_space": Judge(
        "ONNX DepthToSpace", lambda a, x: onnx("DepthToSpace", x, blocksize=a["block_size"], **given(a, "mode"))
    ),
    "patches": Judge(f"{TORCH}.unfold", patches),
    "unfold": Judge(f"{TORCH}.unfold", unfold),
    "fold": Judge(f"{TORCH}.fold", fold),
    **{
        f"max_pool{kind}_with_indices": Judge(f"{TORCH}.max_pool{kind}", max_pool_with_indices(rank))
        for rank, kind in SPACES
    },
    **{f"max_unpool{kind}": Judge(f"{TORCH}.max_unpool{kind}", max_unpool(rank)) for rank, kind in SPACES},
    "grid_sample": Judge(
        f"{TORCH}.grid_sample",
        lambda a, x, grid: F.grid_sample(
            x, grid, **given(a, "mode", "padding_mode"), align_corners=a.get("align_corners", False)
        ),
    ),
    "affine_grid": Judge(f"{TORCH}.affine_grid", affine_grid),
}
