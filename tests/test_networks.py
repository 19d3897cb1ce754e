"""Whole networks in all frameworks: the smallest of every family, and small ones that use all of the language."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import pytest

from archspec.backend import backends
from archspec.graph.graph import Graph
from archspec.model import Spec
from archspec.proving import reports
from archspec.results.options import Options
from archspec.verification.workers import Pool

from .small import least, small

ROOT = Path(__file__).parent
BACKENDS = backends()
DEEP: Final = 80
"""Steps."""
ALSO: Final = [
    "convnext_tiny", "efficientnet_b0_keras", "googlenet", "googlenet_bn", "lenet5", "mobilenet_v2", "resnet50",
    "squeezenet1_0_complex_bypass",
]  # fmt: skip
"""Variants with blocks that the smallest of their families has not."""
LONG: Final = frozenset(
    "albert cait clip cspnet darknet deeplab_v3 deeplab_v3_mobilenet deit_distilled dinov2 dla dpn ecaresnet "
    "efficientnet_b0_keras fcn fpn ghostnet googlenet_bn googlenet_paddle hrnet inception_resnet lcnet levit "
    "mobileone nasnet poolformer pvt_v2 regnet res2net resnest resnet_d seresnet shufflenet_v1 skresnet starnet "
    "t5_whole unet_3d vovnet wide_deep xception zfnet".split()
)
"""Families and variants that take long and have no operation and no form of their own."""


MOST: Final = 64_000_000
"""The numbers of the largest network, weights and results."""


def _numbers(graph: Graph) -> int:
    shapes = [tensor.shape for node in graph.nodes for tensor in node.outputs]
    shapes += [parameter.shape for parameter in graph.parameters().values()]
    return sum(math.prod(map(int, shape)) for shape in shapes)


def _networks() -> list[tuple[Path, str | None]]:
    small = sorted((ROOT / "networks").glob("*.yaml"))
    every = [(file, variant) for file in small for variant in Spec.read(file).document.variants or [None]]
    families = sorted((ROOT.parent / "specs").glob("*.yaml"))
    also = [(file, name) for file in families for name in Spec.read(file).document.variants if name in ALSO]
    return [(file, least(file)) for file in families] + also + every


def _rows() -> list[Any]:
    return [
        pytest.param(number, file, variant, marks=[pytest.mark.long] if {file.stem, variant} & LONG else [])
        for number, (file, variant) in enumerate(_networks())
    ]


@pytest.mark.frameworks
@pytest.mark.parametrize(("number", "file", "variant"), _rows(), ids=lambda value: getattr(value, "stem", value))
def test_all_frameworks_agree(number: int, file: Path, variant: str | None, pool: Pool) -> None:
    """Of those that are not deep, each second with gradients, which take most of the time; `make zoo` compares those of
    all."""
    model = small(file, variant)
    assert _numbers(model.graph) < MOST, "params in tests/small.py make it smaller"
    gradients = number % 2 == 0 and len(model.graph.nodes) < DEEP
    for report in reports(model, BACKENDS, pool, Options(gradients=gradients)):
        assert report.exit_code == 0, {name: outcome.message for name, outcome in report.outcomes.items()}
        for outcome in report.outcomes.values():
            assert {"float64", "float32"} <= outcome.rungs.keys()
            assert not gradients or outcome.rungs["gradient"].compared > 0
            assert all(outcome.rungs[name].compared > 1 for name in ("float64", "float32"))


@pytest.mark.frameworks
@pytest.mark.parametrize(
    ("file", "sizes"),
    [
        ("towers", {"batch": 1}),
        ("vit", {"batch": 1}),
        ("wave", {"batch": 3, "time": 40}),
        ("arrange", {"batch": 1}),
        ("open", {"height": 18, "width": 20, "time": 24}),
        ("open", {"height": 31, "width": 16, "time": 25}),
    ],
)
def test_other_sizes(file: str, sizes: dict[str, int], pool: Pool) -> None:
    model = Spec.read(ROOT / "networks" / f"{file}.yaml").network()
    for report in reports(model, BACKENDS, pool, Options(gradients=True, sizes=sizes)):
        assert report.exit_code == 0, {name: outcome.message for name, outcome in report.outcomes.items()}
