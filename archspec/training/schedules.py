"""How the learning rate changes. In the formulas r is the rate of the optimizer and t the time, which `per` counts in
updates, passes (with fractions) or samples, from the end of warming up; before that the rate grows linearly."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from archspec.ops.base import Positive, Real
from archspec.training.base import AboveZero, FromZero, Schedule, Share


def _number(value: float) -> str:
    """A number in Python, as people write it."""
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value).replace("e-0", "e-")


class Constant(Schedule):
    """r."""

    def reference(self, rate: float, time: float) -> float:
        return rate

    def code(self, rate: float) -> str:
        return repr(rate)


class Step(Schedule):
    """r factor^floor(t / every)."""

    every: Positive = Field(description="how long the rate stays the same")
    factor: AboveZero = Field(0.1, description="what it is multiplied by then")

    def reference(self, rate: float, time: float) -> float:
        return float(rate * self.factor ** (time // self.every))

    def code(self, rate: float) -> str:
        return f"{rate!r} * {self.factor!r} ** (t // {self.every})"


class Discexp(Step):
    """r factor^floor(t / every), where t counts samples.

    The discrete exponential schedule of PaddlePaddle's first version, whose samples were those seen so far.
    """

    per: Any = Field("sample", description="samples, and nothing else", pattern="^sample$")


def _rising(values: tuple[int, ...]) -> tuple[int, ...]:
    if any(first >= second for first, second in pairwise(values)):
        raise ValueError("must rise")
    return values


class MultiStep(Schedule):
    """r factor^n, where n counts the milestones that t has reached."""

    milestones: Annotated[tuple[Positive, ...], AfterValidator(_rising)] = Field(description="when the rate changes")
    factor: AboveZero = Field(0.1, description="what it is multiplied by at each of them")

    def reference(self, rate: float, time: float) -> float:
        return float(rate * self.factor ** sum(time >= milestone for milestone in self.milestones))

    def code(self, rate: float) -> str:
        times = ", ".join(map(str, self.milestones)) + "," * (len(self.milestones) == 1)
        return f"{rate!r} * {self.factor!r} ** sum(t >= reached for reached in ({times}))"


class Exponential(Schedule):
    """r factor^t."""

    factor: AboveZero = Field(description="what the rate is multiplied by in a unit of time")

    def reference(self, rate: float, time: float) -> float:
        return float(rate * self.factor**time)

    def code(self, rate: float) -> str:
        return f"{rate!r} * {self.factor!r} ** t"


class Cosine(Schedule):
    """least + (r - least) (1 + cos(pi min(t / length, 1))) / 2.

    Half a wave, without restarts. Loshchilov and Hutter, SGDR, 2017, https://arxiv.org/abs/1608.03983.
    """

    length: Positive = Field(description="how long the rate falls")
    least: FromZero = Field(0.0, description="the rate at the end")

    def reference(self, rate: float, time: float) -> float:
        return self.least + (rate - self.least) * (1 + math.cos(math.pi * min(time / self.length, 1))) / 2

    def code(self, rate: float) -> str:
        wave = f"(1 + math.cos(math.pi * min(t / {self.length}, 1))) / 2"
        return f"{_number(self.least)} + {rate - self.least!r} * {wave}" if self.least else f"{rate!r} * {wave}"


class OneCycle(Schedule):
    """From r first to r until t = rise length, then to r last until t = length, each by half a wave of the cosine.

    Smith and Topin, Super-convergence, 2018, https://arxiv.org/abs/1708.07120.
    """

    length: Positive = Field(description="how long the cycle takes")
    rise: Share = Field(0.3, description="the share of it in which the rate grows")
    first: Annotated[Real, Field(ge=0, le=1)] = Field(0.04, description="the share of the rate at the beginning")
    last: Annotated[Real, Field(ge=0, le=1)] = Field(4e-6, description="the share of the rate at the end")

    def reference(self, rate: float, time: float) -> float:
        top = self.rise * self.length
        if time < top:
            share = self.first + (1 - self.first) * (1 - math.cos(math.pi * time / top)) / 2
        else:
            done = min((time - top) / (self.length - top), 1)
            share = 1 + (self.last - 1) * (1 - math.cos(math.pi * done)) / 2
        return rate * share

    def code(self, rate: float) -> str:
        top = self.rise * self.length
        down = f"1 + {self.last - 1!r} * (1 - math.cos(math.pi * min((t - {top!r}) / {self.length - top!r}, 1))) / 2"
        if not top:
            return f"{rate!r} * ({down})"
        up = f"{self.first!r} + {1 - self.first!r} * (1 - math.cos(math.pi * t / {top!r})) / 2"
        return f"{rate!r} * ({up} if t < {top!r} else {down})"
