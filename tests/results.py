"""Results that nobody computed, to show and to keep."""

from __future__ import annotations

from archspec.errors import Diagnostic, SpecError, UsageError
from archspec.results.options import Options
from archspec.results.result import Proof, Refused
from archspec.verification.failure import Failure
from archspec.verification.report import Culprit, Facts, Finding, Outcome, Report, Rung

VERSIONS = {"pytorch": {"python": "3.11.7", "torch": "2.13.0+cpu"}, "keras": {"python": "3.11.7", "keras": "3.15.1"}}


def rung(name: str, *errors: float, bound: float = 1e-10) -> Rung:
    """A comparison of as many steps, `layer0`, `layer1`, ..., with these errors."""
    findings = [Finding(f"layer{number}", "conv2d", error, bound) for number, error in enumerate(errors)]
    return Rung.of(name, findings, (), {"build": 0.25, "run": 0.5})


def outcome(backend: str, status: str) -> Outcome:
    """An outcome of this status."""
    made = Outcome(backend, dict(VERSIONS.get(backend, {})), memory=2**28)
    match status:
        case "passed":
            made.rungs = {"float64": rung("float64", 1e-15, 2e-15), "float32": rung("float32", 1e-11, 0)}
        case "failed":
            made.rungs = {"float64": rung("float64", 0, 1e-3, 2e-15, float("inf"))}
            first = made.rungs["float64"].wrong[0]
            made.culprit = Culprit("layer1", "conv2d", first, True, "net.yaml:7:5", "line 41: x = self.conv(x)")
        case "missing":
            made.failure = Failure("missing", "No module named 'paddle'")
        case "error":
            made.failure = Failure("crashed", "ended by \x1b SIGSEGV | <b>`", "stack\ntrace ]]> ``` \x00", "layer1")
    assert made.status == status
    return made


def report(model: str, **statuses: str) -> Report:
    """A report with an outcome for each backend."""
    facts = Facts(f"specs/{model}.yaml", None, "evaluation", 1234, 5678, {"spec": "0" * 16, "pytorch": "1" * 16})
    outcomes = {name: outcome(name, status) for name, status in statuses.items()}
    return Report(model, 0, outcomes, {"total": 1.5}, ("a remark",), facts)


BROKEN = Refused(
    "bad.yaml", SpecError([Diagnostic("there is no operation 'rellu'", "bad.yaml", 4, 10, "layers: [rellu]")])
)
ABSENT = Refused("none.yaml", UsageError("there is no file none.yaml"))


def proof(*reports: Report, refused: tuple[Refused, ...] = (), required: tuple[str, ...] = ()) -> Proof:
    """A result with these reports."""
    return Proof(reports, frozenset(required), refused, Options(seed=0), "2026-11-30T17:40:30Z")
