"""What `archspec verify --against` finds: models of libraries, which must pass, and faults in models ported by hand.

The ports and their faults are in `tests/own_models`. What is found is kept in `docs/against.json`, of which
`docs/against.md` is made.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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


def judged(outcome: Outcome, fault: Fault, seconds: float) -> dict[str, Any]:
    """What is said of a fault, and whether it is right. Where no reason is expected, any counts as wrong."""
    found = outcome.match.deviations if outcome.match is not None else []
    reason, step = (found[0].reason, found[0].step) if found else ("", "")
    named = bool(fault.words) and any(words in reason for words in fault.words.split("|"))
    return {
        "fault": fault.name, "held": fault.held, "detected": outcome.status == "failed",
        "right_step": f"{step}.".startswith(f"{fault.step}."), "named": named,
        "wrong": bool(reason) and not named, "step": step, "reason": reason or outcome.message,
        "seconds": round(seconds, 1),
    }  # fmt: skip


def ports(only: Sequence[str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Of each port what is said of each of its faults."""
    for name, faults in FAULTS.items():
        if name not in only:
            continue
        backend, network = port(name)
        with tempfile.TemporaryDirectory() as folder, Pool({b.name: b.runner for b in backends([backend])}) as pool:
            right, _ = held(pool, network, backend, f"{OWN / name}.py:build")
            if right.status != "passed":
                raise SystemExit(f"{name} itself: {right.message}")
            rows = []
            for fault in faults:
                outcome, took = held(pool, network, backend, f"{seeded(name, fault, Path(folder))}:build")
                rows.append(judged(outcome, fault, took))
                print(f"{name}: {rows[-1]}", file=sys.stderr, flush=True)
        yield name, rows


def libraries(only: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of each model of a library what is found."""
    for backend, pairs in LIBRARIES.items():
        chosen = {spec: text for spec, text in pairs.items() if backend in only or spec in only}
        if not chosen:
            continue
        with Pool({b.name: b.runner for b in backends([backend])}) as pool:
            for spec, text in chosen.items():
                outcome, took = held(pool, load(spec), backend, text.replace("OWN/", f"{OWN}/"))
                match, rungs = outcome.match, outcome.rungs
                print(spec, text, outcome.status, outcome.message, file=sys.stderr, flush=True)
                yield f"{spec} ({backend})", {
                    "model": text.replace("OWN/", ""), "status": outcome.status, "message": outcome.message,
                    "steps": [match.found, match.steps] if match is not None else [0, 0],
                    "weights": len(match.weights) if match is not None else 0,
                    "errors": [rungs[n].agreement if n in rungs else "-" for n in ("float64", "float32")],
                    "precision": match.precision if match is not None else "-", "seconds": round(took, 1),
                }  # fmt: skip


def page(kept: Mapping[str, Any]) -> str:
    """What was found, as Markdown."""
    lines = [
        "# What `--against` finds", "",
        "This page is made by `benchmarks/against.py` of what it found last (`docs/against.json`).", "",
        "## Models of libraries", "",
        "Each is held against the spec of the zoo, without a file of names. All of them must pass. Steps are found by "
        "their values, in float64 or else in float32; the errors are those of the outputs.", "",
        "| network | model | steps | weights | steps in | float64 | float32 | |", "| --- " * 8 + "|",
    ]  # fmt: skip
    for spec, each in kept["libraries"].items():
        steps, errors = "{} of {}".format(*each["steps"]), " | ".join(each["errors"])
        lines.append(f"| {spec} | `{each['model']}` | {steps} | {each['weights']} | {each['precision']} | {errors} | "
                     f"{each['status']} |")  # fmt: skip
    wrong = [f"{spec}: {each['message']}" for spec, each in kept["libraries"].items() if each["status"] != "passed"]
    if wrong:
        lines += ["", "Open: these do not pass, and why is not known yet.", "", *(f"- {each}" for each in wrong)]
    lines += [
        "", "## Faults in models ported by hand", "",
        "Each fault is one change of the text of a port (`tests/own_models`), made alone. Those that are held back "
        "were chosen before any reason was tried on them, and no reason was changed for them. Two rows of keras_words "
        "were changed after they were seen: `backwards`, held back, was taken out, as Keras refuses to make such a "
        "model; and `scaled words` expects the words that the report has, with the place of the call. With both as "
        "they were, 110 of 111 are detected, with 76 right reasons and 4 wrong ones. A reason is *wrong* if it "
        "is not the one that was expected when the fault was made; where none was expected, any is.", "",
        "| port | | faults | detected | first step right | reason right | wrong reason |", "| --- " * 7 + "|",
    ]  # fmt: skip
    total: Counter[str] = Counter()
    for name, rows in kept["ports"].items():
        for back in (False, True):
            count = _counted(row for row in rows if row["held"] is back)
            total += count
            lines.append(f"| {name} | {'held back' * back} | {' | '.join(str(count[key]) for key in _COUNTED)} |")
    lines += [f"| all | | {' | '.join(str(total[key]) for key in _COUNTED)} |", "", "Each of them:", "",
              "| port | fault | first step | what is said of it | |", "| --- | --- | --- | --- | --- |"]  # fmt: skip
    for name, rows in kept["ports"].items():
        for row in rows:
            said = str(row["reason"]).replace("|", "\\|")
            bad = {
                "not detected": not row["detected"],
                "another step": not row["right_step"],
                "wrong reason": row["wrong"],
            }
            marks = [word for word, holds in bad.items() if holds]
            fault = row["fault"] + " (held back)" * row["held"]
            lines.append(f"| {name} | {fault} | `{row['step']}` | {said} | {', '.join(marks)} |")
    models = [f"{spec} ({backend})" for backend, specs in LIBRARIES.items() for spec in specs]
    missing = [name for name in (*FAULTS, *models) if name not in kept["ports"] and name not in kept["libraries"]]
    if missing:
        lines += ["", f"Not tried since the last change of what is kept: {', '.join(missing)}."]
    return "\n".join([*lines, ""])


_COUNTED = ("faults", "detected", "right_step", "named", "wrong")


def _counted(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    found: Counter[str] = Counter(dict.fromkeys(_COUNTED, 0))
    for row in rows:
        found.update({"faults": 1, **{key: int(row[key]) for key in _COUNTED[1:]}})
    return found


def main() -> None:
    """Finds out about what is chosen, and writes what is known of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="ports, frameworks or networks of their libraries: those alone")
    only = parser.parse_args().only or [*FAULTS, *LIBRARIES]
    file = ROOT / "docs" / "against.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"libraries": {}, "ports": {}}
    for kind, found in (("ports", ports(only)), ("libraries", libraries(only))):
        for name, rows in found:
            kept[kind][name] = rows
            file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    (ROOT / "docs" / "against.md").write_text(page(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
