class DropPath(nnx.Module):
    """Drops whole samples in training, and scales up the others."""

    def __init__(self, rate: float, *, rngs: nnx.Rngs) -> None:
        self.dropout = nnx.Dropout(rate, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return x * self.dropout(jnp.ones((x.shape[0],) + (1,) * (x.ndim - 1), x.dtype))
