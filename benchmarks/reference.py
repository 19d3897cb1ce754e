"""Wall time of the NumPy reference: ResNet-50 at 224 x 224, batch 2, in float64."""

from __future__ import annotations

import argparse
import time

import archspec
from archspec import reference
from archspec.verification import data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", nargs="?", default="resnet50")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    graph = archspec.load(options.network).graph
    parameters, inputs = data.parameters(graph), data.inputs(graph)
    shape = ", ".join(f"{name} {tuple(map(int, tensor.shape))}" for name, tensor in graph.inputs.items())
    for _ in range(options.runs):
        started = time.perf_counter()
        reference.run(graph, parameters, inputs)
        print(f"{options.network} on {shape}: {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
