"""What the checks of all frameworks share. Needs numpy, and nothing of archspec."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Case:
    """A generated file, and what to expect of it."""

    name: str
    entry: Callable[..., Any]
    inputs: tuple[Any, ...]
    parameters: dict[str, list[int]]
    """Canonical names and shapes."""
    idle: list[str]
    """The model's own names of weights on which no output depends."""
    open: list[list[int]]
    """The axes of each input that may have another size."""
    outputs: int
    training_outputs: int


def run(checks: Sequence[Callable[[Case], None]]) -> None:
    """Makes every check of every case in the folder that the command line names, and prints what came of each."""
    folder = Path(sys.argv[1])
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print is no result
    for path in sorted(folder.glob("*.py")):
        about = json.loads(path.with_suffix(".json").read_text())
        wanted = about.pop("checks")
        for check in checks:
            if check.__name__ not in wanted:
                continue
            started, problem = time.perf_counter(), ""
            try:
                check(_case(path, about))
            except Exception as error:
                problem = "".join(traceback.format_exception(error))[-6000:]
            found = [path.stem, check.__name__, problem, round(time.perf_counter() - started, 2)]
            print(json.dumps(found), file=results, flush=True)


def _case(path: Path, about: dict[str, Any]) -> Case:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    entry = getattr(module, about["entry"])
    with np.load(path.with_suffix(".npz")) as arrays:
        inputs = tuple(arrays[key] for key in arrays.files)
    return Case(**{**about, "name": path.stem, "entry": entry, "inputs": inputs})
