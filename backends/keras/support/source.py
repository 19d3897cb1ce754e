import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="PACKAGE")
class Parameter(layers.Layer):
    """A learned array that is the same for every sample, whatever the layer is called on."""

    def __init__(self, sizes, mean=0.0, std=0.0, **kwargs):
        super().__init__(**kwargs)
        self.sizes, self.mean, self.std = tuple(sizes), mean, std

    def get_config(self):
        own = {"sizes": self.sizes, "mean": self.mean, "std": self.std}
        return {**super().get_config(), **own}

    def build(self, input_shape):
        initializer = keras.initializers.RandomNormal(self.mean, self.std)
        self.value = self.add_weight(
            shape=(1, *self.sizes), initializer=initializer, name="value"
        )

    def call(self, x):
        return ops.convert_to_tensor(self.value)


@keras.saving.register_keras_serializable(package="PACKAGE")
class Constant(layers.Layer):
    """A fixed array that is the same for every sample, whatever the layer is called on."""

    def __init__(self, value, shape=None, **kwargs):
        super().__init__(**kwargs)
        self.value, self.shape = value, shape

    def get_config(self):
        return {**super().get_config(), "value": self.value, "shape": self.shape}

    def call(self, x):
        value = np.asarray(self.value, dtype=self.compute_dtype)
        shape = value.shape if self.shape is None else self.shape
        return ops.convert_to_tensor(np.broadcast_to(value, (1, *shape)))
