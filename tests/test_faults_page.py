"""The page of faults: made from what was found, of every fault there is; and what must be found was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .faults import FAULTS, SHARED
from .faults.page import PAGE, load, page


def test_every_fault_was_tried() -> None:
    single = [(backend, each.about) for backend, by in FAULTS.items() for faults in by.values() for each in faults]
    alike = [(backend, each.about) for each in SHARED for backend in each.edits]
    assert [(row["backend"], row["about"]) for row in load()] == single + alike, "make faults"


def test_what_must_be_found_was_found_and_its_step_named() -> None:
    for row in load():
        found = row[row["due"]]
        assert (found["status"], found["named"]) == ("failed", row["step"]), row["about"]


def test_the_page(golden: Callable[[Path, str], None]) -> None:
    golden(PAGE, page(load()))
