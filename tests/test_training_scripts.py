"""What scripts that train say to their users: they are run as they are, in a process of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from archspec.loading import load
from archspec.model import Model

from .test_steps import CONFIGURATIONS
from .trained import CROSS_ENTROPY, SGD, network

pytestmark = pytest.mark.frameworks

# Several runs in one process, since importing a framework takes seconds.
DRIVER = """
import json, runpy, sys
folder, script, runs = sys.argv[1:]
sys.path.insert(0, folder)
said = []
for words in json.loads(runs):
    sys.argv = [script, *words]
    try:
        runpy.run_path(script, run_name="__main__")
        said.append("")
    except SystemExit as end:
        said.append(str(end))
print(json.dumps(said))
"""


def write(model: Model, backend: str, folder: Path) -> None:
    """A script and what it needs."""
    script = model.script(backend)
    for name, text in {**script.files, f"{script.module}.py": model.compile(backend)}.items():
        (folder / name).write_text(text)


def test_scripts_are_short() -> None:
    """And standalone: beside the model's file they need one that knows nothing of a network or a framework."""
    lines = {name: len(load("lenet").script(name).text().splitlines()) for name in ("pytorch", "keras", "paddle")}
    assert lines["pytorch"] <= 100
    assert lines["paddle"] <= 115
    assert lines["keras"] <= 115
    texts = [load(name).script(backend).files["train_common.py"] for name, backend in
             (("lenet", "keras"), ("googlenet", "paddle"))]  # fmt: skip
    assert texts[0] == texts[1]
    assert not re.search("torch|keras|paddle|archspec\\.", texts[0])


@pytest.mark.parametrize(
    "backend", ["pytorch", *(pytest.param(name, marks=pytest.mark.long) for name in ("keras", "paddle"))]
)
def test_what_does_not_fit_is_refused(backend: str, tmp_path: Path) -> None:
    model = CONFIGURATIONS["momentum"]
    script = model.script(backend)
    write(model, backend, tmp_path)
    random = np.random.default_rng(0)
    good: dict[str, Any] = {"image": random.normal(size=(70, 2, 6, 5)), "label": random.integers(0, 5, 70)}
    for name, data in {
        "good": good,
        "shape": good | {"image": good["image"][:, :, :5]},
        "classes": good | {"label": good["label"] + 1},
        "missing": {"image": good["image"]},
        "few": {key: array[:9] for key, array in good.items()},
        "uneven": good | {"label": np.concatenate([good["label"], good["label"]])},
        "one": good | {"label": np.array(1)},
        "objects": good | {"label": np.array([None] * 70)},
    }.items():
        np.savez(tmp_path / f"{name}.npz", **data)
    (tmp_path / "damaged.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:100])
    np.save(tmp_path / "alone", good["image"])
    (tmp_path / "alone.npy").rename(tmp_path / "alone.npz")
    (tmp_path / "broken").mkdir()
    for suffix in (".pt", ".weights.h5", ".pdparams"):
        (tmp_path / f"start{suffix}").write_text("no weights")
        (tmp_path / "broken" / f"checkpoint{suffix}").write_bytes(b"PK" * 50)
    start = {"pytorch": "start.pt", "keras": "start.weights.h5", "paddle": "start.pdparams"}[backend]

    def words(data: str, *more: str) -> list[str]:
        return ["--data", str(tmp_path / f"{data}.npz"), "--output", str(tmp_path / "out"), "--epochs", "1", *more]

    runs = [
        words("shape"),
        words("classes"),
        words("missing"),
        words("few"),
        words("uneven"),
        words("one"),
        words("objects"),
        words("damaged"),
        words("alone"),
        words("nowhere"),
        words("good", "--start", str(tmp_path / "nowhere")),
        words("good", "--start", str(tmp_path / start), "--output", str(tmp_path / "begun")),
        words("good", "--test", str(tmp_path / "good.npz")),
        words("good"),
        words("good", "--resume", "--batch-size", "16"),
        words("good", "--resume", "--seed", "1"),
        [*words("good", "--resume"), "--output", str(tmp_path / "other")],
        [*words("good", "--resume"), "--output", str(tmp_path / "broken")],
    ]
    ran = subprocess.run(
        [sys.executable, "-c", DRIVER, str(tmp_path), str(tmp_path / script.file), json.dumps(runs)],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    said = json.loads(ran.stdout.splitlines()[-1])
    for message, part in zip(
        said,
        [
            "a sample of image is (2, 5, 5), not (2, 6, 5)",
            "label has other classes than range(0, 5)",
            "there is no array 'label'",
            "9 samples are less than one batch",
            "not as many samples in each array: {'image': (70,), 'label': (140,)}",
            "not as many samples in each array: {'image': (70,), 'label': ()}",
            "objects.npz cannot be read: ",
            "damaged.npz cannot be read: ",
            "alone.npz cannot be read: ",
            "nowhere.npz cannot be read: ",
            "nowhere is not there: nothing to begin with",
            f"{start} does not fit: ",
            "",
            "exists already; --resume goes on from it",
            "not of {'batch_size'",
            "not of {'batch_size'",
            "is not there: nothing to go on from",
            " does not fit: ",
        ],
        strict=True,
    ):
        assert part in message if part else not message
    lines = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert [line.get("step", "results") for line in lines] == [0, 1, "results"]
    assert set(lines[-1]) == {"epoch", "top1", "top5", "error"}
    assert lines[-1]["top5"] == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir())[0].startswith("checkpoint")
    assert len(list((tmp_path / "out").iterdir())) == 2  # nothing is left that was written aside


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_of_pictures(channels: int, tmp_path: Path) -> None:
    from PIL import Image

    layers = f"inputs: {{image: [{channels}, 6, 5]}}\nlayers:\n  - flatten\n"
    layers += "  - {op: linear, name: logits, out_features: 3}\n"
    section = f"{CROSS_ENTROPY}\noptimizer: {SGD}\nbatch_size: 4\nepochs: 1"
    model = network(layers + "outputs: {logits: logits}", section)
    script = model.script("pytorch")
    write(model, "pytorch", tmp_path)
    for place, classes in {"pictures": "abc", "more": "abcd", "some": "bc", "none": ""}.items():
        (tmp_path / place / ".hidden").mkdir(parents=True)
        (tmp_path / place / ".hidden" / "1.png").write_text("no picture")
        for name in classes:
            (tmp_path / place / name).mkdir()
            (tmp_path / place / name / ".DS_Store").write_text("no picture")
            (tmp_path / place / name / "notes.txt").write_text("no picture")
            for each in range(4):
                picture = Image.new("RGB", (20 + each, 30), (80 * "abcd".index(name), 255, 0))
                picture.save(tmp_path / place / name / f"{each}.{'PNG' if each else 'png'}")

    def words(data: str, *more: str) -> list[str]:
        return ["--data", str(tmp_path / data), "--output", str(tmp_path / f"{data} out"), *more]

    ran = subprocess.run(
        [sys.executable, "-c", DRIVER, str(tmp_path), str(tmp_path / script.file),
         json.dumps([words("pictures", "--test", str(tmp_path / "some")), words("more"), words("none"),
                     words("some", "--test", str(tmp_path / "pictures"))])],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    said = json.loads(ran.stdout.splitlines()[-1])
    assert said[0] == ""
    assert "label has other classes than range(0, 3)" in said[1]
    assert said[2].endswith("none: there are no folders of pictures")
    assert f"pictures: ['a'] are no classes of {tmp_path / 'some'}" in said[3]
    assert len((tmp_path / "pictures out" / "log.jsonl").read_text().splitlines()) == 4
    # A class that the test does not have takes none of the others' numbers.
    loaded = subprocess.run(
        [sys.executable, "-c",
         f"import json, train_{model.name}_pytorch as script\n"
         "data = script.load('some', script.ARRAYS, 'pictures')\n"
         "print(json.dumps([data['label'].tolist(), data['image'].shape, data['image'][:, :, 0, 0].tolist()]))"],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    labels, shape, colours = json.loads(loaded.stdout)
    assert labels == [1] * 4 + [2] * 4
    assert shape == [8, channels, 6, 5]
    grey = {number: round(0.299 * 80 * number + 0.587 * 255) for number in (1, 2)}
    for label, colour in zip(labels, colours, strict=True):
        due = [80 * label, 255, 0] if channels == 3 else [grey[label]]
        np.testing.assert_allclose(np.array(colour) * 255, due, atol=1.01)


@pytest.mark.parametrize(
    "backend", ["paddle", *(pytest.param(name, marks=pytest.mark.long) for name in ("pytorch", "keras"))]
)
def test_averages_are_evaluated_and_go_on(backend: str, tmp_path: Path) -> None:
    layers = """
    inputs: {image: [2, 6, 5]}
    layers:
      - {op: conv2d, name: conv, out_channels: 4, kernel_size: 3}
      - {op: batch_norm, name: bn}
      - flatten
      - {op: linear, name: fc, out_features: 3}
    outputs: {y: fc}
    """
    section = f"losses: {{y: mse}}\noptimizer: {SGD}\nbatch_size: 8\nema: 0.9"
    model = network(dedent(layers), section)
    script = model.script(backend)
    text = script.text()
    unswapped = re.sub(r"\n +(averages\.swap\(model\)|swap\(averages, model\))(?=\n)", "", text)
    assert text.count("swap(") - unswapped.count("swap(") == 2
    write(model, backend, tmp_path)
    (tmp_path / "right.py").write_text(text)
    (tmp_path / "wrong.py").write_text(unswapped)
    random = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", image=random.normal(size=(35, 2, 6, 5)), target=random.normal(size=(35, 3)))

    def words(output: str, epochs: int, *more: str) -> list[str]:
        data = str(tmp_path / "data.npz")
        return [
            "--data",
            data,
            "--test",
            data,
            "--output",
            output,
            "--epochs",
            str(epochs),
            "--dtype",
            "float64",
            *more,
        ]

    # Each in a process of its own: PaddlePaddle counts the layers of one, and tells optimizers' state apart by that.
    for file, run in (
        ("right", words("whole", 2)), ("right", words("halves", 1)), ("right", words("halves", 2, "--resume")),
        ("wrong", words("wrong", 2)),
    ):  # fmt: skip
        ran = subprocess.run(
            [sys.executable, str(tmp_path / f"{file}.py"), *run], capture_output=True, text=True, cwd=tmp_path
        )
        assert ran.returncode == 0, ran.stderr[-2000:]

    def lines(output: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (tmp_path / output / "log.jsonl").read_text().splitlines()]

    assert lines("whole") == lines("halves")
    steps = [[line for line in lines(output) if "step" in line] for output in ("whole", "wrong")]
    assert steps[0] == steps[1], "evaluation gives the weights back"
    of_averages, of_weights = ([line["loss"] for line in lines(o) if "epoch" in line] for o in ("whole", "wrong"))
    assert min(abs(a - b) for a, b in zip(of_averages, of_weights, strict=True)) > 1e-3
