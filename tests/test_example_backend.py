"""The backend in examples/ writes code without its framework; that the code is right, `make flax` tells."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from archspec.backend import Backend
from archspec.errors import BackendError
from archspec.model import Spec
from tests.programs import model

EXAMPLE = Path(__file__).parent.parent / "examples" / "backend_flax"


@pytest.fixture
def flax(monkeypatch: pytest.MonkeyPatch) -> Backend:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    found: Backend = import_module("archspec_flax").BACKEND
    return found


def test_blocks_are_classes_with_channels_last(flax: Backend) -> None:
    text = flax.write(model("mobilenet_v2"))
    assert "class InvertedResidual(nnx.Module):" in text
    assert "Maps image [batch, 224, 224, 3] to logits [batch, num_classes]." in text
    assert (
        "        if self.expansion != 1:\n            y = self.expand(x)" in text
    )  # nothing stands for a missing layer
    assert "nnx.Sequential(\n            ConvNorm(3, 32, kernel_size=3, stride=2, rngs=rngs)," in text
    assert "super().__init__()" not in text


def test_an_image_is_flattened_as_in_the_spec(flax: Backend) -> None:
    program = flax.generate(model("vgg11"))
    assert "jax.lax.collapse(jnp.transpose(x, (0, 3, 1, 2)), 1)" in program.source
    assert program.hooks["features.1"] == "features.1"
    assert program.inputs == {"image": (("transpose", (0, 2, 3, 1)),)}


def test_what_has_no_row_is_refused_at_its_place(flax: Backend) -> None:
    with pytest.raises(BackendError, match=r"specs/.*: error: Flax cannot express lstm: the backend has no row for it"):
        flax.write(model("lstm_tagger"))


AUXILIARY = """
archspec: 1
name: Net
inputs: {x: [3]}
layers: [{op: linear, name: a, out_features: 2}, {op: linear, name: b, out_features: 2}]
outputs: {first: {from: a, when: training}, second: b}
"""


def test_outputs_that_only_training_has_need_a_flag(flax: Backend) -> None:
    with pytest.raises(BackendError, match="Flax: its models cannot give outputs that only training has"):
        flax.write(Spec.parse(AUXILIARY).network())


def test_it_is_small() -> None:
    files = [path for path in EXAMPLE.rglob("*.*") if path.suffix in (".py", ".toml") and ".venv" not in path.parts]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files) < 700
