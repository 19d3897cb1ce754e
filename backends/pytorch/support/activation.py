import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ElementPReLU(nn.Module):
    """x, or a learned slope times x below zero, for each element of a sample."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full(shape, 0.25))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, self.weight * x)


def swiglu(x: Tensor, dim: int) -> Tensor:
    """Multiplies the second half by SiLU of the first."""
    gate, value = x.chunk(2, dim)
    return F.silu(gate) * value


def reglu(x: Tensor, dim: int) -> Tensor:
    """Multiplies the second half by ReLU of the first."""
    gate, value = x.chunk(2, dim)
    return F.relu(gate) * value


def quick_gelu(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x), which is near GELU."""
    return x * torch.sigmoid(1.702 * x)


def squared_relu(x: Tensor) -> Tensor:
    """The square of what is above zero."""
    return torch.square(F.relu(x))
