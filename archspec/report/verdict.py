"""What a result says of a network, in sentences and rows: read from the JSON of `verify`, whenever that was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final, NamedTuple

from archspec.errors import UsageError
from archspec.model import Model
from archspec.report.facts import Code
from archspec.results.fingerprints import fingerprint

Result = Mapping[str, Any]

_NO_RESULT: Final = "this is no result of archspec verify: they are written by verify -o FILE, or --json"

RUNGS: Final = {
    "float64": "float64", "float32": "float32", "second": "second input", "alone": "each step alone", "edges": "edges",
    "graph": "one graph", "gradient": "gradients", "slope": "slope", "vjp": "gradients of steps",
    "random": "randomness",
}  # fmt: skip


class Measured(NamedTuple):
    """How far a tensor is off in one framework."""

    rung: str
    tensor: str
    error: float
    bound: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one network."""

    status: str
    """`passed`, `failed`, or `none` if nothing was."""
    sentence: str
    details: tuple[str, ...]
    reports: tuple[Mapping[str, Any], ...] = ()
    rows: tuple[tuple[str, list[str]], ...] = ()
    """What is compared, and for each framework how far it is off, with what is allowed."""
    efforts: tuple[tuple[str, float, int], ...] = ()
    """What the comparison took: framework, seconds (imports aside), bytes."""

    @property
    def measured(self) -> dict[str, list[Measured]]:
        """By framework, what was found about each tensor in runs of the whole network."""
        found: dict[str, dict[tuple[str, str], Measured]] = {}
        for report in self.reports:
            for name, outcome in report["outcomes"].items():
                for rung in ("float64", "float32"):
                    own = outcome["rungs"].get(rung, {})
                    bound = 0.0
                    for tensor, error in own.get("errors", {}).items():
                        bound = own["bounds"].get(tensor, bound)
                        each = Measured(rung, tensor, inf if error is None else float(error), float(bound))
                        found.setdefault(name, {}).setdefault((rung, tensor), each)
        return {name: list(each.values()) for name, each in found.items()}

    @property
    def wrong(self) -> dict[str, str]:
        """By tensor, what is wrong by itself, and of which framework."""
        return self._told(("alone", "edges", "vjp", "random"))

    @property
    def spoiled(self) -> dict[str, str]:
        """By tensor, what differs in a run of the whole network, be it only because of what it was given."""
        return {tensor: text for tensor, text in self._told(("float64", "float32")).items() if tensor not in self.wrong}

    def _told(self, rungs: Sequence[str]) -> dict[str, str]:
        found: dict[str, list[str]] = {}
        for report in self.reports:
            for name, outcome in report["outcomes"].items():
                for rung in rungs:
                    for finding in outcome["rungs"].get(rung, {}).get("wrong", ()):
                        text = f"{name}, {RUNGS[rung]}: {finding['problem'] or _compared(finding)}"
                        found.setdefault(finding["tensor"], []).append(text)
        return {tensor: "; ".join(texts) for tensor, texts in found.items()}


def verdict(model: Model, result: Result | None, codes: Sequence[Code]) -> Verdict:
    """The verdict on a model and its generated files. Raises UsageError for a result that is none, or is about another
    network."""
    if result is None:
        hint = f"archspec report {model.name} --verify compares the frameworks with the reference"
        return Verdict("none", "Not verified.", (hint,))
    try:
        return _verdict(model, result, codes)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UsageError(_NO_RESULT) from None


def _verdict(model: Model, result: Result, codes: Sequence[Code]) -> Verdict:
    titles = {each.backend: each.title for each in codes}
    reports = tuple(each for each in _reports(result) if _about(each, model))
    if not reports:
        names = ", ".join(str(each.get("model")) for each in _reports(result)) or "nothing"
        raise UsageError(f"the result is not about {model.name}: it is about {names}")
    statuses: dict[str, list[str]] = {}
    for report in reports:
        for name, outcome in report["outcomes"].items():
            statuses.setdefault(titles.get(name, name), []).append(outcome["status"])
    passed = [title for title, each in statuses.items() if {*each} == {"passed"}]
    missing = [title for title, each in statuses.items() if "missing" in each]
    bad = {title: min(each) for title, each in statuses.items() if title not in (*passed, *missing)}
    changed = list(dict.fromkeys(title for report in reports for title in _changed(report, codes)))
    if changed:
        sentence = f"Not verified as it is: the code for {_and(changed)} is not the code that was verified."
    elif bad:
        sentence = f"Not the same function: {_and([*bad])} {_verbs(bad)}."
    elif len(passed) > 1:
        sentence = f"The same function in {_and(passed)}."
    else:
        sentence = f"{passed[0]} agrees with the reference." if passed else "Nothing was compared."
    details = [_and(missing) + " could not be compared: not installed."] if missing else []
    for report in reports:
        for name, outcome in report["outcomes"].items():
            if outcome["status"] not in ("passed", "missing"):
                details.append(_reason(titles.get(name, name), outcome))
    compared = [rung["compared"] for r in reports for o in r["outcomes"].values() for rung in o["rungs"].values()]
    rungs = dict.fromkeys(
        RUNGS[name] for r in reports for o in r["outcomes"].values() for name in o["rungs"] if name in RUNGS
    )
    if compared:
        details.append(f"Up to {max(compared)} tensors each in {_and([*rungs])}; seed {reports[0]['seed']}.")
    details.append(_made(result))
    status = "failed" if bad else "passed" if passed and not changed else "none"
    rows = tuple(_rows(reports, titles))
    found = Verdict(status, sentence, tuple(filter(None, details)), reports, rows, tuple(_efforts(reports, titles)))
    _ = (
        found.wrong,
        found.spoiled,
        found.measured,
    )  # what cannot be read is said here, and not while a page is being written
    return found


def _reports(result: Result) -> list[Mapping[str, Any]]:
    if result.get("format") != 1 or not isinstance(result.get("reports"), list):
        raise UsageError(_NO_RESULT)
    return list(result["reports"])


def _about(report: Mapping[str, Any], model: Model) -> bool:
    """Whether a report is about this network, in whatever mode."""
    name = str(report.get("model"))
    return name == model.name or name.startswith((f"{model.name} with ", f"{model.name} in "))


def _changed(report: Mapping[str, Any], codes: Sequence[Code]) -> list[str]:
    """The frameworks whose code is another than that which the report is about."""
    known = (report.get("facts") or {}).get("fingerprints", {})
    return [each.title for each in codes if known.get(each.backend, "") not in ("", fingerprint(each.text))]


def _reason(title: str, outcome: Mapping[str, Any]) -> str:
    culprit = outcome.get("culprit") or {}
    code = f" Generated {culprit['code']}." if culprit.get("code") else ""
    place = f"{culprit['position']}: " if culprit.get("position") else ""
    return f"{title}: {place}{outcome['message']}.{code}"


def _made(result: Result) -> str:
    environment = result.get("environment", {})
    versions: dict[str, str] = {}
    for each in environment.get("frameworks", {}).values():
        versions |= {name: version for name, version in each.items() if name != "python"}
    parts = [f"{name} {version}" for name, version in versions.items()]
    parts += [f"NumPy {environment['numpy']}"] if environment.get("numpy") else []
    parts += [f"Python {environment['python']}"] if environment.get("python") else []
    return ", ".join([*parts, f"archspec {result.get('archspec', '')}", str(result.get("date", ""))]) + "."


def _rows(reports: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    rows: dict[str, dict[str, str]] = {}
    for number, report in enumerate(reports):
        about = str(report["model"]).partition(" ")[2] if number else ""
        for name, outcome in report["outcomes"].items():
            for rung, each in outcome["rungs"].items():
                worst = each.get("worst")
                text = "nothing" if worst is None else f"{_compared(worst)} at {worst['tensor']}"
                if each.get("wrong"):
                    text = f"{len(each['wrong'])} differ: {text}"
                rows.setdefault(f"{RUNGS.get(rung, rung)} {about}".strip(), {})[name] = text
    return [(rung, [each.get(name, "") for name in titles]) for rung, each in rows.items()]


def _efforts(reports: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> Iterator[tuple[str, float, int]]:
    for name, title in titles.items():
        outcomes = [report["outcomes"][name] for report in reports if name in report["outcomes"]]
        seconds = [float(each) for o in outcomes for rung in o["rungs"].values() for each in rung["seconds"].values()]
        if outcomes:
            yield title, sum(seconds), max(int(each["memory"]) for each in outcomes)


def _compared(finding: Mapping[str, Any]) -> str:
    if finding.get("problem"):
        return str(finding["problem"])
    error, bound = finding.get("error"), finding.get("bound")
    return "differs" if error is None or bound is None else f"{error:.1e} of {bound:.1e}"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def _verbs(bad: Mapping[str, str]) -> str:
    words = {"failed": "differs", "unproven": "is not proven", "error": "broke down"}
    if len(bad) > 1:
        return "do not agree" if "failed" in bad.values() else "are not proven"
    return words.get(next(iter(bad.values())), "does not agree")
