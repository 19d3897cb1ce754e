"""A script for a process of its own, of `plain.py`: builds and runs generated files with their framework alone.

python benchmarks/plain_forward.py pytorch

Reads one JSON object a line, and answers each with one line: what is wrong, or nothing.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ |= {"CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

import numpy as np


def forward(backend: str, make: Any, inputs: Sequence[Any]) -> Any:
    """What a new model gives in evaluation."""
    if backend == "keras":
        import keras

        keras.utils.clear_session()
        return make()(inputs[0] if len(inputs) == 1 else list(inputs), training=False)
    if backend == "pytorch":
        import torch

        with torch.no_grad():
            return make().eval()(*map(torch.from_numpy, inputs))
    import paddle

    model = make()
    model.eval()
    with paddle.no_grad():
        return model(*map(paddle.to_tensor, inputs))


def problem(backend: str, task: dict[str, Any]) -> str:
    """What is wrong with one file."""
    module = types.ModuleType("generated")
    sys.modules["generated"] = module
    path = Path(task["file"])
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    with np.load(path.with_suffix(".npz")) as arrays:
        inputs = [arrays[f"arr_{number}"] for number in range(len(arrays))]
    found = forward(backend, getattr(module, task["entry"]), inputs)
    values = found if isinstance(found, (tuple, list)) else [found]
    shapes = [list(value.shape) for value in values]
    return "" if shapes == task["shapes"] else f"shapes {shapes}, not {task['shapes']}"


def main(backend: str) -> None:
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            answer = problem(backend, json.loads(line))
        except Exception as error:
            answer = "".join(traceback.format_exception_only(error)).strip()[-600:]
        print(json.dumps(answer), file=replies, flush=True)
        gc.collect()


if __name__ == "__main__":
    main(*sys.argv[1:])
