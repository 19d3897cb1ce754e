import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DropPath(nn.Module):
    """Stochastic depth: training sets whole samples to zero with probability p."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        ones = x.new_ones([x.shape[0]] + [1] * (x.ndim - 1))
        return x * F.dropout(ones, self.p)


class GaussianNoise(nn.Module):
    """Training adds normal random numbers."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        return x + self.std * torch.randn_like(x) if self.training else x
