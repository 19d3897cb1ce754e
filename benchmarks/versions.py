"""One network of each family in several versions of each framework and of Python: docs/versions.md.

    python -m benchmarks.versions [--only REGEX] [--page] [BACKEND ...]

Networks are made as small as the tests run them. What was found is kept in docs/versions.json as long as the same code
is generated, so that an interrupted run goes on where it stopped. An environment is made before its first network, and
taken out after its last, since some have several GB; interpreters must be on the path. `--only` chooses environments;
`--page` only writes the page.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from archspec.backend import backends
from archspec.environments import Environment, make
from archspec.model import Model
from archspec.proving import Prover
from archspec.results.fingerprints import fingerprint
from archspec.results.ledger import Ledger
from archspec.results.options import Options
from archspec.spec.catalogue import files
from archspec.verification.report import Outcome
from tests.small import least, reduced, small

DOCS: Final = Path(__file__).parent.parent / "docs"
KEPT: Final = DOCS / "versions.json"
ENVIRONMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "pytorch": ("torch==2.13.0+cpu",),
    "keras": (
        "keras==3.11.0 tensorflow==2.18.0",
        "keras==3.13.2 tensorflow==2.20.0",
        "keras==3.15.1 tensorflow==2.21.0",
        "keras==3.15.1 tensorflow==2.21.0 python==3.12",
        "keras==3.15.1 tensorflow==2.21.0 python==3.13",
    ),
    "paddle": (
        "paddlepaddle==3.2.0",
        "paddlepaddle==3.3.0",
        "paddlepaddle==3.3.1",
        "paddlepaddle==3.3.1 python==3.12",
        "paddlepaddle==3.3.1 python==3.13",
    ),
}
"""The oldest, a middle and the newest of each, and the newest in newer Pythons. Of Paddle the first is too old,
and there is none between the oldest and the newest that pass."""
NOT_TRIED: Final = (
    "PyTorch but 2.13.0, and that in Python 3.11 alone: it is the one whose build for CPUs could be installed; others "
    "bring gigabytes of CUDA. So nothing is known of 2.6, the lower bound."
)

Found = dict[str, dict[str, dict[str, Any]]]
"""By environment and family what was found."""


@cache
def networks() -> dict[str, Model]:
    """By family its smallest network, the ones with the least to compute first."""
    found = {path.stem: small(path, least(path)) for path in files()}
    return dict(sorted(found.items(), key=lambda each: (each[1].summary().multiply_adds, each[0])))


def run(backend: str, name: str, found: Found, keep: Callable[[], None]) -> None:
    """Verifies in an environment what is not known yet, and keeps each result when it is there."""
    (generator,) = backends(backend)
    codes = {family: fingerprint(generator.write(model)) for family, model in networks().items()}
    known = found.setdefault(name, {})
    due = [family for family, code in codes.items() if known.get(family, {}).get("code") != code]
    made = make([Environment.parse(name)], print)
    options = Options(env=(name,), python=made.pythons)
    with Prover(options, Ledger(None), absent=made.failures) as prover:
        for family in due:
            report = prover.reports(networks()[family])[0]
            known[family] = {"code": codes[family], **_told(report.outcomes[name])}
            keep()
            print(name, family, known[family]["status"], flush=True)
    shutil.rmtree(Environment.parse(name).folder, ignore_errors=True)


def _told(outcome: Outcome) -> dict[str, Any]:
    errors = {rung: found.worst.error for rung, found in outcome.rungs.items() if found.worst is not None}
    return {
        "status": outcome.status, "message": outcome.message, "python": outcome.versions.get("python", ""),
        "errors": {rung: errors[rung] for rung in ("float64", "float32") if rung in errors},
        "bits": fingerprint(json.dumps(outcome.bits, sort_keys=True)),
    }  # fmt: skip


def page(kept: Mapping[str, Found]) -> str:
    """The text of docs/versions.md."""
    return "\n".join([
        "# Versions", "", _ABOUT.format(count=len(networks())).strip(), "",
        *(line for backend in ENVIRONMENTS for line in _section(backend, kept.get(backend, {}))),
        "## Not tried", "", *(f"- {text}" for text in _untried(kept)), "",
        "## Networks", "", "| family | network | less |", "| --- | --- | --- |", *_rows(), "",
    ])  # fmt: skip


_ABOUT: Final = """
The smallest network of each of the {count} families that come along, in environments that `archspec verify --env`
makes: the same code, every step against the reference, in float64 and float32, on other versions of its framework.
Networks are as the tests run them: images of 64 x 48 pixels, or the least that a network takes, and less depth and
smaller tables of words where the [last table](#networks) says so. Gradients and training are not compared. The lower
bounds of `archspec-nn[keras]` and `archspec-nn[paddle]` are the oldest versions here in which all pass.

Written by `python -m benchmarks.versions` from what `versions.json` keeps beside it, with a fingerprint of the code
that was run: what has changed since, as how weights begin, is run again by the next call.
"""


def _section(backend: str, found: Found) -> Iterator[str]:
    """A row for each environment; below it what did not pass."""
    yield from (f"## {backends(backend)[0].title}", "")
    yield from ("| environment | Python | networks | passed | worst in float64 | in float32 |",
                "| --- | --- | ---: | ---: | --- | --- |")  # fmt: skip
    names = [name for name in ENVIRONMENTS[backend] if found.get(name)]
    for name in names:
        these = list(found[name].values())
        python = next((each["python"] for each in these if each["python"]), "")
        passed = sum(each["status"] == "passed" for each in these)
        worst = " | ".join(_worst(found[name], rung) for rung in ("float64", "float32"))
        yield f"| `{name}` | {python} | {len(these)} | {passed} | {worst} |"
    yield ""
    failures = [
        f"- `{name}`, {family}: {each['status']}: {' '.join(each['message'].split())}"
        for name in names for family, each in sorted(found[name].items()) if each["status"] != "passed"
    ]  # fmt: skip
    yield from [*failures, ""] if failures else []
    if len(names) > 1:
        yield from ("| from | to | networks in both | the same bits | others |", "| --- | --- | ---: | ---: | --- |")
    for before, now in pairwise(names):
        both = sorted(found[before].keys() & found[now].keys())
        others = [family for family in both if found[before][family]["bits"] != found[now][family]["bits"]]
        yield f"| `{before}` | `{now}` | {len(both)} | {len(both) - len(others)} | {', '.join(others)} |"
    if len(names) > 1:
        yield ""


def _worst(found: Mapping[str, Any], rung: str) -> str:
    passed = {family: each["errors"] for family, each in found.items() if each["status"] == "passed"}
    error, family = max(
        ((errors[rung], family) for family, errors in passed.items() if rung in errors), default=(0, "")
    )
    return f"{error:.1e} ({family})"


def _untried(kept: Mapping[str, Found]) -> Iterator[str]:
    yield NOT_TRIED
    for backend, names in ENVIRONMENTS.items():
        for name in names:
            missing = sorted(networks().keys() - kept.get(backend, {}).get(name, {}).keys())
            if missing:
                which = ", ".join(missing) if len(missing) < len(networks()) else "all"
                yield f"`{name}`, for want of time: {which}"


def _rows() -> Iterator[str]:
    for path in files():
        less = ", ".join(f"{name}: {value}" for name, value in reduced(path, least(path)).items())
        yield f"| {path.stem} | {networks()[path.stem].name} | {less} |"


def _lines(kept: Any, depth: int = 0) -> str:
    """As JSON, with a line for each family."""
    if depth == 3:
        return json.dumps(kept, sort_keys=True)
    pad = "\n" + " " * depth
    return (
        "{" + ",".join(f"{pad} {json.dumps(key)}: {_lines(kept[key], depth + 1)}" for key in sorted(kept)) + pad + "}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", metavar="BACKEND")
    parser.add_argument("--only", default="", metavar="REGEX", help="environments")
    parser.add_argument("--page", action="store_true")
    arguments = parser.parse_args()
    kept: dict[str, Found] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}

    def keep() -> None:
        KEPT.write_text(_lines(kept) + "\n", encoding="utf-8")

    for backend in () if arguments.page else arguments.backends or ENVIRONMENTS:
        for name in ENVIRONMENTS[backend]:
            if re.search(arguments.only, name):
                run(backend, name, kept.setdefault(backend, {}), keep)
    (DOCS / "versions.md").write_text(page(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
