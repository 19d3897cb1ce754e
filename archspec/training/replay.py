"""What weights become by a plan's rules, in NumPy, from gradients that somebody else computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.training.groups import Share
from archspec.training.plan import Plan

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

Update = Callable[[int, float, float, "Array", "Array", dict[str, "Array"]], "Array"]
"""Step from 1, rate, decay, weight, gradient, and what is kept of the weight: the new weight."""
Clip = Callable[["Array", float], "Array"]
"""A gradient, and the norm of all: what the update uses of it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How updates are made; all parts can be exchanged for what somebody may have taken for them."""

    updates: Mapping[str, Update]
    """By weight."""
    clip: Clip
    rates: Sequence[float]
    """By update."""
    factors: Mapping[str, float]
    """By weight, what the rate is multiplied by."""
    decays: Mapping[str, float]
    """By weight."""
    slots: tuple[str, ...]

    @classmethod
    def of(cls, plan: Plan, shares: Mapping[str, Share], updates: int, epoch: float) -> Rules:
        """The rules of a plan, for weights that are trained so; `epoch` is how many updates one pass has."""
        optimizer = plan.optimizer
        return cls(
            updates={name: plan.optimizer_for(share).reference for name, share in shares.items()},
            clip=clipping(plan),
            rates=[plan.rate(update, epoch) for update in range(updates)],
            factors={name: share.rate for name, share in shares.items()},
            decays={name: optimizer.weight_decay * (share.decay or 0.0) for name, share in shares.items()},
            slots=optimizer.slots,
        )


def clipping(plan: Plan) -> Clip:
    """How a plan makes gradients smaller."""
    if plan.clip_norm is not None:
        most = plan.clip_norm
        return lambda gradient, norm: gradient * min(1.0, most / norm) if norm else gradient
    if plan.clip_value is not None:
        bound = plan.clip_value
        return lambda gradient, norm: np.clip(gradient, -bound, bound)
    return lambda gradient, norm: gradient


def replay(
    rules: Rules, weights: Mapping[str, Array], gradients: Sequence[Mapping[str, Array]], norms: Sequence[float]
) -> Iterator[tuple[dict[str, Array], dict[str, dict[str, Array]]]]:
    """After each update the weights, and what is kept of each. What has no gradient stays as it is."""
    now = {name: np.asarray(array, np.float64) for name, array in weights.items()}
    kept: dict[str, dict[str, Array]] = {
        name: {slot: np.zeros_like(array) for slot in rules.slots} for name, array in now.items()
    }
    for index, (given, norm) in enumerate(zip(gradients, norms, strict=True)):
        for name, gradient in given.items():
            used = rules.clip(gradient, norm)
            rate = rules.factors[name] * rules.rates[index]
            now[name] = rules.updates[name](index + 1, rate, rules.decays[name], now[name], used, kept[name])
        yield dict(now), {name: dict(state) for name, state in kept.items()}
