"""Runs this folder as a package of its own, in a process that has nothing of archspec."""

import importlib.util
import sys
from pathlib import Path

FOLDER = Path(__file__).parent

if __name__ == "__main__":
    if Path(sys.path[0]).resolve() == FOLDER.resolve():
        del sys.path[0]  # frameworks must not find our modules under the names of theirs
    spec = importlib.util.spec_from_file_location("archspec_worker", FOLDER / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    worker = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = worker
    spec.loader.exec_module(worker)
    worker.main(*sys.argv[1:])
