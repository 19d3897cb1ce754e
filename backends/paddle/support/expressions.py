def make_divisible(value, divisor=8, minimum=None):
    """The multiple of divisor next to value, but not more than a tenth below it, and at least minimum."""
    near = max(divisor if minimum is None else minimum, int(value + divisor / 2) // divisor * divisor)
    return near if near >= 0.9 * value else near + divisor
