"""The specs that come along: what they expect of themselves, and names that equal those of the reference models."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import pytest

from archspec.model import Model, Spec, multiply_adds, parameter_count
from archspec.spec.catalogue import files

ALL: Final = {path.stem: path for path in files()}


@cache
def spec(name: str) -> Spec:
    return Spec.read(ALL[name], ALL[name].name)


@cache
def model(variant: str) -> Model:
    return next(spec(name).network(variant) for name in ALL if variant in spec(name).document.variants)


VARIANTS: Final = [variant for name in ALL for variant in spec(name).document.variants]


@pytest.mark.parametrize("variant", VARIANTS)
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


# Trainable parameters, with auxiliary heads and without, and multiply-adds in millions, as measured from the models of
# torchvision and (alexnet_two_tower, googlenet) Caffe.
MEASURED: Final = {
    "alexnet": (61_100_840, 61_100_840, 714.2),
    "alexnet_two_tower": (60_965_224, 60_965_224, 724.4),
    "googlenet": (13_378_280, 6_998_552, 1_582.7),
    "googlenet_bn": (13_004_888, 6_624_904, 1_498.4),
    "lenet5": (61_706, 61_706, 0.4),
    "lenet5_relu": (61_706, 61_706, 0.4),
    "resnet18": (11_689_512, 11_689_512, 1_814.1),
    "resnet34": (21_797_672, 21_797_672, 3_663.8),
    "resnet50": (25_557_032, 25_557_032, 4_089.2),
    "resnet101": (44_549_160, 44_549_160, 7_801.4),
    "resnet152": (60_192_808, 60_192_808, 11_513.6),
    "resnext50_32x4d": (25_028_904, 25_028_904, 4_230.5),
    "resnext101_32x8d": (88_791_336, 88_791_336, 16_414.0),
    "wide_resnet50_2": (68_883_240, 68_883_240, 11_398.0),
    "wide_resnet101_2": (126_886_696, 126_886_696, 22_753.1),
    "vgg11": (132_863_336, 132_863_336, 7_609.1),
    "vgg11_bn": (132_868_840, 132_868_840, 7_609.1),
    "vgg13": (133_047_848, 133_047_848, 11_308.5),
    "vgg13_bn": (133_053_736, 133_053_736, 11_308.5),
    "vgg16": (138_357_544, 138_357_544, 15_470.3),
    "vgg16_bn": (138_365_992, 138_365_992, 15_470.3),
    "vgg19": (143_667_240, 143_667_240, 19_632.1),
    "vgg19_bn": (143_678_248, 143_678_248, 19_632.1),
}


@pytest.mark.parametrize("variant", MEASURED)
def test_counts(variant: str) -> None:
    graph = model(variant).graph
    found = (parameter_count(graph), parameter_count(graph, training=False), round(multiply_adds(graph) / 1e6, 1))
    assert found == MEASURED[variant]


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
    assert {name.split(".")[0] for name in graph.parameters().keys() - graph.parameters(training=False).keys()} == {
        "aux1",
        "aux2",
    }


def test_params_replaced() -> None:
    small = spec("resnet").network("resnet18", {"num_classes": 10, "width": 64})
    assert small.graph.outputs["logits"].shape == (2, 10)
    assert small.check() == [], "what a variant expects does not hold for other params"
