import keras
from keras import layers, ops


def sort(x, axis=-1, descending=False):
    """The elements in order."""
    return -ops.sort(-x, axis=axis) if descending else ops.sort(x, axis=axis)


def argsort(x, axis=-1, descending=False):
    """The places of the elements in their order, the first of equal ones first."""
    return ops.cast(ops.argsort(-x if descending else x, axis=axis), "int64")


def gather_rows(x, index):
    """Rows of each sample by its own indices."""
    index = ops.reshape(index, (-1, *index.shape[1:], *[1] * (len(x.shape) - 2)))
    return ops.take_along_axis(x, index, axis=1)


def mask_fill(x, mask, value):
    """A number where the mask is true, as exact as x is."""
    return ops.where(mask, ops.convert_to_tensor(value, x.dtype), x)


def add_at(places, source, size):
    """For each row the sums of the numbers with the same place, and their counts."""
    rows = ops.shape(places)[0]
    places = places + size * ops.expand_dims(ops.arange(rows, dtype=places.dtype), 1)
    places, source = ops.reshape(places, (-1,)), ops.reshape(source, (-1,))
    total = ops.segment_sum(source, places, rows * size)
    count = ops.segment_sum(ops.ones_like(source), places, rows * size)
    return ops.reshape(total, (-1, size)), ops.reshape(count, (-1, size))


@keras.saving.register_keras_serializable(package="PACKAGE")
class ScatterAdd(layers.Layer):
    """Adds numbers to those at given places along an axis."""

    def __init__(self, axis, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}

    def call(self, x, index, source):
        x, index, source = (ops.moveaxis(y, self.axis, -1) for y in (x, index, source))
        size, places = ops.shape(x)[-1], ops.shape(index)[-1]
        index, source = (ops.reshape(y, (-1, places)) for y in (index, source))
        y = self.put(ops.reshape(x, (-1, size)), index, source, size)
        return ops.moveaxis(ops.reshape(y, ops.shape(x)), -1, self.axis)

    def put(self, x, index, source, size):
        return x + add_at(index, source, size)[0]


@keras.saving.register_keras_serializable(package="PACKAGE")
class Scatter(ScatterAdd):
    """Puts numbers to given places along an axis; the mean of several that have one."""

    def put(self, x, index, source, size):
        total, count = add_at(index, source, size)
        mean = total / ops.maximum(count, 1)
        total = total + ops.stop_gradient(mean - total)
        return ops.where(count > 0, total, x)


@keras.saving.register_keras_serializable(package="PACKAGE")
class ScatterAddRows(layers.Layer):
    """Adds rows to those of each sample that its own indices name."""

    def call(self, x, index, source):
        batch, rows, *_ = ops.shape(x)
        first = ops.arange(batch, dtype=index.dtype) * rows
        index = ops.reshape(index + ops.expand_dims(first, 1), (-1,))
        source = ops.reshape(source, (-1, *x.shape[2:]))
        total = ops.segment_sum(source, index, batch * rows)
        return x + ops.reshape(total, ops.shape(x))
