import keras
from keras import layers, ops


class Body(layers.Layer):
    def __init__(self):
        super().__init__()
        self.per_channel = layers.DepthwiseConv2D(3, padding="same", use_bias=False)
        self.n = layers.BatchNormalization(epsilon=0.001, momentum=0.9)
        self.mix = layers.Conv2D(16, 1)

    def call(self, x):
        y = ops.leaky_relu(self.n(self.per_channel(x)), 0.2)
        return x + self.mix(y)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.border = layers.ZeroPadding2D(1)
        self.first = layers.Conv2D(16, 3, strides=2, use_bias=False)
        self.norm = layers.BatchNormalization(epsilon=0.001, momentum=0.9)
        self.clip = layers.ReLU(max_value=6)
        self.body = Body()
        self.conv = layers.Conv2D(24, 3, padding="same", dilation_rate=2)
        self.average = layers.AveragePooling2D(3, 2, padding="same")
        self.drop = layers.Dropout(0.3)
        self.flat = layers.Flatten()
        self.fc = layers.Dense(32, activation="gelu")
        self.out = layers.Dense(10)

    def call(self, x):
        x = self.clip(self.norm(self.first(self.border(x))))
        x = self.body(x)
        x = ops.max_pool(ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=-1e9), 3, 2)
        x = ops.elu(self.conv(x))
        x = odd_average(x)
        x = self.drop(x)
        x = self.fc(self.flat(x))
        return self.out(x)


def odd_average(x):
    """Averages of 3 by 3 around every other number, borders left out."""
    ones = ops.pad(ops.ones_like(x), [[0, 0], [1, 1], [1, 1], [0, 0]])
    padded = ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    return ops.average_pool(padded, 3, 2) / ops.average_pool(ones, 3, 2)


def build():
    return Net()
