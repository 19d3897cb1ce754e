"""What users of generated PyTorch code do with it. Run by `test_generated.py` with a folder: prints what failed."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

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


def export(case: Case) -> None:
    model, inputs = make(case)
    exported = torch.export.export(model, inputs).module()
    same(exported(*inputs), model(*inputs))


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
    run([canonical_names_are_its_own, export, compile_, train])
