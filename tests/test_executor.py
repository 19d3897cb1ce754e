"""Networks verified by workers of dask: the same results, whoever is lost meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

import archspec
from archspec.cli import app
from archspec.errors import BackendError, UsageError
from archspec.executor import _asked, _reports, work
from archspec.jobs import Job
from archspec.results.ledger import Ledger
from archspec.results.options import Options
from archspec.results.reading import written
from archspec.verification.report import Report

from .commands import CliRunner
from .results import report

pytestmark = pytest.mark.slow  # as it starts processes

NET = "archspec: 1\nname: %s\ninputs: {x: [%d]}\nlayers: [{op: linear, out_features: 3}, relu]\n"
CLUSTER = """
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address.removeprefix("tcp://"), flush=True)
        print(*(worker.pid for worker in cluster.workers.values()), flush=True)
        input()
"""


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str], list[int]]]:
    """A scheduler with two workers: its address, its process, and theirs."""
    (folder / "cluster.py").write_text(CLUSTER)
    process = subprocess.Popen(
        [sys.executable, str(folder / "cluster.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, "there is no scheduler"
        yield f"dask://{address}", process, list(map(int, process.stdout.readline().split()))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def specs(tmp_path: Path) -> list[str]:
    """Five networks, and two that are none."""
    for number in range(5):
        (tmp_path / f"net{number}.yaml").write_text(NET % (f"Net{number}", number + 2))
    (tmp_path / "bad.yaml").write_text("archspec: 1\nname: Bad\ninputs: {x: [3]}\nlayers: [rellu]\n")
    return [str(tmp_path / f"{name}.yaml") for name in ("net0", "net1", "bad", "net2", "none", "net3", "net4")]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--executor", "http://host:1"], "give a scheduler of dask.distributed, as in dask://host:8786"),
        (["--executor", "dask://host"], "give a scheduler of dask.distributed"),
        (["--executor", "dask://:8786"], "give a scheduler of dask.distributed"),
        (["--executor", "dask://127.0.0.1:9", "--env", "keras==3.15"], "--env is about this machine"),
        (["--executor", "dask://127.0.0.1:9", "--repro", "made"], "--repro is about this machine"),
        (["--executor", "dask://127.0.0.1:9", "--python", "keras=python"], "--python is about this machine"),
    ],
)
def test_what_is_no_executor(arguments: list[str], told: str, specs: list[str]) -> None:
    done = CliRunner().invoke(app, ["verify", specs[0], *arguments])
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Traceback" not in done.output


def test_without_dask_that_is_said(specs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = CliRunner().invoke(app, ["verify", specs[0], "--executor", "dask://127.0.0.1:9"])
    assert done.exit_code == 2
    assert "pip install 'archspec-nn[dask]'" in done.stderr


@pytest.mark.filterwarnings("ignore")  # of tornado and asyncio, which leave sockets to the collector
def test_one_that_cannot_be_reached(specs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("archspec.executor._PATIENCE", 1)
    done = CliRunner().invoke(app, ["verify", specs[0], "--executor", "dask://127.0.0.1:9"])
    assert done.exit_code == 2
    said = done.stderr.strip().splitlines()
    assert said[-1].startswith("archspec: error: the executor dask://127.0.0.1:9 cannot be reached: ")
    assert len(said) == 1


class Alike:
    """In place of frameworks: what is told of a network follows from its name and the options."""

    made: ClassVar[list[Options]] = []

    def __init__(self, options: Options, ledger: Ledger) -> None:
        self.options = options
        self.made.append(options)

    def __enter__(self) -> Alike:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def reports(self, model: archspec.Model) -> list[Report]:
        time.sleep(0.2)
        if model.name == "net2":
            raise BackendError("net2 is too much")
        statuses = ["passed", "failed", "missing", "error"]
        number = int(model.name[-1]) + self.options.seed
        return [report(model.name, pytorch=statuses[(number + more) % 4]) for more in range(2)]


@pytest.mark.filterwarnings("ignore")
def test_answers_come_in_their_order_also_if_a_worker_is_lost(
    specs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("archspec.proving.Prover", Alike)
    monkeypatch.setattr("archspec.executor._WARM", {})
    monkeypatch.setattr(Alike, "made", [])
    names = [f"net{number}" for number in (0, 1, 3, 4)]
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as made:
        address = "dask://in.this.process:1"
        monkeypatch.setattr("archspec.executor._client", lambda _: distributed.Client(made, set_as_default=False))
        told: list[Any] = []
        stages: list[str] = []
        proof = archspec.verify(*specs, each=told.append, watch=stages.append, executor=address)
        assert [each.model for each in proof.reports] == [name for name in names for _ in range(2)]
        due = [each for name in names for each in Alike(Options(), Ledger(None)).reports(_named(specs, name))]
        assert [written(each) for each in proof.reports] == [written(each) for each in due]
        refused = {Path(each.network).stem: str(each.error) for each in proof.refused}
        assert list(refused) == ["bad", "net2", "none"]
        assert "there is no operation 'rellu'" in refused["bad"]
        assert refused["net2"] == "net2 is too much"
        assert len(told) == len(proof.reports) + 3
        assert stages[-1] == f"5 of 5 networks done at {address}"
        assert [options.seed for options in Alike.made] == [0, 0, 0, 0, 0], (
            "one for all jobs; the others are this test's"
        )

        thread = threading.Timer(0.3, lambda: made.sync(made.workers[0].close))
        thread.start()
        again = archspec.verify(*specs, seed=2, each=told.append, executor=address)
        thread.join()
        assert [each.model for each in again.reports] == [name for name in names for _ in range(2)]


def _named(specs: list[str], name: str) -> archspec.Model:
    return archspec.load(next(each for each in specs if name in each))


def test_another_archspec_is_refused(specs: list[str]) -> None:
    asked = json.loads(_asked(Job((0,), archspec.load(specs[0])), Options()))
    with pytest.raises(UsageError, match="another archspec"):
        _reports(json.loads(work(json.dumps(asked | {"sources": "others"}))))


def _plain(proof: archspec.Proof) -> list[Any]:
    """A result without what may differ from run to run."""
    found = [written(each) for each in proof.reports]
    for told in found:
        told["seconds"] = {}
        for outcome in told["outcomes"].values():
            outcome["memory"] = outcome["import_seconds"] = 0
            for each in outcome["rungs"].values():
                each["seconds"] = {}
    return [*found, *(json.dumps(each.to_json()) for each in proof.refused)]


@pytest.fixture
def missing(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch cannot be imported, here and in processes that are started, so that nothing takes long."""
    folder = tmp_path_factory.mktemp("missing")
    (folder / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.usefixtures("missing")
@pytest.mark.filterwarnings("ignore")
def test_processes_give_the_same_results_also_if_one_is_lost(specs: list[str], tmp_path: Path) -> None:
    told: list[Any] = []
    here = archspec.verify(*specs, to="pytorch", each=told.append)
    assert [each.model for each in here.reports] == [f"net{number}" for number in range(5)]
    with cluster(tmp_path) as (address, _, workers):
        there = archspec.verify(*specs, to="pytorch", each=told.append, executor=address)
        assert _plain(there) == _plain(here)
        assert there.exit_code == here.exit_code == 1

        def lose() -> None:
            time.sleep(0.5)
            os.kill(workers[0], signal.SIGKILL)

        thread = threading.Thread(target=lose)
        thread.start()
        again = archspec.verify(*specs, to=["pytorch"], seed=1, each=told.append, executor=address)
        thread.join()
        assert [each.model for each in again.reports] == [f"net{number}" for number in range(5)]
        failures = [[each.outcomes["pytorch"].failure for each in made.reports] for made in (again, here)]
        assert failures[0] == failures[1]
        assert {failure.kind for failure in failures[0] if failure is not None} == {"import"}

        with pytest.raises(UsageError, match="an executor is sent specs"):
            archspec.verify(archspec.load(specs[0]), executor=address)


@pytest.mark.usefixtures("missing")
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_is_lost_takes_nothing_that_was_found(specs: list[str], tmp_path: Path) -> None:
    found: list[Any] = []
    with cluster(tmp_path) as (address, process, _):

        def lose(stage: str) -> None:
            if stage.startswith("5 networks at"):  # which have been handed over, and take longer than this
                os.killpg(process.pid, signal.SIGKILL)

        proof = archspec.verify(*specs, to="pytorch", each=found.append, watch=lose, executor=address)
    told = [str(each.error) for each in proof.refused]
    assert len(proof.reports) + len(told) == len(found) == len(specs)
    assert told.count(f"the executor {address} was lost") >= 3
    assert any("there is no operation 'rellu'" in text for text in told)
