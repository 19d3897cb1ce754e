from paddle import Tensor


def exactly_equal(x: Tensor, y: Tensor | float) -> Tensor:
    """Whether numbers are the same; Paddle's `==` is true of floats 1e-15 apart."""
    return (x <= y) & (x >= y)


def differs(x: Tensor, y: Tensor | float) -> Tensor:
    """Whether numbers are not the same; Paddle's `!=` is false if 1e-15 apart."""
    return ~exactly_equal(x, y)
