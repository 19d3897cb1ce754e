from paddle import Tensor


def split_complex(x: Tensor) -> tuple[Tensor, Tensor]:
    """The real part and the imaginary one."""
    return x.real(), x.imag()
