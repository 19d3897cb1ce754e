import torch
import torch.nn.functional as F
from torch import Tensor


def partial_avg_pool1d(
    x: Tensor,
    kernel_size: int,
    stride: int,
    padding: tuple[int, ...],
    border: tuple[int, ...] = (0, 0),
) -> Tensor:
    """The mean of those elements under a window that are in the input or its border."""
    ones = F.pad(torch.ones_like(x[:1, :1]), border, value=1.0)
    total, share = (
        F.avg_pool1d(F.pad(part, padding), kernel_size, stride)
        for part in (F.pad(x, border), ones)
    )
    return total / share


def partial_avg_pool2d(
    x: Tensor,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int],
    padding: tuple[int, ...],
    border: tuple[int, ...] = (0, 0, 0, 0),
) -> Tensor:
    """The mean of those elements under a window that are in the input or its border."""
    ones = F.pad(torch.ones_like(x[:1, :1]), border, value=1.0)
    total, share = (
        F.avg_pool2d(F.pad(part, padding), kernel_size, stride)
        for part in (F.pad(x, border), ones)
    )
    return total / share
