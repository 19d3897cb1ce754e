import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="PACKAGE")
class MergeBatch(layers.Layer):
    """Makes samples of the places along an axis."""

    def __init__(self, axis=1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, x):
        x = ops.moveaxis(x, self.axis, 1)
        return ops.reshape(x, (-1, *ops.shape(x)[2:]))

    def get_config(self):
        return super().get_config() | {"axis": self.axis}


@keras.saving.register_keras_serializable(package="PACKAGE")
class SplitBatch(layers.Layer):
    """Puts neighbouring samples onto an axis, as many as another value has there."""

    def __init__(self, axis=1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, x, like):
        size = ops.shape(like)[self.axis]
        x = ops.reshape(x, (-1, size, *ops.shape(x)[1:]))
        return ops.moveaxis(x, 1, self.axis)

    def get_config(self):
        return super().get_config() | {"axis": self.axis}


@keras.saving.register_keras_serializable(package="PACKAGE")
class AllSamples(layers.Layer):
    """Puts all samples onto an axis, of what is then one sample."""

    def __init__(self, axis=1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, x):
        return ops.moveaxis(ops.expand_dims(x, 0), 1, self.axis)

    def get_config(self):
        return super().get_config() | {"axis": self.axis}


def replicate_pad(x, padding):
    """Repeats the edges of each axis."""
    for axis, (before, after) in enumerate(padding):
        ahead, parts = (slice(None),) * axis, [x]
        if before:
            parts.insert(0, ops.repeat(x[(*ahead, slice(1))], before, axis=axis))
        if after:
            last = x[(*ahead, slice(-1, None))]
            parts.append(ops.repeat(last, after, axis=axis))
        if before or after:
            x = ops.concatenate(parts, axis=axis)
    return x


def circular_pad(x, padding):
    """Continues each axis at its other end."""
    for axis, (before, after) in enumerate(padding):
        ahead, parts = (slice(None),) * axis, [x]
        if before:
            parts.insert(0, x[(*ahead, slice(-before, None))])
        if after:
            parts.append(x[(*ahead, slice(after))])
        if before or after:
            x = ops.concatenate(parts, axis=axis)
    return x
