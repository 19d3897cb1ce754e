"""What reading, checking and compiling cost as networks grow: generated specs of 100, 1,000 and 10,000 steps.

python benchmarks/compile_cost.py [--sizes 100 1000 10000] [--shapes chain blocks branches rows] [--profile]

Cost is linear if the last column stays near 1: it is the CPU time per step over that of the size before. Every file
that is written is parsed, so that none is too deep or too long for Python.
"""

from __future__ import annotations

import argparse
import ast
import cProfile
import gc
import pstats
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from archspec.backend import backends
from archspec.model import Model, Spec

T = TypeVar("T")

CONV = "{op: conv2d, out_channels: 8, kernel_size: 3, padding: 1, bias: false}"
TRIPLE = (CONV, "batch_norm", "relu")
HEAD = "archspec: 1\nname: {name}\ninputs: {{image: [8, 32, 32]}}\n"


def chain(steps: int) -> str:
    """Convolution, batch norm and relu in turn, every step written out in the spec."""
    return HEAD.format(name="Chain") + "layers:\n" + "".join(f"  - {TRIPLE[i % 3]}\n" for i in range(steps))


def blocks(steps: int) -> str:
    """Residual blocks of eight steps, equal but for a new width every tenth: what `repeat` is for."""
    body = "".join(f"            - {step}\n" for step in (*TRIPLE, *TRIPLE))
    return (
        HEAD.format(name="Blocks")
        + "blocks:\n  Unit:\n    params: {width: int}\n    layers:\n"
        + "      - branches:\n          main:\n"
        + body.replace("out_channels: 8", "out_channels: width")
        + "          shortcut: []\n        join: add\n      - relu\n"
        + "layers:\n"
        + "".join(
            f"  - {{op: conv2d, out_channels: {8 + stage % 4}, kernel_size: 1}}\n"
            f"  - {{block: Unit, name: stage{stage}, repeat: {min(10, units - 10 * stage)}, width: {8 + stage % 4}}}\n"
            for units in [max(1, steps // 8)]
            for stage in range(-(-units // 10))
        )
    )


def branches(steps: int) -> str:
    """Units of two branches that are joined, ten steps each, all written out in the spec."""
    unit = (
        "  - branches:\n      left:\n"
        + "".join(f"        - {step}\n" for step in (*TRIPLE, *TRIPLE[:2]))
        + "      right:\n"
        + "".join(f"        - {step}\n" for step in TRIPLE)
        + "    join: add\n  - relu\n"
    )
    return HEAD.format(name="Branches") + "layers:\n" + unit * max(1, steps // 10)


def rows(steps: int) -> str:
    """One block with another width each time, as `each` over a table gives: no two instances are equal."""
    table = "".join(f"      - {{width: {8 + i}}}\n" for i in range(max(1, steps // 3)))
    return (
        HEAD.format(name="Rows")
        + "blocks:\n  Unit:\n    params: {width: int}\n    layers:\n"
        + "".join(f"      - {step}\n" for step in TRIPLE).replace("out_channels: 8", "out_channels: width")
        + f"layers:\n  - block: Unit\n    name: unit\n    width: width\n    each:\n{table}"
    )


SHAPES: dict[str, Callable[[int], str]] = {"chain": chain, "blocks": blocks, "branches": branches, "rows": rows}


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result, and the CPU seconds that it took."""
    gc.collect()
    started = time.process_time()
    result = work()
    return result, time.process_time() - started


def stages(text: str) -> Iterator[tuple[str, float, int]]:
    """Each stage, its CPU seconds, and what it says of itself: steps, or lines of code."""
    spec, seconds = timed(lambda: Spec.parse(text))
    yield "read", seconds, 0

    def check() -> Model:
        model = spec.network()
        model.check()
        return model

    model, seconds = timed(check)
    yield "check", seconds, len(model.graph.nodes)
    for backend in backends():
        source, seconds = timed(lambda backend=backend: backend.write(model))  # type: ignore[misc]
        ast.parse(source)
        yield backend.name, seconds, source.count("\n")


def main() -> None:
    """Prints a table for each shape of network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--repeats", type=int, default=3, help="runs of which the fastest counts; one from 5,000 steps")
    parser.add_argument("--profile", action="store_true", help="show the functions that take longest")
    options = parser.parse_args()
    list(stages(chain(3)))  # imports and caches
    for shape in options.shapes:
        print(f"\n{shape}: {(SHAPES[shape].__doc__ or '').strip()}")
        print(f"{'stage':10}{'steps':>8}{'seconds':>10}{'ms/step':>10}{'growth':>8}{'lines':>9}")
        before: dict[str, float] = {}
        for size in options.sizes:
            text = SHAPES[shape](size)
            repeats = 1 if size >= 5_000 else options.repeats
            runs = [list(stages(text)) for _ in range(repeats)]
            steps = runs[0][1][2]
            for index, (stage, _, count) in enumerate(runs[0]):
                seconds = min(run[index][1] for run in runs)
                each = seconds / steps
                growth = f"{each / before[stage]:.2f}" if stage in before else ""
                lines = f"{count:,}" if index > 1 else ""
                print(f"{stage:10}{steps:8,}{seconds:10.3f}{each * 1e3:10.3f}{growth:>8}{lines:>9}", flush=True)
                before[stage] = each
        if options.profile:
            profile(SHAPES[shape](options.sizes[-1]))


def profile(text: str) -> None:
    """Prints the functions in which the time goes."""
    profiler = cProfile.Profile()
    profiler.enable()
    list(stages(text))
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
