import math

import keras
import numpy as np
from keras import layers, ops


def max_pool_with_indices(x, kernel_size, strides=None, padding=None):
    """The largest element of each window, and its first place, row by row."""
    strides, padding = strides or kernel_size, padding or (0,) * len(kernel_size)
    sizes = x.shape[1:-1]
    axes = list(zip(sizes, kernel_size, strides, padding))
    counts = [(size + 2 * pad - k) // step + 1 for size, k, step, pad in axes]
    border = [(0, 0), *((pad, pad) for pad in padding), (0, 0)]
    x = ops.pad(x, border, constant_values=float("-inf"))
    best, place = None, None
    for tap in np.ndindex(*kernel_size):
        index, inside, window = 0, True, []
        for axis, (start, count) in enumerate(zip(tap, counts)):
            size, _, step, pad = axes[axis]
            along = np.arange(count) * step + start - pad
            along = along.reshape(-1, *[1] * (len(counts) - axis))
            index, inside = index * size + along, inside & (along >= 0) & (along < size)
            window.append(slice(start, start + (count - 1) * step + 1, step))
        value = x[(slice(None), *window)]
        index = np.where(inside, index, -1).astype("int64")
        if best is None:
            best, place = value, ops.zeros_like(value, "int64") + index
            continue
        higher = ops.logical_or(value > best, ops.logical_and(place < 0, index >= 0))
        best, place = ops.where(higher, value, best), ops.where(higher, index, place)
    return best, place


@keras.saving.register_keras_serializable(package="PACKAGE")
class MaxUnpooling(layers.Layer):
    """Puts each number at its place, and zeros elsewhere; the mean of several there."""

    def __init__(self, output_size, **kwargs):
        super().__init__(**kwargs)
        self.output_size = tuple(output_size)

    def get_config(self):
        return {**super().get_config(), "output_size": self.output_size}

    def call(self, x, indices):
        batch, *_, channels = ops.shape(x)
        count = math.prod(self.output_size)
        rows = ops.reshape(ops.arange(batch), (-1, *[1] * (len(x.shape) - 1)))
        places = ops.cast(rows, "int64") * count + indices
        places = places * channels + ops.arange(channels, dtype="int64")
        places, x = ops.reshape(places, (-1,)), ops.reshape(x, (-1,))
        total = ops.segment_sum(x, places, batch * count * channels)
        there = ops.segment_sum(ops.ones_like(x), places, batch * count * channels)
        mean = total / ops.maximum(there, 1)
        y = total + ops.stop_gradient(mean - total)
        return ops.reshape(y, (-1, *self.output_size, channels))
