"""CPU time of compiling every network that comes along to all three frameworks, in one process."""

from __future__ import annotations

import time

from archspec.backend import backends
from archspec.loading import open_spec
from archspec.spec.catalogue import files, variants_in


def main() -> None:
    started = time.process_time()
    chosen = backends()
    count = 0
    slowest = (0.0, "")
    for path in files():
        spec, _ = open_spec(path)
        for name in variants_in(path) or (None,):
            before = time.process_time()
            model = spec.network(name)
            for backend in chosen:
                backend.write(model)
            count += 1
            slowest = max(slowest, (time.process_time() - before, model.name))
    seconds = time.process_time() - started
    print(f"{count} networks to {len(chosen)} frameworks: {seconds:.1f} s of CPU; {slowest[1]} took {slowest[0]:.2f} s")


if __name__ == "__main__":
    main()
