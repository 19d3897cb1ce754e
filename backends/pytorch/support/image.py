import torch
from torch import Tensor


def resize_nearest(
    x: Tensor, size: tuple[int, ...], half_pixel: bool = False
) -> Tensor:
    """Nearest neighbours by whole numbers, where float32 would pick others."""
    for axis, new in enumerate(size, start=2):
        places = 2 * torch.arange(new, device=x.device) + int(half_pixel)
        x = x.index_select(axis, places * x.shape[axis] // (2 * new))
    return x
