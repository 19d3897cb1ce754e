"""How weights are changed. In the formulas w is a weight, g its gradient, r the learning rate, d the weight decay, and
t counts steps from 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from archspec._lazy import lazy
from archspec.ops.base import Flag
from archspec.training.base import FromZero, Optimizer, Share

if TYPE_CHECKING:
    import numpy as np

    from archspec.training.base import Array
else:
    np = lazy("numpy")


class Sgd(Optimizer):
    """g' = g + d w, v = m v + g', w = w - r v; with nesterov w = w - r (g' + m v).

    m is the momentum. The rate stands outside the velocity v, so that a new rate counts at once. Sutskever et al., On
    the importance of initialization and momentum in deep learning, 2013.
    """

    slots: ClassVar[tuple[str, ...]] = ("velocity",)
    momentum: Share = Field(0.0, description="the share of the velocity that is kept")
    nesterov: Flag = Field(False, description="look ahead by one velocity")

    @model_validator(mode="after")
    def _momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum")
        return self

    def kept(self) -> tuple[str, ...]:
        return self.slots if self.momentum else ()

    def reference(
        self, step: int, rate: float, decay: float, weight: Array, gradient: Array, state: dict[str, Array]
    ) -> Array:
        g = gradient + decay * weight
        if not self.momentum:
            return weight - rate * g
        v = state["velocity"] = self.momentum * state["velocity"] + g
        return weight - rate * (g + self.momentum * v if self.nesterov else v)


class Adam(Optimizer):
    """g' = g + d w, m = a m + (1 - a) g', v = b v + (1 - b) g'^2, w = w - r m / (1 - a^t) / (sqrt(v / (1 - b^t)) + e).

    a is beta1, b beta2, e epsilon, which is added after the correction. Kingma and Ba, Adam: a method for stochastic
    optimization, 2015, https://arxiv.org/abs/1412.6980.
    """

    slots: ClassVar[tuple[str, ...]] = ("first", "second")
    beta1: Share = Field(0.9, description="the share of the mean gradient that is kept")
    beta2: Share = Field(0.999, description="the share of the mean square that is kept")
    epsilon: FromZero = Field(1e-8, description="what is added to the root, against division by zero")

    def reference(
        self, step: int, rate: float, decay: float, weight: Array, gradient: Array, state: dict[str, Array]
    ) -> Array:
        return self._moved(step, rate, weight, gradient + decay * weight, state)

    def _moved(self, step: int, rate: float, weight: Array, g: Array, state: dict[str, Array]) -> Array:
        m = state["first"] = self.beta1 * state["first"] + (1 - self.beta1) * g
        v = state["second"] = self.beta2 * state["second"] + (1 - self.beta2) * g**2
        root = np.sqrt(v / (1 - self.beta2**step)) + self.epsilon
        return weight - rate * m / (1 - self.beta1**step) / root


class Adamw(Adam):
    """w = w - r d w, and then as adam without decay.

    The decay is not part of the gradient, so that it is not divided by its root. Loshchilov and Hutter, Decoupled
    weight decay regularization, 2019, https://arxiv.org/abs/1711.05101.
    """

    weight_decay: FromZero = Field(0.01, description="how much weights are drawn to zero, in units of the rate")

    def reference(
        self, step: int, rate: float, decay: float, weight: Array, gradient: Array, state: dict[str, Array]
    ) -> Array:
        return self._moved(step, rate, weight - rate * decay * weight, gradient, state)


class Rmsprop(Optimizer):
    """g' = g + d w, v = a v + (1 - a) g'^2, u = g' / (sqrt(v) + e), b = m b + u, w = w - r b.

    a is alpha, e epsilon, outside of the root, m the momentum; without one, w = w - r u. Hinton, Neural networks for
    machine learning, lecture 6e, 2012.
    """

    slots: ClassVar[tuple[str, ...]] = ("square", "velocity")
    alpha: Share = Field(0.99, description="the share of the mean square that is kept")
    epsilon: FromZero = Field(1e-8, description="what is added to the root, against division by zero")
    momentum: Share = Field(0.0, description="the share of the velocity that is kept")

    def kept(self) -> tuple[str, ...]:
        return self.slots if self.momentum else ("square",)

    def reference(
        self, step: int, rate: float, decay: float, weight: Array, gradient: Array, state: dict[str, Array]
    ) -> Array:
        g = gradient + decay * weight
        v = state["square"] = self.alpha * state["square"] + (1 - self.alpha) * g**2
        u = g / (np.sqrt(v) + self.epsilon)
        if not self.momentum:
            return weight - rate * u
        b = state["velocity"] = self.momentum * state["velocity"] + u
        return weight - rate * b


class Adagrad(Optimizer):
    """g' = g + d w, s = s + g'^2, w = w - r g' / (sqrt(s) + e).

    e is epsilon, outside of the root. Duchi et al., Adaptive subgradient methods for online learning and stochastic
    optimization, 2011.
    """

    slots: ClassVar[tuple[str, ...]] = ("sum",)
    epsilon: FromZero = Field(1e-10, description="what is added to the root, against division by zero")

    def reference(
        self, step: int, rate: float, decay: float, weight: Array, gradient: Array, state: dict[str, Array]
    ) -> Array:
        g = gradient + decay * weight
        s = state["sum"] = state["sum"] + g**2
        new: Array = weight - rate * g / (np.sqrt(s) + self.epsilon)
        return new
