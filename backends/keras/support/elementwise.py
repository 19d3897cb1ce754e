from keras import ops


def times(x, factor):
    """x * factor, which Keras takes for a sparse tensor until it is cast."""
    product = x * factor
    return ops.cast(product, product.dtype)


def logaddexp(x, y):
    """log(exp(x) + exp(y)); `ops.logaddexp` has other slopes where x is y."""
    top = ops.stop_gradient(ops.maximum(x, y))
    top = ops.where(ops.isfinite(top), top, 0)
    return top + ops.log(ops.exp(x - top) + ops.exp(y - top))
