"""The summary's rows and totals, held against figures that others published and numbers worked out by hand."""

from __future__ import annotations

import json

import pytest

import archspec
from archspec.errors import SpecError, UsageError
from archspec.model import Spec

SMALL = """
archspec: 1
name: Small
inputs: {image: [3, 8, 6]}
layers:
  - {op: conv2d, name: conv1, out_channels: 4, kernel_size: 3, padding: 1, bias: false}
  - {name: stage, layers: [batch_norm, relu]}
  - {op: conv2d, name: aux, from: conv1, out_channels: 2, kernel_size: 1}
  - {op: flatten, from: stage}
  - {op: linear, name: fc, out_features: 5}
outputs: {logits: fc, aux: {from: aux, when: training}}
"""


def test_rows_by_hand() -> None:
    summary = Spec.parse(SMALL).network().summary()
    rows = {row.path: (row.operation, row.shape, row.parameters, row.multiply_adds, row.activation_bytes,
                       row.training_only) for row in summary.rows}  # fmt: skip
    assert rows == {
        "conv1": ("conv2d", "[batch, 4, 8, 6]", 4 * 3 * 9, 4 * 48 * 27, 4 * 48 * 4, False),
        "stage.0": ("batch_norm", "[batch, 4, 8, 6]", 8, 0, 4 * 48 * 4, False),
        "stage.1": ("relu", "[batch, 4, 8, 6]", 0, 0, 4 * 48 * 4, False),
        "aux": ("conv2d", "[batch, 2, 8, 6]", 10, 2 * 48 * 4, 2 * 48 * 4, True),
        "flatten": ("flatten", "[batch, 192]", 0, 0, 192 * 4, False),
        "fc": ("linear", "[batch, 5]", 192 * 5 + 5, 192 * 5, 5 * 4, False),
    }
    assert (summary.parameters, summary.evaluation_parameters) == (108 + 8 + 10 + 965, 108 + 8 + 965)
    assert summary.multiply_adds == 4 * 48 * 27 + 192 * 5
    assert summary.activation_bytes == (4 * 192 + 5) * 4
    assert summary.inputs == {"image": "[batch, 3, 8, 6]"}
    assert summary.outputs == {"logits": "[batch, 5]", "aux": "[batch, 2, 8, 6]"}


# Multiply-adds as torchvision documents them ("GFLOPS" of its weights), rounded to two digits after the point.
PUBLISHED = [("resnet18", 11_689_512, 1.81), ("resnet50", 25_557_032, 4.09), ("wide_resnet50_2", 68_883_240, 11.40),
             ("vgg16", 138_357_544, 15.47)]  # fmt: skip


@pytest.mark.parametrize(("name", "parameters", "billions"), PUBLISHED)
def test_totals_as_published(name: str, parameters: int, billions: float) -> None:
    summary = archspec.load(name).summary()
    assert summary.parameters == parameters
    assert round(summary.multiply_adds / 1e9, 2) == billions


def test_sizes_inside_blocks_are_numbers() -> None:
    rows = {row.path: row.shape for row in archspec.load("resnet50").summary().rows}
    assert rows["layer1.0.conv3"] == "[batch, 256, 56, 56]"


def test_folding_keeps_totals() -> None:
    whole = archspec.load("resnet18").summary()
    folded = whole.folded(1)
    assert [row.path for row in folded.rows] == [
        "conv1", "bn1", "relu", "max_pool2d", "layer1", "layer2", "layer3", "layer4", "global_avg_pool2d", "fc",
    ]  # fmt: skip
    for column in ("parameters", "multiply_adds", "activation_bytes"):
        assert sum(getattr(row, column) for row in folded.rows) == sum(getattr(row, column) for row in whole.rows)
    assert folded.rows[4].shape == "[batch, 64, 56, 56]"
    assert folded.rows[4].operation == ""


OPEN = """
archspec: 1
name: Open
inputs: {tokens: {shape: [time], dtype: int64, below: 10}}
layers:
  - {op: embedding, num_embeddings: 10, embedding_dim: 4}
  - {op: linear, out_features: 3}
"""


def test_open_dimensions() -> None:
    model = Spec.parse(OPEN).network()
    summary = model.summary({"time": 100})
    assert summary.inputs == {"tokens": "[batch, time]"}
    assert summary.outputs == {"output": "[batch, time, 3]"}
    assert [row.shape for row in summary.rows] == ["[batch, time, 4]", "[batch, time, 3]"]
    assert "[batch, time] -> output [batch, time, 3]" in repr(model)
    assert summary.rows[1].multiply_adds == 100 * 4 * 3
    assert summary.rows[0].activation_bytes == 100 * 4 * 4
    assert "with time = 100" in summary.totals
    assert model.summary().sizes.keys() == {"time"}
    with pytest.raises(UsageError, match="no open dimension 'tiem'; did you mean 'time'"):
        model.summary({"tiem": 100})


def test_sizes_that_follow_from_open_ones_are_shown_as_they_do() -> None:
    text = """
archspec: 1
name: Open
inputs: {sound: [4, time]}
blocks:
  Half: {layers: [{op: conv1d, out_channels: x.channels, kernel_size: 2, stride: 2}]}
layers: [{block: Half, name: halves, repeat: 2}]
"""
    model = Spec.parse(text).network()
    assert [row.shape for row in model.summary().rows] == [
        "[batch, 4, (time - 2) // 2 + 1]", "[batch, 4, ((time - 2) // 2 - 1) // 2 + 1]",
    ]  # fmt: skip
    assert all(
        type(size) is int for node in Spec.parse(SMALL).network().graph.nodes for size in node.outputs[0].shape[1:]
    )


def test_text_and_json() -> None:
    summary = Spec.parse(SMALL).network().summary()
    lines = str(summary).splitlines()
    assert lines[0] == "small"
    assert lines[4] == "conv1    conv2d      [batch, 4, 8, 6]         108          5,184        768 B"
    assert lines[-2] == "1,091 parameters in training, 1,081 in evaluation"
    assert lines[-1] == "6,144 multiply-adds, 3.02 KiB of activations (float32) for one element of a batch"
    data = json.loads(json.dumps(summary.to_json()))
    assert data["rows"][0] == {
        "path": "conv1", "operation": "conv2d", "shape": "[batch, 4, 8, 6]", "parameters": 108,
        "multiply_adds": 5184, "activation_bytes": 768, "training_only": False,
    }  # fmt: skip
    assert data["parameters"] == 1091


def test_rich_table_has_the_same_cells() -> None:
    from rich.console import Console

    summary = Spec.parse(SMALL).network().summary()
    console = Console(width=120, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(summary.table())
    for row in summary.rows:
        assert all(cell in captured.get() for cell in (row.path, row.operation, row.shape, *row.costs))


@pytest.mark.slow
def test_a_chain_of_thousands() -> None:
    layers = "\n".join(["  - relu"] * 5000)
    summary = Spec.parse(f"archspec: 1\nname: Chain\ninputs: {{x0: [4]}}\nlayers:\n{layers}\n").network().summary()
    assert len(summary.rows) == 5000
    assert summary.activation_bytes == 5000 * 16


def test_invalid_spec() -> None:
    with pytest.raises(SpecError):
        Spec.parse(SMALL.replace("kernel_size: 3", "kernel_size: 99")).network().summary()
