"""Where Keras' code takes inputs of other sizes, it is the same for all of them."""

from __future__ import annotations

import re
from typing import Final

import pytest

from archspec import ops
from archspec.errors import SpecError

from .cases import CASES, Case, alone

WINDOWED: Final = {*ops.FAMILIES["convolution"], *ops.FAMILIES["pooling"]}
SINGLE: Final = [case for case in CASES if case.op in WINDOWED and len(case.shapes) == 1]
LARGER: Final = (1, 2, 5)


@pytest.mark.parametrize("case", SINGLE, ids=str)
def test_the_code_does_not_depend_on_sizes(case: Case) -> None:
    model, shape = alone(case), case.shapes[0]
    if "input_shape=" not in (code := model.compile("keras")):
        return
    for more in LARGER:
        for chosen in {(1,), (len(shape) - 1,), tuple(range(1, len(shape)))}:
            sizes = tuple(size + more if axis in chosen else size for axis, size in enumerate(shape))
            try:
                other = model.resized({"x": sizes}).compile("keras")
            except SpecError:  # the spec refuses such a size
                continue
            if "input_shape=" in other or case.op not in ops.FAMILIES["pooling"]:  # whose general code fits all sizes
                assert _sizeless(other) == _sizeless(code), sizes


def _sizeless(code: str) -> str:
    """Code without comments, docstrings and the sizes that it takes if it is told no others."""
    code = re.sub(r'"""[\s\S]*?"""', "", code)
    return re.sub(r"input_shape=\([\w, ]*\)|  # .*", "", code)
