"""Code that stands at the top of generated files: neither blocks nor variables take its names."""

from __future__ import annotations

import ast
import json
from collections import Counter

import pytest

from archspec.backend import Backend, backends
from archspec.model import Spec

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
