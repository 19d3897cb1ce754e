import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="PACKAGE")
class Bilinear(layers.Layer):
    """A linear function of each of two inputs."""

    def __init__(
        self,
        units,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units, self.use_bias = units, use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def get_config(self):
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "kernel_initializer": serialize(self.kernel_initializer),
            "bias_initializer": serialize(self.bias_initializer),
        }

    def build(self, x1_shape, x2_shape):
        shape = (self.units, x1_shape[-1], x2_shape[-1])
        start = self.kernel_initializer
        self.kernel = self.add_weight(shape=shape, initializer=start, name="kernel")
        if self.use_bias:
            shape, start = (self.units,), self.bias_initializer
            self.bias = self.add_weight(shape=shape, initializer=start, name="bias")

    def call(self, x1, x2):
        y = ops.einsum("...i,oij,...j->...o", x1, self.kernel, x2)
        return y + self.bias if self.use_bias else y


@keras.saving.register_keras_serializable(package="PACKAGE")
class FrozenRowEmbedding(layers.Embedding):
    """An embedding with a row that training leaves alone."""

    def __init__(self, input_dim, output_dim, padding_index, **kwargs):
        super().__init__(input_dim, output_dim, **kwargs)
        self.padding_index = padding_index

    def get_config(self):
        return {**super().get_config(), "padding_index": self.padding_index}

    def call(self, inputs):
        y = super().call(inputs)
        frozen = ops.expand_dims(ops.equal(inputs, self.padding_index), -1)
        return ops.where(frozen, ops.stop_gradient(y), y)


@keras.saving.register_keras_serializable(package="PACKAGE")
class TiedEmbedding(layers.Embedding):
    """An embedding that also gives the product of states with each of its rows."""

    def call(self, inputs, reverse=False):
        if reverse:
            return ops.matmul(inputs, ops.transpose(self.embeddings))
        return super().call(inputs)

    def compute_output_spec(self, inputs, reverse=False):
        if reverse:
            shape = (*inputs.shape[:-1], self.input_dim)
            return keras.KerasTensor(shape, dtype=self.compute_dtype)
        return super().compute_output_spec(inputs)
