from torch import Tensor
from torch.nn import functional as F


def swiglu(x: Tensor, dim: int) -> Tensor:
    """Multiplies the second half by SiLU of the first."""
    gate, value = x.chunk(2, dim)
    return F.silu(gate) * value
