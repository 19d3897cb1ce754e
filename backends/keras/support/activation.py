from keras import ops


def softplus(x, beta, threshold):
    """log(1 + exp(beta x)) / beta, and x itself where beta x is over the threshold."""
    return ops.where(x * beta > threshold, x, ops.softplus(x * beta) / beta)
