import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="PACKAGE")
class WideGaussianNoise(layers.Layer):
    """Training adds normal random numbers, of any deviation."""

    def __init__(self, stddev, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev
        self.seed_generator = keras.random.SeedGenerator()

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}

    def call(self, x, training=False):
        if not training:
            return x
        noise = keras.random.normal(
            ops.shape(x), dtype=x.dtype, seed=self.seed_generator
        )
        return x + self.stddev * noise
