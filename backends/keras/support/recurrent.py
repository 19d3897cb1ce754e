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
