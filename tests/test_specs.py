"""The specs that come along: what they expect of themselves, and names that equal those of the reference models."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from archspec.expectations import multiply_adds, parameter_count
from archspec.graph.mode import Mode
from archspec.model import Model, Spec
from archspec.spec.catalogue import files

from .measured import MEASURED, RESIZED

ALL: Final = {path.stem: path for path in files()}


@cache
def spec(name: str) -> Spec:
    return Spec.read(ALL[name], ALL[name].name)


@cache
def model(variant: str) -> Model:
    return next(spec(name).network(variant) for name in ALL if variant in spec(name).document.variants)


VARIANTS: Final = [variant for name in ALL for variant in spec(name).document.variants]


FIRST: Final = {next(iter(spec(name).document.variants), "") for name in ALL}


def _quick(names: Iterable[str]) -> list[Any]:
    """The first of each family in the quick tests, all in others."""
    return [name if name in FIRST else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("variant", _quick(VARIANTS))
def test_valid(variant: str) -> None:
    """Nothing to complain about; and the counts that it expects are there."""
    assert model(variant).check() == []


@pytest.mark.parametrize("name", ALL)
def test_documented(name: str) -> None:
    document = spec(name).document
    assert document.summary.endswith(".")
    assert document.source.startswith(("https://", "http://"))
    assert all(variant.summary.endswith(".") for variant in document.variants.values())
    assert all(block.summary.endswith(".") for block in document.blocks.values())
    assert max(map(len, ALL[name].read_text().splitlines())) <= 120
    assert Path(name).name == name


@pytest.mark.parametrize("variant", _quick(MEASURED))
def test_counts(variant: str) -> None:
    graph = model(variant).graph
    found = (parameter_count(graph), parameter_count(graph, Mode.EVALUATION), round(multiply_adds(graph) / 1e6, 1))
    assert found == MEASURED[variant][:3]


@pytest.mark.parametrize("variant", RESIZED)
def test_counts_at_other_sizes(variant: str) -> None:
    size, millions = RESIZED[variant]
    smaller = model(variant).spec.network(variant, {"size": size})
    assert round(multiply_adds(smaller.graph) / 1e6, 1) == millions


# Names and shapes as in the `state_dict` of torchvision's model: the first, some in the middle, and the last. (All were
# compared when the specs were written, with torchvision 0.28.)
NAMES: Final[dict[str, dict[str, tuple[int, ...]]]] = {
    "resnet18": {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_mean": (64,),
        "layer1.1.bn2.bias": (64,),
        "layer2.0.downsample.0.weight": (128, 64, 1, 1),
        "layer2.0.downsample.1.running_var": (128,),
        "fc.bias": (1000,),
    },
    "resnext50_32x4d": {"layer1.0.conv2.weight": (128, 4, 3, 3), "layer4.2.conv3.weight": (2048, 1024, 1, 1)},
    "vgg16": {"features.0.weight": (64, 3, 3, 3), "features.28.bias": (512,), "classifier.0.weight": (4096, 25088)},
    "vgg16_bn": {"features.1.running_mean": (64,), "features.40.bias": (512,), "classifier.6.bias": (1000,)},
    "alexnet": {"features.10.weight": (256, 256, 3, 3), "classifier.1.weight": (4096, 9216)},
    "googlenet_bn": {
        "conv1.conv.weight": (64, 3, 7, 7),
        "inception3a.branch1.bn.weight": (64,),
        "inception3a.branch2.1.conv.weight": (128, 96, 3, 3),
        "inception5b.branch4.1.conv.weight": (128, 832, 1, 1),
        "aux1.conv.conv.weight": (128, 512, 1, 1),
        "aux2.fc1.weight": (1024, 2048),
    },
}
COUNTS: Final = {"resnet18": 102, "resnet50": 267, "vgg16": 32, "vgg16_bn": 84, "alexnet": 16, "googlenet_bn": 305}
"""How many tensors each has, the counters of batches left out."""


@pytest.mark.parametrize("variant", NAMES)
def test_names(variant: str) -> None:
    found = {name: weight.shape for name, weight in model(variant).graph.parameters().items()}
    assert {name: found.get(name) for name in NAMES[variant]} == NAMES[variant]


@pytest.mark.parametrize("variant", COUNTS)
def test_number_of_tensors(variant: str) -> None:
    assert len(model(variant).graph.parameters()) == COUNTS[variant]


def test_auxiliary_heads() -> None:
    graph = model("googlenet").graph
    assert graph.training_outputs == {"aux1", "aux2"}
    assert {node.path.split(".")[0] for node in graph.nodes if node.training_only} == {"aux1", "aux2"}
    assert {name.split(".")[0] for name in graph.parameters().keys() - graph.parameters(Mode.EVALUATION).keys()} == {
        "aux1",
        "aux2",
    }


def test_params_replaced() -> None:
    small = spec("resnet").network("resnet18", {"num_classes": 10, "width": 64})
    assert small.graph.outputs["logits"].shape == (2, 10)
    assert small.check() == [], "what a variant expects does not hold for other params"
