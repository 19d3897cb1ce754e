"""What convolutions and pools share: their attributes, the sizes they give, and their windows in NumPy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from archspec._lazy import lazy
from archspec.errors import ShapeError

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")

KERNEL_SIZE: Final[Any] = Field(description="size of the window: one number, or one per axis")
STRIDE: Final[Any] = Field(1, description="step from one window to the next: one number, or one per axis")
PADDING: Final[Any] = Field(
    0, description="zeros around the input: a number, one per axis, [before, after] pairs, or same"
)
CAUSAL_PADDING: Final[Any] = Field(
    0, description="zeros around the input: a number, a [before, after] pair, same, or causal: all before"
)
DILATION: Final[Any] = Field(1, description="distance between the elements of a window: one number, or one per axis")

_NAMES: Final = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def output_sizes(
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Any,
    dilation: Sequence[int],
    *,
    ceil_mode: bool = False,
) -> tuple[int, ...]:
    """How many windows there are along each axis.

    With `ceil_mode` a last window may begin inside the input (or the padding before it) and reach beyond the padding
    after it. Raises ShapeError where not even one window fits.
    """
    if padding in ("same", "causal"):
        return tuple(-(-size // step) for size, step in zip(sizes, stride, strict=True))
    result = []
    for name, size, k, s, (before, after), d in zip(
        _NAMES[len(sizes)], sizes, kernel, stride, padding, dilation, strict=True
    ):
        room = size + before + after - (k - 1) * d - 1
        if room < 0:
            window = f"kernel_size (={k})" + (f" with dilation (={d})" if d > 1 else "")
            padded = f"{size} padded to {size + before + after}" if before or after else f"{size}"
            raise ShapeError(f"{window} does not fit into the {name} of its input, {padded}", attribute="kernel_size")
        count = (-(-room // s) if ceil_mode else room // s) + 1
        result.append(count - 1 if ceil_mode and (count - 1) * s >= size + before else count)
    return tuple(result)


def slide(
    x: Array,
    counts: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    pads: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    fill: float = 0.0,
) -> Array:
    """The windows over the last axes of `x`, as a view: [batch, channels, *counts, *kernel]."""
    rank = len(kernel)
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    missing = [
        (before, max(0, (count - 1) * s + extent - size - before))
        for size, count, s, extent, (before, _) in zip(x.shape[2:], counts, stride, extents, pads, strict=True)
    ]
    if any(map(any, missing)):
        x = np.pad(x, [(0, 0), (0, 0), *missing], constant_values=fill)
    every = (slice(None, None, step) for step in (*stride, *dilation))
    return np.lib.stride_tricks.sliding_window_view(x, extents, tuple(range(2, 2 + rank)))[:, :, *every]


def taps(windows: Array, rank: int) -> Iterator[Array]:
    """For each place in the window, the elements that all windows have there."""
    for place in np.ndindex(windows.shape[-rank:]):
        yield windows[(..., *place)]
