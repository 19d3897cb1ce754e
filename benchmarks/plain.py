"""Whether every network of the zoo can be built and run as people do it: the file, its framework, and nothing else.

python benchmarks/plain.py [pytorch keras paddle] [--only swin_t vit_b16] [--largest 2]

Each framework is a process that imports each generated file, makes the model with its own random weights, runs it once
in float32 on one sample, and holds the shapes of the outputs against the spec's. What has more GiB of weights and
values than `--largest` is not tried, and named at the end. The exit code is 1 if anything raised or has another shape.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from archspec.backend import Backend, backends
from archspec.errors import BackendError, UsageError
from archspec.graph.graph import Graph
from archspec.loading import open_spec
from archspec.model import Model
from archspec.spec.catalogue import files, variants_in
from archspec.verification import data
from archspec.verification.worker import arrange

RUN = Path(__file__).with_name("plain_forward.py")


def networks(only: list[str]) -> Iterator[Model]:
    """All variants of all specs that come along, or those of these names."""
    for path in files():
        spec, _ = open_spec(path)
        for variant in variants_in(path) or (None,):
            if not only or (variant or path.stem) in only:
                yield spec.network(variant)


def smallest(model: Model) -> Graph:
    """The network for one sample."""
    return model.graph_for({"batch": 1})


def size(graph: Graph) -> int:
    """The bytes of all weights and values in float32."""
    values = sum(prod(tensor.shape) for node in graph.nodes for tensor in node.outputs)
    return 4 * (values + sum(prod(parameter.shape) for parameter in graph.parameters().values()))


def task(backend: Backend, model: Model, folder: Path) -> dict[str, Any]:
    """What the process needs to know of a network; BackendError if the framework cannot express it."""
    program, graph = backend.generate(model), smallest(model)
    file = folder / f"{model.name}.py"
    file.write_text(program.source, encoding="utf-8")
    drawn = data.inputs(graph)
    inputs = [arrange(drawn[name], layout) for name, layout in program.inputs.items()]
    np.savez(folder / f"{model.name}.npz", *inputs)
    shown = [name for name in program.outputs if name not in graph.training_outputs]
    shapes = [arrange(np.broadcast_to(0, graph.outputs[n].shape), program.outputs[n]).shape for n in shown]
    return {"name": model.name, "file": str(file), "entry": program.entry, "shapes": shapes}


def run(backend: Backend, models: list[Model]) -> dict[str, str]:
    """What is wrong, by network."""
    wrong: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, str(RUN), backend.name]
        process: subprocess.Popen[str] | None = None
        for model in models:
            try:
                given = task(backend, model, folder)
            except BackendError as error:
                print(f"{backend.name:8} {model.name}: refused: {error}", flush=True)
                continue
            if process is None or process.poll() is not None:
                process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           stderr=subprocess.DEVNULL, text=True)  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            print(json.dumps(given), file=process.stdin, flush=True)
            answer = json.loads(process.stdout.readline() or '"the process died"')
            print(f"{backend.name:8} {model.name}: {answer or 'runs'}", flush=True)
            if answer:
                wrong[model.name] = answer
            for suffix in (".py", ".npz"):
                (folder / f"{model.name}{suffix}").unlink()
        if process is not None:
            process.communicate()
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*")
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--largest", type=float, default=2.0, help="GiB of weights and values")
    options = parser.parse_args()
    models = list(networks(options.only))
    if not models:
        raise UsageError("there is no such network")
    sizes = {model.name: size(smallest(model)) for model in models}
    small = [model for model in models if sizes[model.name] <= options.largest * 2**30]
    wrong = {backend.name: run(backend, small) for backend in backends(options.backends)}
    left = sorted(name for name, bytes in sizes.items() if bytes > options.largest * 2**30)
    print(
        f"\n{len(small)} networks were tried; not tried, being larger than {options.largest:g} GiB: {', '.join(left)}"
    )
    for name, found in wrong.items():
        for network, problem in found.items():
            print(f"{name}: {network}: {problem}")
    if any(wrong.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
