"""What PyTorch lacks, as functions that stand at the top of a generated file that needs them."""

from __future__ import annotations

from textwrap import dedent
from typing import Final

_PARTIAL_AVG_POOL = '''
    def partial_avg_pool{rank}d(
        x: Tensor,
        kernel_size: {size},
        stride: {size},
        padding: tuple[int, ...],
        border: tuple[int, ...] = ({none}),
    ) -> Tensor:
        """The mean of those elements under a window that are in the input or its border."""
        ones = F.pad(torch.ones_like(x[:1, :1]), border, value=1.0)
        total, share = (
            F.avg_pool{rank}d(F.pad(part, padding), kernel_size, stride)
            for part in (F.pad(x, border), ones)
        )
        return total / share
'''

SUPPORT: Final[dict[str, str]] = {
    name: dedent(code).strip()
    for name, code in {
        "partial_avg_pool1d": _PARTIAL_AVG_POOL.format(rank=1, size="int", none="0, 0"),
        "partial_avg_pool2d": _PARTIAL_AVG_POOL.format(rank=2, size="int | tuple[int, int]", none="0, 0, 0, 0"),
        "resize_nearest": '''
            def resize_nearest(x: Tensor, size: tuple[int, int]) -> Tensor:
                """Nearest neighbours by whole numbers, where float32 would pick others."""
                for axis, new in zip((2, 3), size):
                    places = torch.arange(new, device=x.device) * x.shape[axis] // new
                    x = x.index_select(axis, places)
                return x
        ''',
    }.items()
}
"""By name: definitions that a file gets if its code mentions them."""
