"""Operations that only training sees."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from archspec._lazy import lazy
from archspec.ops._special import SELU_ALPHA, SELU_SCALE
from archspec.ops.base import Draw, Epsilon, Operation, Probability, Shape, check_rank

if TYPE_CHECKING:
    import numpy as np

    from archspec.ops.base import Array
else:
    np = lazy("numpy")


class _Identity(Operation):
    linear: ClassVar[bool] = True
    """What evaluation leaves as it is."""

    follows: ClassVar[bool] = True

    def reference(self, x: Array) -> Array:
        return x


class _Drop(_Identity):
    """What training sets to zero, as a whole along the axes that `mask` gives size 1; the rest is scaled."""

    free: ClassVar[frozenset[str]] = frozenset({"p"})
    if TYPE_CHECKING:
        p: float

    def mask(self, x: Shape) -> Shape:
        return x

    def draws(self, x: Shape) -> dict[str, Draw]:
        return {"kept": Draw(self.mask(x), 1 - self.p)}

    def train(self, x: Array, kept: Array | None = None) -> tuple[Array, dict[str, Array]]:
        return x if kept is None else np.where(kept, x / (1 - self.p), 0), {}


class Dropout(_Drop):
    """y = x; in training y = x / (1 - p) with probability 1 - p, else 0, for each element.

    Input and output: any shape. Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting,
    2014.
    """

    keeps_sign: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    p: Probability = Field(0.5, description="probability that training sets an element to zero")


class _ChannelDropout(_Drop):
    keeps_sign: ClassVar[bool] = True
    wish: ClassVar = "image"
    rank: ClassVar[int]
    p: Probability = Field(0.5, description="probability that training sets a channel of a sample to zero")

    def mask(self, x: Shape) -> Shape:
        return (*x[:2], *(1 for _ in x[2:]))

    def infer(self, x: Shape) -> tuple[Shape, ...]:
        check_rank(x, self.rank)
        return (x,)


class Dropout1d(_ChannelDropout):
    """y = x; in training y = x / (1 - p) with probability 1 - p, else 0, for each whole channel of each sample.

    Input and output: batch, channels, length. Tompson et al., Efficient object localization using convolutional
    networks, 2014, https://arxiv.org/abs/1411.4280.
    """

    rank: ClassVar[int] = 3


class Dropout2d(_ChannelDropout):
    """y = x; in training y = x / (1 - p) with probability 1 - p, else 0, for each whole channel of each sample.

    Input and output: batch, channels, height, width. Tompson et al., Efficient object localization using convolutional
    networks, 2014, https://arxiv.org/abs/1411.4280.
    """

    rank: ClassVar[int] = 4


class Dropout3d(_ChannelDropout):
    """y = x; in training y = x / (1 - p) with probability 1 - p, else 0, for each whole channel of each sample.

    Input and output: batch, channels, depth, height, width.
    """

    rank: ClassVar[int] = 5


class AlphaDropout(_Drop):
    """y = x; in training y = a (x with probability 1 - p, else s) + b, for each element.

    s = -1.7581 is what selu gives for very small numbers; a = (1 - p + p (1 - p) s^2)^(-1/2) and b = -a p s keep a mean
    of 0 and a variance of 1. Input and output: any shape. Klambauer et al., Self-normalizing neural networks, 2017,
    https://arxiv.org/abs/1706.02515.
    """

    elementwise: ClassVar[bool] = True
    p: Probability = Field(0.5, description="probability that training replaces an element")

    def train(self, x: Array, kept: Array | None = None) -> tuple[Array, dict[str, Array]]:
        if kept is None:
            return x, {}
        least = -SELU_SCALE * SELU_ALPHA
        scale = (1 - self.p + self.p * (1 - self.p) * least**2) ** -0.5
        return scale * np.where(kept, x, least) - scale * self.p * least, {}


class DropPath(_Drop):
    """y = x; in training y = x / (1 - p) with probability 1 - p, else 0, for each whole sample.

    Before an addition to a residual branch this is stochastic depth. Input and output: any shape.
    Huang et al., Deep networks with stochastic depth, 2016, https://arxiv.org/abs/1603.09382.
    """

    keeps_sign: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    p: Probability = Field(0.5, description="probability that training sets a sample to zero")

    def mask(self, x: Shape) -> Shape:
        return (x[0], *(1 for _ in x[1:]))


class StopGradient(_Identity):
    """y = x, through which no gradient flows: training takes what it gives for constant.

    Input and output: any shape.
    """

    elementwise: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    exact: ClassVar[bool] = True
    cuts: ClassVar[bool] = True


class GaussianNoise(_Identity):
    """y = x; in training y = x + std n, with a normal random number n for each element.

    Input and output: any shape.
    """

    elementwise: ClassVar[bool] = True
    std: Epsilon = Field(0.1, description="standard deviation of the noise that training adds")

    def draws(self, x: Shape) -> dict[str, Draw]:
        return {"noise": Draw(x)}

    def train(self, x: Array, noise: Array | None = None) -> tuple[Array, dict[str, Array]]:
        return x if noise is None else x + self.std * noise, {}
