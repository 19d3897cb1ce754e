from torch import Tensor


def split_complex(x: Tensor) -> tuple[Tensor, Tensor]:
    """The real part and the imaginary one."""
    x = x.resolve_conj()
    return x.real, x.imag
