"""Several networks side by side: memory that they share, what is said meanwhile, and results in their order."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

import archspec
from archspec.budget import Budget
from archspec.cli.progress import Lines
from archspec.errors import UsageError
from archspec.results.ledger import Ledger
from archspec.results.progress import Progress
from archspec.results.result import Refused
from archspec.verification.report import Report

from .results import ABSENT, report


def _together(*todo: Callable[[], Any]) -> None:
    threads = [threading.Thread(target=each) for each in todo]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_a_budget_is_never_exceeded_and_who_needs_more_is_alone() -> None:
    random = Random(0)
    cleared: list[int] = []
    using: list[int] = []
    most: list[int] = []
    budget = Budget(10, lambda: cleared.append(len(using)))
    lock = threading.Lock()

    def use(amount: int) -> None:
        with budget.take(amount):
            with lock:
                using.append(amount)
                most.append(sum(using) if len(using) > 1 else 0)
                assert amount <= 10 or using == [amount]
            time.sleep(0.001)
            with lock:
                using.remove(amount)

    amounts = [random.choice([1, 3, 4, 6, 11, 50]) for _ in range(60)]
    _together(*[lambda amount=amount: use(amount) for amount in amounts])
    assert 1 < max(most) <= 10
    assert cleared == [0] * sum(amount > 10 for amount in amounts)


def test_what_was_taken_is_given_back_after_an_error() -> None:
    budget = Budget(1)
    with pytest.raises(KeyError), budget.take(1):
        raise KeyError
    with budget.take(5):
        pass


def test_a_ledger_keeps_the_order_asked_for() -> None:
    told: list[Report | Refused] = []
    ledger = Ledger(told.append)
    reports = {place: report(f"net{place}", keras="passed") for place in range(4)}
    for place in (2, 0, 3):
        ledger.add((place, 0, 0), reports[place])
    ledger.add((1,), ABSENT)
    ledger.close()
    ledger.add((4, 0, 0), reports[1])
    assert told == [reports[2], reports[0], reports[3], ABSENT]
    assert ledger.reports == (reports[0], reports[2], reports[3])
    assert ledger.refused == (ABSENT,)


@pytest.mark.slow
def test_progress_tells_changes_once() -> None:
    said: list[str] = []
    doing: list[dict[str, str]] = [{}]
    progress = Progress(said.append, lambda: doing)
    progress.start("starting PyTorch")
    with progress.about("net (1 of 2)") as first, progress.about("other (2 of 2)") as second:
        first("generating code")
        second("comparing")
        doing[0] = {"pytorch": "imports", "keras": "runs"}
        end = time.monotonic() + 20
        while len(said) < 4 and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.5)
    progress.stop()
    assert said == [
        "starting PyTorch",
        "net (1 of 2): generating code",
        "net (1 of 2): generating code | other (2 of 2): comparing",
        "net (1 of 2): generating code | other (2 of 2): comparing · pytorch imports, keras runs",
    ]


def test_where_there_is_no_terminal_each_stage_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for stage in ("a: one", "a: one · keras runs", "a: one | b: one", "a: two | b: one", "b: one"):
        lines.show(stage)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [re.sub(r"^\[ *[\d.]+ s\] ", "", line) for line in printed.err.splitlines()] == [
        "a: one",
        "b: one",
        "a: two",
    ]


def test_jobs_are_a_number() -> None:
    with pytest.raises(UsageError, match="side by side is a whole number from 1"):
        archspec.verify("lenet5", to="pytorch", jobs=0)


NET = """
archspec: 1
name: Net
inputs: {image: [3, 4, 4]}
layers: [{op: conv2d, out_channels: 2, kernel_size: %d}, relu]
"""


@pytest.mark.frameworks
def test_two_at_a_time_find_the_same_in_the_same_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the machine is so small that each has to be alone, and a spec among them is broken."""
    files = []
    for number in range(4):
        files.append(tmp_path / f"net{number}.yaml")
        files[-1].write_text(NET % (number + 1) if number != 2 else "archspec: 1\n")
    found: list[Report | Refused] = []
    one = archspec.verify(*files, to="pytorch", each=found.append)
    two = archspec.verify(*files, to="pytorch", each=found.append, jobs=2)
    with monkeypatch.context() as small:
        small.setattr("archspec.proving.physical_memory", lambda: 5 << 29)
        alone = archspec.verify(*files, to="pytorch", each=found.append, jobs=2)
    for proof in (two, alone):
        assert (
            [each.model for each in proof.reports] == [each.model for each in one.reports] == ["net0", "net1", "net3"]
        )
        assert [each.network for each in proof.refused] == [str(files[2])]
        for mine, other in zip(proof.reports, one.reports, strict=True):
            assert mine.exit_code == 0
            assert mine.facts == other.facts
            assert mine.outcomes["pytorch"].rungs["float64"].worst == other.outcomes["pytorch"].rungs["float64"].worst
    assert len(found) == 12


@pytest.mark.frameworks
def test_an_error_ends_all_if_nobody_is_told(tmp_path: Path) -> None:
    files = [tmp_path / f"net{number}.yaml" for number in range(3)]
    for number, file in enumerate(files):
        file.write_text(NET % (number + 1))
    with pytest.raises(UsageError, match="nothing of training"):
        archspec.verify(*files, to="pytorch", jobs=2, steps=2)
