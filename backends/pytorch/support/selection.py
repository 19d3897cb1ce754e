import torch
from torch import Tensor


def gather_rows(x: Tensor, index: Tensor) -> Tensor:
    """Rows of each sample by its own indices."""
    samples = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    return x[samples, index]


def scatter_add_rows(x: Tensor, index: Tensor, source: Tensor) -> Tensor:
    """Adds rows to those of each sample that its own indices name."""
    index = index.reshape(*index.shape, *[1] * (x.dim() - 2))
    return x.scatter_add(1, index.expand_as(source), source)
