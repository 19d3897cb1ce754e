"""A script for a fresh process, which needs numpy and a framework: times one generated model.

python process.py TIMER.py

TIMER.py imports the framework and defines `versions`, a dict, `limit(threads)`, and `prepare(make, training,
compiled)`, which makes a model and gives a function: called with a batch's inputs it gives the function that is timed,
which returns when all is done. The task comes as JSON by standard input. Said is one object a line: the versions; then
of each batch the seconds of its first call and of those that were timed, and the memory; or why there are none.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import os
import sys
import time
import types
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

FEWEST, MOST = 5, 1000
"""How often at least, and at most, a call is timed, whatever it takes."""


def main(timer: str) -> None:
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever frameworks print is no answer
    task = json.load(sys.stdin)
    try:
        framework = loaded(timer)
    except ImportError as error:
        print(json.dumps({"problem": f"not installed: {error}", "missing": True}), file=replies, flush=True)
        return
    print(json.dumps({"versions": framework.versions}), file=replies, flush=True)
    framework.limit(task["threads"])
    before, ready = peak(), None
    for path in task["files"]:
        try:
            ready = ready or prepared(framework, task)
            with np.load(path) as arrays:
                inputs = [arrays[f"arr_{number}"] for number in range(len(arrays.files))]
            first, seconds = timed(ready(inputs), task["seconds"])
            answer = {"first": first, "seconds": seconds, "memory": peak(), "imported": before}
        except Exception as error:
            text = (str(error).strip().splitlines() or [""])[0]
            answer = {"problem": f"{type(error).__name__}: {text}"[:500]}
        print(json.dumps(answer), file=replies, flush=True)


def loaded(path: str) -> types.ModuleType:
    """The module in this file."""
    spec = importlib.util.spec_from_file_location("timer", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prepared(framework: types.ModuleType, task: dict[str, Any]) -> Callable[[Any], Callable[[], None]]:
    """What the timer makes of a generated file."""
    module = types.ModuleType("generated")
    module.__file__ = os.path.abspath("generated.py")
    sys.modules["generated"] = module
    with open(module.__file__, "w", encoding="utf-8") as file:  # compilers read the source of what they compile
        file.write(task["source"])
    exec(compile(task["source"], module.__file__, "exec"), module.__dict__)
    make = partial(getattr(module, task["entry"]), **task["arguments"])
    ready: Callable[[Any], Callable[[], None]] = framework.prepare(make, task["training"], task["compiled"])
    return ready


def timed(call: Callable[[], None], seconds: float) -> tuple[float, list[float]]:
    """What the first call took, and those after the second, for so many seconds."""
    first = elapsed(call)
    call()
    gc.collect()
    gc.disable()
    found: list[float] = []
    while len(found) < FEWEST or (sum(found) < seconds and len(found) < MOST):
        found.append(elapsed(call))
    gc.enable()
    return first, [round(each, 7) for each in found]


def elapsed(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def peak() -> int:
    """The most bytes that this process has used so far; 0 where nobody tells."""
    with contextlib.suppress(ImportError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return 0


if __name__ == "__main__":
    main(*sys.argv[1:])
