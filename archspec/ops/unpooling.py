"""Max pools that tell where each maximum was, and what puts numbers back to such places."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._shapes import listed
from archspec.ops._windows import KERNEL_SIZE, output_sizes, slide
from archspec.ops.base import (
    DType,
    Offset1d,
    Offset2d,
    Offset3d,
    Operation,
    OptionalWindow1d,
    OptionalWindow2d,
    OptionalWindow3d,
    Shape,
    Window1d,
    Window2d,
    Window3d,
    check_rank,
    product,
    show,
)
from archspec.ops.spans import Span

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")

STRIDE: Any = Field(None, description="step from one window to the next, one number or one per axis; null: kernel_size")
PADDING: Any = Field(0, description="border on both sides that never wins: one number, or one per axis")
POOLED: Any = Field(0, description="padding of the pool, which is cut off: one number, or one per axis")
OUTPUT_SIZE: Any = Field(
    None, description="size of what the pool was given, less than a stride off; null: by the formula"
)


class _WithPlaces(Operation):
    """Windows of the last `rank` axes, and places as numbers in the image that is read row by row."""

    wish: ClassVar = "image"
    rank: ClassVar[int] = 2
    if TYPE_CHECKING:  # fields of the subclasses, of their rank
        kernel_size: tuple[int, ...]
        stride: tuple[int, ...] | None
        padding: tuple[int, ...]

    @property
    def steps(self) -> tuple[int, ...]:
        """The stride, which is the size of the window if none is given."""
        return self.stride or self.kernel_size


class _MaxPoolWithIndices(_WithPlaces):
    gives: ClassVar[tuple[str, ...]] = ("values", "indices")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, self.rank + 2)
        for padding, k in zip(self.padding, self.kernel_size, strict=True):
            if 2 * padding > k:  # else a window could see nothing but padding
                raise ShapeError(f"padding (={padding}) must be at most half of kernel_size (={k})",
                                 attribute="padding")  # fmt: skip
        sizes = output_sizes(x[2:], self.kernel_size, self.steps, self._pads, (1,) * self.rank)
        return ((*x[:2], *sizes),) * 2

    @property
    def _pads(self) -> tuple[tuple[int, int], ...]:
        return tuple((padding, padding) for padding in self.padding)

    def result(self, *dtypes: DType) -> tuple[DType, ...]:
        return (dtypes[0], "int64")

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        return Span(0, product(inputs[0][2:]) - 1)

    def reference(self, x: Array) -> tuple[Array, ...]:
        counts, sizes = self.infer(x.shape)[0][2:], x.shape[2:]
        geometry = counts, self.kernel_size, self.steps, self._pads, (1,) * self.rank
        places = np.arange(math.prod(sizes)).reshape(1, 1, *sizes)
        windows, places = slide(x, *geometry, -math.inf), slide(places, *geometry, -1)
        flat = windows.reshape(*windows.shape[: -self.rank], -1)
        places = np.broadcast_to(places.reshape(*places.shape[: -self.rank], -1), flat.shape)
        highest = flat.max(-1, keepdims=True)
        first = ((flat == highest) & (places >= 0)).argmax(-1)[..., None]
        return highest[..., 0], np.take_along_axis(places, first, -1)[..., 0]


class MaxPool1dWithIndices(_MaxPoolWithIndices):
    """values[c, i] = max over t of x[c, stride i + t - padding], and indices[c, i], the first place of that maximum.

    Input: batch, channels, length. Outputs: both batch, channels, length; places are counted from 0.
    """

    rank: ClassVar[int] = 1
    kernel_size: Window1d = KERNEL_SIZE
    stride: OptionalWindow1d = STRIDE
    padding: Offset1d = PADDING


class MaxPool2dWithIndices(_MaxPoolWithIndices):
    """values[c, i, j] = max over s, t of x[c, y, z], with y = stride i + s - padding, z = stride j + t - padding, and
    indices[c, i, j] = y width + z, the first place of that maximum.

    Input: batch, channels, height, width. Outputs: both batch, channels, height, width; places are counted from 0, row
    by row.
    """

    kernel_size: Window2d = KERNEL_SIZE
    stride: OptionalWindow2d = STRIDE
    padding: Offset2d = PADDING


class MaxPool3dWithIndices(_MaxPoolWithIndices):
    """values[c, p] = max over t of x[c, q], with q = stride p + t - padding, and indices[c, p] = (q_depth height +
    q_height) width + q_width, the first place of that maximum.

    Input: batch, channels, depth, height, width. Outputs: both of such a shape; places are counted from 0, plane by
    plane and row by row.
    """

    rank: ClassVar[int] = 3
    kernel_size: Window3d = KERNEL_SIZE
    stride: OptionalWindow3d = STRIDE
    padding: Offset3d = PADDING


class _MaxUnpool(_WithPlaces):
    linear: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    takes_each: ClassVar[tuple[tuple[DType, ...], ...]] = (("float",), ("int64",))
    if TYPE_CHECKING:
        output_size: tuple[int, ...] | None

    def infer(self, x: Shape, indices: Shape) -> tuple[Shape, ...]:
        check_rank(x, self.rank + 2)
        if indices != x:
            raise ShapeError(f"needs an index for each number of {show(x)}, not {show(indices)}")
        axes = zip(x[2:], self.kernel_size, self.steps, self.padding, strict=True)
        usual = tuple((size - 1) * step + k - 2 * padding for size, k, step, padding in axes)
        if self.output_size is None:
            if min(usual) < 1:
                raise ShapeError(f"padding (={listed(self.padding)}) cuts off all of the output", attribute="padding")
            return ((*x[:2], *usual),)
        for size, due, step in zip(self.output_size, usual, self.steps, strict=True):
            if abs(size - due) >= step:
                raise ShapeError(
                    f"output_size (={listed(self.output_size)}) must be less than a stride (={listed(self.steps)}) "
                    f"from {listed(usual)}",
                    attribute="output_size",
                )
        return ((*x[:2], *self.output_size),)

    def indexes(self, *inputs: Shape) -> dict[int, tuple[int, str]]:
        return {1: (product(self.infer(*inputs)[0][2:]), "output_size")}

    def reference(self, x: Array, indices: Array) -> Array:
        shape = self.infer(x.shape, indices.shape)[0]
        y = np.zeros((*shape[:2], math.prod(shape[2:])), x.dtype)
        np.put_along_axis(y, indices.reshape(*shape[:2], -1), x.reshape(*shape[:2], -1), -1)
        return y.reshape(shape)

    def undefined(self, x: Array, indices: Array) -> tuple[Array | None, ...]:
        """Places that several indices name."""
        shape = self.infer(x.shape, indices.shape)[0]
        named = np.zeros((math.prod(shape[:2]), math.prod(shape[2:])), int)
        for row, places in zip(named, indices.reshape(len(named), -1), strict=True):
            np.add.at(row, places, 1)
        return ((named > 1).reshape(shape),)


class MaxUnpool1d(_MaxUnpool):
    """y[c, indices[c, i]] = x[c, i], and 0 elsewhere: every maximum back where the pool found it.

    Inputs: x and indices, both batch, channels, length, as `max_pool1d_with_indices` gives them. Output: batch,
    channels, (length - 1) stride + kernel_size - 2 padding. Where several indices are equal, it is not defined which
    number stays.
    """

    rank: ClassVar[int] = 1
    kernel_size: Window1d = KERNEL_SIZE
    stride: OptionalWindow1d = STRIDE
    padding: Offset1d = POOLED
    output_size: OptionalWindow1d = OUTPUT_SIZE


class MaxUnpool2d(_MaxUnpool):
    """y[c, h, w] = x[c, i, j] where indices[c, i, j] = h width + w, and 0 elsewhere: every maximum back to its place.

    Inputs: x and indices, both batch, channels, height, width, as `max_pool2d_with_indices` gives them. Output: batch,
    channels, (height - 1) stride + kernel_size - 2 padding, and so for the width. Where several indices are equal, it
    is not defined which number stays. Badrinarayanan et al., SegNet, 2015, https://arxiv.org/abs/1511.00561.
    """

    kernel_size: Window2d = KERNEL_SIZE
    stride: OptionalWindow2d = STRIDE
    padding: Offset2d = POOLED
    output_size: OptionalWindow2d = OUTPUT_SIZE


class MaxUnpool3d(_MaxUnpool):
    """y[c, d, h, w] = x[c, p] where indices[c, p] = (d height + h) width + w, and 0 elsewhere.

    Inputs: x and indices, both batch, channels, depth, height, width, as `max_pool3d_with_indices` gives them. Output:
    along each axis (size - 1) stride + kernel_size - 2 padding. Where several indices are equal, it is not defined
    which number stays.
    """

    rank: ClassVar[int] = 3
    kernel_size: Window3d = KERNEL_SIZE
    stride: OptionalWindow3d = STRIDE
    padding: Offset3d = POOLED
    output_size: OptionalWindow3d = OUTPUT_SIZE
