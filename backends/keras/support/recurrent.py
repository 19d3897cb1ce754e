from keras import layers, ops


def run_recurrent(stack, x, *initial):
    """Runs recurrent layers, and dropout between them, from initial states.

    Returns the output and the final states: batch, layers and directions, units.
    """
    count = initial[0].shape[1] if initial else 0
    given = [state[:, i] for i in range(count) for state in initial]
    final = []
    for layer in stack:
        if isinstance(layer, layers.Dropout):
            x = layer(x)
            continue
        directions = 2 if isinstance(layer, layers.Bidirectional) else 1
        own = directions * len(initial)
        states, given = given[:own], given[own:]
        x, *last = layer(x, initial_state=states or None)
        final += last
    kinds = len(last) // directions
    return x, *(ops.stack(final[i::kinds], axis=1) for i in range(kinds))


def run_padded(stack, x, lengths, *initial):
    """Runs recurrent layers as run_recurrent does, each sequence only for its length.

    The steps after it are skipped in both directions, and give zeros.
    """
    places = ops.cumsum(ops.ones_like(x[:, :, 0], dtype="int64"), axis=1)
    mask = places <= ops.cast(lengths, "int64")[:, None]
    count = initial[0].shape[1] if initial else 0
    given = [state[:, i] for i in range(count) for state in initial]
    final = []
    for layer in stack:
        if isinstance(layer, layers.Dropout):
            x = layer(x)
            continue
        directions = 2 if isinstance(layer, layers.Bidirectional) else 1
        own = directions * len(initial)
        states, given = given[:own], given[own:]
        x, *last = layer(x, initial_state=states or None, mask=mask)
        final += last
    kinds = len(last) // directions
    if len(x.shape) == 3:
        x = ops.where(mask[:, :, None], x, 0.0)
    else:
        x = ops.concatenate(last[::kinds], axis=-1)
    return x, *(ops.stack(final[i::kinds], axis=1) for i in range(kinds))
