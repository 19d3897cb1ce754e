"""Models of Keras that people could have written, for tests that import them."""

from __future__ import annotations

import keras
from keras import layers, ops


def conv_bn(x, filters, strides=1, scale=True):
    if strides > 1:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    x = layers.Conv2D(filters, 3, strides, "valid" if strides > 1 else "same", use_bias=False)(x)
    x = layers.BatchNormalization(epsilon=1e-3, momentum=0.9, scale=scale)(x)
    return layers.ReLU(max_value=6)(x)


def squeeze_excite(x, filters):
    s = layers.GlobalAveragePooling2D(keepdims=True)(x)
    s = layers.Conv2D(filters // 4, 1, activation="silu")(s)
    s = layers.Conv2D(filters, 1, activation="hard_sigmoid")(s)
    return layers.Multiply()([x, s])


def convolutional():
    """Channels last until they are flattened, gates, numbers at the entry, pads of all kinds."""
    image = keras.Input((16, 24, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = conv_bn(x, 8, strides=2)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.MaxPooling2D(3, 1)(x)
    y = squeeze_excite(conv_bn(x, 8, scale=False), 8)
    x = layers.Add()([x, y]) * ops.sigmoid(y + 0.5)
    x = layers.DepthwiseConv2D(3, 2, "same", depth_multiplier=2)(x)
    x = layers.SeparableConv2D(6, 3, padding="same", activation=layers.LeakyReLU(0.1))(x)
    x = layers.PReLU(alpha_initializer=keras.initializers.RandomNormal())(x)
    x = layers.Concatenate()([x, layers.Conv2DTranspose(6, 3, 2, "same")(layers.AveragePooling2D(2, 2, "same")(x))])
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(5, activation="softmax")(layers.Dropout(0.2)(x)))


def sequences():
    """Three dimensions are sequences, whatever they come from."""
    return keras.Sequential([
        keras.Input((12,), dtype="int64"),
        layers.Embedding(20, 8),
        layers.Conv1D(8, 3, padding="causal", activation="relu"),
        layers.LayerNormalization(epsilon=1e-6),
        layers.GRU(6, return_sequences=True),
        layers.GRU(6, reset_after=False, return_sequences=True),
        layers.Bidirectional(layers.LSTM(5)),
        layers.Dense(3),
    ])  # fmt: skip


@keras.saving.register_keras_serializable("tests")
class Encoder(keras.Layer):
    """A layer of one's own, used twice."""

    def __init__(self, width, heads=2, **more):
        super().__init__(**more)
        self.width, self.heads = width, heads
        self.attention = layers.MultiHeadAttention(heads, width // heads)
        self.norm1, self.norm2 = layers.LayerNormalization(), layers.LayerNormalization()
        self.up, self.down = layers.Dense(2 * width, activation="tanh"), layers.Dense(width)

    def build(self, shape):
        self.scale = self.add_weight(shape=(self.width,), name="scale")
        super().build(shape)

    def call(self, x):
        y = self.norm1(x)
        x = x + self.attention(y, y) * self.scale
        return x + self.down(self.up(self.norm2(x)))

    def get_config(self):
        return {**super().get_config(), "width": self.width, "heads": self.heads}


class Transformer(keras.Model):
    """A subclass, whose graph shows only when it is called."""

    def __init__(self, width=8, classes=4):
        super().__init__()
        self.blocks = [Encoder(width, name=f"block_{number}") for number in range(2)]
        self.head = layers.Dense(classes)

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(ops.mean(x, axis=1))


def hostile():
    """Several things that have no place in a spec."""
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="taken", activation=lambda x: ops.sort(x, axis=-1))(image)
    y = layers.Embedding(5, 4, mask_zero=True, name="hidden")(ops.cast(image, "int64"))
    z = ops.erfinv(image)
    return keras.Model(image, [x, y, layers.Dense(3, name="free")(z)])


class Computed(keras.Layer):
    """A weight that is computed."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")

    def call(self, x):
        return x * ops.exp(self.scale)


def computed():
    return keras.Sequential([keras.Input((4,)), layers.Dense(4), Computed(name="own")])


class Branches(keras.Model):
    def call(self, x):
        return x * 2 if ops.sum(x) > 0 else x


class Numpy(keras.Layer):
    def call(self, x):
        import numpy

        return x + numpy.asarray(x).sum()


def aside():
    return Branches()
