"""Wall time of the NumPy reference: ResNet-50 at 224 x 224, batch 2, in float64.

`verify` gives it one thread of two cores, since frameworks run beside it; more threads wait spinning on a busy machine.
"""

from __future__ import annotations

import argparse
import time

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

import archspec
from archspec import reference
from archspec.verification import data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", nargs="?", default="resnet50")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="that matrix products may take")
    options = parser.parse_args()
    graph = archspec.load(options.network).graph
    parameters, inputs = data.parameters(graph), data.inputs(graph)
    shape = ", ".join(f"{name} {tuple(map(int, tensor.shape))}" for name, tensor in graph.inputs.items())
    for _ in range(options.runs):
        started = time.perf_counter()
        with threadpool_limits(options.threads, "blas"):
            reference.run(graph, parameters, inputs)
        print(f"{options.network} on {shape}: {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
