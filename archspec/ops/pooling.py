"""Pools: the largest element, the mean or the norm of each window, per channel."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._windows import DILATION, KERNEL_SIZE, output_sizes, slide, taps
from archspec.ops.base import (
    Flag,
    Operation,
    OptionalWindow1d,
    OptionalWindow2d,
    OptionalWindow3d,
    Padding1d,
    Padding2d,
    Padding3d,
    Real,
    Shape,
    Window1d,
    Window2d,
    Window3d,
    check_rank,
    window_pads,
)

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")

STRIDE: Any = Field(None, description="step from one window to the next, one number or one per axis; null: kernel_size")
PADDING: Any = Field(0, description="border around the input that never wins: a number, one per axis, pairs, or same")
ZEROS: Any = Field(0, description="zeros around the input: a number, one per axis, [before, after] pairs, or same")
CEIL_MODE: Any = Field(
    False, description="keep a last window that reaches beyond the border, if it begins before its end"
)
COUNT_INCLUDE_PAD: Any = Field(False, description="divide by the size of the window even where it covers padding")


class _Pool(Operation):
    """Windows of the last `rank` axes."""

    keeps_sign: ClassVar[bool] = True
    wish: ClassVar = "image"
    rank: ClassVar[int] = 2
    if TYPE_CHECKING:  # fields of the subclasses, of their rank
        kernel_size: tuple[int, ...]
        stride: tuple[int, ...] | None
        padding: Padding2d
        ceil_mode: bool

    def spacing(self) -> tuple[int, ...]:
        """The dilation, which only max pools have."""
        return (1,) * self.rank

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, self.rank + 2)
        if self.padding != "same":
            for pair, k in zip(self.padding, self.kernel_size, strict=True):
                if 2 * max(pair) > k:  # else a window could see nothing but padding
                    raise ShapeError(
                        f"padding (={max(pair)}) must be at most half of kernel_size (={k})", attribute="padding"
                    )
        stride = self.stride or self.kernel_size
        sizes = output_sizes(x[2:], self.kernel_size, stride, self.padding, self.spacing(), ceil_mode=self.ceil_mode)
        return ((*x[:2], *sizes),)

    def windows(self, x: Array, fill: float) -> Array:
        stride, spacing = self.stride or self.kernel_size, self.spacing()
        pads = window_pads(self.padding, x.shape[2:], self.kernel_size, stride, spacing)
        return slide(x, self.infer(x.shape)[0][2:], self.kernel_size, stride, pads, spacing, fill)


class _MaxPool(_Pool):
    if TYPE_CHECKING:
        dilation: tuple[int, ...]

    def spacing(self) -> tuple[int, ...]:
        return self.dilation

    def reference(self, x: Array) -> Array:
        return reduce(np.maximum, taps(self.windows(x, -math.inf), self.rank))


class MaxPool1d(_MaxPool):
    """y[c, i] = max over t of x[c, stride i + dilation t - padding], padding ignored.

    Input: batch, channels, length. Output: batch, channels, length.
    """

    rank: ClassVar[int] = 1
    kernel_size: Window1d = KERNEL_SIZE
    stride: OptionalWindow1d = STRIDE
    padding: Padding1d = PADDING
    dilation: Window1d = DILATION
    ceil_mode: Flag = CEIL_MODE


class MaxPool2d(_MaxPool):
    """y[c, i, j] = max over s, t of x[c, stride i + dilation s - padding, stride j + dilation t - padding].

    Input: batch, channels, height, width. Output: batch, channels, height, width. Padding never is the maximum.
    """

    kernel_size: Window2d = KERNEL_SIZE
    stride: OptionalWindow2d = STRIDE
    padding: Padding2d = PADDING
    dilation: Window2d = DILATION
    ceil_mode: Flag = CEIL_MODE


class MaxPool3d(_MaxPool):
    """y[c, p] = max over t of x[c, stride p + dilation t - padding], p and t in space, padding ignored.

    Input: batch, channels, depth, height, width. Output: batch, channels, depth, height, width.
    """

    rank: ClassVar[int] = 3
    kernel_size: Window3d = KERNEL_SIZE
    stride: OptionalWindow3d = STRIDE
    padding: Padding3d = PADDING
    dilation: Window3d = DILATION
    ceil_mode: Flag = CEIL_MODE


class _AvgPool(_Pool):
    linear: ClassVar[bool] = True
    if TYPE_CHECKING:
        count_include_pad: bool

    def reference(self, x: Array) -> Array:
        total = sum(taps(self.windows(x, 0.0), self.rank))
        return total / self._counts(x.shape).astype(x.dtype)

    def _counts(self, x: Shape) -> Array:
        """How many elements each window has: those in the input, or with `count_include_pad` also those in the padding,
        but not those beyond the padding that ceil_mode reaches."""
        stride = self.stride or self.kernel_size
        pads = window_pads(self.padding, x[2:], self.kernel_size, stride, self.spacing())
        counts: Any = 1
        for size, n, k, s, (before, after) in zip(
            x[2:], self.infer(x)[0][2:], self.kernel_size, stride, pads, strict=True
        ):
            low, high = (-before, size + after) if self.count_include_pad else (0, size)
            start = np.arange(n) * s - before
            counts = np.multiply.outer(counts, np.minimum(start + k, high) - np.maximum(start, low))
        return counts


class AvgPool1d(_AvgPool):
    """y[c, i] = mean over t of x[c, stride i + t - padding].

    Input: batch, channels, length. Output: batch, channels, length.
    """

    rank: ClassVar[int] = 1
    kernel_size: Window1d = KERNEL_SIZE
    stride: OptionalWindow1d = STRIDE
    padding: Padding1d = ZEROS
    ceil_mode: Flag = CEIL_MODE
    count_include_pad: Flag = COUNT_INCLUDE_PAD


class AvgPool2d(_AvgPool):
    """y[c, i, j] = mean over s, t of x[c, stride i + s - padding, stride j + t - padding].

    Input: batch, channels, height, width. Output: batch, channels, height, width. Where a window covers padding, the
    mean is that of its elements in the input, unless `count_include_pad`.
    """

    kernel_size: Window2d = KERNEL_SIZE
    stride: OptionalWindow2d = STRIDE
    padding: Padding2d = ZEROS
    ceil_mode: Flag = CEIL_MODE
    count_include_pad: Flag = COUNT_INCLUDE_PAD


class AvgPool3d(_AvgPool):
    """y[c, p] = mean over t of x[c, stride p + t - padding], p and t in space.

    Input: batch, channels, depth, height, width. Output: batch, channels, depth, height, width. Where a window covers
    padding, the mean is that of its elements in the input, unless `count_include_pad`.
    """

    rank: ClassVar[int] = 3
    kernel_size: Window3d = KERNEL_SIZE
    stride: OptionalWindow3d = STRIDE
    padding: Padding3d = ZEROS
    ceil_mode: Flag = CEIL_MODE
    count_include_pad: Flag = COUNT_INCLUDE_PAD


NORM_TYPE: Any = Field(2.0, gt=0, allow_inf_nan=False, description="the p of the norm")


class _LpPool(_Pool):
    if TYPE_CHECKING:
        norm_type: float

    def reference(self, x: Array) -> Array:
        total = sum(taps(self.windows(abs(x) ** self.norm_type, 0.0), self.rank))
        return total ** (1 / self.norm_type)


class LpPool1d(_LpPool):
    """y[c, i] = (sum over t of |x[c, stride i + t - padding]|^p)^(1/p), for norm_type p.

    Input: batch, channels, length. Output: batch, channels, length. As LpPool of ONNX.
    """

    rank: ClassVar[int] = 1
    norm_type: Real = NORM_TYPE
    kernel_size: Window1d = KERNEL_SIZE
    stride: OptionalWindow1d = STRIDE
    padding: Padding1d = ZEROS
    ceil_mode: Flag = CEIL_MODE


class LpPool2d(_LpPool):
    """y[c, i, j] = (sum over s, t of |x[c, stride i + s - padding, stride j + t - padding]|^p)^(1/p), for norm_type p.

    Input: batch, channels, height, width. Output: batch, channels, height, width. As LpPool of ONNX.
    Sermanet et al., Convolutional neural networks applied to house numbers digit classification, 2012,
    https://arxiv.org/abs/1204.3968.
    """

    norm_type: Real = NORM_TYPE
    kernel_size: Window2d = KERNEL_SIZE
    stride: OptionalWindow2d = STRIDE
    padding: Padding2d = ZEROS
    ceil_mode: Flag = CEIL_MODE


class LpPool3d(_LpPool):
    """y[c, q] = (sum over t of |x[c, stride q + t - padding]|^p)^(1/p), q and t in space, for norm_type p.

    Input: batch, channels, depth, height, width. Output: batch, channels, depth, height, width. As LpPool of ONNX.
    """

    rank: ClassVar[int] = 3
    norm_type: Real = NORM_TYPE
    kernel_size: Window3d = KERNEL_SIZE
    stride: OptionalWindow3d = STRIDE
    padding: Padding3d = ZEROS
    ceil_mode: Flag = CEIL_MODE


OUTPUT_SIZE: Any = Field(description="size of the output: one number, or one per axis")


class _AdaptivePool(Operation):
    """Window j along an axis goes from floor(j i / o) to ceil((j + 1) i / o), for i elements in and o out."""

    keeps_sign: ClassVar[bool] = True
    wish: ClassVar = "image"
    rank: ClassVar[int] = 2
    if TYPE_CHECKING:
        output_size: tuple[int, ...]

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, self.rank + 2)
        return ((*x[:2], *self.output_size),)

    def pool(self, x: Array, fold: Any) -> Array:
        """Pools one axis after the other, `fold` being the mean or the maximum; for both the order is all the same."""
        for axis, out in enumerate(self.output_size, 2):
            size = x.shape[axis]
            lines = np.moveaxis(x, axis, 0)
            pooled = [fold(lines[j * size // out : -(-(j + 1) * size // out)], axis=0) for j in range(out)]
            x = np.moveaxis(np.stack(pooled), 0, axis)
        return x


class _AdaptiveAvgPool(_AdaptivePool):
    linear: ClassVar[bool] = True

    def reference(self, x: Array) -> Array:
        return self.pool(x, np.mean)


class _AdaptiveMaxPool(_AdaptivePool):
    def reference(self, x: Array) -> Array:
        return self.pool(x, np.max)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """y[c, i] = mean of x[c, floor(i n / o)] to x[c, ceil((i + 1) n / o) - 1], for length n and output_size o.

    Input: batch, channels, length. Output: batch, channels, output_size.
    """

    rank: ClassVar[int] = 1
    output_size: Window1d = OUTPUT_SIZE


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """y[c, i, j] = mean of window i, j of the o x p windows that cover the image as evenly as whole numbers allow.

    Input: batch, channels, height, width. Output: batch, channels, *output_size.
    Window i of an axis goes from floor(i n / o) to ceil((i + 1) n / o).
    """

    output_size: Window2d = OUTPUT_SIZE


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """y[c, i, j, k] = mean of window i, j, k of the windows that cover space as evenly as whole numbers allow.

    Input: batch, channels, depth, height, width. Output: batch, channels, *output_size.
    Window i of an axis goes from floor(i n / o) to ceil((i + 1) n / o).
    """

    rank: ClassVar[int] = 3
    output_size: Window3d = OUTPUT_SIZE


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """y[c, i] = max of x[c, floor(i n / o)] to x[c, ceil((i + 1) n / o) - 1], for length n and output_size o.

    Input: batch, channels, length. Output: batch, channels, output_size.
    """

    rank: ClassVar[int] = 1
    output_size: Window1d = OUTPUT_SIZE


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """y[c, i, j] = max of window i, j of the o x p windows that cover the image as evenly as whole numbers allow.

    Input: batch, channels, height, width. Output: batch, channels, *output_size.
    Window i of an axis goes from floor(i n / o) to ceil((i + 1) n / o).
    """

    output_size: Window2d = OUTPUT_SIZE


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """y[c, i, j, k] = max of window i, j, k of the windows that cover space as evenly as whole numbers allow.

    Input: batch, channels, depth, height, width. Output: batch, channels, *output_size.
    Window i of an axis goes from floor(i n / o) to ceil((i + 1) n / o).
    """

    rank: ClassVar[int] = 3
    output_size: Window3d = OUTPUT_SIZE


class _GlobalPool(Operation):
    keeps_sign: ClassVar[bool] = True
    wish: ClassVar = "image"
    rank: ClassVar[int] = 2
    keepdims: Flag = Field(False, description="keep the pooled axes, with size 1")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, self.rank + 2)
        return ((*x[:2], *(1,) * self.rank),) if self.keepdims else (x[:2],)


class _GlobalAvgPool(_GlobalPool):
    linear: ClassVar[bool] = True

    def reference(self, x: Array) -> Array:
        return x.mean(tuple(range(2, x.ndim)), keepdims=self.keepdims)


class _GlobalMaxPool(_GlobalPool):
    def reference(self, x: Array) -> Array:
        return x.max(tuple(range(2, x.ndim)), keepdims=self.keepdims)


class GlobalAvgPool1d(_GlobalAvgPool):
    """y[c] = mean over i of x[c, i].

    Input: batch, channels, length. Output: batch, channels, or batch, channels, 1 with `keepdims`.
    """

    rank: ClassVar[int] = 1


class GlobalAvgPool2d(_GlobalAvgPool):
    """y[c] = mean over i, j of x[c, i, j].

    Input: batch, channels, height, width. Output: batch, channels, or batch, channels, 1, 1 with `keepdims`.
    Lin et al., Network in network, 2014, https://arxiv.org/abs/1312.4400.
    """


class GlobalAvgPool3d(_GlobalAvgPool):
    """y[c] = mean over i, j, k of x[c, i, j, k].

    Input: batch, channels, depth, height, width. Output: batch, channels, or batch, channels, 1, 1, 1 with `keepdims`.
    """

    rank: ClassVar[int] = 3


class GlobalMaxPool1d(_GlobalMaxPool):
    """y[c] = max over i of x[c, i].

    Input: batch, channels, length. Output: batch, channels, or batch, channels, 1 with `keepdims`.
    """

    rank: ClassVar[int] = 1


class GlobalMaxPool2d(_GlobalMaxPool):
    """y[c] = max over i, j of x[c, i, j].

    Input: batch, channels, height, width. Output: batch, channels, or batch, channels, 1, 1 with `keepdims`.
    """


class GlobalMaxPool3d(_GlobalMaxPool):
    """y[c] = max over i, j, k of x[c, i, j, k].

    Input: batch, channels, depth, height, width. Output: batch, channels, or batch, channels, 1, 1, 1 with `keepdims`.
    """

    rank: ClassVar[int] = 3
