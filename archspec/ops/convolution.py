"""Convolutions: weighted sums over windows that slide along the spatial axes.

Weights have PyTorch's shapes: `out, in / groups, *kernel`, and for transposed convolutions `in, out / groups, *kernel`.
As everywhere in this field a convolution does not flip its kernel.
"""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._windows import CAUSAL_PADDING, DILATION, KERNEL_SIZE, PADDING, STRIDE, output_sizes, slide, taps
from archspec.ops.base import (
    CausalPadding1d,
    Flag,
    Offset1d,
    Offset2d,
    Offset3d,
    Operation,
    Padding1d,
    Padding2d,
    Padding3d,
    Parameter,
    Positive,
    Shape,
    Window1d,
    Window2d,
    Window3d,
    check_rank,
    product,
    window_pads,
)

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")

OUT_CHANNELS: Any = Field(description="channels of the output")
GROUPS: Any = Field(1, description="groups of channels, each convolved on its own; must divide both channel counts")
BIAS: Any = Field(True, description="add a learned number to each output channel")

_BUDGET = 2**19  # elements of a matrix of windows: few enough for the cache, many enough for BLAS


class _Windowed(Operation):
    wish: ClassVar = "image"
    linear: ClassVar[bool] = True
    """What all convolutions have; `rank` counts the spatial axes."""

    rank: ClassVar[int] = 2
    gain: ClassVar[tuple[str, ...]] = ("weight", "bias")
    if TYPE_CHECKING:  # fields of the subclasses, of their rank
        kernel_size: tuple[int, ...]
        stride: tuple[int, ...]
        padding: CausalPadding1d
        dilation: tuple[int, ...]

    def sizes(self, x: Shape) -> tuple[int, ...]:
        check_rank(x, self.rank + 2)
        return output_sizes(x[2:], self.kernel_size, self.stride, self.padding, self.dilation)

    def convolve(self, x: Array, weight: Array, groups: int) -> Array:
        """The convolution as one matrix product per sample, group and block of rows."""
        counts = self.sizes(x.shape)
        pads = window_pads(self.padding, x.shape[2:], self.kernel_size, self.stride, self.dilation)
        windows = slide(x, counts, self.kernel_size, self.stride, pads, self.dilation)
        if weight.shape[1] == 1:
            return _convolve_channels(windows, weight)
        channels, size = x.shape[1], product(weight.shape[1:])
        matrix = weight.reshape(groups, -1, size)
        result = np.empty((len(x), len(weight), *counts), np.result_type(x, weight))
        block = max(1, _BUDGET // (channels * product(self.kernel_size) * product(counts[1:])))
        for source, target in zip(windows, result, strict=True):
            for row in range(0, counts[0], block):
                rows = source[:, row : row + block]
                columns = np.moveaxis(rows, range(-self.rank, 0), range(1, 1 + self.rank))
                part = matrix @ columns.reshape(groups, size, -1)
                target[:, row : row + block] = part.reshape(len(weight), *rows.shape[1 : 1 + self.rank])
        return result


def _convolve_channels(windows: Array, weight: Array) -> Array:
    """Each channel on its own, tap by tap, which makes no copy of the windows."""
    rank = weight.ndim - 2
    batch, channels, *counts = windows.shape[: 2 + rank]
    multiplier = len(weight) // channels
    shape = (channels, multiplier, *(1,) * rank)
    result = np.zeros((batch, channels, multiplier, *counts), np.result_type(windows, weight))
    for tap, w in zip(taps(windows, rank), weight.reshape(len(weight), -1).T, strict=True):
        result += tap[:, :, None] * w.reshape(shape)
    return result.reshape(batch, len(weight), *counts)


def _plus(y: Array, bias: Array | None) -> Array:
    return y if bias is None else y + bias.reshape(-1, *(1,) * (y.ndim - 2))


def _check_groups(groups: int, channels: int, out_channels: int) -> None:
    if channels % groups:
        raise ShapeError(f"groups (={groups}) must divide the {channels} channels of its input", attribute="groups")
    if out_channels % groups:
        raise ShapeError(f"groups (={groups}) must divide out_channels (={out_channels})", attribute="groups")


class _Conv(_Windowed):
    free: ClassVar[frozenset[str]] = frozenset({"out_channels"})
    if TYPE_CHECKING:
        out_channels: int
        groups: int
        bias: bool

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        sizes = self.sizes(x)
        _check_groups(self.groups, x[1], self.out_channels)
        return ((x[0], self.out_channels, *sizes),)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        weight = Parameter((self.out_channels, x[1] // self.groups, *self.kernel_size), groups=self.groups)
        return {"weight": weight} | ({"bias": Parameter((self.out_channels,), "bias")} if self.bias else {})

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        return product(outputs[0]) * (inputs[0][1] // self.groups) * product(self.kernel_size)

    def reference(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        return _plus(self.convolve(x, weight, self.groups), bias)


class Conv1d(_Conv):
    """y[o, i] = bias[o] + sum over c, t of weight[o, c, t] x[c, stride i + dilation t - padding].

    Input: batch, channels, length. Output: batch, out_channels, length. With `padding: causal`, which stands for
    dilation (kernel_size - 1) zeros before, no output sees what comes after it:
    van den Oord et al., WaveNet, 2016, https://arxiv.org/abs/1609.03499.
    """

    rank: ClassVar[int] = 1
    out_channels: Positive = OUT_CHANNELS
    kernel_size: Window1d = KERNEL_SIZE
    stride: Window1d = STRIDE
    padding: CausalPadding1d = CAUSAL_PADDING
    dilation: Window1d = DILATION
    groups: Positive = GROUPS
    bias: Flag = BIAS


class Conv2d(_Conv):
    """y[o, p] = bias[o] + sum over c, t of weight[o, c, t] x[c, stride p + dilation t - padding], p and t in the plane.

    Input: batch, channels, height, width. Output: batch, out_channels, height, width.
    LeCun et al., Gradient-based learning applied to document recognition, 1998.
    """

    out_channels: Positive = OUT_CHANNELS
    kernel_size: Window2d = KERNEL_SIZE
    stride: Window2d = STRIDE
    padding: Padding2d = PADDING
    dilation: Window2d = DILATION
    groups: Positive = GROUPS
    bias: Flag = BIAS


class Conv3d(_Conv):
    """y[o, p] = bias[o] + sum over c, t of weight[o, c, t] x[c, stride p + dilation t - padding], p and t in space.

    Input: batch, channels, depth, height, width. Output: batch, out_channels, depth, height, width.
    """

    rank: ClassVar[int] = 3
    out_channels: Positive = OUT_CHANNELS
    kernel_size: Window3d = KERNEL_SIZE
    stride: Window3d = STRIDE
    padding: Padding3d = PADDING
    dilation: Window3d = DILATION
    groups: Positive = GROUPS
    bias: Flag = BIAS


class MaskedConv2d(_Conv):
    """y = bias + (seen weight) * x, where seen is 1 for what comes before the kernel's centre row by row, and else 0.

    Input: batch, channels, height, width. Output: batch, out_channels, height, width.
    The centre of an axis is element kernel_size // 2; mask B sees it, mask A does not. The weights that are not seen
    exist and have no effect. van den Oord et al., Pixel recurrent neural networks, 2016,
    https://arxiv.org/abs/1601.06759.
    """

    out_channels: Positive = OUT_CHANNELS
    kernel_size: Window2d = KERNEL_SIZE
    mask: Literal["A", "B"] = Field(description="what is seen: A, what comes before the centre; B, the centre, too")
    stride: Window2d = STRIDE
    padding: Padding2d = PADDING
    dilation: Window2d = DILATION
    groups: Positive = GROUPS
    bias: Flag = BIAS

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        if self.mask == "A" and all(k == 1 for k in self.kernel_size):
            raise ShapeError(
                "mask (=A) leaves nothing of a kernel of one element",
                attribute="mask",
                hint="mask B keeps the centre",
            )
        return super().infer(x)

    def reference(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        height, width = self.kernel_size
        centre = height // 2 * width + width // 2
        seen = (np.arange(height * width) < centre + (self.mask == "B")).reshape(height, width)
        return super().reference(x, weight * seen, bias)


MULTIPLIER: Any = Field(1, description="kernels for each channel of the input")


class _DepthwiseConv(_Windowed):
    if TYPE_CHECKING:
        multiplier: int
        bias: bool

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        sizes = self.sizes(x)
        return ((x[0], x[1] * self.multiplier, *sizes),)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        channels = x[1] * self.multiplier
        weight = Parameter((channels, 1, *self.kernel_size), groups=x[1])
        return {"weight": weight} | ({"bias": Parameter((channels,), "bias")} if self.bias else {})

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        return product(outputs[0]) * product(self.kernel_size)

    def reference(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        return _plus(self.convolve(x, weight, x.shape[1]), bias)


class DepthwiseConv1d(_DepthwiseConv):
    """y[c m + j] = bias[c m + j] + weight[c m + j] * x[c]: every input channel has `multiplier` (m) kernels of its own.

    Input: batch, channels, length. Output: batch, channels * multiplier, length.
    """

    rank: ClassVar[int] = 1
    kernel_size: Window1d = KERNEL_SIZE
    stride: Window1d = STRIDE
    padding: CausalPadding1d = CAUSAL_PADDING
    dilation: Window1d = DILATION
    multiplier: Positive = MULTIPLIER
    bias: Flag = BIAS


class DepthwiseConv2d(_DepthwiseConv):
    """y[c m + j] = bias[c m + j] + weight[c m + j] * x[c]: every input channel has `multiplier` (m) kernels of its own.

    Input: batch, channels, height, width. Output: batch, channels * multiplier, height, width.
    """

    kernel_size: Window2d = KERNEL_SIZE
    stride: Window2d = STRIDE
    padding: Padding2d = PADDING
    dilation: Window2d = DILATION
    multiplier: Positive = MULTIPLIER
    bias: Flag = BIAS


class _SeparableConv(_Windowed):
    free: ClassVar[frozenset[str]] = frozenset({"out_channels"})
    gain: ClassVar[tuple[str, ...]] = ("pointwise_weight", "bias")
    if TYPE_CHECKING:
        out_channels: int
        multiplier: int
        bias: bool

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        sizes = self.sizes(x)
        return ((x[0], self.out_channels, *sizes),)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        channels = x[1] * self.multiplier
        weights = {
            "depthwise_weight": Parameter((channels, 1, *self.kernel_size), groups=x[1]),
            "pointwise_weight": Parameter((self.out_channels, channels, *(1,) * self.rank)),
        }
        return weights | ({"bias": Parameter((self.out_channels,), "bias")} if self.bias else {})

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        batch, out_channels, *sizes = outputs[0]
        channels = inputs[0][1] * self.multiplier
        return batch * channels * product(sizes) * (product(self.kernel_size) + out_channels)

    def reference(self, x: Array, depthwise_weight: Array, pointwise_weight: Array, bias: Array | None = None) -> Array:
        inner = self.convolve(x, depthwise_weight, x.shape[1])
        batch, channels, *sizes = inner.shape
        y = pointwise_weight.reshape(-1, channels) @ inner.reshape(batch, channels, -1)
        return _plus(y.reshape(batch, -1, *sizes), bias)


class SeparableConv1d(_SeparableConv):
    """y = bias + pointwise_weight * (depthwise_weight * x): a depthwise convolution, then one with a kernel of size 1.

    Input: batch, channels, length. Output: batch, out_channels, length. Nothing is added between the two.
    """

    rank: ClassVar[int] = 1
    out_channels: Positive = OUT_CHANNELS
    kernel_size: Window1d = KERNEL_SIZE
    stride: Window1d = STRIDE
    padding: CausalPadding1d = CAUSAL_PADDING
    dilation: Window1d = DILATION
    multiplier: Positive = MULTIPLIER
    bias: Flag = BIAS


class SeparableConv2d(_SeparableConv):
    """y = bias + pointwise_weight * (depthwise_weight * x): a depthwise convolution, then a 1 x 1 convolution.

    Input: batch, channels, height, width. Output: batch, out_channels, height, width.
    Nothing is added between the two. Chollet, Xception, 2017, https://arxiv.org/abs/1610.02357.
    """

    out_channels: Positive = OUT_CHANNELS
    kernel_size: Window2d = KERNEL_SIZE
    stride: Window2d = STRIDE
    padding: Padding2d = PADDING
    dilation: Window2d = DILATION
    multiplier: Positive = MULTIPLIER
    bias: Flag = BIAS


CROP: Any = Field(0, description="elements cut off: a number, one per axis, or [before, after] pairs")
OUTPUT_PADDING: Any = Field(0, description="elements added after, to tell apart the sizes that stride merges")


class _Cropped(Operation):
    """What crops its result by numbers."""

    @field_validator("padding", check_fields=False)
    @classmethod
    def _explicit(cls, padding: Padding2d) -> Padding2d:
        if padding == "same":
            raise ValueError("same has no agreed meaning for a transposed convolution; give numbers")
        return padding


class _ConvTranspose(_Cropped, _Windowed):
    free: ClassVar[frozenset[str]] = frozenset({"out_channels"})
    if TYPE_CHECKING:
        out_channels: int
        output_padding: tuple[int, ...]
        groups: int
        bias: bool

    def sizes(self, x: Shape) -> tuple[int, ...]:
        check_rank(x, self.rank + 2)
        result = []
        for size, k, s, (before, after), d, more in zip(
            x[2:], self.kernel_size, self.stride, self.padding, self.dilation, self.output_padding, strict=True
        ):
            if more >= max(s, d):
                raise ShapeError(
                    f"output_padding (={more}) must be smaller than the stride (={s}) or the dilation (={d})",
                    attribute="output_padding",
                )
            result.append((size - 1) * s + (k - 1) * d + 1 + more - before - after)
            if result[-1] < 1:
                raise ShapeError(
                    f"padding (={before} and {after}) must leave something of its output", attribute="padding"
                )
        return tuple(result)

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        sizes = self.sizes(x)
        _check_groups(self.groups, x[1], self.out_channels)
        return ((x[0], self.out_channels, *sizes),)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        shape = (x[1], self.out_channels // self.groups, *self.kernel_size)
        weight = Parameter(shape, groups=self.groups, transposed=True)
        return {"weight": weight} | ({"bias": Parameter((self.out_channels,), "bias")} if self.bias else {})

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        return product(inputs[0]) * (self.out_channels // self.groups) * product(self.kernel_size)

    def reference(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        batch, channels, *small = x.shape
        counts, pads = self.sizes(x.shape), window_pads(self.padding, small, (), (), ())
        matrix = weight.reshape(self.groups, channels // self.groups, -1).swapaxes(1, 2)
        columns = matrix @ x.reshape(batch, self.groups, channels // self.groups, -1)
        parts = columns.reshape(batch, self.out_channels, *self.kernel_size, *small)
        whole = [count + before + after for count, (before, after) in zip(counts, pads, strict=True)]
        y = np.zeros((batch, self.out_channels, *whole), columns.dtype)
        for place in np.ndindex(*self.kernel_size):
            starts = (t * d for t, d in zip(place, self.dilation, strict=True))
            spread = tuple(
                slice(start, start + (n - 1) * s + 1, s) for start, n, s in zip(starts, small, self.stride, strict=True)
            )
            y[:, :, *spread] += parts[:, :, *place]
        inside = (slice(before, before + count) for count, (before, _) in zip(counts, pads, strict=True))
        return _plus(y[:, :, *inside], bias)


class ConvTranspose1d(_ConvTranspose):
    """y[o, stride i + dilation t - padding] = bias[o] + sum over c, i, t of weight[c, o, t] x[c, i].

    Input: batch, channels, length. Output: batch, out_channels, length, where length is
    (length - 1) stride - padding + dilation (kernel_size - 1) + 1 + output_padding.
    """

    rank: ClassVar[int] = 1
    out_channels: Positive = OUT_CHANNELS
    kernel_size: Window1d = KERNEL_SIZE
    stride: Window1d = STRIDE
    padding: Padding1d = CROP
    output_padding: Offset1d = OUTPUT_PADDING
    dilation: Window1d = DILATION
    groups: Positive = GROUPS
    bias: Flag = BIAS


class ConvTranspose2d(_ConvTranspose):
    """y[o, stride i + dilation t - padding] = bias[o] + sum over c, i, t of weight[c, o, t] x[c, i].

    Input: batch, channels, height, width. Output: batch, out_channels, height, width, where height is
    (height - 1) stride - padding + dilation (kernel_size - 1) + 1 + output_padding, and width likewise.
    The gradient of a convolution by its input, used as a layer: Zeiler et al., Deconvolutional networks, 2010.
    """

    out_channels: Positive = OUT_CHANNELS
    kernel_size: Window2d = KERNEL_SIZE
    stride: Window2d = STRIDE
    padding: Padding2d = CROP
    output_padding: Offset2d = OUTPUT_PADDING
    dilation: Window2d = DILATION
    groups: Positive = GROUPS
    bias: Flag = BIAS


class ConvTranspose3d(_ConvTranspose):
    """y[o, stride i + dilation t - padding] = bias[o] + sum over c, i, t of weight[c, o, t] x[c, i].

    Input: batch, channels, depth, height, width. Output: batch, out_channels, depth, height, width, where depth is
    (depth - 1) stride - padding + dilation (kernel_size - 1) + 1 + output_padding, and so on.
    """

    rank: ClassVar[int] = 3
    out_channels: Positive = OUT_CHANNELS
    kernel_size: Window3d = KERNEL_SIZE
    stride: Window3d = STRIDE
    padding: Padding3d = CROP
    output_padding: Offset3d = OUTPUT_PADDING
    dilation: Window3d = DILATION
    groups: Positive = GROUPS
    bias: Flag = BIAS
