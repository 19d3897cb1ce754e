"""Verifies every network that comes along, at its published size, with gradients, and writes docs/zoo.md.

Results are kept in build/zoo, one file for each network, as long as its generated code stays the same: a run that was
interrupted goes on where it stopped. Small networks come first. `--only REGEX` chooses; `--page` only writes the page.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archspec.backend import Backend, backends
from archspec.errors import BackendError
from archspec.loading import open_spec
from archspec.model import Model, multiply_adds, parameter_count
from archspec.proof import reports
from archspec.spec.catalogue import files, variants_in
from archspec.verification.workers import Pool

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "build" / "zoo"
PAGE = ROOT / "docs" / "zoo.md"
LARGE = 6 * 2**30
"""Bytes of a worker from which on the next network gets new ones."""


def networks() -> Iterator[tuple[str, Model]]:
    """The family and the network of each variant."""
    for path in files():
        spec, _ = open_spec(path)
        for name in variants_in(path) or (None,):
            yield path.stem, spec.network(name)


def digest(model: Model, chosen: list[Backend]) -> str:
    """What a result stands for: the code, and how large the inputs are."""
    parts = [str([(name, *map(int, tensor.shape)) for name, tensor in model.graph.inputs.items()])]
    for backend in chosen:
        try:
            parts.append(backend.write(model))
        except BackendError as error:
            parts.append(str(error))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="REGEX", default="")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--timeout", type=float, default=1800)
    parser.add_argument("--largest", type=float, metavar="GMAC", default=float("inf"))
    options = parser.parse_args()
    if not options.page:
        verify(options.only, options.timeout, options.largest * 1e9)
    PAGE.write_text("\n".join(page()) + "\n")


def verify(only: str, timeout: float, largest: float) -> None:
    chosen = backends()
    todo = [
        (multiply_adds(model.graph), family, model, key)
        for family, model in networks()
        if re.search(only, model.name) and known(model.name).get("digest") != (key := digest(model, chosen))
    ]
    todo = sorted((item for item in todo if item[0] <= largest), key=lambda item: item[0])
    RESULTS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    pool: Pool | None = None
    try:
        for number, (_, family, model, key) in enumerate(todo, 1):
            if pool is None:
                pool = Pool({backend.name: backend.runner for backend in chosen}).__enter__()
            before = time.monotonic()
            found = reports(model, chosen, pool, timeout=timeout, gradients=True)
            seconds = time.monotonic() - before
            result = {"digest": key, "family": family, "seconds": seconds, "reports": [r.to_json() for r in found]}
            (RESULTS / f"{model.name}.json").write_text(json.dumps(result, indent=1))
            statuses = {name: each.status for report in found for name, each in report.outcomes.items()}
            line = f"{number}/{len(todo)} {model.name}: {statuses}, {seconds:.0f} s"
            print(f"{line} ({time.monotonic() - started:.0f} s in all)", file=sys.stderr, flush=True)
            if max((each.memory for report in found for each in report.outcomes.values()), default=0) > LARGE:
                pool.__exit__()
                pool = None
    finally:
        if pool is not None:
            pool.__exit__()


def known(name: str) -> dict[str, Any]:
    path = RESULTS / f"{name}.json"
    result: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return result


def page() -> Iterator[str]:
    """The table of all results."""
    chosen = backends()
    rows: list[str] = []
    counts = {"verified": 0, "failed": 0, "not run": 0}
    versions: dict[str, str] = {}
    for family, model in networks():
        result = known(model.name)
        fresh = result.get("digest") == digest(model, chosen)
        wrong = any(report["exit_code"] for report in result.get("reports", ()))
        status = ("failed" if wrong else "verified") if fresh else "not run"
        counts[status] += 1
        cells = [f"[{model.name}](../specs/{family}.yaml)", _inputs(model)]
        cells += [f"{parameter_count(model.graph):,}", f"{multiply_adds(model.graph) / 1e6:,.1f} M"]
        for backend in chosen:
            cells.append(_errors([r["outcomes"][backend.name] for r in result["reports"]]) if fresh else "")
        if fresh:
            cells += [f"{result['seconds']:.0f} s", status]
            for outcome in result["reports"][0]["outcomes"].values():
                versions |= outcome["versions"]
        else:
            cells += ["", status]
        rows.append(f"| {' | '.join(cells)} |")
    yield f"""# The zoo

Made by `make zoo`: every network that comes along, verified at its published size with gradients. For each framework
the largest error of any step in float64 and in float32, and of any gradient in float64, as `archspec verify` measures
them ({len(rows)} networks: {", ".join(f"{count} {name}" for name, count in counts.items())}).
"""
    if versions:
        yield ", ".join(f"{name} {version}" for name, version in versions.items()) + ".\n"
    titles = [f"{backend.title}: float64, float32, gradient" for backend in chosen]
    heads = ["network", "input", "parameters", "multiply-adds", *titles, "time", ""]
    yield f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}"
    yield from rows


def _inputs(model: Model) -> str:
    return ", ".join("x".join(map(str, tensor.shape[1:])) for tensor in model.graph.inputs.values())


def _errors(outcomes: list[dict[str, Any]]) -> str:
    if any(outcome["status"] != "passed" for outcome in outcomes):
        return f"{outcomes[0]['status']}: {outcomes[0]['message'][:80]}"
    cells = []
    for rung in ("float64", "float32", "gradient"):
        errors = [o["rungs"][rung]["worst"]["error"] for o in outcomes if rung in o["rungs"]]
        cells.append(f"{max(errors):.1e}" if errors else "-")
    return ", ".join(cells)


if __name__ == "__main__":
    main()
