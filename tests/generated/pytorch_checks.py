"""What users of generated PyTorch code do with it. Run by `test_generated.py` with a folder: prints what failed."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import pytest
import torch
from common import Case, run  # type: ignore[import-not-found]


def outputs(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


def make(case: Case, training: bool = False) -> tuple[Any, tuple[Any, ...]]:
    torch.manual_seed(0)
    return case.entry().train(training), tuple(torch.from_numpy(x) for x in case.inputs)


def canonical_names_are_its_own(case: Case) -> None:
    with torch.device("meta"):
        model = case.entry()
    model.load_state_dict({k: torch.empty(s, device="meta") for k, s in case.parameters.items()}, strict=True)


def load_onto_meta(case: Case) -> None:
    """A model that is made without memory, and gets its weights by assignment, is whole: no buffer is left empty."""
    model, inputs = make(case)
    with torch.device("meta"):
        other = case.entry().train(False)
    other.load_state_dict(model.state_dict(), assign=True)
    same(other(*inputs), model(*inputs))


def export(case: Case) -> None:
    """With any number of samples."""
    model, inputs = make(case)
    batch = torch.export.Dim("batch", min=2)
    exported = torch.export.export(model, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs)).module()
    more = tuple(torch.cat([x, x[:1]]) for x in inputs)
    same(exported(*more), model(*more))


def other_size(case: Case) -> None:
    """An image that cannot work is refused by name, at the top."""
    model, inputs = make(case)
    other = tuple(torch.cat([x, x], -1) for x in inputs)
    with pytest.raises(ValueError, match=re.escape(f"not {list(other[0].shape)}")):
        model(*other)


def bfloat16(case: Case) -> None:
    in_precision(case, torch.bfloat16)


def float16(case: Case) -> None:
    in_precision(case, torch.float16)


def in_precision(case: Case, dtype: torch.dtype) -> None:
    """Weights, inputs and outputs of few bits."""
    model, inputs = make(case)
    inputs = tuple(x.to(dtype) if x.is_floating_point() else x for x in inputs)
    with torch.no_grad():
        results = outputs(model.to(dtype)(*inputs))
    assert {x.dtype for x in results} == {dtype}
    assert all(x.isfinite().all() for x in results)


def autocast(case: Case) -> None:
    """Forward and backward."""
    model, inputs = make(case, training=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        results = outputs(model(*inputs))
        loss = sum(result.float().square().mean() for result in results)
    loss.backward()
    assert all(x.isfinite().all() for x in results)
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def compile_(case: Case) -> None:
    model, inputs = make(case)
    same(torch.compile(model, backend="eager", fullgraph=True)(*inputs), model(*inputs))


def train(case: Case) -> None:
    model, inputs = make(case, training=True)
    results = outputs(model(*inputs))
    assert len(results) == case.training_outputs
    sum(result.square().mean() for result in results).backward()
    without = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()}
    assert without == set(case.idle), without
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    with torch.no_grad():
        assert len(outputs(model.eval()(*inputs))) == case.outputs


def same(first: Any, second: Any) -> None:
    for a, b in zip(outputs(first), outputs(second), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run([canonical_names_are_its_own, load_onto_meta, export, compile_, other_size, bfloat16, float16, autocast, train])
