"""Names in generated files, and what a file is made of."""

from __future__ import annotations

from typing import Any

import pytest

from archspec.emit.names import PYTHON, Scope
from archspec.emit.source import FileGenerator, check_names, import_lines
from archspec.emit.table import Table
from archspec.errors import BackendError
from archspec.model import Spec
from tests.programs import BACKENDS, model


def test_a_name_is_given_once_and_kept() -> None:
    scope = Scope(None, PYTHON)
    assert scope.spell("key", "width") == scope.spell("key", "other") == "width"
    assert scope.spell("another", "width") == "width2"


def test_what_means_something_further_out_gets_an_underscore_and_what_stands_beside_it_a_number() -> None:
    file = Scope(None, ["math", "range"])
    function = Scope(file, ["self"])
    assert [function.spell(key, key) for key in ("math", "range", "self")] == ["math_", "range_", "self2"]


def test_the_next_name_that_is_wanted_comes_before_a_number() -> None:
    scope = Scope()
    assert scope.spell("param", "in_channels") == "in_channels"
    assert scope.spell("size", "in_channels", "x_channels") == "x_channels"


def test_a_name_that_a_scope_inside_uses_is_not_given_further_out_later() -> None:
    file = Scope()
    Scope(Scope(file)).use("stem")
    assert file.spell("block", "stem") == "stem2"


@pytest.mark.parametrize(("wanted", "name"), [("conv.1", "conv_1"), ("1", "layer1"), ("a.b.c", "a_b_c")])
def test_paths_become_identifiers(wanted: str, name: str) -> None:
    assert Scope().spell(wanted, wanted) == name


def test_imports_stand_as_ruff_sorts_them() -> None:
    given = ["from torch import nn", "import math", "from torch import Tensor", "import torch"]
    assert import_lines(given) == ["import math", "", "import torch", "from torch import Tensor, nn"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(a, a):\n    return a\n", "duplicate argument"),
        ("def f(x):\n    return math.sqrt(x)\n", "mentions 'math', which is nowhere"),
        ("import math\n\n\ndef f(x):\n    math = x\n    return math\n", "hides 'math' of the file"),
        ("def g(x):\n    return x\n\n\ndef f(g):\n    return g\n", "hides 'g' of the file"),
    ],
)
def test_a_file_that_python_would_read_otherwise_is_an_internal_error(text: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_names(text, {}, "PyTorch: net")


def test_support_code_may_call_its_variables_as_it_likes() -> None:
    check_names("def g(x):\n    return x\n\n\ndef f(g):\n    return g\n", {"f": ""}, "Keras: net")


def test_a_backend_without_rows_for_a_family_refuses_its_operations() -> None:
    rows = Table("archspec.graph")  # which has modules, but none of a family's name
    assert not list(rows)
    written: Any = BACKENDS["pytorch"].generator(model("lenet5"))
    with pytest.raises(BackendError, match="PyTorch cannot express conv2d: the backend has no row for it"):
        FileGenerator(model("lenet5"), written.dialect, rows, {})


def test_the_second_of_three_axes_is_called_after_what_reads_it() -> None:
    text = """archspec: 1
name: Net
inputs: {x: [7, 8], memory: [5, 8]}
blocks:
  Cross:
    inputs: [x, memory]
    layers: [{op: linear, name: scores, from: x, out_features: memory.time}, {op: matmul, from: [scores, memory]}]
  Mixed:
    inputs: [x, memory]
    layers: [{op: conv1d, from: memory, out_channels: memory.channels, kernel_size: 3, padding: 1}]
layers:
  - {block: Cross, name: a, from: [x, memory]}
  - {block: Cross, name: b, from: [memory, x]}
  - {block: Mixed, name: c, from: [x, memory]}
  - {block: Mixed, name: d, from: [memory, x]}
outputs: {a: a, b: b, c: c, d: d}
"""
    network = Spec.parse(text).network()
    classes, functions = network.compile("pytorch"), network.compile("keras")
    assert "nn.Linear(x_features, memory_time)" in classes
    assert "memory_channels, memory_channels, kernel_size=3" in classes
    assert "memory_time = memory.shape[1]" in functions
    assert "memory_channels = memory.shape[-1]" in functions
