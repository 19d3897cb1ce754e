from keras import ops


def variance(x, axis, keepdims=False, unbiased=True):
    """The variance; if unbiased, divided by one less than the number of elements."""
    result = ops.var(x, axis=axis, keepdims=keepdims)
    if unbiased:
        count = ops.sum(ops.ones_like(x), axis=axis, keepdims=keepdims)
        result = result * (count / (count - 1))
    return result


def safe_sqrt(x):
    """The square root, with a gradient of 0 at 0."""
    zero = ops.equal(x, 0)
    return ops.where(zero, 0, ops.sqrt(ops.where(zero, 1, x)))


def safe_power(x, exponent):
    """x^exponent, with a gradient of 0 at 0."""
    zero = ops.equal(x, 0)
    return ops.where(zero, 0, ops.power(ops.where(zero, 1, x), exponent))


def vector_norm(x, p, axis, keepdims=False):
    """The norm of order p."""
    total = ops.sum(safe_power(ops.abs(x), p), axis=axis, keepdims=keepdims)
    return safe_power(total, 1 / p)


def top_k(x, k, axis=-1, largest=True):
    """The k largest or smallest elements along an axis, in order, and their places."""
    x = ops.moveaxis(x, axis, -1)
    values, places = ops.top_k(x if largest else -x, k)
    values = ops.moveaxis(values if largest else -values, -1, axis)
    return values, ops.cast(ops.moveaxis(places, -1, axis), "int64")
