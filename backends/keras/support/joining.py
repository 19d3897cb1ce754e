import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="PACKAGE")
class ForEach(layers.Layer):
    """What is the same for all samples, for each of as many as others are."""

    def call(self, x, others):
        return ops.broadcast_to(x, (ops.shape(others)[0], *ops.shape(x)[1:]))


@keras.saving.register_keras_serializable(package="PACKAGE")
class After(layers.Layer):
    """The first of two values, once the second is there: models may reorder calls."""

    def call(self, inputs):
        return inputs[0]
