"""What training makes small. A loss is a mean over all elements, or over samples where it says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from archspec._lazy import lazy
from archspec.errors import ShapeError
from archspec.ops.base import Integer, Shape, show
from archspec.training.base import AboveZero, ArrayName, Data, FromZero, Loss, Share

if TYPE_CHECKING:
    import numpy as np

    from archspec.training.base import Array
else:
    np = lazy("numpy")


class _OfClasses(Loss):
    """A loss of an output with a number for each class."""

    def axis(self, rank: int) -> int:
        """The axis of classes: channels of an image, else the last."""
        return 1 if rank > 3 else rank - 1

    def _classes(self, output: Shape) -> int:
        if len(output) < 2:
            raise ShapeError(f"needs an output with an axis of classes, not {show(output)}")
        return int(output[self.axis(len(output))])


class CrossEntropy(_OfClasses):
    """-mean(sum_c q_c log p_c), where p is the softmax of the output and q is one at the class of the target.

    With label smoothing s, q is 1 - s + s / C there and s / C elsewhere, of C classes. With class weights, it is the
    mean weighted by that of the target's class. What has the class `ignore_index` does not count. Output: batch,
    classes, or with channels, or features, for classes. Target: the same without that axis, whole numbers. Szegedy et
    al., Rethinking the inception architecture, 2016, https://arxiv.org/abs/1512.00567.
    """

    of: Literal["logits", "probabilities"] = Field("logits", description="what the output is")
    label_smoothing: Share = Field(0.0, description="what is taken from the target's class and given to all alike")
    class_weights: tuple[FromZero, ...] | None = Field(None, description="a weight for each class")
    ignore_index: Integer | None = Field(None, description="the class of the target that does not count")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.class_weights and (self.label_smoothing or self.ignore_index is not None):
            raise ValueError("class_weights stand alone, without label_smoothing and ignore_index")
        return self

    def due(self, output: Shape) -> Data:
        classes, axis = self._classes(output), self.axis(len(output))
        if self.class_weights is not None and len(self.class_weights) != classes:
            message = f"has {len(self.class_weights)} weights for {classes} classes"
            raise ShapeError(message, attribute="class_weights")
        return Data((*output[1:axis], *output[axis + 1 :]), "int64", classes)

    def reference(self, output: Array, target: Array) -> float:
        x = np.moveaxis(output, self.axis(output.ndim), -1).reshape(-1, output.shape[self.axis(output.ndim)])
        target = target.reshape(-1)
        if self.ignore_index is not None:
            x, target = x[target != self.ignore_index], target[target != self.ignore_index]
        if self.of == "logits":
            x = x - x.max(1, keepdims=True)
            log = x - np.log(np.exp(x).sum(1, keepdims=True))
        else:
            log = np.log(x)
        s = self.label_smoothing
        each = -(1 - s) * log[np.arange(len(target)), target] - s * log.mean(1)
        weights = np.ones(len(target)) if self.class_weights is None else np.array(self.class_weights)[target]
        return float((weights * each).sum() / weights.sum())


class BinaryCrossEntropy(Loss):
    """-mean(y log p + (1 - y) log(1 - p)), where p is the sigmoid of the output and y the target.

    Of probabilities, p is the output, and no logarithm less than -100. Output and target: the same shape.
    """

    of: Literal["logits", "probabilities"] = Field("logits", description="what the output is")

    def reference(self, output: Array, target: Array) -> float:
        if self.of == "probabilities":
            with np.errstate(divide="ignore"):
                log, other = np.maximum(np.log(output), -100), np.maximum(np.log(1 - output), -100)
            return float(-np.mean(target * log + (1 - target) * other))
        return float(np.mean(np.maximum(output, 0) - output * target + np.log1p(np.exp(-np.abs(output)))))


class Mse(Loss):
    """mean((x - y)^2), of the output x and the target y. Output and target: the same shape."""

    def reference(self, output: Array, target: Array) -> float:
        return float(np.mean((output - target) ** 2))


class L1(Loss):
    """mean(|x - y|), of the output x and the target y. Output and target: the same shape."""

    def reference(self, output: Array, target: Array) -> float:
        return float(np.mean(np.abs(output - target)))


class Huber(Loss):
    """mean(e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2)), e = x - y. Output and target: the same shape.

    Huber, Robust estimation of a location parameter, 1964.
    """

    delta: Annotated[AboveZero, Field(description="where the square becomes a line")] = 1.0

    def reference(self, output: Array, target: Array) -> float:
        e = np.abs(output - target)
        return float(np.mean(np.where(e <= self.delta, e**2 / 2, self.delta * (e - self.delta / 2))))


class KlDivergence(_OfClasses):
    """mean over samples of sum(q log(q / p)), where p is the softmax of the output and q the target, 0 log 0 being 0.

    Output and target: batch, classes, or more axes, over which is summed, too. Kullback and Leibler, On information and
    sufficiency, 1951.
    """

    def due(self, output: Shape) -> Data:
        self._classes(output)
        return Data(output[1:])

    def reference(self, output: Array, target: Array) -> float:
        axis = self.axis(output.ndim)
        x = output - output.max(axis, keepdims=True)
        log = x - np.log(np.exp(x).sum(axis, keepdims=True))
        with np.errstate(all="ignore"):
            entropy = np.where(target > 0, target * np.log(target), 0)
        return float((entropy - target * log).sum() / len(output))


class Ctc(_OfClasses):
    """-mean over samples of log p(y), where p(y) is the sum over all alignments of y of the product of softmax(x).

    x is the output, y the target. An alignment has a class for each time: those of y in their order, each once or
    several times in a row, and class 0, the blank, between them, which must stand between equal ones. Output: batch,
    time, classes, of which the first ones count that `times` says, or all. Target: batch, at most as many classes as
    there are times, of which the first ones count that `lengths` says, or all; zeros fill what is left. A target that
    has no alignment is infinitely far away. Graves et al., Connectionist temporal classification, 2006.
    """

    times: ArrayName | None = Field(None, description="the array of the data with how many times of a sample count")
    lengths: ArrayName | None = Field(None, description="the array with how many classes of a target count")

    def due(self, output: Shape) -> Data:
        if len(output) != 3:
            raise ShapeError(f"needs an output [batch, time, classes], not {show(output)}")
        return Data((None,), "int64", self._classes(output))

    def dues(self, output: Shape) -> dict[str, Data]:
        found = super().dues(output)
        if self.times is not None:
            found["times"] = Data((), "int64", output[1] + 1, least=1)
        if self.lengths is not None:
            found["lengths"] = Data((), "int64", output[1] + 1)
        return found

    def value(self, output: Array, data: Mapping[str, Array]) -> float:
        return self.reference(output, data[self.target], data.get(self.times or ""), data.get(self.lengths or ""))

    def reference(
        self, output: Array, target: Array, times: Array | None = None, lengths: Array | None = None
    ) -> float:
        x = output - output.max(-1, keepdims=True)
        log = x - np.log(np.exp(x).sum(-1, keepdims=True))
        times = np.full(len(output), output.shape[1]) if times is None else times.astype(int)
        if lengths is not None:
            target = np.where(np.arange(target.shape[1]) < lengths[:, None], target, 0)
        every = zip(log, times, target, strict=True)
        return float(np.mean([-_aligned(each[:time], y[y != 0]) for each, time, y in every]))


def _aligned(log: Array, labels: Array) -> float:
    """The logarithm of the probability of labels, of those of classes by time."""
    states = np.zeros(2 * len(labels) + 1, np.int64)
    states[1::2] = labels
    skips = np.r_[[False] * min(2, len(states)), (states[2:] != 0) & (states[2:] != states[:-2])]
    reached = np.where(np.arange(len(states)) < 2, log[0, states], -np.inf)
    for now in log[1:]:
        one, two = (np.r_[[-np.inf] * back, reached][: len(states)] for back in (1, 2))
        with np.errstate(invalid="ignore"):
            reached = np.logaddexp(np.logaddexp(reached, one), np.where(skips, two, -np.inf)) + now[states]
    return float(np.logaddexp.reduce(reached[-2:]))
