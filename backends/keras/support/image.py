import keras
import numpy as np
from keras import layers, ops


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


def pixel_unshuffle(x, factor):
    """Moves blocks of factor x factor pixels into channels."""
    height, width, channels = x.shape[1:]
    height, width = height // factor, width // factor
    x = ops.reshape(x, (-1, height, factor, width, factor, channels))
    x = ops.transpose(x, (0, 1, 3, 5, 2, 4))
    return ops.reshape(x, (-1, height, width, channels * factor**2))


def depth_to_space(x, factor):
    """Moves channels into blocks of pixels; those of a pixel are side by side."""
    height, width, channels = x.shape[1:]
    channels = channels // factor**2
    x = ops.reshape(x, (-1, height, width, factor, factor, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, height * factor, width * factor, channels))


def space_to_depth(x, factor):
    """Moves blocks of pixels into channels; those of a pixel stay side by side."""
    height, width, channels = x.shape[1:]
    height, width = height // factor, width // factor
    x = ops.reshape(x, (-1, height, factor, width, factor, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, height, width, channels * factor**2))


def extract_patches(x, patch_size):
    """Flattens each patch, in the order channels, rows, columns."""
    height, width, channels = x.shape[1:]
    rows, columns = height // patch_size[0], width // patch_size[1]
    x = ops.reshape(x, (-1, rows, patch_size[0], columns, patch_size[1], channels))
    x = ops.transpose(x, (0, 1, 3, 5, 2, 4))
    return ops.reshape(
        x, (-1, rows * columns, channels * patch_size[0] * patch_size[1])
    )


def extract_windows(
    x, kernel_size, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1)
):
    """Flattens each window, in the order channels, rows, columns."""
    features = x.shape[-1] * kernel_size[0] * kernel_size[1]
    x = ops.pad(x, ((0, 0), *padding, (0, 0)))
    axes = zip(kernel_size, strides, dilation)
    for axis, (size, stride, gap) in enumerate(axes, start=1):
        stop = x.shape[axis] - (size - 1) * gap
        taps = [np.arange(i * gap, i * gap + stop, stride) for i in range(size)]
        x = ops.stack([ops.take(x, places, axis=axis) for places in taps], axis=-1)
    return ops.reshape(x, (-1, x.shape[1] * x.shape[2], features))


def add_windows(
    x,
    output_size,
    kernel_size,
    strides=(1, 1),
    padding=((0, 0), (0, 0)),
    dilation=(1, 1),
):
    """Adds up flattened windows where they overlap."""
    axes = list(zip(output_size, kernel_size, strides, padding, dilation))
    counts = [
        (size + sum(pads) - (kernel - 1) * gap - 1) // stride + 1
        for size, kernel, stride, pads, gap in axes
    ]
    channels = x.shape[-1] // (kernel_size[0] * kernel_size[1])
    x = ops.reshape(x, (-1, *counts, channels, *kernel_size))
    for axis, (size, kernel, stride, (before, _), gap) in enumerate(axes, start=1):
        # One more place, of zeros, stands for all that no window covers.
        x = ops.pad(x, [(0, int(i == axis)) for i in range(len(x.shape))])
        total = 0
        for tap in range(kernel):
            place, rest = np.divmod(np.arange(size) + before - tap * gap, stride)
            none = (rest > 0) | (place < 0) | (place >= counts[axis - 1])
            index = np.where(none, counts[axis - 1], place)
            total = total + ops.take(ops.take(x, tap, axis=4), index, axis=axis)
        x = total
    return x


def resize_nearest(x, size, half_pixel=False):
    """Copies the pixel before each place, or the one whose middle is nearest."""
    for axis, new in enumerate(size, start=1):
        places = (2 * np.arange(new) + int(half_pixel)) * x.shape[axis]
        x = ops.take(x, places // (2 * new), axis=axis)
    return x


def interpolate(x, size=None, scale=None, align_corners=False, cubic=False):
    """Blends two pixels of each axis, or four by the cubic with a = -0.75."""
    if size is None:
        size = [old * factor for old, factor in zip(x.shape[1:], scale)]
    for axis, new in enumerate(size, start=1):
        old, places = x.shape[axis], np.arange(new)
        if align_corners:
            places = places * (old - 1) / max(new - 1, 1)
        else:
            places = ((2 * places + 1) * old - new) / (2 * new)
        low = np.floor(places).astype(int)
        total = 0
        for step in range(-1, 3) if cubic else range(2):
            d = np.abs(places - low - step)
            weight = 1 - d
            if cubic:
                far = -0.75 * (((d - 5) * d + 8) * d - 4)
                weight = np.where(d <= 1, (1.25 * d - 2.25) * d**2 + 1, far)
            weight = weight.reshape(-1, *[1] * (len(x.shape) - axis - 1))
            near = ops.take(x, np.clip(low + step, 0, old - 1), axis=axis)
            total = total + near * ops.convert_to_tensor(weight, dtype=x.dtype)
        x = total
    return x


@keras.saving.register_keras_serializable(package="PACKAGE")
class Resize(layers.Layer):
    """Resizes images of any size: by whole factors, or to the size of another one."""

    def __init__(self, mode="nearest", scale=None, align_corners=False, **kwargs):
        super().__init__(**kwargs)
        self.mode, self.scale, self.align_corners = mode, scale, align_corners

    def get_config(self):
        own = {"mode": self.mode, "scale": self.scale}
        return {**super().get_config(), **own, "align_corners": self.align_corners}

    def call(self, x, like=None):
        old = [ops.cast(size, "int64") for size in ops.shape(x)[1:-1]]
        if like is None:
            new = [size * factor for size, factor in zip(old, self.scale)]
        else:
            new = [ops.cast(size, "int64") for size in ops.shape(like)[1:-1]]
        for axis, sizes in enumerate(zip(old, new), start=1):
            x = self.along(x, axis, *sizes)
        return x

    def along(self, x, axis, old, new):
        places = ops.arange(new, dtype="int64")
        if self.mode.startswith("nearest"):
            late = int(self.mode == "nearest_exact")
            return ops.take(x, (2 * places + late) * old // (2 * new), axis=axis)
        if self.align_corners:
            places, unit = places * (old - 1), ops.maximum(new - 1, 1)
        else:
            places, unit = (2 * places + 1) * old - new, 2 * new
        low = places // unit
        part = ops.cast(places - low * unit, x.dtype) / ops.cast(unit, x.dtype)
        total = 0
        for step in range(-1, 3) if self.mode == "bicubic" else range(2):
            d = ops.abs(part - step)
            weight = 1 - d
            if self.mode == "bicubic":
                far = -0.75 * (((d - 5) * d + 8) * d - 4)
                weight = ops.where(d <= 1, (1.25 * d - 2.25) * d * d + 1, far)
            near = ops.take(x, ops.clip(low + step, 0, old - 1), axis=axis)
            weight = ops.reshape(weight, (-1, *[1] * (len(x.shape) - axis - 1)))
            total = total + near * weight
        return total
