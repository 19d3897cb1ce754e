"""Compares all networks with those of the libraries, and writes docs/judges.md: `python -m tests.judges [REGEX]`.

Results are kept in docs/judges.json: those of networks that the regular expression does not choose stay as they were.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from archspec.errors import UsageError
from archspec.verification.compare import FLOAT64_BOUND
from archspec.verification.workers import Pool

from . import library
from .judge import BACKENDS, FRAMEWORKS, Library, NotInstalled, Verdict
from .networks import NETWORKS, Network

DOCS: Final = Path(__file__).parents[2] / "docs"
TITLES: Final = {
    "keras": "Keras Applications",
    "paddle": "PaddlePaddle's vision models",
    "torchvision": "torchvision",
    "timm": "timm",
}


def main() -> int:
    """0 if all agree and every library is there."""
    parser = argparse.ArgumentParser(prog="python -m tests.judges", description=__doc__)
    parser.add_argument("only", nargs="?", default="", help="a regular expression for LIBRARY/THEIRS/OURS")
    parser.add_argument("--new", action="store_true", help="only those that there is no good result of")
    options = parser.parse_args()
    path = DOCS / "judges.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    missing, wrong = [], []
    for name in FRAMEWORKS:
        networks = [
            network for network in NETWORKS
            if network.library == name and re.search(options.only, key(network))
            and not (options.new and key(network) in results and agrees(verdict_of(results[key(network)])))
        ]  # fmt: skip
        if not networks:
            continue
        backend = FRAMEWORKS[name]
        with Pool({backend: BACKENDS[backend].runner}) as pool:
            try:
                with Library(name, pool) as judge:
                    for network in networks:
                        verdict, seconds = timed(judge, network)
                        results[key(network)] = {**asdict(verdict), "versions": judge.versions}
                        if not agrees(verdict):
                            wrong.append(network)
                        line = f"{verdict.error:.1e} {verdict.problem}, {seconds:.0f} s"
                        print(f"{key(network)}: {line}", file=sys.stderr, flush=True)
                        path.write_text(json.dumps({key(n): results[key(n)] for n in NETWORKS if key(n) in results},
                                                   indent=1) + "\n")  # fmt: skip
            except NotInstalled as error:
                missing.append(str(error))
    (DOCS / "judges.md").write_text("\n".join(page(results)) + "\n")
    for message in [*missing, *(f"{key(network)} differs" for network in wrong)]:
        print(message, file=sys.stderr)
    return 1 if missing or wrong else 0


def key(network: Network) -> str:
    return f"{network.library}/{network.theirs}/{network.ours}"


def agrees(verdict: Verdict) -> bool:
    return not verdict.problem and verdict.error <= FLOAT64_BOUND


def verdict_of(result: dict[str, Any]) -> Verdict:
    return Verdict(**{name: value for name, value in result.items() if name != "versions"})


def timed(judge: Library, network: Network) -> tuple[Verdict, float]:
    started = time.monotonic()
    try:
        verdict = judge.judge(network)
    except (AssertionError, UsageError) as error:
        verdict = Verdict(0, float("inf"), 0.0, str(error))
    return verdict, time.monotonic() - started


def page(results: dict[str, Any]) -> Iterator[str]:
    """The tables of all results."""
    found = [results[key(network)] for network in NETWORKS if key(network) in results]
    good = sum(agrees(verdict_of(result)) for result in found)
    left = len(NETWORKS) - len(found)
    yield f"""# Independent judges

Made by `make judges`. The networks of the frameworks' own libraries, built by the libraries with random weights and
statistics in float64; and the code that archspec generates for the same framework, with the library's weights poured
in. Both get the same images, and the outputs are compared: `max|a - r| / max(1, max|r|)`, at most {FLOAT64_BOUND:g}.

Weights are matched by name, through the rules in the library's folder of `specs/` where names differ; or in the order
of their definition, which gave the same as the names where it says so. Shapes must be equal, but for axes of size one.
Images are {_size((96, 64))} (height, width) unless it says otherwise. Heads that only training needs are compared, too,
where the library always runs them.

{good} of {len(found)} comparisons agree{f", and {left} more were not run" if left else ""}.
An error of 0 means that both run the same kernels in the same order.

Some libraries have known differences, which are taken away before the comparison, exactly:
"""
    for name, bridge in library.BRIDGES.items():
        yield f"- `{name}`: {bridge.__doc__}"
    yield """
Not compared, because they are other functions under the same name: timm's `legacy_seresnet18` and `legacy_seresnet34`
(one ReLU more before the squeeze, with as many parameters as ours)."""
    for name, title in TITLES.items():
        rows = [network for network in NETWORKS if network.library == name and key(network) in results]
        if not rows:
            continue
        versions = results[key(rows[0])]["versions"]
        yield f"\n## {title}\n\n{', '.join(f'{name} {version}' for name, version in versions.items())}\n"
        yield f"| network | the library's | weights | images | parameters | error |\n|{' --- |' * 6}"
        for network in rows:
            yield _row(network, results[key(network)])


def _row(network: Network, result: dict[str, Any]) -> str:
    theirs = network.theirs
    if network.arguments:
        theirs += f"({', '.join(f'{name}={value}' for name, value in network.arguments.items())})"
    notes = f" with {', '.join(f'`{bridge}`' for bridge in network.bridges)}" if network.bridges else ""
    if network.params:
        notes += f" ({', '.join(f'{name}={value}' for name, value in network.params.items())})"
    matched = "by name" if network.by == "name" else "in order, by name" if result.get("named") else "in order"
    if network.first:
        matched += f", {' and '.join(f'`{step}`' for step in network.first)} first"
    size = "" if network.size == (96, 64) else "as in the spec" if network.size is None else _size(network.size)
    error = result["problem"] or f"{result['error']:.1e}"
    return f"| {network.ours} | `{theirs}`{notes} | {matched} | {size} | {result['parameters']:,} | {error} |"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


if __name__ == "__main__":
    sys.exit(main())
