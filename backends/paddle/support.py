"""What Paddle lacks, as functions that stand at the top of a generated file that needs them."""

from __future__ import annotations

from textwrap import dedent
from typing import Final

SUPPORT: Final[dict[str, str]] = {
    name: dedent(code).strip()
    for name, code in {
        "exact_log_softmax": '''
            def exact_log_softmax(x: Tensor, axis: int) -> Tensor:
                """The logarithm of softmax; `F.log_softmax` is never below -64 on CPUs."""
                return x - paddle.logsumexp(x, axis=axis, keepdim=True)
        ''',
        "dilated_max_pool": '''
            def dilated_max_pool(
                x: Tensor,
                kernel_size: tuple[int, ...],
                stride: tuple[int, ...],
                dilation: tuple[int, ...],
                padding: tuple[int, ...],
            ) -> Tensor:
                """The maximum of windows with gaps, one axis after the other."""
                x = F.pad(x, (0, 0, 0, 0, *padding), value=float("-inf"))
                windows = zip(kernel_size, stride, dilation)
                for axis, (size, step, gap) in enumerate(windows, start=2):
                    stop = x.shape[axis] - (size - 1) * gap
                    starts = [i * gap for i in range(size)]
                    parts = [
                        paddle.strided_slice(x, [axis], [start], [start + stop], [step])
                        for start in starts
                    ]
                    x = paddle.stack(parts).max(0)
                return x
        ''',
        "channel_shuffle": '''
            def channel_shuffle(x: Tensor, groups: int) -> Tensor:
                """Interleaves the groups of channels of what is no image."""
                channels, *sizes = x.shape[1:]
                x = x.reshape([0, groups, channels // groups, -1]).transpose([0, 2, 1, 3])
                return x.reshape([0, channels, *sizes])
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
