from keras import ops


def replicate_pad(x, padding):
    """Repeats the edges of each axis."""
    for axis, (before, after) in enumerate(padding):
        ahead, parts = (slice(None),) * axis, [x]
        if before:
            parts.insert(0, ops.repeat(x[(*ahead, slice(1))], before, axis=axis))
        if after:
            last = x[(*ahead, slice(-1, None))]
            parts.append(ops.repeat(last, after, axis=axis))
        if before or after:
            x = ops.concatenate(parts, axis=axis)
    return x


def circular_pad(x, padding):
    """Continues each axis at its other end."""
    for axis, (before, after) in enumerate(padding):
        ahead, parts = (slice(None),) * axis, [x]
        if before:
            parts.insert(0, x[(*ahead, slice(-before, None))])
        if after:
            parts.append(x[(*ahead, slice(after))])
        if before or after:
            x = ops.concatenate(parts, axis=axis)
    return x
