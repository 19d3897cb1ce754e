"""What users of generated Paddle code do with it. Run by `test_generated.py` with a folder: prints what failed."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = ""
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import paddle
import pytest
from common import Case, run  # type: ignore[import-not-found]


def outputs(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def make(case: Case, training: bool = False) -> tuple[Any, list[Any]]:
    paddle.seed(0)
    model = case.entry()
    if training:
        model.train()
    else:
        model.eval()
    return model, [paddle.to_tensor(x) for x in case.inputs]


def to_static(case: Case) -> None:
    model, inputs = make(case)
    with paddle.no_grad():
        eager = [x.numpy() for x in outputs(model(*inputs))]
        static = outputs(paddle.jit.to_static(model, full_graph=True)(*inputs))
    for a, b in zip(eager, static, strict=True):
        np.testing.assert_allclose(b.numpy(), a, rtol=1e-4, atol=1e-5)


def jit_save(case: Case) -> None:
    """With any number of samples, and of what else is open; loaded again, it is the same function."""
    model, inputs = make(case)
    specs = [
        paddle.static.InputSpec([None if axis in free else size for axis, size in enumerate(x.shape)], x.dtype)
        for x, free in zip(inputs, case.open, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        paddle.jit.save(model, f"{folder}/model", input_spec=specs)
        loaded = paddle.jit.load(f"{folder}/model")
    more = [paddle.concat([x, x[:1]]) for x in inputs]
    with paddle.no_grad():
        for a, b in zip(outputs(model(*more)), outputs(loaded(*more)), strict=True):
            np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-4, atol=1e-5)


def other_size(case: Case) -> None:
    """An image that cannot work is refused by name, at the top."""
    model, inputs = make(case)
    other = [paddle.concat([x, x], -1) for x in inputs]
    with pytest.raises(ValueError, match=re.escape(f"not {list(other[0].shape)}")):
        model(*other)


def amp(case: Case) -> None:
    """Forward and backward with few bits where they do."""
    model, inputs = make(case, training=True)
    with paddle.amp.auto_cast(level="O1", dtype="bfloat16"):
        results = outputs(model(*inputs))
        loss = sum(result.astype("float32").square().mean() for result in results)
    loss.backward()
    assert all(bool(paddle.isfinite(x.astype("float32")).all()) for x in results)
    assert all(p.grad is None or bool(paddle.isfinite(p.grad).all()) for p in model.parameters())


def train(case: Case) -> None:
    model, inputs = make(case, training=True)
    results = outputs(model(*inputs))
    assert len(results) == case.training_outputs
    sum(result.square().mean() for result in results).backward()
    trained = {name: p for name, p in model.named_parameters() if not p.stop_gradient}
    without = {name for name, p in trained.items() if p.grad is None or not np.isfinite(p.grad.numpy()).all()}
    assert without == set(case.idle), without
    paddle.optimizer.SGD(0.1, parameters=model.parameters()).step()
    model.eval()
    with paddle.no_grad():
        assert len(outputs(model(*inputs))) == case.outputs


def train_static(case: Case) -> None:
    """Backward through the compiled model."""
    model, inputs = make(case, training=True)
    static = paddle.jit.to_static(model, full_graph=True)
    sum(result.square().mean() for result in outputs(static(*inputs))).backward()
    without = {name for name, p in model.named_parameters() if not p.stop_gradient and p.grad is None}
    assert without == set(case.idle), without


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run([to_static, jit_save, other_size, amp, train, train_static])
