import numpy as np
from keras import ops


def pool3d(pool, x, pool_size, strides):
    """Pools height and width, then depth: TensorFlow pools volumes in float32 only."""
    depth, height, width, channels = x.shape[1:]
    x = ops.reshape(x, (-1, height, width, channels))
    x = pool(x, pool_size[1:], strides[1:])
    height, width = x.shape[1:3]
    x = ops.reshape(x, (-1, depth, height * width, channels))
    x = pool(x, (pool_size[0], 1), (strides[0], 1))
    return ops.reshape(x, (-1, x.shape[1], height, width, channels))


def partial_average_pool(x, pool_size, strides, padding, border=None):
    """The mean of those elements under a window that are in the input or its border."""
    ones = ops.ones_like(x[..., :1])
    if border is not None:
        x, ones = ops.pad(x, border), ops.pad(ones, border, constant_values=1)
    total, share = (
        ops.average_pool(ops.pad(part, padding), pool_size, strides)
        for part in (x, ones)
    )
    return total / share


def partial_average_pool3d(x, pool_size, strides, padding, border=None):
    """The mean of those elements under a window that are in the input or its border."""
    ones = ops.ones_like(x[..., :1])
    if border is not None:
        x, ones = ops.pad(x, border), ops.pad(ones, border, constant_values=1)
    total, share = (
        pool3d(ops.average_pool, ops.pad(part, padding), pool_size, strides)
        for part in (x, ones)
    )
    return total / share


def lp_pool(x, norm_type, pool_size, strides):
    """The norm of what is under each window."""
    mean = ops.average_pool(ops.abs(x) ** norm_type, pool_size, strides)
    return root(mean * int(np.prod(pool_size)), norm_type)


def lp_pool3d(x, norm_type, pool_size, strides):
    """The norm of what is under each window."""
    mean = pool3d(ops.average_pool, ops.abs(x) ** norm_type, pool_size, strides)
    return root(mean * int(np.prod(pool_size)), norm_type)


def root(x, degree):
    """The root of what is not negative, with a gradient of 0 where that is 0."""
    positive = x > 0
    return ops.where(positive, ops.where(positive, x, 1) ** (1 / degree), 0)


def adaptive_pool(reduce, x, output_size):
    """Reduces windows that share an axis evenly, overlapping if they must."""
    for axis, count in enumerate(output_size, start=1):
        size = x.shape[axis]
        bounds = [
            (i * size // count, -(-(i + 1) * size // count)) for i in range(count)
        ]
        windows = [
            reduce(ops.take(x, list(range(start, stop)), axis=axis), axis=axis)
            for start, stop in bounds
        ]
        x = ops.stack(windows, axis=axis)
    return x


def dilated_max_pool(x, kernel_size, strides, dilation):
    """The largest element under windows with gaps, one axis after the other."""
    axes = zip(kernel_size, strides, dilation)
    for axis, (size, stride, gap) in enumerate(axes, start=1):
        stop = x.shape[axis] - (size - 1) * gap
        shifted = [
            ops.take(x, list(range(i * gap, i * gap + stop, stride)), axis=axis)
            for i in range(size)
        ]
        x = ops.max(ops.stack(shifted), axis=0)
    return x
