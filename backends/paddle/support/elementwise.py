from paddle import Tensor


def exactly_equal(x: Tensor, y: Tensor | float) -> Tensor:
    """Whether numbers are the same; `==` takes floats that are 1e-15 apart for equal."""
    return (x <= y) & (x >= y)


def differs(x: Tensor, y: Tensor | float) -> Tensor:
    """Whether numbers are not the same, or no numbers."""
    return ~exactly_equal(x, y)
