"""What was found about a person's own model, beside what it gives: which steps it has, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_MOST = 12


@dataclass(frozen=True, slots=True)
class Deviation:
    """A step that the model does not have as the spec says."""

    step: str
    op: str
    reason: str
    """What the model has in its place; empty if that was not found."""
    place: str = ""
    """Where that is in the model: `BatchNorm2d 'bn1' (my_model.py:12)`."""
    provisional: bool = False
    """Whether it comes after one of which the reason was not found, so that it may be what follows of that."""
    position: str = ""
    """Where the step stands in the spec, filled in by who knows."""

    def __str__(self) -> str:
        reason = self.reason or "computes something else, and what was not found"
        return f"{self.op} '{self.step}': {reason}" + (f", in {self.place}" if self.place else "")


@dataclass(slots=True)
class Match:
    """What a person's own model has of the steps and weights of a network."""

    precision: str
    """In which numbers its steps were compared, each on the model's own inputs."""
    found: int
    """How many steps of the network it has, of `steps`."""
    steps: int
    deviations: list[Deviation] = field(default_factory=list)
    weights: dict[str, str] = field(default_factory=dict)
    """For each weight of the spec the model's own name of it."""
    names: dict[str, str] = field(default_factory=dict)
    """For each weight of the model what a file of names calls it: as the generated model does where the layouts are
    alike, and else as the spec does."""
    nameless: list[str] = field(default_factory=list)
    """The weights of the model that have no such name, as they lie in it otherwise."""
    unused: list[str] = field(default_factory=list)
    """Weights of the model that are no weights of the spec."""
    missing: list[str] = field(default_factory=list)
    """Weights of the spec that the model does not have."""
    unexercised: list[str] = field(default_factory=list)
    """Steps and calls that may do something else where no number came, and could not be tried there."""
    notes: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> bool:
        return bool(self.deviations or self.unused or self.missing)

    @property
    def message(self) -> str:
        """The first thing that is wrong."""
        return str(self.deviations[0]) if self.deviations else next(self._about_weights(), "")

    @property
    def lines(self) -> Iterator[str]:
        """All that is said of it."""
        found = f"{self.found} of {self.steps} steps found by their values in {self.precision}"
        yield f"{found}, {len(self.weights)} weights"
        for number, each in enumerate(self.deviations[:_MOST], 1):
            where = f"{each.position}: " if each.position else ""
            maybe = " (provisional: it may follow from what was not explained before it)" if each.provisional else ""
            yield f"{number}. {where}{each}{maybe}"
        if len(self.deviations) > _MOST:
            yield f"and {len(self.deviations) - _MOST} more"
        yield from self._about_weights()
        if self.unexercised:
            yield self.open
        yield from self.notes

    @property
    def open(self) -> str:
        """What is not proven."""
        return f"not compared where no number came: {_some(self.unexercised)}" if self.unexercised else ""

    def _about_weights(self) -> Iterator[str]:
        if self.missing:
            yield f"the model has no weights for {_some(self.missing)}"
        if self.unused:
            yield f"no step of the spec uses the model's {_some(self.unused)}"


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + f", and {len(names) - most} more" * (len(names) > most)
