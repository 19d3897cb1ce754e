"""The page that tells how many faults verification finds, made from what `python -m tests.faults` found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

Row = Mapping[str, Any]

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"
DATA: Final = PAGE.with_name("faults.json")
MODES: Final = ("evaluation", "gradients", "training")
FLOATS: Final = ("float64", "float32")

HEAD: Final = """# Faults that verification finds

Made by `make faults` from `tests/faults`: small networks, whose generated code is right, get one fault at a time, and
`verify` must find it, and name the step that is wrong. A fault is in one framework, beside another that has none, or in
several alike. Each is tried in every mode. *Evaluation* is `archspec verify`, *gradients* is with `--gradients`, and
*training* what `--training` adds: everything once more, as training computes it, with gradients.

A cell says how many are found, and how many of these with the right step. What must be found in a mode, by the table of
faults, is counted in the last column: whatever is not found there fails the tests. Below, which comparison shows them
in evaluation: *float64* is each step against the reference, there or alone, and *float32* that in single precision.
"""


def load() -> list[Row]:
    """What was found when the campaign last ran."""
    found: list[Row] = json.loads(DATA.read_text(encoding="utf-8"))
    return found


def page(rows: Sequence[Row]) -> str:
    """The page, in Markdown."""
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    groups = [(kind, [row for row in rows if row["kind"] == kind]) for kind in kinds] + [("all", list(rows))]
    by_mode = [("kind", "faults", *MODES, "where due")]
    by_float = [("kind", "faults", *FLOATS)]
    for kind, of_kind in groups:
        due = sum(_found(row, row["due"]) for row in of_kind)
        modes = (_share(of_kind, mode) for mode in MODES)
        by_mode.append((kind, str(len(of_kind)), *modes, f"{due} of {len(of_kind)}"))
        shown = [sum(_shows(row, name) for row in of_kind) for name in FLOATS]
        by_float.append((kind, str(len(of_kind)), *map(str, shown)))
    parts = [HEAD, _table(by_mode), _table(by_float)]
    missed = [row for row in rows if not all(_named(row, mode) for mode in MODES)]
    if missed:
        parts.append("Not found, or with another step, in some mode:\n")
        parts.append(_table([("fault", "framework", "step", *MODES), *map(_missed, missed)]))
    return "\n".join(parts)


def _found(row: Row, mode: str) -> bool:
    return bool(row[mode]["status"] != "passed")


def _named(row: Row, mode: str) -> bool:
    return _found(row, mode) and bool(row[mode]["named"] == row["step"])


def _share(rows: Iterable[Row], mode: str) -> str:
    rows = list(rows)
    return f"{sum(_found(row, mode) for row in rows)}, {sum(_named(row, mode) for row in rows)} named"


def _shows(row: Row, rung: str) -> bool:
    wrong = row["evaluation"]["wrong"]
    return rung in wrong or (rung == "float64" and "alone" in wrong)


def _missed(row: Row) -> tuple[str, ...]:
    cells = (row[mode]["named"] or row[mode]["status"] for mode in MODES)
    return (row["about"], row["backend"], row["step"], *cells)


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *body, ""])
