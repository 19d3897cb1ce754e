"""How the weights of Keras' layers begin by themselves, and the initializers that say otherwise.

Keras' own "he_normal", "glorot_normal" and "lecun_normal" are cut and scaled up again, which is meant nowhere else. A
fresh initializer is written for each layer: one object gives all that have it the same numbers.
"""

from __future__ import annotations

from typing import Final

from archspec.emit.code import Code, Raw, Template, call, literal, number
from archspec.ops.initializers import Distribution, Fans, Fixed, Flat, Gaussian, Initializer, Rotation, Truncated, Unit
from archspec.spec.initial import initializer

_ARGUMENTS: Final = {
    "kernel": "kernel_initializer", "bias": "bias_initializer", "embeddings": "embeddings_initializer",
    "gamma": "gamma_initializer", "beta": "beta_initializer", "recurrent_kernel": "recurrent_initializer",
    "depthwise_kernel": "depthwise_initializer", "pointwise_kernel": "pointwise_initializer",
    "alpha": "alpha_initializer", "value": "initializer", "weight": "initializer",
}  # fmt: skip
_DEFAULTS: Final = {
    "kernel": "xavier_uniform", "depthwise_kernel": "xavier_uniform", "pointwise_kernel": "xavier_uniform",
    "bias": "zeros", "embeddings": "uniform(0.05)", "gamma": "ones", "beta": "zeros", "scale": "ones",
    "recurrent_kernel": "orthogonal", "alpha": "zeros", "value": "zeros", "weight": "normal(0.02)",
    "moving_mean": "zeros", "moving_variance": "ones",
}  # fmt: skip
_UNSEEN: Final = ("layers.MultiHeadAttention", "Bilinear")
"""Layers with kernels of more axes, whose fans Keras computes as if they were those of convolutions."""

_CUT: Final = 0.87962566103423978
"""The deviation of a normal distribution cut at two of its own; a truncated VarianceScaling makes up for that."""


class Arguments:
    """See `archspec.emit.dialect.Given`."""

    xavier = "xavier_uniform"

    def argument(self, kind: str, name: str) -> str | None:
        owner, _, own = name.rpartition("/")
        if kind == "BiasedMultiHeadAttention":
            return f"{owner}_{own}_initializer"
        if "Depthwise" in kind and own == "kernel":
            return "depthwise_initializer"
        return None if "RMS" in kind else _ARGUMENTS.get(own)

    def default(self, kind: str, name: str) -> Initializer | None:
        own = name.rpartition("/")[2]
        if kind in _UNSEEN and own == "kernel":
            return None
        return initializer(_DEFAULTS[own]) if own in _DEFAULTS else None

    def seen(self, kind: str, name: str, fans: Fans) -> tuple[int, int] | None:
        own = name.rpartition("/")[2]
        if kind in _UNSEEN or not own.endswith("kernel"):
            return None
        if own == "depthwise_kernel" or "Depthwise" in kind or kind == "ConvTranspose":
            return fans.fan_in * fans.groups, fans.fan_out
        if kind.endswith("Transpose"):
            return fans.fan_out, fans.fan_in
        return fans.fan_in, fans.fan_out * fans.groups

    def scaled(self, kind: type[Distribution], square: float, fan: str) -> Code:
        scale = square / 3 if kind is Flat else square
        known = {(1.0, "fan_avg"): "glorot_uniform", (2.0, "fan_in"): "he_uniform"}.get((round(scale, 9), fan))
        if kind is Flat and known:
            return literal(known)
        if kind is Gaussian and round(scale, 9) == 2:
            return call("kaiming_normal", *([] if fan == "fan_in" else [literal(fan)]))
        form = {Flat: "uniform", Gaussian: "untruncated_normal", Truncated: "truncated_normal"}[kind]
        if kind is Truncated:
            scale *= _CUT**2
        return call("keras.initializers.VarianceScaling", Raw(number(float(f"{scale:.10g}"))), literal(fan),
                    literal(form))  # fmt: skip

    def spell(self, kind: type[Distribution], value: Code, mean: Code | None) -> Code:
        if kind is Fixed:
            plain = {Raw("0.0"): "zeros", Raw("1.0"): "ones"}.get(value) if isinstance(value, Raw) else None
            return literal(plain) if plain else call("keras.initializers.Constant", value)
        if kind is Gaussian:
            around = {} if mean is None else {"mean": mean}
            return call("keras.initializers.RandomNormal", **around, stddev=value)
        if kind is Truncated:
            return call("keras.initializers.TruncatedNormal", stddev=value)
        if kind is Flat:
            low = Raw(f"-{value.text}", 8) if isinstance(value, Raw) else Template("-{0}", (value,))
            return call("keras.initializers.RandomUniform", low, value)
        if kind is Rotation:
            return literal("orthogonal") if value == Raw("1.0") else call("keras.initializers.Orthogonal", value)
        assert kind is Unit
        return literal("identity")
