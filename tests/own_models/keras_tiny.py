import keras
from keras import layers, ops


class Unit(layers.Layer):
    def __init__(self, before, after, step):
        super().__init__()
        self.body = layers.Conv2D(after, 3, step)
        self.norm = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
        self.skip = layers.Conv2D(after, 1, step) if (step, before) != (1, after) else None

    def call(self, x):
        y = self.norm(self.body(ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])))
        return ops.relu(y + (x if self.skip is None else self.skip(x)))


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.units = [Unit(3, 16, 1), Unit(16, 32, 2), Unit(32, 32, 1), Unit(32, 32, 1)]
        self.head = layers.Dense(10)

    def call(self, x):
        for unit in self.units:
            x = unit(x)
        return self.head(ops.mean(x, axis=(1, 2)))


def build():
    return Net()


def functional():
    x = image = keras.Input((32, 32, 3))
    for before, after, step in [(3, 16, 1), (16, 32, 2), (32, 32, 1), (32, 32, 1)]:
        y = layers.Conv2D(after, 3, step)(layers.ZeroPadding2D(1)(x))
        y = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(y)
        if (step, before) != (1, after):
            x = layers.Conv2D(after, 1, step)(x)
        x = layers.Activation("relu")(layers.add([x, y]))
    return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))
