"""What is held against the reference need not be one program for each backend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from textwrap import dedent
from typing import Any, Final

import pytest

from archspec.backend import Interface, Weight, backends
from archspec.graph.graph import Graph, rounded
from archspec.graph.mode import Mode
from archspec.model import Model, Spec
from archspec.verification.run import examine
from archspec.verification.subject import Generated
from archspec.verification.workers import Pool

from .faults import pattern

pytestmark = pytest.mark.frameworks

(PYTORCH,) = backends("pytorch")
SPEC: Final = """
    archspec: 1
    name: Small
    inputs: {x: [6]}
    layers:
      - {op: linear, name: wide, out_features: 8}
      - relu
      - {op: linear, name: fc, out_features: 3}
    outputs: {logits: fc}
"""
OWN: Final = """
import torch

def mine():
    return torch.nn.ModuleDict({"first": torch.nn.Linear(6, 8), "last": torch.nn.Linear(8, 3)}).eval()

class Mine(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = mine()

    def forward(self, x):
        return self.parts["last"](self.parts["first"](x).clamp(min=0))
"""


@cache
def model() -> Model:
    return Spec.parse(dedent(SPEC), "small.yaml").network()


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool({"one": PYTORCH.runner, "other": PYTORCH.runner}) as made:
        yield made


@pytest.mark.parametrize("worker", ["one", "other"])
def test_two_of_one_backend_beside_each_other(worker: str, pool: Pool) -> None:
    """In one process, and in two."""
    program = PYTORCH.generate(model())
    spoiled = pattern(r"F\.relu\(", "F.relu(0.5 * ")(program)
    subjects = [Generated("right", "one", program), Generated("wrong", worker, spoiled)]
    report = examine(rounded(model().graph), subjects, pool, gradients=True)
    assert {name: outcome.status for name, outcome in report.outcomes.items()} == {"right": "passed", "wrong": "failed"}
    found = report.outcomes["wrong"]
    assert found.versions == report.outcomes["right"].versions
    assert found.culprit is not None
    assert (found.subject, found.culprit.step, found.culprit.confirmed) == ("wrong", "relu", True)


@dataclass(frozen=True)
class Own:
    """A model that a person wrote, which shows what it returns, and no more."""

    name: str
    source: str
    worker: str = "one"

    @property
    def interface(self) -> Interface:
        places = {"wide": "parts.first", "fc": "parts.last"}
        weights = [Weight(f"{a}.{part}", f"{b}.{part}") for a, b in places.items() for part in ("weight", "bias")]
        return Interface(weights=tuple(weights), inputs={"x": ()}, outputs={"logits": ()}, probes={})

    def made(self, dtype: str, mode: Mode) -> dict[str, Any]:
        return {"source": self.source, "entry": "Mine", "arguments": {}}

    def shipped(self, dtype: str, mode: Mode, graph: Graph, other: Graph) -> None:
        return None


def test_a_model_of_one_s_own(pool: Pool) -> None:
    program = Generated("generated", "one", PYTORCH.generate(model()))
    right, wrong = Own("mine", OWN), Own("other", OWN.replace("min=0", "min=0.01"))
    report = examine(rounded(model().graph), [right, wrong, program], pool, gradients=True)
    assert {name: outcome.message for name, outcome in report.outcomes.items() if name != "other"} == {
        "mine": "", "generated": "",
    }  # fmt: skip
    assert report.outcomes["mine"].rungs["float64"].unseen == ("wide", "relu", "fc")
    assert report.outcomes["other"].status == "failed"
    assert [finding.tensor for finding in report.outcomes["other"].rungs["float64"].wrong] == ["output logits"]


def test_each_has_a_name_of_its_own(pool: Pool) -> None:
    with pytest.raises(ValueError, match="have names of their own, not mine, mine"):
        examine(rounded(model().graph), [Own("mine", OWN), Own("mine", OWN)], pool)
