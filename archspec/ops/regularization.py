"""Operations that only training sees."""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from archspec.ops.base import Epsilon, Operation, Probability, Shape, check_rank

if TYPE_CHECKING:
    from archspec.ops.base import Array


class _Identity(Operation):
    """What evaluation leaves as it is."""

    follows: ClassVar[bool] = True

    def reference(self, x: Array) -> Array:
        return x


class Dropout(_Identity):
    """y = x; in training y = x / (1 - p) with probability 1 - p, else 0, for each element.

    Input and output: any shape. Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting,
    2014.
    """

    elementwise: ClassVar[bool] = True
    p: Probability = Field(0.5, description="probability that training sets an element to zero")


class _ChannelDropout(_Identity):
    rank: ClassVar[int]
    p: Probability = Field(0.5, description="probability that training sets a channel of a sample to zero")

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


class AlphaDropout(_Identity):
    """y = x; in training y = a (x with probability 1 - p, else -1.758) + b, for each element.

    -1.758 is what selu gives for very small numbers; a and b keep a mean of 0 and a variance of 1. Input and output:
    any shape. Klambauer et al., Self-normalizing neural networks, 2017, https://arxiv.org/abs/1706.02515.
    """

    elementwise: ClassVar[bool] = True
    p: Probability = Field(0.5, description="probability that training replaces an element")


class DropPath(_Identity):
    """y = x; in training y = x / (1 - p) with probability 1 - p, else 0, for each whole sample.

    Before an addition to a residual branch this is stochastic depth. Input and output: any shape.
    Huang et al., Deep networks with stochastic depth, 2016, https://arxiv.org/abs/1603.09382.
    """

    elementwise: ClassVar[bool] = True
    p: Probability = Field(0.5, description="probability that training sets a sample to zero")


class GaussianNoise(_Identity):
    """y = x; in training y = x + std n, with a normal random number n for each element.

    Input and output: any shape.
    """

    elementwise: ClassVar[bool] = True
    std: Epsilon = Field(0.1, description="standard deviation of the noise that training adds")
