import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="PACKAGE")
class Parameter(layers.Layer):
    """A learned array, the same for every sample, whatever the layer is called on."""

    def __init__(self, sizes, initializer="zeros", **kwargs):
        super().__init__(**kwargs)
        self.sizes = tuple(sizes)
        self.initializer = keras.initializers.get(initializer)

    def get_config(self):
        initializer = keras.initializers.serialize(self.initializer)
        own = {"sizes": self.sizes, "initializer": initializer}
        return {**super().get_config(), **own}

    def build(self, input_shape):
        self.value = self.add_weight(
            shape=(1, *self.sizes), initializer=self.initializer, name="value"
        )

    def call(self, x):
        return ops.convert_to_tensor(self.value)


@keras.saving.register_keras_serializable(package="PACKAGE")
class Constant(layers.Layer):
    """A fixed array, the same for every sample, whatever the layer is called on."""

    def __init__(self, value, shape=None, **kwargs):
        super().__init__(**kwargs)
        self.value, self.shape = value, shape

    def get_config(self):
        return {**super().get_config(), "value": self.value, "shape": self.shape}

    def call(self, x):
        value = np.asarray(self.value, dtype=self.compute_dtype)
        shape = value.shape if self.shape is None else self.shape
        return ops.convert_to_tensor(np.broadcast_to(value, (1, *shape)))


@keras.saving.register_keras_serializable(package="PACKAGE")
class Range(layers.Layer):
    """Numbers in a row, the same for every sample, whatever the layer is called on."""

    def __init__(self, *bounds, **kwargs):
        self.bounds = kwargs.pop("bounds", bounds)
        super().__init__(**kwargs)

    def get_config(self):
        return {**super().get_config(), "bounds": self.bounds}

    def call(self, x):
        return ops.arange(*self.bounds, dtype=self.compute_dtype)[None]


@keras.saving.register_keras_serializable(package="PACKAGE")
class Places(layers.Layer):
    """The places along an axis of what the layer is called on: 0, 1, 2, ..."""

    def __init__(self, axis, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}

    def call(self, x):
        return ops.arange(ops.shape(x)[self.axis], dtype=self.compute_dtype)[None]
