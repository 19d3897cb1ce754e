"""Generated models as objects of this process: their modules, which need no framework; and what each framework makes of
them, in a process of its own (`live_models`)."""

from __future__ import annotations

import copy
import inspect
import linecache
import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archspec
from archspec import live
from archspec.weights.start import start

ROOT = Path(__file__).parent.parent
SOURCE = '''"""A file."""


class Inner:
    def __init__(self, number=1):
        self.number = number


class Net:
    """Adds."""

    def __init__(self):
        self.inner = Inner(2)

    def __call__(self, x):
        return x + self.inner.number  # adds
'''


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    before, hook = set(sys.modules), sys.excepthook
    yield
    sys.excepthook = hook
    for name in set(sys.modules) - before:
        if name.startswith("archspec_"):
            del sys.modules[name]


def test_a_module_has_its_source() -> None:
    module = live.load(SOURCE, "Net")
    assert inspect.getsource(module) == SOURCE
    assert inspect.getsource(module.Inner).endswith("self.number = number\n")
    assert not Path(str(module.__file__)).exists()
    linecache.clearcache()
    with pytest.raises(TypeError):
        module.Net()("text")
    try:
        module.Net()("text")
    except TypeError:
        linecache.checkcache()
        assert "return x + self.inner.number  # adds" in traceback.format_exc()


def test_the_same_source_is_the_same_module() -> None:
    module = live.load(SOURCE, "Net")
    assert live.load(str(SOURCE), "Net") is module
    assert live.load(SOURCE + "\n", "Net").Net is not module.Net
    found: list[Any] = []
    other = SOURCE.replace("Adds", "Slowly adds") + "import time; time.sleep(0.05)\n"
    threads = [threading.Thread(target=lambda: found.append(live.load(other, "Net").Net)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_file_that_does_not_run_leaves_nothing() -> None:
    before = set(sys.modules)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            live.load("1 / 0\n", "Net")
    assert set(sys.modules) == before


def test_copies_and_pickles() -> None:
    net = live.load(SOURCE, "Net").Net()
    net.inner.number = 3
    for again in (copy.copy(net), copy.deepcopy(net), *(pickle.loads(pickle.dumps(net, each)) for each in range(2, 6))):
        assert type(again) is type(net)
        assert again(1) == 4
    assert copy.deepcopy(net).inner is not net.inner
    twice = pickle.dumps([net, net.inner, live.load(SOURCE, "Net").Net()])
    assert twice.count(b"# adds") == 1


def test_a_pickle_is_enough_for_another_process(tmp_path: Path) -> None:
    net = live.load(SOURCE, "Net").Net()
    (tmp_path / "net.pickle").write_bytes(pickle.dumps({"inner": net.inner, "all": net}))
    code = (
        "import pickle, sys\n"
        "with open(sys.argv[1], 'rb') as file: net = pickle.load(file)['all']\n"
        "print(net(1), *sorted(name for name in sys.modules if name.startswith('archspec') and '_' not in name))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "net.pickle")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == \
        ["3", "archspec", "archspec.live"]  # fmt: skip


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Python shows the lines itself")
def test_the_last_message_of_a_program_has_lines() -> None:
    code = f"from archspec import live\nlive.load({SOURCE!r}, 'Net').Net()('text')"
    message = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    assert "return x + self.inner.number  # adds" in message
    sys.excepthook = print
    live.load(SOURCE, "Net")
    assert sys.excepthook is print


def test_what_cannot_be_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = archspec.load("lenet5")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(archspec.UsageError, match="PyTorch cannot be imported here: import of torch halted"):
        model.build("pytorch")
    with pytest.raises(archspec.UsageError, match="PyTorch cannot be imported here"):
        model.module("pytorch")
    with pytest.raises(archspec.UsageError, match=r"cannot read .*none\.pt: No such file"):
        model.build("pytorch", weights=tmp_path / "none.pt")
    with pytest.raises(archspec.UsageError, match="and there are none"):
        model.build("pytorch", names="torchvision")
    with pytest.raises(archspec.UsageError, match="these are not the weights of lenet5: nothing gives"):
        model.build("pytorch", weights={"conv1.weight": np.zeros(1)}, origin="canonical")
    with pytest.raises(archspec.UsageError, match="weights are a file, or a mapping of names to NumPy arrays, not "):
        model.build("pytorch", weights=[1])  # type: ignore[arg-type]


def test_a_weight_that_is_one_with_others_is_there_as_a_whole() -> None:
    text = "archspec: 1\nname: Net\ninputs: {x: [3, 4]}\nlayers: [{op: multi_head_attention, name: a, num_heads: 2}]\n"
    model = archspec.Spec.parse(text).network()
    part = {name: array for name, array in start(model.graph, 0).items() if not name.startswith("a.q")}
    with pytest.raises(archspec.UsageError, match=r"nothing gives 'a\.q.*', which is one weight with others"):
        model.build("pytorch", weights=part, origin="canonical", allow_missing=["a.q*"])


@pytest.mark.frameworks
@pytest.mark.parametrize("to", ["pytorch", "keras", "paddle"])
def test_what_users_do(to: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.live_models", to]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.stdout.split()[-1:] == ["done"], done.stderr[-3000:]
