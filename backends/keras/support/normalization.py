from keras import ops


def local_response_norm(x, size, alpha, beta, k):
    """Divides by a power of the mean square over neighbouring channels."""
    channels = x.shape[-1]
    squares = ops.pad(
        ops.square(x),
        [[0, 0]] * (len(x.shape) - 1) + [[size // 2, (size - 1) // 2]],
    )
    total = sum(squares[..., i : i + channels] for i in range(size))
    return x / ops.power(k + total * (alpha / size), beta)
