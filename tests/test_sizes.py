"""Sizes that are open: a network needs not take the numbers that stand for them; and where Keras' code takes inputs of
other sizes, it is the same for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest

from archspec import ops
from archspec.errors import SpecError
from archspec.expressions import Name, expr_of
from archspec.model import Spec

from .cases import CASES, Case, alone

WINDOWED: Final = (*ops.FAMILIES["convolution"], *ops.FAMILIES["pooling"])
LARGER: Final = (1, 2, 5)


@pytest.mark.slow
@pytest.mark.parametrize("op", WINDOWED)
def test_the_code_does_not_depend_on_sizes(op: str) -> None:
    compared = 0
    for case in CASES:
        if case.op == op and len(case.shapes) == 1 and "input_shape=" in (code := alone(case).compile("keras")):
            for sizes, other in _resized(case):
                # Pools have code that fits all sizes, and shorter code for some.
                if "input_shape=" in other or op not in ops.FAMILIES["pooling"]:
                    assert _sizeless(other) == _sizeless(code), f"{case} of {sizes}"
                    compared += 1
    assert compared


def _resized(case: Case) -> Iterator[tuple[tuple[int, ...], str]]:
    """Other sizes, and the code for them."""
    model, shape = alone(case), case.shapes[0]
    for more in LARGER:
        for chosen in {(1,), (len(shape) - 1,), tuple(range(1, len(shape)))}:
            sizes = tuple(size + more if axis in chosen else size for axis, size in enumerate(shape))
            try:
                yield sizes, model.resized({"x": sizes}).compile("keras")
            except SpecError:  # the spec refuses such a size
                continue


def _sizeless(code: str) -> str:
    """Code without comments, docstrings and the sizes that it takes if it is told no others."""
    code = re.sub(r'"""[\s\S]*?"""', "", code)
    return re.sub(r"input_shape=\([\w, ]*\)|  # .*", "", code)


OPEN: Final = """
archspec: 1
name: Open
inputs: {{image: [3, height, width], wave: [2, samples]}}
layers:
  - {{op: conv2d, name: a, from: image, out_channels: 4, kernel_size: 1}}
  - {{op: conv1d, name: b, from: wave, out_channels: 4, kernel_size: 1}}
  - {step}
outputs: {{a: a, b: b, c: c}}
"""


@pytest.mark.parametrize(
    "step",
    [
        "{op: conv1d, name: c, from: b, out_channels: 4, kernel_size: 1000}",
        "{op: conv2d, name: c, from: a, out_channels: 4, kernel_size: 70}",
        "{op: space_to_depth, name: c, from: a, block_size: 32}",
        "{op: patches, name: c, from: a, patch_size: 28}",
    ],
)
def test_a_network_needs_not_take_the_usual_numbers(step: str) -> None:
    model = Spec.parse(OPEN.format(step=step)).network()
    assert "[batch, 4, height, width]" in model.compile("pytorch")
    assert model.graph_for({"batch": 3}).outputs["a"].shape[0] == 3
    assert {expr_of(size) for size in model.graph.inputs["image"].shape[2:]} == {Name("height"), Name("width")}


def test_an_error_at_all_sizes_is_one() -> None:
    step = "{op: conv1d, name: c, from: b, out_channels: 4, kernel_size: 100000}"
    with pytest.raises(SpecError, match="does not fit into the length of its input"):
        Spec.parse(OPEN.format(step=step)).network().compile("pytorch")
