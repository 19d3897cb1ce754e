import math

import keras


def xavier_uniform(fan_in, fan_out):
    """The uniform initializer of a kernel whose fans are not those that Keras counts."""
    bound = math.sqrt(6 / (fan_in + fan_out))
    return keras.initializers.RandomUniform(-bound, bound)
