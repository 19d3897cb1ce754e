"""`python -m tests.fuzz N --seed S`: verify N random specs in all frameworks; with `--standins` hold their files
against the graph without any, with `--names` those of specs whose identifiers are what generated code uses itself."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter

from archspec.verification.workers import Pool

from . import standins
from .draw import Document, document
from .verify import BACKENDS, Unsettled, problems, reduced, text


def main() -> int:
    """0 if all frameworks agree about all specs; 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100, help="how many specs")
    parser.add_argument("--seed", type=int, default=0, help="of the first spec")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="where specs that fail are saved")
    parser.add_argument("--no-gradients", action="store_true", help="compare values alone")
    parser.add_argument("--no-reduce", action="store_true", help="do not look for smaller specs that fail")
    parser.add_argument("--along", action="store_true", help="draw blocks along an axis, too")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--standins", action="store_true", help="run on stand-ins of the frameworks")
    how.add_argument("--names", action="store_true", help="the same, with names that people choose")
    chosen = parser.parse_args()
    if chosen.standins or chosen.names:
        return standins.main(chosen.count, chosen.seed, chosen.folder, names=chosen.names)
    failed: list[int] = []
    unsettled: list[int] = []
    started = perf_counter()
    with Pool({backend.name: backend.runner for backend in BACKENDS}) as pool:
        for seed in range(chosen.seed, chosen.seed + chosen.count):
            drawn = document(seed, along=chosen.along)
            gradients = not chosen.no_gradients and seed % 2 == 0
            try:
                found = problems(text(drawn), pool, gradients=gradients)
            except Unsettled as reason:
                unsettled.append(seed)
                print(f"seed {seed}: not compared: {reason}", flush=True)
                continue
            if found:
                failed.append(seed)
                print(f"seed {seed}: FAILED", *found, sep="\n  ", flush=True)
                _save(chosen.folder / f"{seed}.yaml", drawn)
                if not chosen.no_reduce:
                    small = _reduced(drawn, found, pool, gradients)
                    _save(chosen.folder / f"{seed}_small.yaml", small)
                    print(text(small), flush=True)
            done = seed - chosen.seed + 1
            print(f"\r{done} of {chosen.count}, {len(failed)} failed", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    compared = chosen.count - len(unsettled)
    print(f"{compared - len(failed)} of {compared} specs agree, {len(unsettled)} were not compared, "
          f"in {perf_counter() - started:.0f} seconds")  # fmt: skip
    if failed:
        print("failed: " + ", ".join(map(str, failed)))
    return 1 if failed or not compared else 0


def _reduced(drawn: Document, found: list[str], pool: Pool, gradients: bool) -> Document:
    """A smaller spec that fails in the same frameworks."""
    names = {problem.partition(":")[0] for problem in found}

    def fails(smaller: Document) -> bool:
        try:
            return {
                problem.partition(":")[0] for problem in problems(text(smaller), pool, gradients=gradients)
            } == names
        except Unsettled:
            return False

    return reduced(drawn, fails)


def _save(path: Path, drawn: Document) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(drawn), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
