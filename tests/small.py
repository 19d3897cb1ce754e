"""The families of the zoo as tests run them: the smallest network of each, made smaller where it takes long."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from archspec.errors import SpecError
from archspec.model import Model, Spec
from archspec.spec.document import ParameterCounts

_IMAGES: Final = [(64, 48), (99, 83), (128, 96)]
"""Sizes of images, the smallest that a network takes coming first; the published sizes are verified by `make zoo`."""
REDUCED: Final[dict[str, dict[str, Any]]] = {
    "albert": {"depth": 3, "vocabulary": 3000},
    "bert": {"depth": 2, "vocabulary": 3000},
    "cait": {"image_size": 64, "depth": 2},
    "clip": {"image_size": 64, "depth": 2, "vocabulary": 3000},
    "conv_lstm": {"filters": 4, "frames": 4, "size": 16},
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


def small(file: Path, variant: str | None) -> Model:
    """A network of a family, with less of what is in REDUCED and smaller images."""
    return resized(Spec.read(file).network(variant, reduced(file, variant)))


def reduced(file: Path, variant: str | None) -> dict[str, Any]:
    """The params that make it smaller."""
    return REDUCED.get(str(variant), REDUCED.get(file.stem, {}))


def least(file: Path) -> str | None:
    """The variant with the fewest parameters, as they say themselves; `test_specs.py` holds them to it."""
    variants = Spec.read(file).document.variants
    return min(variants, key=lambda name: _expected(variants[name].expect.parameters), default=None)


def _expected(count: int | ParameterCounts | None) -> int:
    assert count is not None
    return count if isinstance(count, int) else count.training


def resized(model: Model) -> Model:
    """A network with smaller images, if it takes them."""
    for height, width in _IMAGES:
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
