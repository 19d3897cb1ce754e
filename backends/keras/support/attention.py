import keras
import numpy as np
from keras import layers, ops


def attend(q, k, v, mask=None, causal=False, scale=None, drop=None):
    """Scaled dot-product attention, heads before time; heads of q may share k and v."""
    groups = q.shape[1] // k.shape[1]
    if groups > 1:
        k, v = ops.repeat(k, groups, axis=1), ops.repeat(v, groups, axis=1)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = ops.matmul(q * scale, ops.swapaxes(k, -1, -2))
    if causal:
        past = ops.tril(ops.ones_like(scores[:, :1]))
        scores = ops.where(past > 0, scores, float("-inf"))
    if mask is not None and mask.dtype == "bool":
        scores = ops.where(mask, scores, float("-inf"))
    elif mask is not None:
        scores = scores + mask
    weights = ops.softmax(scores)
    return ops.matmul(weights if drop is None else drop(weights), v)


def alibi_slopes(heads):
    """How fast scores fall with the distance, for each head."""
    known = 2 ** (heads.bit_length() - 1)
    own = [2.0 ** (-8 * (i + 1) / known) for i in range(known)]
    return own + [2.0 ** (-4 * (2 * i + 1) / known) for i in range(heads - known)]


def place_scores(q, k, mask=None, window=None, alibi=False):
    """What is added to scores for how far away keys are: minus infinity hides them."""
    rows, columns = (ops.cumsum(ops.ones_like(x[:1, :1, :, :1]), 2) for x in (q, k))
    distance = ops.abs(rows - ops.swapaxes(columns, 2, 3))
    scores = ops.zeros_like(distance)
    if alibi:
        slopes = np.reshape(alibi_slopes(q.shape[1]), (1, -1, 1, 1))
        scores = -ops.cast(slopes, distance.dtype) * distance
    if window is not None:
        scores = ops.where(distance < window, scores, float("-inf"))
    if mask is not None and mask.dtype == "bool":
        return ops.where(mask, scores, float("-inf"))
    return scores if mask is None else scores + mask


@keras.saving.register_keras_serializable(package="PACKAGE")
class DroppingAttention(layers.Layer):
    """Scaled dot-product attention that drops some of its weights in training."""

    def __init__(self, dropout, causal=False, scale=None, **kwargs):
        super().__init__(**kwargs)
        self.drop = layers.Dropout(dropout)
        self.options = {"causal": causal, "scale": scale}

    @property
    def rate(self):
        return self.drop.rate

    def get_config(self):
        return {**super().get_config(), "dropout": self.rate, **self.options}

    def call(self, q, k, v, mask=None):
        return attend(q, k, v, mask, **self.options, drop=self.drop)


@keras.saving.register_keras_serializable(package="PACKAGE")
class BiasedMultiHeadAttention(layers.Layer):
    """Multi-head attention with numbers to add to the scores, and projections that
    begin each in its own way.
    """

    def __init__(
        self,
        num_heads,
        head_dim,
        out_features,
        use_bias=True,
        causal=False,
        dropout=0.0,
        **kwargs,
    ):
        names = [name for name in kwargs if name.endswith("_initializer")]
        self.starts = {name: keras.initializers.get(kwargs.pop(name)) for name in names}
        super().__init__(**kwargs)
        self.num_heads, self.head_dim = num_heads, head_dim
        self.out_features, self.use_bias, self.causal = out_features, use_bias, causal
        self.drop = layers.Dropout(dropout)
        biased = ("q", "k", "v", "out") if use_bias is True else use_bias or ()
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            units = out_features if name == "out_proj" else num_heads * head_dim
            own = {
                start.removeprefix(f"{name}_"): initializer
                for start, initializer in self.starts.items()
                if start.startswith(name)
            }
            own["trainable"] = self.trainable
            bias = name.removesuffix("_proj") in biased
            dense = layers.Dense(units, use_bias=bias, name=name, **own)
            setattr(self, name, dense)

    def get_config(self):
        names = "num_heads head_dim out_features use_bias causal"
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names.split()},
            "dropout": self.rate,
            **{
                name: keras.initializers.serialize(initializer)
                for name, initializer in self.starts.items()
            },
        }

    @property
    def rate(self):
        return self.drop.rate

    def build(self, query_shape, key_shape, value_shape, bias_shape=None):
        self.q_proj.build(query_shape)
        self.k_proj.build(key_shape)
        self.v_proj.build(value_shape)
        self.out_proj.build((*query_shape[:-1], self.num_heads * self.head_dim))

    def call(self, query, key, value, bias=None):
        q, k, v = (
            ops.transpose(
                ops.reshape(x, (-1, ops.shape(x)[1], self.num_heads, self.head_dim)),
                (0, 2, 1, 3),
            )
            for x in (self.q_proj(query), self.k_proj(key), self.v_proj(value))
        )
        y = attend(q, k, v, bias, self.causal, drop=self.drop)
        y = ops.transpose(y, (0, 2, 1, 3))
        shape = (-1, ops.shape(y)[1], self.num_heads * self.head_dim)
        return self.out_proj(ops.reshape(y, shape))


def wave_angles(x, base):
    """place / base^(2 i / features), in float64; time and features are last."""
    places = ops.arange(ops.shape(x)[-2], dtype="float64")
    features = x.shape[-1]
    return places[:, None] / base ** (np.arange(0, features, 2) / features)


@keras.saving.register_keras_serializable(package="PACKAGE")
class RotaryEmbedding(layers.Layer):
    """Turns pairs of features by angles that grow with the place."""

    def __init__(self, base=10000.0, style="half", **kwargs):
        super().__init__(**kwargs)
        self.base, self.style = base, style

    def get_config(self):
        return {**super().get_config(), "base": self.base, "style": self.style}

    def call(self, x, places=None):
        if places is None:
            angles = wave_angles(x, self.base)
        else:
            rates = self.base ** (np.arange(0, x.shape[-1], 2) / x.shape[-1])
            angles = ops.cast(places, "float64")[:, None, :, None] / rates
        cos, sin = (ops.cast(f(angles), x.dtype) for f in (ops.cos, ops.sin))
        if self.style == "half":
            x1, x2 = ops.split(x, 2, axis=-1)
            return ops.concatenate([x1 * cos - x2 * sin, x1 * sin + x2 * cos], axis=-1)
        x1, x2 = x[..., ::2], x[..., 1::2]
        pairs = ops.stack([x1 * cos - x2 * sin, x1 * sin + x2 * cos], axis=-1)
        return ops.reshape(pairs, ops.shape(x))


@keras.saving.register_keras_serializable(package="PACKAGE")
class SinusoidalPositions(layers.Layer):
    """Adds sines and cosines of the place, of growing wavelengths."""

    def __init__(self, base=10000.0, layout="interleaved", **kwargs):
        super().__init__(**kwargs)
        self.base, self.layout = base, layout

    def get_config(self):
        return {**super().get_config(), "base": self.base, "layout": self.layout}

    def call(self, x):
        angles = wave_angles(x, self.base)
        axis = -1 if self.layout == "interleaved" else -2
        waves = ops.stack([ops.sin(angles), ops.cos(angles)], axis=axis)
        return x + ops.cast(ops.reshape(waves, (-1, x.shape[-1])), x.dtype)


def small_normal(initializer=None):
    """An initializer, or that of tables: normal numbers of standard deviation 0.02."""
    if initializer is None:
        return keras.initializers.RandomNormal(stddev=0.02)
    return keras.initializers.get(initializer)


@keras.saving.register_keras_serializable(package="PACKAGE")
class LearnedPositions(layers.Layer):
    """Adds a learned row for each place."""

    def __init__(self, max_length, initializer=None, **kwargs):
        super().__init__(**kwargs)
        self.max_length, self.initializer = max_length, small_normal(initializer)

    def get_config(self):
        initializer = keras.initializers.serialize(self.initializer)
        own = {"max_length": self.max_length, "initializer": initializer}
        return {**super().get_config(), **own}

    def build(self, input_shape):
        shape, start = (self.max_length, input_shape[-1]), self.initializer
        self.weight = self.add_weight(shape=shape, initializer=start, name="weight")

    def call(self, x):
        return x + self.weight[: ops.shape(x)[1]]


@keras.saving.register_keras_serializable(package="PACKAGE")
class RelativePositionBias(layers.Layer):
    """Adds a learned number for each head and each offset in a window of pixels."""

    def __init__(self, window_size, initializer=None, **kwargs):
        super().__init__(**kwargs)
        self.window_size = tuple(window_size)
        self.initializer = small_normal(initializer)

    def get_config(self):
        initializer = keras.initializers.serialize(self.initializer)
        own = {"window_size": self.window_size, "initializer": initializer}
        return {**super().get_config(), **own}

    def build(self, input_shape):
        height, width = self.window_size
        shape = ((2 * height - 1) * (2 * width - 1), input_shape[-3])
        start = self.initializer
        self.weight = self.add_weight(shape=shape, initializer=start, name="weight")

    def call(self, scores):
        height, width = self.window_size
        y, x = np.divmod(np.arange(height * width), width)
        down, right = y[:, None] - y, x[:, None] - x
        index = (down + height - 1) * (2 * width - 1) + right + width - 1
        bias = ops.take(self.weight, index, axis=0)
        return scores + ops.transpose(bias, (2, 0, 1))


def bucket_edges(count, max_distance):
    """Where buckets begin: half have one distance each, the others ever more."""
    small = count // 2
    growth = (max_distance / small) ** (1 / (count - small))
    # Rounding must not move an edge that is a whole number.
    far = np.ceil(small * growth ** np.arange(1, count - small) - 1e-9)
    return np.array([*range(1, small + 1), *far], dtype="int32")


@keras.saving.register_keras_serializable(package="PACKAGE")
class BucketedPositionBias(layers.Layer):
    """Adds a learned number for each head and each range of distances."""

    def __init__(
        self,
        num_buckets=32,
        max_distance=128,
        bidirectional=True,
        initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_buckets, self.max_distance = num_buckets, max_distance
        self.bidirectional = bidirectional
        self.initializer = small_normal(initializer)

    def get_config(self):
        names = "num_buckets max_distance bidirectional"
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names.split()},
            "initializer": keras.initializers.serialize(self.initializer),
        }

    def build(self, input_shape):
        shape, start = (self.num_buckets, input_shape[1]), self.initializer
        self.weight = self.add_weight(shape=shape, initializer=start, name="weight")

    def call(self, scores):
        time, source = ops.shape(scores)[2:]
        offset = ops.arange(source) - ops.arange(time)[:, None]
        later = self.num_buckets // 2 if self.bidirectional else 0
        distance = ops.abs(offset) if later else ops.maximum(-offset, 0)
        edges = bucket_edges(self.num_buckets - later, self.max_distance)
        reached = ops.greater_equal(ops.expand_dims(distance, -1), edges)
        index = ops.sum(ops.cast(reached, "int32"), axis=-1)
        index = index + later * ops.cast(offset > 0, "int32")
        return scores + ops.transpose(ops.take(self.weight, index, axis=0), (2, 0, 1))
