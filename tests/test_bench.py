"""Benchmarks: fresh processes that take turns, what they say, and what is made of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import archspec
from archspec.backend import Backend, Program, backends
from archspec.bench import Options, bench
from archspec.bench.found import Bench, Row
from archspec.cli import app
from archspec.errors import UsageError
from archspec.report import report

from .commands import CliRunner

SPEC = "archspec: 1\nname: Net\ninputs: {x: [3]}\nlayers: [{op: linear, out_features: 2}]\n"

TIMER = """
import time
versions = {{"pretended": "1.0"}}
def limit(threads):
    assert threads == 1
def prepare(make, training, compiled):
    make()
    def ready(inputs):
        (x,) = inputs
        assert x.shape[1:] == (3,)
        if compiled and len(x) == 4:
            raise ValueError("too many")
        with open({log!r}, "a") as log:
            print("{name}", training, compiled, len(x), file=log)
        first = [True]
        def call():
            time.sleep(0.05 if first.pop() else 0.002) if first else time.sleep(0.002)
        return call
    return ready
"""


@dataclass
class Plain:
    """What a backend without a framework generates."""

    real: Program

    def text(self) -> str:
        return self.program().source

    def program(self) -> Program:
        return replace(self.real, source="def Net():\n    print('heard by nobody')\n", entry="Net")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Backends without frameworks, of which the last is not installed; what the others do is written here."""
    found: list[Backend] = []
    for real in backends():
        timer = tmp_path / f"{real.name}.py"
        text = TIMER.format(name=real.name, log=str(tmp_path / "log")) if real.name != "paddle" else "import nowhere_\n"
        timer.write_text(text)

        def generator(model: object, real: Backend = real) -> Plain:
            return Plain(real.generate(model))  # type: ignore[arg-type]

        found.append(replace(real, timer=timer, generator=generator))
    monkeypatch.setattr("archspec.bench.backends", lambda names: [b for b in found if not names or b.name in names])
    return tmp_path / "log"


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    return path


QUICK = Options((4, 2), ("training",), rounds=2, seconds=0, threads=1)


@pytest.mark.slow
def test_fresh_processes_take_turns(log: Path, net: Path) -> None:
    found = bench(archspec.load(net), ["pytorch", "keras"], QUICK)
    told = [line.split() for line in log.read_text().splitlines()]
    pairs = [("False", "2"), ("False", "4"), ("True", "2")]
    once = [[name, "True", compiled, batch] for name in ("pytorch", "keras") for compiled, batch in pairs]
    again = [line for line in once if line[2] == "False"]  # what has failed is not tried again
    assert told == once + again
    for row in found.rows:
        if row.way == "eager":
            assert len(row.runs) == 2
            assert 0.05 <= row.first < 0.5
            low, middle, high = row.quarters
            assert 0.002 <= low <= middle <= high < 0.05
            assert row.memory >= row.imported > 2**20
        else:
            assert row.problem == ("ValueError: too many" if row.batch == 4 else "")
    assert found.versions == {name: {"pretended": "1.0"} for name in ("pytorch", "keras")}


@pytest.mark.slow
def test_a_missing_framework_and_one_that_breaks_down(log: Path, net: Path, tmp_path: Path) -> None:
    def run(*more: str) -> int:
        words = ["bench", str(net), "--rounds", "1", "--seconds", "0", "--threads", "1", "--batch", "2", *more]
        return CliRunner().invoke(app, words).exit_code

    assert run("--inference", "--eager") == 0
    assert run("--to", "paddle") == 3
    assert run("--batch", "4", "--to", "keras") == 1
    (tmp_path / "keras.py").write_text(
        "import os\nversions = {}\ndef limit(threads):\n    print('why', flush=True)\n    os._exit(5)\n"
    )
    found = bench(archspec.load(net), ["keras"], replace(QUICK, ways=("eager",)))
    assert {row.problem for row in found.rows} == {"the process ended with exit code 5: why"}
    (tmp_path / "keras.py").write_text("import time\ntime.sleep(60)\n")
    found = bench(archspec.load(net), ["keras"], replace(QUICK, ways=("eager",), timeout=0.5))
    assert {row.problem for row in found.rows} == {"no answer within 0.5 seconds"}


@pytest.mark.slow
def test_what_is_written_is_shown_in_a_report(log: Path, net: Path, tmp_path: Path) -> None:
    out = tmp_path / "times.json"
    words = ["bench", str(net), "--rounds", "1", "--seconds", "0", "--threads", "1", "--inference", "--eager"]
    words += ["-o", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "PaddlePaddle: not installed: No module named 'nowhere_'" in result.stdout
    model, found = archspec.load(net), json.loads(out.read_text())
    found["fingerprints"] = {}
    page = report(model, backends(), times=found)
    assert "<h3>inference, batch 8</h3>" in page
    first = next(row for row in found["rows"] if row.get("median"))
    assert f"{1e3 * first['median']:.3g} ms" in page
    with pytest.raises(UsageError, match="not the code that was timed"):
        report(model, backends(), times={**found, "fingerprints": {"keras": "0"}})
    with pytest.raises(UsageError, match="not about net: it is about other"):
        report(model, backends(), times={**found, "network": "other"})
    for broken in ({}, {**found, "rows": [{"phase": "x"}]}, {**found, "environment": None}):
        with pytest.raises(UsageError, match="no result of archspec bench"):
            report(model, backends(), times=broken)
    result = CliRunner().invoke(app, ["report", str(net), "--bench", str(out), "-o", str(tmp_path / "page.html")])
    assert result.exit_code == 2, "it was other code"


def test_medians_are_of_all_calls_of_all_processes() -> None:
    row = Row("keras", "Keras", "inference", "eager", 8)
    for seconds in ([1.0, 2.0, 3.0], [4.0, 100.0]):
        row.add({"first": sum(seconds), "seconds": seconds, "memory": 3 << 20, "imported": 1 << 20})
    assert row.quarters == (2.0, 3.0, 4.0)
    assert row.first == 6.0
    assert row.cells[4:] == ("3000 ms", "2000 to 4000", "2.67", "6.00 s", "2 MiB")
    text = str(Bench("net", 1, 2, "", [row]))
    assert text.startswith("net: 2 rounds of fresh processes, float32, 1 thread\n")
    row.add({"problem": "no"})
    assert "Keras, inference, eager, batch 8: no" in str(Bench("net", 1, 2, "", [row]))


@pytest.mark.frameworks
def test_frameworks_train(tmp_path: Path) -> None:
    found = bench(archspec.load("lenet5"), (), Options((2,), ("training",), ("eager",), 1, 0))
    assert [row.problem for row in found.rows] == ["", "", ""]
    assert all(row.quarters[1] > 0 and row.memory >= row.imported > 0 for row in found.rows)


@pytest.mark.long
@pytest.mark.frameworks
@pytest.mark.parametrize("name", ["lenet5", "llama_tiny", "googlenet_bn", "char_rnn"])
def test_all_ways_of_running(name: str) -> None:
    found = bench(archspec.load(name), (), Options((1, 2), rounds=1, seconds=0))
    assert len(found.rows) == 24
    assert {row.problem for row in found.rows} == {""}
