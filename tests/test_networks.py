"""Whole networks in all frameworks: the smallest of every family, and small ones that use all of the language."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from archspec.backend import backends
from archspec.errors import SpecError
from archspec.model import Model, Spec
from archspec.proving import reports
from archspec.results.options import Options
from archspec.spec.document import ParameterCounts
from archspec.verification.workers import Pool

ROOT = Path(__file__).parent
BACKENDS = backends()
DEEP: Final = 80
"""Steps."""
SMALL: Final = [(64, 48), (99, 83), (128, 96)]
"""Sizes of images, the smallest that a network takes coming first; the published sizes are verified by `make zoo`."""
REDUCED: Final[dict[str, dict[str, Any]]] = {
    "albert": {"depth": 3, "vocabulary": 3000},
    "bert": {"depth": 2, "vocabulary": 3000},
    "cait": {"image_size": 64, "depth": 2},
    "clip": {"image_size": 64, "depth": 2, "vocabulary": 3000},
    "convmixer": {"depth": 4},
    "convnext_tiny": {"depths": [1, 2, 1, 1]},
    # TensorFlow takes a convolution with a dilation of 36 apart into 1,296 pictures, whatever their size.
    "deeplab_v3": {"size": 72, "depths": [1, 1, 1, 1], "rates": [3, 4, 5]},
    "deeplab_v3_mobilenet": {"size": 72, "rates": [3, 4, 5]},
    "deit_distilled": {"image_size": 64, "depth": 2},
    "dinov2": {"image_size": 56, "depth": 2},
    "fcn": {"size": 72, "depths": [2, 2, 2, 2]},
    "fpn": {"size": 96, "depths": [2, 2, 2, 2]},
    "gmlp": {"depth": 4},
    "gpt2": {"depth": 2, "vocabulary": 3000},
    "hrnet": {"depth": 2, "modules": [1, 1, 1]},
    "inception_resnet": {"depths": [2, 2, 2]},
    "levit": {"image_size": 64, "depths": [1, 1, 1]},
    "poolformer": {"depths": [1, 1, 1, 1]},
    "pvt_v2": {"depths": [1, 1, 1, 1]},
    "res2net": {"depths": [2, 2, 2, 2]},
    "resnet50": {"depths": [1, 2, 1, 1]},
    "resnet_v2": {"depths": [2, 2, 2, 2]},
    "swin": {"image_size": 64, "window": 2},
    "t5": {"depth": 2, "vocabulary": 3000, "length": 33},
    "t5_whole": {"depth": 2, "vocabulary": 3000, "length": 33, "target_length": 29},
    "transformer": {"depth": 2, "vocabulary": 3000},
    "unet": {"size": 188, "width": 16},
    "unet_1d": {"length": 128, "width": 16},
    "unet_3d": {"sizes": [92, 92, 92], "width": 2},
    "vit": {"depth": 2},
}
"""Families and variants: params that make tables of words, repeats and inputs smaller."""
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


def _networks() -> list[tuple[Path, str | None]]:
    small = sorted((ROOT / "networks").glob("*.yaml"))
    every = [(file, variant) for file in small for variant in Spec.read(file).document.variants or [None]]
    families = sorted((ROOT.parent / "specs").glob("*.yaml"))
    also = [(file, name) for file in families for name in Spec.read(file).document.variants if name in ALSO]
    return [(file, _least(file)) for file in families] + also + every


def _least(file: Path) -> str | None:
    """The variant with the fewest parameters, as they say themselves; `test_specs.py` holds them to it."""
    variants = Spec.read(file).document.variants
    return min(variants, key=lambda name: _expected(variants[name].expect.parameters), default=None)


def _expected(count: int | ParameterCounts | None) -> int:
    assert count is not None
    return count if isinstance(count, int) else count.training


def _small(model: Model) -> Model:
    """The network with smaller images, if it takes them."""
    for height, width in SMALL:
        shapes = {
            name: (int(tensor.shape[1]), height, width)
            for name, tensor in model.graph.inputs.items()
            if len(tensor.shape) == 4 and min(tensor.shape[2:]) > height
        }
        small = model.resized(shapes)
        try:
            small.graph  # noqa: B018
        except SpecError:
            continue
        return small
    return model


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
    model = _small(Spec.read(file).network(variant, REDUCED.get(str(variant), REDUCED.get(file.stem))))
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
