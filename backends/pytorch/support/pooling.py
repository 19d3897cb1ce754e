import torch
import torch.nn.functional as F
from torch import Tensor


def partial_avg_pool(
    x: Tensor,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...],
    padding: tuple[int, ...],
    border: tuple[int, ...] = (0, 0),
) -> Tensor:
    """The mean of those elements under a window that are in the input or its border."""
    pool = {3: F.avg_pool1d, 4: F.avg_pool2d, 5: F.avg_pool3d}[x.ndim]
    ones = F.pad(torch.ones_like(x[:1, :1]), border, value=1.0)
    total, share = (
        pool(F.pad(part, padding), kernel_size, stride)
        for part in (F.pad(x, border), ones)
    )
    return total / share
