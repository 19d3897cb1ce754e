"""How long it takes to verify again what has not changed: all networks that come along, and one of them.

python benchmarks/cache.py

One network is verified, into a cache of its own; what was found about it then stands for all others, so that the cache
holds as much as it does after hours. Times are those of whole processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from archspec.loading import open_spec, variants
from archspec.results.cache import Cache
from archspec.results.options import Options
from archspec.spec.catalogue import files

NETWORK = "resnet18"
RUNS = 5


def main() -> None:
    """Prints the times."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ARCHSPEC_CACHE_DIR"] = folder
        os.environ.pop("ARCHSPEC_NO_CACHE", None)
        print(f"{NETWORK}, for the first time: {_seconds(NETWORK):.2f} s")
        print(f"{NETWORK}, again: {min(_seconds(NETWORK) for _ in range(RUNS)):.2f} s")
        names = [str(path) for path in files()]
        count = _fill(names)
        print(f"{count} networks of {len(names)} specs, again: {min(_seconds(*names) for _ in range(RUNS)):.2f} s")
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.json"))
        print(f"the cache has {size / 2**20:.1f} MiB")


def _fill(names: list[str]) -> int:
    """Gives every network the reports of one; how many there are."""
    cache = Cache(Options())
    known = cache.recall(NETWORK)
    assert known is not None, "it was just verified"
    ((reports),) = known.reports.values()
    count = 0
    for name in names:
        spec, _ = open_spec(name)
        text = cache.text(name)
        assert text is not None
        chosen = variants(spec)
        cache.keep_variants(name, chosen, text)
        for variant in chosen:
            about = [replace(report, model=variant or Path(name).stem, cached="") for report in reports]
            cache.keep(name, variant, text, "2026-11-30T00:00:00Z", about)
            count += 1
    return count


def _seconds(*names: str) -> float:
    command = [str(Path(sysconfig.get_path("scripts")) / "archspec"), "verify", *names]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=sys.stderr)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
