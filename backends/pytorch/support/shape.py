import torch
from torch import Tensor


def resize_nearest(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Nearest neighbours by whole numbers, where float32 would pick others."""
    for axis, new in zip((2, 3), size):
        places = torch.arange(new, device=x.device) * x.shape[axis] // new
        x = x.index_select(axis, places)
    return x
