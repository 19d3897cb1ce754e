"""What somebody would write to run a generated model once in each precision: `verify_overhead.py` times it.

python benchmarks/bare_forward.py pytorch|keras|paddle FILE ENTRY BATCH CHANNELS HEIGHT WIDTH
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import numpy as np

DTYPES = ("float64", "float32")


def pytorch(file: str, entry: str, image: Any) -> Any:
    import torch

    for dtype in DTYPES:
        torch.set_default_dtype(getattr(torch, dtype))
        model = made(file, entry).eval()
        with torch.no_grad():
            result = model(torch.from_numpy(image.astype(dtype)))
    return result.numpy()


def keras(file: str, entry: str, image: Any) -> Any:
    import keras

    image = image.transpose(0, 2, 3, 1)
    for dtype in DTYPES:
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        model = made(file, entry, input_shape=image.shape[1:])
        result = model(keras.ops.convert_to_tensor(image, dtype), training=False)
    return result.numpy()


def paddle(file: str, entry: str, image: Any) -> Any:
    import paddle

    for dtype in DTYPES:
        paddle.set_default_dtype(dtype)
        model = made(file, entry)
        model.eval()
        with paddle.no_grad():
            result = model(paddle.to_tensor(image.astype(dtype)))
    return result.numpy()


def made(file: str, entry: str, **arguments: Any) -> Any:
    """A model of the generated file."""
    spec = importlib.util.spec_from_file_location("generated", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, entry)(**arguments)


if __name__ == "__main__":
    framework, file, entry, *sizes = sys.argv[1:]
    image = np.random.default_rng(0).standard_normal(tuple(map(int, sizes)))
    result = {"pytorch": pytorch, "keras": keras, "paddle": paddle}[framework](file, entry, image)
    assert np.isfinite(result).all()
    print(framework, result.shape)
