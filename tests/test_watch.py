"""`archspec watch`: what is written after each save, whatever was saved, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import pytest

pytestmark = pytest.mark.slow  # as it starts processes

SPEC = "archspec: 1\nname: Net\ninputs: {x: [3]}\nlayers: [{op: linear, out_features: 2}]\n"


class Watched:
    """The command, and what it prints."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.spec, self.log = folder, folder / "net.yaml", folder / "log"
        self.spec.write_text(SPEC)
        command = [sys.executable, "-m", "archspec", "watch", "net.yaml", "-o", "out", "--to", "keras"]
        with self.log.open("w") as log:
            # What runs in the background of a shell does not hear the signal that ends it.
            heard = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
            self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, preexec_fn=heard)
        self.seen = 0

    def told(self, text: str) -> None:
        """Waits until it has printed this once more."""
        ending = monotonic() + 30
        while text not in self.log.read_text()[self.seen :]:
            assert monotonic() < ending, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            sleep(0.05)
        self.seen = len(self.log.read_text())

    def code(self) -> str:
        return (self.folder / "out" / "net_keras.py").read_text()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    found = Watched(tmp_path)
    yield found
    found.process.kill()
    found.process.wait()


def test_it_follows_what_is_saved(watched: Watched) -> None:
    watched.told("net.yaml: valid; 2 files in out")
    assert "layers.Dense(2" in watched.code()
    assert "<svg" in (watched.folder / "out" / "net.svg").read_text()
    watched.spec.write_text(SPEC.replace("linear", "liner"))
    watched.told("did you mean 'linear'?")
    assert "layers.Dense(2" in watched.code()
    watched.spec.write_bytes(b"\xff{{{")
    watched.told("not UTF-8")
    watched.spec.unlink()
    sleep(0.3)
    (watched.folder / "other").write_text(SPEC.replace("2}", "5}"))
    os.replace(watched.folder / "other", watched.spec)  # as editors do
    watched.told("net.yaml: valid")
    assert "layers.Dense(5" in watched.code()
    (watched.folder / "out" / "net.svg").unlink()
    (watched.folder / "out" / "net.svg").mkdir()
    watched.spec.write_text(SPEC.replace("2}", "7}"))
    watched.told("is not a file")
    (watched.folder / "out" / "net.svg").rmdir()
    watched.spec.write_text(SPEC.replace("2}", "8}"))
    watched.told("net.yaml: valid")
    assert "layers.Dense(8" in watched.code()
    watched.process.send_signal(signal.SIGINT)
    assert watched.process.wait(10) == 0
    assert watched.log.read_text().endswith("no longer watching net.yaml\n")
    assert "Traceback" not in watched.log.read_text()


def test_it_follows_the_files_that_are_used(watched: Watched) -> None:
    watched.told("net.yaml: valid")
    unit = "archspec: 1\nname: Unit\ninputs: {x: [3]}\nblocks: {Unit: {layers: [%s]}}\nlayers: [{block: Unit}]\n"
    (watched.folder / "unit.yaml").write_text(unit % "{op: linear, out_features: 5}")
    watched.spec.write_text("archspec: 1\nname: Net\nuse: unit.yaml\ninputs: {x: [3]}\nlayers: [{block: Unit}]\n")
    watched.told("net.yaml: valid")
    assert "layers.Dense(5" in watched.code()
    (watched.folder / "unit.yaml").write_text(unit % "{op: liner, out_features: 6}")
    watched.told("did you mean 'linear'?")
    (watched.folder / "unit.yaml").write_text(unit % "{op: linear, out_features: 6}")
    watched.told("net.yaml: valid")
    assert "layers.Dense(6" in watched.code()


def test_there_must_be_a_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "archspec", "watch", "nowhere.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "archspec: error: nowhere.yaml: there is no such file to watch\n"
