"""What Paddle lacks, as functions that stand at the top of a generated file that needs them."""

from __future__ import annotations

from textwrap import dedent
from typing import Final

SUPPORT: Final[dict[str, str]] = {
    name: dedent(code).strip() + "\n"
    for name, code in {
        "dilated_max_pool2d": '''
            def dilated_max_pool2d(
                x: Tensor,
                kernel_size: tuple[int, int],
                stride: tuple[int, int],
                dilation: tuple[int, int],
                padding: tuple[int, int, int, int],
            ) -> Tensor:
                """The maximum of windows with gaps; padding is left, right, top, bottom."""
                x = F.pad(x, padding, value=float("-inf"))
                sizes = [
                    (size - (k - 1) * d - 1) // s + 1
                    for size, k, s, d in zip(x.shape[2:], kernel_size, stride, dilation)
                ]
                windows = F.unfold(x, kernel_size, strides=stride, dilations=dilation)
                return windows.reshape([0, x.shape[1], -1, *sizes]).max(2)
        ''',
        "resize_nearest": '''
            def resize_nearest(x: Tensor, size: tuple[int, int]) -> Tensor:
                """Nearest neighbours, by whole numbers where float32 would pick others."""
                for axis, new in zip((2, 3), size):
                    places = paddle.arange(new) * x.shape[axis] // new
                    x = paddle.index_select(x, places, axis=axis)
                return x
        ''',
        "resize_bilinear": '''
            def resize_bilinear(
                x: Tensor, size: tuple[int, int], align_corners: bool = False
            ) -> Tensor:
                """Bilinear resizing where F.interpolate is not exact."""
                for axis, new in zip((2, 3), size):
                    old = x.shape[axis]
                    places = paddle.arange(new, dtype=x.dtype)
                    if align_corners:
                        places = places * ((old - 1) / max(new - 1, 1))
                    else:
                        places = ((places + 0.5) * (old / new) - 0.5).clip(min=0)
                    low = places.astype("int64").clip(max=old - 1)
                    high = (low + 1).clip(max=old - 1)
                    weight = (places - low.astype(x.dtype)).reshape([-1] + [1] * (3 - axis))
                    before = paddle.index_select(x, low, axis=axis)
                    after = paddle.index_select(x, high, axis=axis)
                    x = before + (after - before) * weight
                return x
        ''',
    }.items()
}
"""By name: definitions that a file gets if its code mentions them."""
