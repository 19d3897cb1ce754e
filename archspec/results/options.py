"""What a verification is asked for: all that its verdict depends on, beside the networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archspec.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is compared, and how; `archspec.verify` says what each means."""

    to: tuple[str, ...] = ()
    variant: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    python: Mapping[str, str] = field(default_factory=dict)
    env: tuple[str, ...] = ()
    gradients: bool = False
    training: bool = False
    steps: int = 0
    exact_statistics: bool = False
    allow_unproven: bool = False
    seed: int = 0
    timeout: float = 300
    sizes: Mapping[str, int] = field(default_factory=dict)
    picture: Path | None = None
    against: tuple[str, ...] = ()
    weights: Path | None = None

    def names(self, installed: Iterable[str]) -> tuple[str, ...]:
        """What is run: backends, of which these are installed, and environments. Those that are named are all."""
        return (*(self.to or (() if self.env else sorted(installed))), *self.env)

    def check(self) -> None:
        """Raises UsageError for what cannot be meant."""
        if not isinstance(self.seed, int) or self.seed < 0:
            raise UsageError(f"a seed is a whole number from 0, not {_described(self.seed)}")
        if not isinstance(self.timeout, (int, float)) or not self.timeout > 0:
            raise UsageError(f"a time limit is a number of seconds above 0, not {_described(self.timeout)}")
        if self.sizes:
            from archspec.model import check_sizes

            check_sizes(self.sizes)
        if self.steps and (self.gradients or self.training or self.picture is not None):
            raise UsageError(
                "steps of training are compared alone: without gradients, one run in training, or a picture"
            )
        if len(set(self.env)) < len(self.env):
            raise UsageError("each environment is named once, as it is the name of what runs in it")
        if self.env and self.against:
            raise UsageError("a person's own model runs where its framework is installed, and in no other environment")
        if self.weights is not None and len(self.against) != 1:
            raise UsageError("a file of weights is that of one model of your own: give one --against")
        if self.against and (self.steps or self.picture is not None):
            raise UsageError("a person's own model takes no steps of training by scripts, and no picture")

    def to_json(self) -> dict[str, Any]:
        """As plain data that JSON can hold. Where interpreters and pictures lie is nobody else's business."""
        return {
            "to": list(self.to),
            "variant": self.variant,
            "params": dict(self.params),
            "python": sorted(self.python),
            "env": list(self.env),
            "gradients": self.gradients,
            "training": self.training,
            "steps": self.steps,
            "exact_statistics": self.exact_statistics,
            "allow_unproven": self.allow_unproven,
            "seed": self.seed,
            "timeout": self.timeout,
            "sizes": dict(self.sizes),
            "picture": self.picture is not None,
            "against": list(self.against),
            "weights": self.weights is not None,
        }


def _described(value: Any) -> str:
    from archspec.ops.base import describe

    return describe(value)
