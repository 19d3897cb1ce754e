"""Convolutions, pools and images."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from archspec.ops.base import same_pads

from .cases import Array, Left, OnnxCase, Rule, Twin, first, floats, is_one_of

FEW_DIGITS: Final = ("averagepool_2d_ceil_last_window_starts_on_pad",)


def pairs(numbers: Sequence[int]) -> list[list[int]]:
    """[before, after] for each axis, of ONNX's list that has all befores first."""
    half = len(numbers) // 2
    return [list(pair) for pair in zip(numbers[:half], numbers[half:], strict=True)]


def slid(case: OnnxCase, kernel: Sequence[int]) -> dict[str, Any]:
    """Stride, dilation and padding of windows; ONNX's stride is 1 if not told."""
    sizes = case.x().shape[2:]
    stride = case.attribute("strides", [1] * len(kernel))
    dilation = case.attribute("dilations", [1] * len(kernel))
    padding: Any = pairs(case.attribute("pads", [0] * 2 * len(kernel)))
    match case.attribute("auto_pad", "NOTSET"):
        case "SAME_UPPER":
            padding = "same"
        case "SAME_LOWER":  # the odd element comes first
            padding = [list(same_pads(*axis)[::-1]) for axis in zip(sizes, kernel, stride, dilation, strict=True)]
    return {"kernel_size": list(kernel), "stride": stride, "dilation": dilation, "padding": padding}


def conv(case: OnnxCase) -> Twin:
    weight, bias = case.x(1), case.optional(2)
    attributes = slid(case, weight.shape[2:]) | {
        "out_channels": len(weight),
        "groups": case.attribute("group", 1),
        "bias": bias is not None,
    }
    return Twin(f"conv{weight.ndim - 2}d", attributes, [case.x()], list, with_bias(weight, bias))


def with_bias(weight: Array, bias: Array | None) -> dict[str, Array]:
    return {"weight": weight} | ({} if bias is None else {"bias": bias})


def conv_transpose(case: OnnxCase) -> Twin:
    x, weight, bias = case.x(), case.x(1), case.optional(2)
    attributes = slid(case, weight.shape[2:])
    groups = case.attribute("group", 1)
    more = case.attribute("output_padding", [0] * (x.ndim - 2))
    sizes = case.attribute("output_shape")
    if attributes["padding"] == "same":  # ONNX's: an output of size times stride, and the odd element goes after
        sizes = [n * s for n, s in zip(x.shape[2:], attributes["stride"], strict=True)]
    if sizes is not None:
        spare = [
            (n - 1) * s + (k - 1) * d + 1 + extra - size
            for n, s, k, d, extra, size in zip(
                x.shape[2:], attributes["stride"], weight.shape[2:], attributes["dilation"], more, sizes, strict=True
            )
        ]
        attributes["padding"] = [[max(s, 0) // 2, max(s, 0) - max(s, 0) // 2] for s in spare]
        more = [extra + max(-s, 0) for extra, s in zip(more, spare, strict=True)]
    attributes |= {"output_padding": more, "groups": groups, "bias": bias is not None,
                   "out_channels": weight.shape[1] * groups}  # fmt: skip
    return Twin(f"conv_transpose{x.ndim - 2}d", attributes, [x], list, with_bias(weight, bias))


def pool(kind: str) -> Rule:
    def rule(case: OnnxCase) -> Twin:
        kernel = case.attribute("kernel_shape")
        if case.name in FEW_DIGITS:
            raise Left("expected numbers that are rounded to four decimals")
        attributes = slid(case, kernel)
        if kind != "max" and set(attributes.pop("dilation")) != {1}:
            raise Left("a pool with dilation that is not a max pool")
        if attributes["padding"] != "same" and any(
            2 * max(pair) > k for pair, k in zip(attributes["padding"], kernel, strict=True)
        ):
            raise Left("a pool with padding of more than half its window, which we refuse")
        attributes["ceil_mode"] = bool(case.attribute("ceil_mode", 0))
        if kind == "avg":
            attributes["count_include_pad"] = bool(case.attribute("count_include_pad", 0))
        if kind == "lp":
            attributes["norm_type"] = case.attribute("p", 2)
        ignored = "the indices" * (len(case.given) > 1)
        return Twin(f"{kind}_pool{len(kernel)}d", attributes, [case.x().astype(float)], floats, ignored=ignored)

    return rule


def global_pool(kind: str) -> Rule:
    def rule(case: OnnxCase) -> Twin:
        return Twin(f"global_{kind}_pool{case.x().ndim - 2}d", {"keepdims": True}, [case.x()], list)

    return rule


# Images -------------------------------------------------------------------------------------------------------------


def depth_to_space(case: OnnxCase) -> Twin:
    attributes = {"block_size": case.attribute("blocksize"), "mode": case.attribute("mode", "DCR")}
    return Twin("depth_to_space", attributes, [case.x()], list)


def space_to_depth(case: OnnxCase) -> Twin:
    block = case.attribute("blocksize")
    if case.attribute("mode", "DCR") == "CRD":
        return Twin("pixel_unshuffle", {"downscale_factor": block}, [case.x()], list)
    return Twin("space_to_depth", {"block_size": block}, [case.x()], list)


def fold(case: OnnxCase) -> Twin:
    size, kernel = case.whole(1), case.whole(2)
    assert size is not None
    assert kernel is not None
    if len(size) != 2:
        raise Left("columns of a volume")
    attributes = slid(case, kernel) | {"output_size": size}
    return Twin("fold", attributes, [case.x()], list)


def upsample(case: OnnxCase) -> Twin:
    factors = [int(factor) for factor in case.x(1)]
    assert factors[:2] == [1, 1]
    is_one_of(case.attribute("mode", "nearest"), "nearest", reason="an upsampling that blends")
    return Twin("upsample", {"scale": factors[2:]}, [case.x()], list)


def resize(case: OnnxCase) -> Twin:
    is_one_of(case.attribute("antialias", 0), 0, reason="resizing against aliasing")
    is_one_of(case.attribute("exclude_outside", 0), 0, reason="a cubic that leaves out what is outside")
    mode, place = case.attribute("mode", "nearest"), case.attribute("coordinate_transformation_mode", "half_pixel")
    is_one_of(place, "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
              reason="a crop that is resized")  # fmt: skip
    old, new = case.x().shape, case.outputs[0].shape if case.outputs[0] is not None else ()
    _check_scale(case, old, new)
    if place == "pytorch_half_pixel" and 1 in new[2:]:
        raise Left("one element at the place 0 (pytorch_half_pixel), and not in the middle as in PyTorch")
    attributes: dict[str, Any] = {"size": list(new[2:])}
    if mode == "nearest":
        attributes["mode"] = _nearest(case, place, old[2:], new[2:])
    elif place == "asymmetric":
        raise Left("blended places that do not keep the middle (asymmetric)")
    else:
        attributes |= {"mode": {"linear": "bilinear", "cubic": "bicubic"}[mode],
                       "align_corners": place == "align_corners"}  # fmt: skip
    return Twin("upsample", attributes, [case.x()], first)


def _check_scale(case: OnnxCase, old: Sequence[int], new: Sequence[int]) -> None:
    """Ours take the places from the sizes; ONNX takes them from the scale, if that is what it is given."""
    assert old[:2] == tuple(new[:2])
    scales, sizes = case.optional(2), case.whole(3)
    axes = [axis % len(old) for axis in case.attribute("axes", range(len(old)))]
    if sizes is not None and case.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
        choose = min if case.attribute("keep_aspect_ratio_policy") == "not_larger" else max
        ratio = choose(Fraction(size, old[axis]) for axis, size in zip(axes, sizes, strict=True))
        factors = [ratio] * len(axes)
    elif scales is not None:
        factors = [Fraction(float(scale)) for scale in scales]
    else:
        return
    if any(Fraction(new[axis], old[axis]) != factor for axis, factor in zip(axes, factors, strict=True)):
        raise Left("places by a scale that is not the ratio of the sizes")


def _nearest(case: OnnxCase, place: str, old: Sequence[int], new: Sequence[int]) -> str:
    rounding = case.attribute("nearest_mode", "round_prefer_floor")
    if place == "asymmetric" and rounding == "floor":
        return "nearest"
    if place.startswith("half_pixel") and rounding.startswith("round"):
        ties = any((2 * j + 1) * n % (2 * m) == 0 for n, m in zip(old, new, strict=True) for j in range(m))
        if ties and rounding == "round_prefer_floor":
            raise Left("the nearest of two that are equally near: the one before")
        return "nearest_exact"
    raise Left("other places of nearest elements than ours")


RULES: Final[dict[str, Rule]] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": pool("max"),
    "AveragePool": pool("avg"),
    "LpPool": pool("lp"),
    "GlobalAveragePool": global_pool("avg"),
    "GlobalMaxPool": global_pool("max"),
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "Col2Im": fold,
    "Upsample": upsample,
    "Resize": resize,
}
