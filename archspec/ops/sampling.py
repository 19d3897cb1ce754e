"""Images read at places that are computed."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops._shapes import Sizes, listed
from archspec.ops.base import Flag, Operation, Sets, Shape, check_rank, product, show

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")

ALIGN_CORNERS = Field(
    False, description="-1 and 1 are the middles of the first and the last pixel, and not the image's borders"
)


class GridSample(Operation):
    """y[c, p] = x[c] at the place grid[p], between its pixels: for `bilinear` blended of those around it.

    Inputs: x: batch, channels, height, width; grid: batch, new height, new width, 2: for each place of the output where
    it comes from, first along the width (x), then along the height (y), from -1 to 1. Or x: batch, channels, depth,
    height, width; grid: batch, three sizes, 3: along width, height and depth. Output: batch, channels, and the sizes of
    the grid.
    Jaderberg et al., Spatial transformer networks, 2015, https://arxiv.org/abs/1506.02025.
    """

    wish: ClassVar = ("image", "spec")
    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    mode: Literal["bilinear", "nearest"] = Field(
        "bilinear", description="blend the pixels around a place, or take the nearest; halfway the one of even number"
    )
    padding_mode: Literal["zeros", "border", "reflection"] = Field(
        "zeros", description="what is outside: zeros, the pixels of the border, or the image again, reflected there"
    )
    align_corners: Flag = ALIGN_CORNERS

    def infer(self, x: Shape, grid: Shape) -> tuple[Shape, ...]:
        check_rank(x, 4, 5)
        axes = len(x) - 2
        if len(grid) != len(x) or grid[0] != x[0] or grid[-1] != axes:
            raise ShapeError(
                f"needs a grid with {axes} numbers for each place, not {show(grid)} for {show(x)}",
                hint=f"its shape is batch, {axes} sizes, {axes}",
            )
        return ((*x[:2], *grid[1:-1]),)

    def edges(self, x: Shape, grid: Shape) -> tuple[Sets, ...]:
        """Borders, middles of pixels, and far outside."""
        return (), ((0.0, 1.0, -1.0, 0.5, -0.5, 0.25, 1.25, -1.75, 3.0, -5.5, 1e3),)

    def cost(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        corners = 1 if self.mode == "nearest" else 2 ** (len(inputs[0]) - 2)
        return corners * product(outputs[0])

    def reference(self, x: Array, grid: Array) -> Array:
        rank, sizes = x.ndim - 2, x.shape[2:]
        places = [self._inside(self._pixels(grid[..., rank - 1 - axis], n), n) for axis, n in enumerate(sizes)]
        image = np.moveaxis(x, 1, -1)
        sample = np.arange(len(x)).reshape(-1, *[1] * rank)
        if self.mode == "nearest":
            return np.moveaxis(self._picked(image, sample, [np.rint(place) for place in places]), -1, 1)
        y = np.zeros((*grid.shape[:-1], x.shape[1]), x.dtype)
        for corner in np.ndindex(*[2] * rank):
            near = [np.floor(place) + step for place, step in zip(places, corner, strict=True)]
            weight = np.ones(grid.shape[:-1], x.dtype)
            for place, at in zip(places, near, strict=True):
                weight = weight * (1 - np.abs(place - at))
            y += weight[..., None] * self._picked(image, sample, near)
        return np.moveaxis(y, -1, 1)

    def _pixels(self, place: Array, size: int) -> Array:
        """A place from -1 to 1 as a number of pixels, from 0 to size - 1."""
        return (place + 1) / 2 * (size - 1) if self.align_corners else ((place + 1) * size - 1) / 2

    def _inside(self, place: Array, size: int) -> Array:
        if self.padding_mode == "zeros":
            return place
        if self.padding_mode == "reflection":
            low, span = (0.0, size - 1) if self.align_corners else (-0.5, size)
            if span == 0:
                return np.zeros_like(place)
            rest = np.mod(place - low, 2 * span)
            place = np.minimum(rest, 2 * span - rest) + low
        return np.clip(place, 0, size - 1)

    @staticmethod
    def _picked(image: Array, sample: Array, places: list[Array]) -> Array:
        """The pixels at whole numbers; zeros outside."""
        sizes = image.shape[1:-1]
        there = np.ones(np.broadcast_shapes(*(place.shape for place in places)), bool)
        for place, size in zip(places, sizes, strict=True):
            there = there & (place >= 0) & (place < size)
        index = [np.clip(place, 0, size - 1).astype(int) for place, size in zip(places, sizes, strict=True)]
        return np.where(there[..., None], image[(sample, *index)], 0)


class AffineGrid(Operation):
    """y[i, j] = theta (x_j, y_i, 1): where the pixels of an image of `size` are, after an affine map of the plane.

    Input: batch, 2, 3. Output: batch, height, width, 2: the grid that `grid_sample` takes, with places from -1 to 1 in
    the order x, y. Or, with three sizes, batch, 3, 4, and batch, depth, height, width, 3.
    Jaderberg et al., Spatial transformer networks, 2015, https://arxiv.org/abs/1506.02025.
    """

    wish: ClassVar = "spec"
    linear: ClassVar[bool] = True
    size: Sizes = Field(description="height and width of the grid, or depth, height and width")
    align_corners: Flag = ALIGN_CORNERS

    def infer(self, theta: Shape) -> tuple[Shape, ...]:
        count = len(self.size)
        if count not in (2, 3):
            raise ShapeError(f"size (={listed(self.size)}) must be two numbers, or three", attribute="size")
        if theta[1:] != (count, count + 1):
            raise ShapeError(f"needs a matrix of {count} x {count + 1} for each sample, not {show(theta)}")
        return ((theta[0], *self.size, count),)

    def cost(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        return product(outputs[0]) * (len(self.size) + 1)

    def reference(self, theta: Array) -> Array:
        lines = [self._middles(int(size), theta.dtype) for size in self.size]
        places = np.stack(np.meshgrid(*lines, indexing="ij")[::-1], -1)
        whole = np.concatenate([places, np.ones_like(places[..., :1])], -1).reshape(-1, len(lines) + 1)
        return (whole @ theta.swapaxes(1, 2)).reshape(self.infer(theta.shape)[0])

    def _middles(self, size: int, dtype: Any) -> Array:
        """Where the middles of pixels are."""
        if not self.align_corners:
            return ((2 * np.arange(size) + 1) / size - 1).astype(dtype)
        return np.linspace(-1, 1, size, dtype=dtype) if size > 1 else np.zeros(1, dtype)
