"""What a verification found: plain data, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

from archspec.verification.failure import Failure
from archspec.verification.match import Match

if TYPE_CHECKING:
    from archspec.verification.compare import Difference

Status = Literal["passed", "failed", "unproven", "error", "missing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """How one tensor compares."""

    tensor: str
    """Its canonical name, `layer1.0.conv1`; for what the model returns, `output logits`."""
    op: str
    """Key of the operation that makes it: `conv2d`. Empty for an input that is also an output."""
    error: float
    bound: float
    problem: str = ""
    unproven: int = 0
    """How many of its values prove nothing, since they are NaN, infinite, lost in rounding, or not defined."""
    size: int = 0

    @classmethod
    def of(cls, tensor: str, op: str, found: Difference, bound: float) -> Finding:
        """What a difference comes to under a bound."""
        return cls(tensor, op, found.error, bound, found.problem, found.unproven, found.size)

    @property
    def wrong(self) -> bool:
        return bool(self.problem) or not self.error <= self.bound

    def __str__(self) -> str:
        return self.problem or f"error {self.error:.1e}, bound {self.bound:.1e}"

    @property
    def given_away(self) -> bool:
        """Whether it is something that the network gives: an output, or a gradient."""
        return self.tensor.startswith(("output ", "gradient of "))

    @property
    def share(self) -> str:
        """`output logits (15 of 18)`: how many values prove nothing."""
        return f"{self.tensor} ({self.unproven:,} of {self.size:,})"


@dataclass(frozen=True, slots=True)
class Rung:
    """One comparison of a whole network."""

    name: str
    """`float64`, `float32`; `gradient`: against the nearest other framework, in float64; `slope`: that of all gradients
    along a direction, against the reference's; `alone`: each step by itself, on the reference's inputs, in float64;
    `edges`: the same, on numbers at which operations bend or jump, on ties, on what is large;
    `vjp`: the gradients of each step by itself, along a direction, against the slope of the reference of that step;
    `graph`: what the file itself gives as one graph, where its framework has such, in float32;
    `random`: what is random in training, by itself, on samples of its own; `second`: another batch, and other values of
    sizes and arguments that the code leaves open, with the floats as they are."""
    compared: int
    """How many tensors, the outputs included, but for those of which no value proves anything."""
    unseen: tuple[str, ...]
    """Tensors that are not shown: inside of operations that the framework does in one go."""
    worst: Finding | None
    """The one that comes closest to its bound, or exceeds it most."""
    wrong: tuple[Finding, ...]
    """All that exceed their bounds, in the order of the graph."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Of `build`, `weights` and `run`."""
    unproven: tuple[Finding, ...] = ()
    """All that have values that prove nothing."""
    errors: dict[str, float] = field(default_factory=dict)
    """Of a run of the whole network (`float64`, `float32`): the error of each tensor, to two digits, in the order of
    the graph."""
    bounds: dict[str, float] = field(default_factory=dict)
    """The bound from this tensor on, where it is not that of the one before."""

    @classmethod
    def of(
        cls, name: str, findings: Sequence[Finding], unseen: tuple[str, ...], seconds: Mapping[str, float] | None = None
    ) -> Rung:
        """The comparison that made these findings, in the order of the graph."""
        worst = max(findings, key=lambda f: (bool(f.problem), f.error / f.bound), default=None)
        wrong, unproven = tuple(f for f in findings if f.wrong), tuple(f for f in findings if f.unproven)
        compared = len(findings) - sum(f.unproven == f.size and not f.wrong for f in unproven)
        found = cls(name, compared, unseen, worst, wrong, dict(seconds or {}), unproven)
        if name in ("float64", "float32"):
            found._keep(findings)
        return found

    def _keep(self, findings: Sequence[Finding]) -> None:
        last = None
        for each in findings:
            self.errors[each.tensor] = float(f"{each.error:.1e}")
            if each.bound != last:
                self.bounds[each.tensor] = last = each.bound

    @property
    def agreement(self) -> str:
        """The error of the worst tensor: `1.2e-15`."""
        if self.worst is None:
            return "-"
        return f"{self.worst.error:.1e}" if isfinite(self.worst.error) else "differs"


@dataclass(frozen=True, slots=True)
class Culprit:
    """The first step that is wrong."""

    step: str
    op: str
    finding: Finding
    confirmed: bool | None = None
    """Whether it is also wrong alone, on the reference's inputs; None if that could not be run."""
    position: str = ""
    """Where it stands in the spec, filled in by who knows."""
    code: str = ""
    """The statement of the generated file that makes it, with its line, if there is one alone."""


@dataclass(slots=True)
class Outcome:
    """What was found about one subject."""

    subject: str
    versions: dict[str, str] = field(default_factory=dict)
    import_seconds: float = 0.0
    rungs: dict[str, Rung] = field(default_factory=dict)
    culprit: Culprit | None = None
    failure: Failure | None = None
    memory: int = 0
    """The most that the framework's process used, in bytes."""
    allow_unproven: bool = False
    """Whether outputs and gradients may have values that prove nothing."""
    due: tuple[str, ...] = ("float64",)
    """The comparisons that must be there."""
    bits: dict[str, dict[str, str]] = field(default_factory=dict)
    """By comparison a digest of each tensor, if one framework runs in several environments."""
    match: Match | None = None
    """What a person's own model has of the steps, if it is one."""

    @property
    def unproven(self) -> tuple[Finding, ...]:
        """The outputs and gradients with values that prove nothing, if that is not meant."""
        if self.allow_unproven:
            return ()
        return tuple(f for rung in self.rungs.values() for f in rung.unproven if f.given_away)

    @property
    def _open(self) -> str:
        """What is not proven of a person's own model, if that is not meant."""
        return "" if self.match is None or self.allow_unproven else self.match.open

    @property
    def status(self) -> Status:
        if any(rung.wrong for rung in self.rungs.values()) or (self.match is not None and self.match.wrong):
            return "failed"
        if self.failure is not None:
            return "missing" if self.failure.kind == "missing" else "error"
        if self.unproven or self._open:
            return "unproven"
        return "error" if self.not_compared else "passed"

    @property
    def not_compared(self) -> tuple[str, ...]:
        """The comparisons that are due and not there, or that compared nothing."""
        names = dict.fromkeys((*self.due, *self.rungs))
        return tuple(name for name in names if name not in self.rungs or not self.rungs[name].compared)

    @property
    def message(self) -> str:
        """One sentence for people."""
        if self.match is not None and self.match.wrong:
            return self.match.message
        if self.culprit is not None:
            return f"{self.culprit.op} '{self.culprit.step}': {self.culprit.finding}"
        for rung in self.rungs.values():
            if rung.wrong:
                return f"{rung.name}: {rung.wrong[0].tensor}: {rung.wrong[0]}"
        if self.failure is not None:
            return self.failure.message + (f" (at {self.failure.at})" if self.failure.at else "")
        if self.unproven:
            shares = ", ".join({finding.tensor: finding.share for finding in reversed(self.unproven)}.values())
            what = "values are NaN, infinite, lost in rounding, or not defined"
            return f"{what}: no proof, unless --allow-unproven: {shares}"
        if self._open:
            return f"{self._open}: no proof, unless --allow-unproven"
        return f"nothing was compared: {', '.join(self.not_compared)}" if self.not_compared else ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Which network a report is about."""

    spec: str
    """The file, by its path below the current folder, or its name alone."""
    variant: str | None
    mode: str
    """`evaluation`, `auxiliary`, `training`; or `steps`, of training."""
    parameters: int
    """Trainable ones."""
    multiply_adds: int
    """Of one evaluation of one element of a batch."""
    fingerprints: dict[str, str]
    """The beginning of the SHA-256 of the text of the `spec`, and by backend of the generated file."""


@dataclass(slots=True)
class Report:
    """What was found about one network."""

    model: str
    seed: int
    outcomes: dict[str, Outcome]
    seconds: dict[str, float] = field(default_factory=dict)
    """Of `reference`, `rounding`, `slope` and `total`."""
    remarks: tuple[str, ...] = ()
    """What was asked for and does not exist, so that it was not compared."""
    facts: Facts | None = None
    cached: str = ""
    """When it was found, if that was not now."""

    @property
    def exit_code(self) -> int:
        """0: all passed; 1: something differs, or could not be compared; 3: nothing but that a framework is missing."""
        statuses = {outcome.status for outcome in self.outcomes.values()}
        if statuses == {"passed"}:
            return 0
        return 3 if statuses <= {"passed", "missing"} and statuses else 1

    def to_json(self) -> dict[str, Any]:
        """As plain data that JSON can hold; numbers that are not finite become null."""
        found: dict[str, Any] = _finite(asdict(self))
        for name, outcome in self.outcomes.items():
            found["outcomes"][name] |= {"status": outcome.status, "message": outcome.message}
        return found


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
