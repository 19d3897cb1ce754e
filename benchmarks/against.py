"""What `archspec verify --against` finds: models of libraries, which must pass, and faults in models ported by hand.

The ports and their faults are in `tests/own_models`. What is found is printed as Markdown.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
OWN = ROOT / "tests" / "own_models"
sys.path.insert(0, str(ROOT))

from archspec.against.hold import Held  # noqa: E402
from archspec.against.target import targets  # noqa: E402
from archspec.backend import backends  # noqa: E402
from archspec.graph.mode import Mode  # noqa: E402
from archspec.loading import load  # noqa: E402
from archspec.model import Model  # noqa: E402
from archspec.results.options import Options  # noqa: E402
from archspec.verification.report import Outcome  # noqa: E402
from archspec.verification.workers import Pool  # noqa: E402
from tests.own_models.faults import FAULTS, PORTS, Fault  # noqa: E402
from tests.own_models.libraries import LIBRARIES  # noqa: E402


def held(pool: Pool, network: Model, backend: str, text: str) -> tuple[Outcome, float]:
    """What is found about a model, and the seconds that it took."""
    (target,) = targets([text], backends([backend]))
    started = time.monotonic()
    return Held(target, network, pool, Options()).outcome(Mode.EVALUATION), time.monotonic() - started


def port(name: str) -> tuple[str, Model]:
    """The backend that a port is for, and the network that it is a port of."""
    backend, _, kind = name.partition("_")
    spec, params = PORTS[kind]
    return backend, load(ROOT / spec if "/" in spec else spec, params=params)


def seeded(name: str, fault: Fault, folder: Path) -> Path:
    """The file of a port with a fault."""
    text = (OWN / f"{name}.py").read_text(encoding="utf-8")
    if fault.old not in text:
        raise ValueError(f"{name}: {fault.name}: the file does not have {fault.old!r}")
    file = folder / f"{name}_{fault.name.replace(' ', '_')}.py"
    file.write_text(text.replace(fault.old, fault.new, 1), encoding="utf-8")
    return file


def judged(outcome: Outcome, fault: Fault) -> Counter[str]:
    """What is right about what is said of a fault."""
    found = outcome.match.deviations if outcome.match is not None else []
    reason, step = (found[0].reason, found[0].step) if found else ("", "")
    named = bool(fault.words) and any(words in reason for words in fault.words.split("|"))
    return Counter(
        faults=1, detected=outcome.status == "failed", step=step == fault.step, named=named,
        wrong=bool(reason) and not named,
    )  # fmt: skip


def _ports(only: list[str]) -> Iterator[str]:
    yield "| port | | faults | detected | first step right | reason right | another reason | seconds |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, faults in FAULTS.items():
        if only and name not in only:
            continue
        backend, network = port(name)
        with tempfile.TemporaryDirectory() as folder, Pool({b.name: b.runner for b in backends([backend])}) as pool:
            right, _ = held(pool, network, backend, f"{OWN / name}.py:build")
            if right.status != "passed":
                raise SystemExit(f"{name} itself: {right.message}")
            counts = {True: Counter[str](), False: Counter[str]()}
            seconds = []
            for fault in faults:
                outcome, took = held(pool, network, backend, f"{seeded(name, fault, Path(folder))}:build")
                found = judged(outcome, fault)
                counts[fault.held] += found
                seconds.append(took)
                print(f"{name}: {fault.name}: {dict(found)}: {outcome.message}", file=sys.stderr, flush=True)
        for kept, count in counts.items():
            texts = [str(count[key]) for key in ("faults", "detected", "step", "named", "wrong")]
            median = sorted(seconds)[len(seconds) // 2]
            yield f"| {name} | {'held back' if kept else ''} | {' | '.join(texts)} | {median:.1f} |"


def _libraries(only: list[str]) -> Iterator[str]:
    yield "| network | model | steps | weights | float64 | float32 | |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for backend, pairs in LIBRARIES.items():
        if only and backend not in only:
            continue
        with Pool({b.name: b.runner for b in backends([backend])}) as pool:
            for spec, text in pairs.items():
                outcome, _ = held(pool, load(spec), backend, text.replace("OWN/", f"{OWN}/"))
                match, rungs = outcome.match, outcome.rungs
                steps = f"{match.found} of {match.steps} | {len(match.weights)}" if match is not None else "- | -"
                errors = " | ".join(rungs[n].agreement if n in rungs else "-" for n in ("float64", "float32"))
                print(spec, text, outcome.status, outcome.message, file=sys.stderr, flush=True)
                yield f"| {spec} | `{text.replace('OWN/', '')}` | {steps} | {errors} | {outcome.status} |"


def page(only: list[str]) -> str:
    """What is found, as Markdown."""
    return "\n".join([
        "# What `--against` finds",
        "",
        "## Models of libraries",
        "",
        "Each is held against the spec of the zoo, without a file of names. All of them must pass.",
        "",
        *_libraries(only),
        "",
        "## Faults in models ported by hand",
        "",
        "Each fault is one change of the text of a port (`tests/own_models`), made alone. Those that are held back "
        "were chosen before any reason was tried on them, and nothing was changed for them. *Another reason*: one is "
        "given, and it is not the one that is expected.",
        "",
        *_ports(only),
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="ports, or frameworks: those alone")
    print(page(parser.parse_args().only))
