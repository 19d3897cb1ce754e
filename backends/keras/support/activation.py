from keras import ops


def softplus(x, beta, threshold):
    """log(1 + exp(beta x)) / beta, and x itself where beta x is over the threshold."""
    return ops.where(x * beta > threshold, x, ops.softplus(x * beta) / beta)


def celu(x, alpha):
    """x, or alpha * (exp(x / alpha) - 1) below zero; `ops.celu` has slope 2 at 0."""
    curve = alpha * ops.expm1(ops.where(x > 0, 0.0, x) / alpha)
    return ops.where(x > 0, x, curve)


def swiglu(x, axis):
    """Multiplies the second half by SiLU of the first."""
    gate, value = ops.split(x, 2, axis=axis)
    return ops.silu(gate) * value


def reglu(x, axis):
    """Multiplies the second half by ReLU of the first."""
    gate, value = ops.split(x, 2, axis=axis)
    return ops.relu(gate) * value


def quick_gelu(x):
    """x * sigmoid(1.702 x), which is near GELU."""
    return x * ops.sigmoid(1.702 * x)


def squared_relu(x):
    """The square of what is above zero."""
    return ops.square(ops.relu(x))
