"""What a rule of training is: its attributes and what it does, in NumPy, in one class.

As with operations, a rule is a frozen Pydantic model whose fields are what the spec may say, whose docstring begins
with the formula, and whose NumPy reference, in float64, is the definition of the right answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from archspec.ops._names import key_of
from archspec.ops.base import DType, Real, Shape

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

AboveZero = Annotated[Real, Field(gt=0)]
FromZero = Annotated[Real, Field(ge=0)]
_NAME = "^[A-Za-z][A-Za-z0-9_]*$"


def _name(value: str) -> str:
    if not re.match(_NAME, value) or iskeyword(value):
        raise ValueError(f"must be a name, not '{value[:60]}'")
    return value


ArrayName = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": _NAME})]
Share = Annotated[Real, Field(ge=0, lt=1)]


class Rule(BaseModel):
    """The base of losses, optimizers and schedules."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    key: ClassVar[str]
    """The rule's name in a spec, derived from the name of the class."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.key = key_of(cls.__name__)


@dataclass(frozen=True, slots=True)
class Data:
    """An array of the data: an input, or a target, that a loss is given beside an output."""

    shape: tuple[int | None, ...]
    """Without the batch axis; None for a size that may be any number."""
    dtype: DType = "float"
    below: int | None = None
    """For classes, indices and counts: what all are below."""
    least: int = 0
    """For counts: the smallest one."""


class Loss(Rule):
    """One number from an output and its target; the mean over the batch."""

    target: ArrayName = Field("target", description="the array of the data that the output is held against")
    weight: FromZero = Field(1.0, description="what the loss is multiplied by before all are added up")

    def due(self, output: Shape) -> Data:
        """What the target of an output of this shape is. Raises ShapeError for an output that it cannot judge."""
        return Data(output[1:])

    def dues(self, output: Shape) -> dict[str, Data]:
        """All arrays that it needs beside an output of this shape, by the attribute that names them."""
        return {"target": self.due(output)}

    def value(self, output: Array, data: Mapping[str, Array]) -> float:
        """The loss, without its weight, of an output and the arrays of the data by name."""
        return self.reference(output, data[self.target])

    def reference(self, output: Array, target: Array) -> float:
        """The loss, without its weight."""
        raise NotImplementedError(self.key)


class Optimizer(Rule):
    """How one step changes a weight, given the gradient of the loss by it."""

    learning_rate: AboveZero = Field(description="the rate, before what the schedule makes of it")
    weight_decay: FromZero = Field(0.0, description="how much weights are drawn to zero")
    decays: Literal["all", "matrices"] = Field(
        "all", description="`matrices`: weights of at most one axis (biases, scales of normalizations) do not decay"
    )
    slots: ClassVar[tuple[str, ...]] = ()
    """What it keeps of each weight between steps, all zero at first."""

    def kept(self) -> tuple[str, ...]:
        """Those of the `slots` that it keeps with these attributes."""
        return self.slots

    def reference(
        self, step: int, rate: float, decay: float, weight: Array, gradient: Array, state: dict[str, Array]
    ) -> Array:
        """The new weight after a step, counted from 1; what is kept of it, in `state`, is made new."""
        raise NotImplementedError(self.key)


class Schedule(Rule):
    """The learning rate at a time."""

    per: Literal["step", "epoch", "sample"] = Field(
        "step", description="what time is counted in: updates, passes over the data, or samples seen"
    )
    warmup: FromZero = Field(0.0, description="how long the rate grows to its full value; time begins after it")
    warmup_from: Share = Field(0.0, description="the share of the rate with which warming up begins")

    def reference(self, rate: float, time: float) -> float:
        """The rate at a time, of one that is `rate` without a schedule."""
        raise NotImplementedError(self.key)

    def code(self, rate: float) -> str:
        """The same as Python's expression of `t`."""
        raise NotImplementedError(self.key)

    def at(self, rate: float, step: int, batch: int, epoch: float) -> float:
        """The rate of an update, counted from 0; `batch` samples are one update, `epoch` updates one pass."""
        time = {"step": step, "epoch": step / epoch, "sample": step * batch}[self.per]
        if time < self.warmup:
            return rate * (self.warmup_from + (1 - self.warmup_from) * time / self.warmup)
        return self.reference(rate, time - self.warmup)
