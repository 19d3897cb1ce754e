"""Operations that rearrange and resize images."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._shapes import ALIKE, listed
from archspec.ops._windows import DILATION, KERNEL_SIZE, PADDING, STRIDE, output_sizes, slide
from archspec.ops.base import (
    Flag,
    Operation,
    Padding2d,
    Positive,
    Shape,
    Window2d,
    check_rank,
    describe,
    show,
    window_pads,
)

if TYPE_CHECKING:
    from typing import Self

    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")


def _size(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and value:
        return tuple(map(_size, value))
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"must be a whole number from 1, or one per axis, not {describe(value)}")
    return value


def _scale(value: Any) -> Any:
    """Whole numbers as they are, and others as fractions, whose products have exact floors."""
    if isinstance(value, (list, tuple)) and value:
        return tuple(map(_scale, value))
    if isinstance(value, Fraction):
        return value
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ValueError(f"must be a number above 0, or one per axis, not {describe(value)}")
    if isinstance(value, int):
        return value
    return int(value) if value.is_integer() else Fraction(repr(value))


if TYPE_CHECKING:
    from typing import TypeAlias

    Size: TypeAlias = int | tuple[int, ...]
    Scale: TypeAlias = int | Fraction | tuple[int | Fraction, ...]
else:
    Size, Scale = (
        Annotated[
            Any,
            BeforeValidator(check),
            WithJsonSchema({"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "maxItems": 3}]}),
        ]
        for check, item in (
            (_size, {"type": "integer", "minimum": 1}),
            (_scale, {"type": "number", "exclusiveMinimum": 0}),
        )
    )


class _Move(Operation):
    linear: ClassVar[bool] = True


class Upsample(_Move):
    """y[j] = x[floor(j n / m)] along an axis of n elements that becomes m, or a blend of those around another place.

    Input: batch, channels and one to three axes; without scale and size another one, to whose size the first is
    brought. Output: batch, channels, *size, where size is floor(n scale) if there is a scale. `nearest_exact` takes
    x[floor((j + 1/2) n / m)]. The others blend the elements around the place (j + 1/2) n / m - 1/2, or
    j (n - 1) / (m - 1) with `align_corners`; what lies beyond the edge equals the edge: `linear`, `bilinear` and
    `trilinear` (for one, two and three axes) by distance, `bicubic` (for two) four elements by the cubic with a = -0.75
    of Keys, 1981, https://doi.org/10.1109/TASSP.1981.1163711.
    """

    wish: ClassVar = "image"
    arity: ClassVar[tuple[int, int | None]] = (1, 2)
    at_open_sizes: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("scale", "size"), "from: [x, other], without scale and size, brings x to the size of another"
    )
    scale: Scale | None = Field(None, description="factor of the size: one number, or one per axis")
    size: Size | None = Field(None, description="size of the output, instead of scale: one number, or one per axis")
    mode: Literal["nearest", "nearest_exact", "linear", "bilinear", "trilinear", "bicubic"] = Field(
        "nearest",
        description="nearest, nearest_exact: copy the element before the place, or the one whose middle is nearest; "
        "linear (one axis), bilinear (two), trilinear (three): blend two; bicubic (two): blend four",
    )
    align_corners: Flag = Field(False, description="modes that blend: the corners of input and output coincide")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.scale is not None and self.size is not None:
            raise ValueError("takes scale or size, not both")
        if self.align_corners and self.copies:
            raise ValueError("align_corners has a meaning only with mode (=linear, bilinear, trilinear or bicubic)")
        return self

    def accepts(self) -> tuple[int, int | None]:
        return (2, 2) if self.scale is None and self.size is None else (1, 1)

    def nonnegative(self, *inputs: bool) -> bool:
        return inputs[0] and self.mode != "bicubic"  # which goes beyond the values that it blends

    @property
    def copies(self) -> bool:
        """Whether elements are copied, not blended."""
        return self.mode in ("nearest", "nearest_exact")

    @property
    def repeats(self) -> bool:
        """Whether there is a scale, of whole numbers: then `nearest` and `nearest_exact` repeat each element."""
        scale = self.scale if isinstance(self.scale, tuple) else (self.scale,)
        return all(isinstance(factor, int) for factor in scale)

    def factors(self, x: Shape) -> tuple[int | Fraction, ...]:
        """The scale of each axis beyond batch and channels."""
        return _each(self.scale, x, "scale")

    def infer(self, x: Shape, *like: Shape) -> tuple[Shape, ...]:
        check_rank(x, *({"linear": (3,), "trilinear": (5,)}.get(self.mode, (3, 4, 5) if self.copies else (4,))))
        if like:
            if len(like[0]) != len(x):
                raise ShapeError(f"{show(x)} cannot have the size of {show(like[0])}", hint=ALIKE)
            return ((*x[:2], *like[0][2:]),)
        if self.size is not None:
            return ((*x[:2], *_each(self.size, x, "size")),)
        sizes = tuple(
            n * f.numerator // f.denominator if isinstance(f, Fraction) else n * f
            for n, f in zip(x[2:], self.factors(x), strict=True)
        )
        if min(sizes) < 1:
            raise ShapeError(f"scale (={_text(self.scale)}) leaves nothing of {show(x)}", attribute="scale")
        return ((*x[:2], *sizes),)

    def reference(self, x: Array, *like: Array) -> Array:
        for axis, m in enumerate(self.infer(x.shape, *(each.shape for each in like))[0][2:], 2):
            n = x.shape[axis]
            if self.copies:
                late = int(self.mode == "nearest_exact")
                x = x.take([(2 * j + late) * n // (2 * m) for j in range(m)], axis)
                continue
            whole, part, unit = self._places(n, m)
            around = tuple(axis - x.ndim + 1 + i for i in range(x.ndim - axis - 1))
            x = sum(
                np.expand_dims(weight.astype(x.dtype), around) * x.take(np.clip(whole + step, 0, n - 1), axis)
                for step, weight in self._weights(part / unit)
            )
        return x

    def _places(self, n: int, m: int) -> tuple[Array, Array, int]:
        """The places in the input as `whole + part / unit`, exactly."""
        j = np.arange(m)
        if self.align_corners:
            unit = max(m - 1, 1)
            return *np.divmod(j * (n - 1), unit), unit
        return *np.divmod((2 * j + 1) * n - m, 2 * m), 2 * m

    def _weights(self, t: Array) -> Iterator[tuple[int, Array]]:
        """How much the elements around a place count that is `t` beyond element 0."""
        if self.mode != "bicubic":
            yield 0, 1 - t
            yield 1, t
            return
        a = -0.75
        for step in (0, 1):
            d = abs(t - step)
            yield step, (a + 2) * d**3 - (a + 3) * d**2 + 1
        for step in (-1, 2):
            d = abs(t - step)
            yield step, a * (d**3 - 5 * d**2 + 8 * d - 4)


def _each(value: Any, x: Shape, attribute: str) -> tuple[Any, ...]:
    """A number for each axis beyond batch and channels."""
    count = len(x) - 2
    if not isinstance(value, tuple):
        return (value,) * count
    if len(value) != count:
        raise ShapeError(
            f"{attribute} (={_text(value)}) must be one number, or one for each of the {count} axes of {show(x)} "
            "beyond batch and channels",
            attribute=attribute,
        )
    return value


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return listed(map(_text, value))
    return f"{float(value):g}" if isinstance(value, Fraction) else str(value)


class ChannelShuffle(_Move):
    """y[i groups + g] = x[g (channels / groups) + i]: the channels of the groups take turns.

    Input and output: batch, channels, ....
    Zhang et al., ShuffleNet, 2017, https://arxiv.org/abs/1707.01083.
    """

    keeps_sign: ClassVar[bool] = True
    wish: ClassVar = "image"
    groups: Positive = Field(description="groups of neighbouring channels; must divide the channels")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 3, 4, 5)
        if x[1] % self.groups:
            raise ShapeError(
                f"groups (={self.groups}) must divide the {x[1]} channels of its input", attribute="groups"
            )
        return (x,)

    def reference(self, x: Array) -> Array:
        return x.reshape(len(x), self.groups, -1, *x.shape[2:]).swapaxes(1, 2).reshape(x.shape)


def _spread(x: Shape, factor: int, attribute: str) -> Shape:
    """The shape of an image whose channels become blocks of `factor` x `factor` pixels."""
    check_rank(x, 4)
    batch, channels, height, width = x
    if channels % (factor * factor):
        raise ShapeError(
            f"{attribute} (={factor}) squared must divide the {channels} channels of its input", attribute=attribute
        )
    return (batch, channels // (factor * factor), height * factor, width * factor)


def _gathered(x: Shape, block: tuple[int, ...], attribute: str) -> Shape:
    """The shape of an image whose blocks of pixels become channels."""
    check_rank(x, 4)
    batch, channels, height, width = x
    for name, size, extent in zip(("height", "width"), (height, width), block, strict=True):
        if size % extent:
            raise ShapeError(
                f"{attribute} (={extent}) must divide the {name} of its input, {size}", attribute=attribute
            )
    return (batch, block[0] * block[1] * channels, height // block[0], width // block[1])


def _blocks(x: Array, rows: int, columns: int) -> Array:
    """A view of an image cut into blocks: batch, channels, blocks, rows, blocks, columns."""
    batch, channels, height, width = x.shape
    return x.reshape(batch, channels, height // rows, rows, width // columns, columns)


class PixelShuffle(_Move):
    """y[c, r h + i, r w + j] = x[c r^2 + r i + j, h, w]: channels become an image r = upscale_factor times as large.

    Input: batch, channels, height, width. Output: batch, channels / r^2, height r, width r.
    Shi et al., 2016, https://arxiv.org/abs/1609.05158.
    """

    wish: ClassVar = "image"
    upscale_factor: Positive = Field(description="factor of height and width; its square must divide the channels")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        return (_spread(x, self.upscale_factor, "upscale_factor"),)

    def reference(self, x: Array) -> Array:
        batch, _, height, width = x.shape
        r = self.upscale_factor
        blocks = x.reshape(batch, -1, r, r, height, width).transpose(0, 1, 4, 2, 5, 3)
        return blocks.reshape(self.infer(x.shape)[0])


class PixelUnshuffle(_Move):
    """y[c r^2 + r i + j, h, w] = x[c, r h + i, r w + j], the inverse of pixel_shuffle, with r = downscale_factor.

    Input: batch, channels, height, width. Output: batch, channels r^2, height / r, width / r.
    """

    wish: ClassVar = "image"
    downscale_factor: Positive = Field(description="divisor of height and width")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        return (_gathered(x, (self.downscale_factor,) * 2, "downscale_factor"),)

    def reference(self, x: Array) -> Array:
        r = self.downscale_factor
        return _blocks(x, r, r).transpose(0, 1, 3, 5, 2, 4).reshape(self.infer(x.shape)[0])


class SpaceToDepth(_Move):
    """y[(b i + j) channels + c, h, w] = x[c, b h + i, b w + j]: blocks of b = block_size squared become channels.

    Input: batch, channels, height, width. Output: batch, channels b^2, height / b, width / b. The channels of a pixel
    stay side by side; with pixel_unshuffle the pixels of a channel do. ONNX SpaceToDepth.
    """

    block_size: Positive = Field(description="height and width of a block; must divide those of the input")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        return (_gathered(x, (self.block_size,) * 2, "block_size"),)

    def reference(self, x: Array) -> Array:
        b = self.block_size
        return _blocks(x, b, b).transpose(0, 3, 5, 1, 2, 4).reshape(self.infer(x.shape)[0])


class DepthToSpace(_Move):
    """y[c, b h + i, b w + j] = x[(b i + j) C + c, h, w], with b = block_size and C = channels / b^2.

    Input: batch, channels, height, width. Output: batch, C, height b, width b. With mode CRD it is
    x[c b^2 + b i + j, h, w], which is pixel_shuffle. ONNX DepthToSpace.
    """

    block_size: Positive = Field(description="factor of height and width; its square must divide the channels")
    mode: Literal["DCR", "CRD"] = Field(
        "DCR",
        description="what the channels are counted by, outermost first: DCR: place in the block, channel; "
        "CRD: channel, place in the block (as in pixel_shuffle)",
    )

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        return (_spread(x, self.block_size, "block_size"),)

    def reference(self, x: Array) -> Array:
        b = self.block_size
        if self.mode == "DCR":
            x = x.reshape(len(x), b * b, -1, *x.shape[2:]).swapaxes(1, 2).reshape(x.shape)
        return PixelShuffle(upscale_factor=b).reference(x)


class Patches(_Move):
    """y[w + W h, c p q + q i + j] = x[c, p h + i, q w + j]: an image as a sequence of patches of p x q pixels.

    Input: batch, channels, height, width. Output: batch, number of patches, features. There are W = width / q patches
    in a row, and rows come one after the other; in a patch the order is channels, rows, columns, which is that of a
    convolution's weights.
    Dosovitskiy et al., 2020, https://arxiv.org/abs/2010.11929; Liu et al., Swin, 2021, https://arxiv.org/abs/2103.14030.
    """

    patch_size: Window2d = Field(description="height and width of a patch; must divide those of the input")

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        batch, features, rows, columns = _gathered(x, self.patch_size, "patch_size")
        return ((batch, rows * columns, features),)

    def reference(self, x: Array) -> Array:
        blocks = _blocks(x, *self.patch_size).transpose(0, 2, 4, 1, 3, 5)
        return blocks.reshape(self.infer(x.shape)[0])


class _Windows(_Move):
    """An image, and the windows over it as columns."""

    if TYPE_CHECKING:  # fields of the subclasses
        kernel_size: tuple[int, ...]
        stride: tuple[int, ...]
        padding: Padding2d
        dilation: tuple[int, ...]

    def counts(self, height: int, width: int) -> tuple[int, ...]:
        """How many windows there are along height and width of an image."""
        return output_sizes((height, width), self.kernel_size, self.stride, self.padding, self.dilation)


CROPPING: Any = Field(
    0, description="border of the output that is cut off: a number, one per axis, or [before, after] pairs"
)


class Unfold(_Windows):
    """y[c p q + q i + j, w + W h] = x[c, stride h + dilation i - padding, stride w + dilation j - padding] (im2col).

    Input: batch, channels, height, width. Output: batch, channels p q, windows, for a kernel of p x q: a column for
    each place of the window, row by row (W in each), with zeros where it covers padding.
    """

    kernel_size: Window2d = KERNEL_SIZE
    stride: Window2d = STRIDE
    padding: Padding2d = PADDING
    dilation: Window2d = DILATION

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 4)
        (rows, columns), (high, wide) = self.counts(*x[2:]), self.kernel_size
        return ((x[0], high * wide * x[1], rows * columns),)

    def reference(self, x: Array) -> Array:
        geometry = self.kernel_size, self.stride
        pads = window_pads(self.padding, x.shape[2:], *geometry, self.dilation)
        windows = slide(x, self.counts(*x.shape[2:]), *geometry, pads, self.dilation)
        return windows.transpose(0, 1, 4, 5, 2, 3).reshape(self.infer(x.shape)[0])


class Fold(_Windows):
    """y[c, h, w] = sum of the elements of x that unfold would have taken from there (col2im).

    Input: batch, channels p q, windows, for a kernel of p x q. Output: batch, channels, *output_size; what falls on
    padding is left out. The transpose of unfold with the same attributes, not its inverse: overlaps are added up.
    """

    output_size: Window2d = Field(description="height and width of the output: one number, or one per axis")
    kernel_size: Window2d = KERNEL_SIZE
    stride: Window2d = STRIDE
    padding: Padding2d = CROPPING
    dilation: Window2d = DILATION

    @field_validator("padding")
    @classmethod
    def _explicit(cls, padding: Padding2d) -> Padding2d:
        if padding == "same":
            raise ValueError("must be given in numbers, not as same")
        return padding

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, 3)
        (rows, columns), (high, wide) = self.counts(*self.output_size), self.kernel_size
        if x[1] % (high * wide):
            raise ShapeError(
                f"kernel_size (={high} x {wide}) must divide the {x[1]} channels of its input", attribute="kernel_size"
            )
        if x[2] != rows * columns:
            raise ShapeError(
                f"an image of output_size (={listed(self.output_size)}) has {rows} x {columns} windows, but there are "
                f"{x[2]}",
                attribute="output_size",
            )
        return ((x[0], x[1] // (high * wide), *self.output_size),)

    def reference(self, x: Array) -> Array:
        pads: Any = self.padding
        counts, sizes = self.counts(*self.output_size), list(zip(self.output_size, pads, strict=True))
        x = x.reshape(len(x), -1, *self.kernel_size, *counts)
        y = np.zeros((*x.shape[:2], *(size + sum(pair) for size, pair in sizes)), x.dtype)
        for place in np.ndindex(*self.kernel_size):
            rows, columns = (
                slice(tap * gap, tap * gap + (count - 1) * step + 1, step)
                for tap, gap, count, step in zip(place, self.dilation, counts, self.stride, strict=True)
            )
            y[:, :, rows, columns] += x[:, :, *place]
        inside = (slice(before, before + size) for size, (before, _) in sizes)
        return y[:, :, *inside]
