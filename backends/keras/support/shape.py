import numpy as np
from keras import ops


def channel_shuffle(x, groups):
    """Interleaves the groups of channels."""
    *sizes, channels = x.shape[1:]
    x = ops.reshape(x, (-1, *sizes, groups, channels // groups))
    return ops.reshape(ops.swapaxes(x, -1, -2), (-1, *sizes, channels))


def pixel_shuffle(x, factor):
    """Moves channels into blocks of factor x factor pixels."""
    height, width, channels = x.shape[1:]
    channels = channels // factor**2
    x = ops.reshape(x, (-1, height, width, channels, factor, factor))
    x = ops.transpose(x, (0, 1, 4, 2, 5, 3))
    return ops.reshape(x, (-1, height * factor, width * factor, channels))


def replicate_pad(x, padding):
    """Repeats the border of each axis."""
    for axis, (before, after) in enumerate(padding):
        if before or after:
            size = x.shape[axis]
            index = [0] * before + list(range(size)) + [size - 1] * after
            x = ops.take(x, index, axis=axis)
    return x


def resize_nearest(x, size):
    """Copies the pixel at or before each place."""
    for axis, count in enumerate(size, start=1):
        index = [i * x.shape[axis] // count for i in range(count)]
        x = ops.take(x, index, axis=axis)
    return x


def resize_bilinear(x, size, align_corners=False):
    """Blends the two nearest pixels of each axis."""
    for axis, count in enumerate(size, start=1):
        length = x.shape[axis]
        if align_corners:
            places = np.arange(count) * ((length - 1) / max(count - 1, 1))
        else:
            places = np.maximum((np.arange(count) + 0.5) * (length / count) - 0.5, 0)
        low = np.minimum(np.floor(places).astype(int), length - 1)
        high = np.minimum(low + 1, length - 1)
        shape = [count if i == axis else 1 for i in range(4)]
        share = ops.convert_to_tensor((places - low).reshape(shape), dtype=x.dtype)
        first, second = ops.take(x, low, axis=axis), ops.take(x, high, axis=axis)
        x = first * (1 - share) + second * share
    return x
