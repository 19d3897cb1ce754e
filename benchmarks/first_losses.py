"""The cross entropy that fresh models begin with, in each framework: the mean over seeds of five batches.

python benchmarks/first_losses.py lenet5_relu resnet18 gpt2 --set gpt2.depth=2 [--batch 16] [--seeds 5] [--picture 64]

Each framework is a process that imports the generated files and makes each model anew for each seed, with the initial
values that the spec declares and the framework's own random numbers; it runs in training, so that normalizations have
the statistics of the batch. Inputs and classes are drawn alike for all. With `--picture` networks see square pictures
of that size. Shown beside: how far the means are apart, and chance, the logarithm of the number of classes. The exit
code is 1 if the means of two frameworks are more than a tenth apart.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import types
from collections.abc import Sequence
from math import log
from pathlib import Path
from statistics import mean
from subprocess import run
from typing import Any

os.environ |= {"CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

import numpy as np

from archspec.backend import Backend, backends
from archspec.graph.mode import Mode
from archspec.loading import open_spec
from archspec.model import Model
from archspec.verification import data
from archspec.verification.worker import arrange

ALLOWED = 0.1
"""How far the means of two frameworks may be apart, by the smaller of them."""


def cross_entropy(scores: Any, classes: Any) -> float:
    """The mean of -log softmax(x)[y], of scores with the classes on the last axis."""
    scores = np.asarray(scores, np.float64)
    scores = scores - scores.max(-1, keepdims=True)
    known = np.take_along_axis(scores, classes[..., None], -1)[..., 0]
    return float((np.log(np.exp(scores).sum(-1)) - known).mean())


def first(backend: str, make: Any, inputs: Sequence[Any], seed: int) -> Any:
    """The first output of a new model in training."""
    if backend == "keras":
        import keras

        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        found = make()(inputs[0] if len(inputs) == 1 else list(inputs), training=True)
        return np.asarray(found[0] if isinstance(found, (tuple, list)) else found)
    framework = __import__("torch" if backend == "pytorch" else "paddle")
    (framework.manual_seed if backend == "pytorch" else framework.seed)(seed)
    model = make()
    model.train()
    with framework.no_grad():
        found = model(*map(framework.from_numpy if backend == "pytorch" else framework.to_tensor, inputs))
        return (found[0] if isinstance(found, (tuple, list)) else found).numpy()


def measure(backend: str, folder: Path) -> None:
    """In a process of its own: the losses of all files of a folder, into a file beside each."""
    for path in sorted(folder.glob("*.json")):
        task = json.loads(path.read_text(encoding="utf-8"))
        module = types.ModuleType("generated")
        sys.modules["generated"] = module
        exec(compile(task["source"], str(path), "exec"), module.__dict__)
        with np.load(path.with_suffix(".npz")) as arrays:
            inputs = [arrays[f"arr_{number}"] for number in range(len(arrays))]
        losses = []
        for seed in range(task["seeds"]):
            scores = first(backend, getattr(module, task["entry"]), inputs, seed)
            classes = np.random.default_rng(seed).integers(0, scores.shape[-1], scores.shape[:-1])
            losses.append(cross_entropy(scores, classes))
        path.with_suffix(".losses").write_text(json.dumps(losses), encoding="utf-8")


def losses(backend: Backend, models: Sequence[Model], batch: int, seeds: int) -> list[list[float]]:
    """Of each model, the loss for each seed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, model in enumerate(models):
            program, graph = backend.generate(model), model.graph_for({"batch": batch})
            drawn = data.inputs(graph)
            inputs = [arrange(drawn[key], layout) for key, layout in program.inputs.items()]
            np.savez(folder / f"{number}.npz", *inputs)
            task = {"source": program.source, "entry": program.entry, "seeds": seeds}
            (folder / f"{number}.json").write_text(json.dumps(task), encoding="utf-8")
        run([sys.executable, __file__, "--measure", backend.name, name], check=True, stderr=-3)
        return [json.loads((folder / f"{n}.losses").read_text(encoding="utf-8")) for n in range(len(models))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--set", action="append", default=[], metavar="NETWORK.PARAM=NUMBER")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--picture", type=int)
    options = parser.parse_args()
    models = []
    for name in options.networks:
        spec, variant = open_spec(name)
        own = [text.partition(".")[2].split("=") for text in options.set if text.startswith(f"{name}.")]
        model = spec.network(variant, {param: int(number) for param, number in own})
        sizes = {key: tuple(map(int, each.shape[1:])) for key, each in model.graph.inputs.items()}
        smaller = {key: (size[0], options.picture, options.picture) for key, size in sizes.items() if len(size) == 3}
        models.append(model.resized(smaller) if options.picture and smaller else model)
    found = {backend.name: losses(backend, models, options.batch, options.seeds) for backend in backends()}
    apart = False
    for number, model in enumerate(models):
        means = {name: mean(each[number]) for name, each in found.items()}
        far = max(means.values()) / min(means.values()) - 1
        apart |= not far <= ALLOWED
        chance = log(int(next(iter(model.graph.results(Mode.EVALUATION).values())).shape[-1]))
        told = "  ".join(f"{name} {value:.3f}" for name, value in means.items())
        print(f"{model.name:24} {told}  {far:.1%}  chance {chance:.3f}", flush=True)
    if apart:
        raise SystemExit(1)


if __name__ == "__main__":
    if sys.argv[1] == "--measure":
        measure(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
