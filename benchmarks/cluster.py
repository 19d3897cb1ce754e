"""Random specs verified by two workers of dask on this machine, and by this process: how many a minute, and whether the
results are the same.

    python -m benchmarks.cluster [--count N] [--seed S] [--piece N] [--workers N] [--to BACKEND ...]

Both ways take turns, a piece of the specs at a time, each first in half of the pieces, so that they share what else the
machine does; frameworks are warm before the first one.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from archspec.executor import Remote
from archspec.proving import Prover
from archspec.results.ledger import Ledger
from archspec.results.options import Options
from archspec.results.wanted import Wanted
from tests.fuzz.draw import document
from tests.fuzz.verify import text

_CLUSTER: Final = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=int(sys.argv[1]), threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address.removeprefix("tcp://"), flush=True)
        sys.stdin.read()
"""


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[str]:
    """The address of a scheduler with workers on this machine."""
    process = subprocess.Popen(
        [sys.executable, "-c", _CLUSTER, str(workers)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"dask://{process.stdout.readline().strip()}"
    finally:
        process.communicate()


def draw(folder: Path, count: int, seed: int) -> list[Path]:
    """Random specs of the language, those of the fuzzer, in files."""
    found = []
    for number in range(seed, seed + count):
        path = folder / f"random{number}.yaml"
        path.write_text(text(document(number)), encoding="utf-8")
        found.append(path)
    return found


def _seconds(work: Prover | Remote, paths: Sequence[Path]) -> float:
    started = time.perf_counter()
    work.prove(dict(enumerate(map(Wanted, paths))))
    return time.perf_counter() - started


def _told(ledger: Ledger) -> dict[str, tuple[str, str]]:
    """What was found of each network: the verdict, with all tensors that are wrong, and every error."""
    found = {each.network: (str(each.error), "") for each in ledger.refused}
    for report in ledger.reports:
        for outcome in report.outcomes.values():
            wrong = {name: [each.tensor for each in rung.wrong] for name, rung in outcome.rungs.items()}
            errors = {name: rung.errors for name, rung in outcome.rungs.items()}
            found[f"{report.model} {outcome.subject}"] = f"{outcome.status} {wrong}", repr(errors)
    return found


def main() -> None:
    """Prints both throughputs after each piece, and in the end whether the results are equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--piece", type=int, default=20, help="how many specs until the other takes its turn")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--to", action="append", default=[], metavar="BACKEND")
    given = parser.parse_args()
    options, seconds = Options(to=tuple(given.to)), [0.0, 0.0]
    ledgers = [Ledger(lambda each: None) for _ in range(2)]
    with (
        tempfile.TemporaryDirectory() as folder,
        cluster(given.workers) as address,
        Prover(options, ledgers[0]) as own,
        Remote(address, options, ledgers[1]) as remote,
    ):
        paths = draw(Path(folder), given.count, given.seed)
        ways: list[tuple[int, Prover | Remote]] = [(0, own), (1, remote)]
        for _, way in ways:  # each worker gets some
            _seconds(way, draw(Path(folder), 2 * given.workers, given.seed + given.count))
        for start in range(0, len(paths), given.piece):
            for number, way in ways:
                seconds[number] += _seconds(way, paths[start : start + given.piece])
            ways.reverse()
            done = min(start + given.piece, len(paths))
            one, several = (60 * done / each for each in seconds)
            print(f"{done} specs: {one:.1f} a minute here, {several:.1f} by {given.workers} workers, "
                  f"{several / one:.2f} times", flush=True)  # fmt: skip
    here, there = map(_told, ledgers)
    none = ("not there", "")
    unlike = [name for name in here.keys() | there.keys() if here.get(name, none)[0] != there.get(name, none)[0]]
    digits = sum(here[name][1] != there[name][1] for name in here.keys() & there.keys())
    print(f"{len(here)} verdicts, {len(unlike)} of them others elsewhere; {digits} have errors with other digits")
    print("others elsewhere:", *sorted(unlike))
    print("not passed:", *sorted(name for name, (verdict, _) in here.items() if not verdict.startswith("passed")))


if __name__ == "__main__":
    main()
