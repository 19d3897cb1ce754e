import math

import keras


def xavier_uniform(fan_in, fan_out):
    """The uniform initializer of a kernel whose fans Keras counts otherwise."""
    bound = math.sqrt(6 / (fan_in + fan_out))
    return keras.initializers.RandomUniform(-bound, bound)


def kaiming_normal(fan="fan_in"):
    """Normal numbers of the variance 2 / fan, which Keras' own HeNormal cuts."""
    return keras.initializers.VarianceScaling(2.0, fan, "untruncated_normal")
