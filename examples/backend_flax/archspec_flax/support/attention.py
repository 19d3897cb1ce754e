class LearnedPositions(nnx.Module):
    """Adds a learned row for each place."""

    def __init__(self, max_length: int, features: int, *, rngs: nnx.Rngs) -> None:
        shape = (max_length, features)
        self.weight = nnx.Param(0.02 * jax.random.normal(rngs.params(), shape))

    def __call__(self, x: jax.Array) -> jax.Array:
        return x + self.weight[: x.shape[1]]
