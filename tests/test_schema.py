"""The JSON Schema accepts the specs that are valid, and points at what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from archspec import ops
from archspec.spec.catalogue import files, folder
from archspec.spec.document import BlockStep, Document
from archspec.spec.schema import FILE, text
from archspec.spec.source import Source

pytestmark = pytest.mark.xdist_group("schema")  # which is made once


def _errors(validator: Draft202012Validator, spec: Any) -> list[tuple[str, str]]:
    return [(".".join(map(str, error.path)), error.message) for error in validator.iter_errors(spec)]


def _network(**changes: Any) -> dict[str, Any]:
    return {"archspec": 1, "name": "Net", "inputs": {"image": [3, 8, 8]}, "layers": ["relu"], **changes}


@pytest.mark.slow
def test_it_is_a_schema(language: Any) -> None:
    Draft202012Validator.check_schema(language)


@pytest.mark.slow
@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_specs_that_come_along(validator: Draft202012Validator, path: Any) -> None:
    assert _errors(validator, Source.read(path).data) == []


@pytest.mark.golden
def test_the_file_that_specs_name(golden: Callable[[Path, str], None]) -> None:
    golden(folder() / FILE, text())
    for spec in files():
        assert spec.read_text(encoding="utf-8").splitlines()[0] == f"# yaml-language-server: $schema={FILE}", spec.name


CONV = {"op": "conv2d", "out_channels": 8, "kernel_size": 3}
VALID_STEPS: list[Any] = [
    "relu",
    "activation",  # a param of type operation
    {"op": "activation", "alpha": 0.1},
    CONV,
    {**CONV, "name": "conv1", "from": ["a", "b"], "when": "stride != 1", "repeat": "depths[0]"},
    {**CONV, "kernel_size": [3, "k"], "padding": [[1, 2], "pad"], "stride": "2 if index == 0 else 1", "bias": "bias"},
    {**CONV, "padding": "same", "each": [{"c": 1, "k": 3}]},
    {"op": "softmax", "axis": "channels"},
    {"op": "max_pool2d", "kernel_size": 2, "stride": None},
    {"block": "Stage", "name": "stage1", "channels": "4 * c", "kernels": [1, 2]},
    {"branches": {"left": [CONV], "right": []}, "join": "add"},
    {"branches": {"left": [], "right": ["relu"]}, "join": {"op": "concat", "axis": "channels"}, "repeat": 2},
    {"name": "stem", "layers": [CONV, {"layers": ["relu"]}]},
]


@pytest.mark.parametrize("step", VALID_STEPS, ids=str)
def test_valid_steps(validator: Draft202012Validator, step: Any) -> None:
    assert _errors(validator, _network(layers=[step], params={"activation": "operation"})) == []


WRONG_STEPS: list[tuple[Any, str, str]] = [
    ({**CONV, "out_chanels": 8}, "layers.0", "'out_chanels' was unexpected"),
    ({"op": "conv2d", "kernel_size": 3}, "layers.0", "'out_channels' is a required property"),
    ("conv2d", "layers.0", "'conv2d' is not valid"),
    ("re lu", "layers.0", "'re lu' is not valid"),
    ({**CONV, "out_channels": 0}, "layers.0.out_channels", "0 is not valid"),
    ({**CONV, "out_channels": 1.5}, "layers.0.out_channels", "1.5 is not valid"),
    ({**CONV, "out_channels": "import os; os"}, "layers.0.out_channels", "is not valid"),
    ({**CONV, "kernel_size": [3, 3, 3]}, "layers.0.kernel_size", "is not valid"),
    ({**CONV, "bias": 1}, "layers.0.bias", "1 is not valid"),
    ({**CONV, "name": "conv 1"}, "layers.0.name", "is not valid"),
    ({**CONV, "repeat": 1.5}, "layers.0.repeat", "is not valid"),
    ({**CONV, "block": "Stage"}, "layers.0", "'block' was unexpected"),
    ({"name": "stem", "layers": [{"op": "linear"}]}, "layers.0.layers.0", "'out_features' is a required property"),
    ({"name": "stem", "layer": ["relu"]}, "layers.0", "is not valid"),
    ({"branches": {"a": []}}, "layers.0", "'join' is a required property"),
    ({"branches": {"a": []}, "join": "relu"}, "layers.0.join", "'relu' is not valid"),
    ({"branches": {"a": []}, "join": {"op": "concat", "axes": 1}}, "layers.0.join", "'axes' was unexpected"),
    ({"branches": {"a b": []}, "join": "add"}, "layers.0.branches", "does not match"),
    ({"block": "Stage", "nam": 3, "name": 3}, "layers.0.name", "is not valid"),
    (3, "layers.0", "3 is not"),
]


@pytest.mark.parametrize(("step", "path", "message"), WRONG_STEPS, ids=lambda value: str(value)[:40])
def test_wrong_steps(validator: Draft202012Validator, step: Any, path: str, message: str) -> None:
    errors = _errors(validator, _network(layers=[step]))
    assert any(where == path and message in text for where, text in errors), errors


PARAM = {"params": {"act": {"type": "operation", "default": "relu"}}}
UNKNOWN: list[Any] = [
    "rellu",
    {"op": "convv2d", "out_channels": 8},
    {"layers": [{"layers": ["rellu"]}]},
    {"branches": {"a": ["rellu"], "b": []}, "join": "add"},
]


@pytest.mark.parametrize("step", UNKNOWN, ids=str)
def test_operations_that_no_param_can_be(validator: Draft202012Validator, step: Any) -> None:
    block = {"Unit": {"layers": [step]}}
    assert _errors(validator, _network(layers=[step]))
    assert _errors(validator, _network(blocks=block))
    assert _errors(validator, _network(layers=[step], **PARAM)) == []
    assert _errors(validator, _network(blocks={"Unit": {**block["Unit"], "params": {"act": "operation"}}})) == []


WRONG_DOCUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"archspec": 2}, "archspec"),
    ({"name": "a-b"}, "name"),
    ({"lairs": []}, ""),
    ({"layers": []}, "layers"),
    ({"inputs": {"image": "3x8x8"}}, "inputs.image"),
    ({"inputs": {"image": {"shape": [3], "dtype": "float16"}}}, "inputs.image"),
    ({"params": {"width": {"type": "integer", "default": 3}}}, "params.width"),
    ({"params": {"1st": 3}}, "params"),
    ({"variants": {"small": {"expect": {"parameter": 3}}}}, "variants.small.expect"),
    ({"blocks": {"Stage": {"steps": []}}}, "blocks.Stage"),
    ({"outputs": {"aux": {"from": "aux", "when": 5}}}, "outputs"),
]


@pytest.mark.parametrize(("change", "path"), WRONG_DOCUMENTS, ids=lambda value: str(value)[:40])
def test_wrong_documents(validator: Draft202012Validator, change: dict[str, Any], path: str) -> None:
    assert path in [where for where, _ in _errors(validator, _network(**change))]


def test_valid_document(validator: Draft202012Validator) -> None:
    spec = _network(
        summary="A network.", source="https://example.org",
        params={"width": 8, "depth": "int", "unit": {"type": "block", "default": "Stage", "doc": "it"}, "rows": [1, 2]},
        variants={"small": {"width": 4, "expect": {"parameters": {"training": 8, "evaluation": 4}}}},
        inputs={"image": [3, "height", 8], "tokens": {"shape": ["time"], "dtype": "int64", "below": "width"}},
        blocks={"Stage": {"params": {"c": "int"}, "inputs": ["x", "y"], "layers": [], "outputs": {"a": "x", "b": "y"}}},
        outputs={"logits": "fc", "aux": {"from": "aux", "when": "training"}},
        expect={"parameters": 3, "multiply_adds": 4, "outputs": {"logits": [10]}},
    )  # fmt: skip
    assert _errors(validator, spec) == []


def test_every_operation_is_documented(language: Any) -> None:
    definitions = language["$defs"]
    for key in ops.names():
        operation = definitions[key]
        own = operation["properties"].keys() - BlockStep.model_fields.keys() - {"op", "from", "weights_of"}
        assert own == set(ops.get(key).model_fields)
        assert operation["description"], key
        for attribute in own:
            assert operation["properties"][attribute].get("description"), f"{key}: {attribute}"


def test_only_what_has_weights_shares_them(validator: Draft202012Validator) -> None:
    linear, relu = {"op": "linear", "out_features": 4, "weights_of": "fc"}, {"op": "relu", "weights_of": "fc"}
    assert _errors(validator, _network(layers=[linear])) == []
    assert _errors(validator, _network(layers=[relu])) != []


def test_it_knows_every_key_of_a_document(language: Any) -> None:
    assert set(language["properties"]) == set(Document.model_fields)
