def make_divisible(value: float, divisor: int = 8, minimum: int | None = None) -> int:
    """The multiple of divisor next to value, not more than a tenth below it."""
    least = divisor if minimum is None else minimum
    near = max(least, int(value + divisor / 2) // divisor * divisor)
    return near if near >= 0.9 * value else near + divisor
