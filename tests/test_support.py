"""Code that stands at the top of generated files: neither blocks nor variables take its names."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

import pytest

from archspec.backend import Backend, backends
from archspec.emit.table import definitions
from archspec.model import Spec
from tests.programs import BACKENDS

DOCUMENT = {
    "archspec": 1,
    "name": "Net",
    "inputs": {"x": [6, 9, 8]},
    "blocks": {
        "Softplus": {"layers": ["softplus", "relu"]},
        "RMSNorm": {"layers": ["rms_norm", {"op": "relu"}]},
        "Celu": {"layers": ["celu"]},
    },
    "layers": [
        {"block": "Softplus"},
        {"block": "RMSNorm"},
        {"block": "Celu", "name": "first"},
        {"op": "softplus", "name": "softplus_"},
        {"op": "celu", "name": "celu", "from": "first"},
        {"op": "l2_normalize", "name": "l2_normalize", "from": "first"},
        {"op": "local_response_norm", "name": "local_response_norm", "size": 3, "from": "first"},
        {"op": "concat", "name": "joined", "from": ["celu", "l2_normalize", "local_response_norm"]},
        {"op": "swiglu", "name": "swiglu", "from": "joined"},
        {"op": "relu", "name": "last", "from": "joined"},
    ],
    "outputs": {"a": "swiglu", "b": "last", "softplus": "softplus_"},
}


@pytest.mark.parametrize("backend", backends(), ids=lambda backend: backend.name)
def test_no_block_and_no_variable_hides_a_function(backend: Backend) -> None:
    source = backend.generate(Spec.parse(json.dumps(DOCUMENT)).network()).source
    tree = ast.parse(source)
    defined = Counter(node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef)))
    assert max(defined.values()) == 1
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assert not stored & set(defined), source


@pytest.mark.parametrize("backend", BACKENDS)
def test_support_code_fits_where_it_is_copied_to(backend: str) -> None:
    lines = [line for text in _support(backend).values() for line in text.splitlines()]
    assert lines
    assert not [line for line in lines if len(line) > 88]


def test_a_detour_in_paddle_says_what_it_replaces() -> None:
    reasons = re.compile(r"Paddle|\b(F|nn|paddle)\.\w")
    silent = set()
    for name, text in _support("paddle").items():
        definition = ast.parse(text).body[-1]
        assert isinstance(definition, (ast.FunctionDef, ast.ClassDef))
        if not reasons.search(ast.get_docstring(definition) or ""):
            silent.add(name)
    assert silent == LACKING


LACKING: Final = {
    "MultiHeadAttention", "wave_angles", "rotary_embedding", "add_sinusoidal_positions", "LearnedPositions",
    "RelativePositionBias", "bucket_edges", "BucketedPositionBias", "MaskedConv2D", "make_divisible", "GaussianNoise",
    "rotary_at", "gather_rows", "scatter_add_rows", "reglu", "squared_relu", "split_complex",
    "alibi_slopes", "place_scores",
}  # fmt: skip
"""What Paddle has nothing for, so that nothing is replaced."""


def _support(backend: str) -> Mapping[str, str]:
    return definitions(Path(str(files("archspec.backends"))) / backend / "support")
