"""What `archspec bench` does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from archspec.bench import PHASES, WAYS, Options, bench
from archspec.cli import output
from archspec.cli.files import check_writable, write_one
from archspec.cli.progress import display
from archspec.model import Model


def run(
    model: Model, to: Sequence[str], file: Path | None, *, as_json: bool, sizes: Mapping[str, int],
    python: Mapping[str, str], batches: Sequence[int], inference: bool, eager: bool, rounds: int, seconds: float,
    threads: int, timeout: float,
) -> int:  # fmt: skip
    """Times a network, shows what was found, and returns the exit code. Raises as `archspec.bench.bench`."""
    if file is not None:
        check_writable(file)
    options = Options(
        tuple(batches) or Options().batches, PHASES[: 1 if inference else None], WAYS[: 1 if eager else None], rounds,
        seconds, threads, timeout,
    )  # fmt: skip
    with display() as progress:
        found = bench(model, to, options, python=python, watch=progress.show, sizes=sizes)
    if file is not None:
        write_one(file, json.dumps(found.to_json(), indent=1) + "\n")
    if as_json:
        output.print_json(found.to_json())
    else:
        output.print_table(found)
    broken = [row for row in found.rows if row.problem and not row.missing]
    missing = [row for row in found.rows if row.missing]
    return 1 if broken else 3 if missing and (to or len(missing) == len(found.rows)) else 0
