"""Samples that see each other, places that are samples for a while, and arrays of the network's own in their place."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from archspec import ops, reference
from archspec.errors import ShapeError, SpecError
from archspec.graph.graph import Graph
from archspec.model import Spec
from archspec.verification import data

from .programs import model

SAMPLES = 3


@cache
def values() -> tuple[dict[str, Any], dict[str, Any]]:
    """What each step gives, and the weights."""
    graph: Graph = model("batches").graph_for({"batch": SAMPLES})
    given, weights = (
        {name: array.astype(np.float64) for name, array in arrays.items()}
        for arrays in (data.inputs(graph), data.parameters(graph))
    )
    return reference.run(graph, weights, given) | given, weights


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


def unit(x: Any) -> Any:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_each_image_meets_each_text() -> None:
    """As CLIP has it: the cosines of all pairs, times e to a learned number."""
    found, weights = values()
    image = found["image"] @ weights["images.weight"].T + weights["images.bias"]
    text = found["text"] @ weights["linear.weight"].T + weights["linear.bias"]
    due = unit(image) @ unit(text).T * np.exp(weights["scale"])
    assert due.shape == (SAMPLES, SAMPLES)
    assert np.abs(found["logits"] - due).max() < 1e-12


def test_statistics_of_a_batch_in_evaluation() -> None:
    found, _ = values()
    batch_norm = make("batch_norm", affine=False)
    due, _ = batch_norm.train(found["image"], np.zeros(6), np.ones(6))
    assert np.abs(found["normal"] - due).max() < 1e-12


def test_frames_go_through_a_network_for_images() -> None:
    found, weights = values()
    conv = make("conv2d", out_channels=4, kernel_size=3)
    maps = [conv.reference(frame, weights["frame.conv.weight"], weights["frame.conv.bias"]) for frame in
            found["video"].swapaxes(0, 1)]  # fmt: skip
    whole = found["frame.conv"].reshape(SAMPLES, -1, *maps[0].shape[1:])
    assert np.abs(whole - np.stack(maps, 1)).max() < 1e-12
    assert found["moving"].shape == (SAMPLES, 17, 4)


def test_attention_looks_along_one_axis() -> None:
    """Each row for itself, then each column."""
    found, weights = values()
    x = found["grid"]
    for block, axis in (("down", 1), ("right", 2)):
        attend = make("multi_head_attention", num_heads=2)
        own = {n.rpartition(".")[2]: w for n, w in weights.items() if n.startswith(f"{block}.attention.")}
        lines = [attend.reference(line, **own) for line in np.moveaxis(x, axis, 0)]
        x = x + np.moveaxis(np.stack(lines), 0, axis)
        assert np.abs(found[f"{block}.add"] - x).max() < 1e-12


def test_a_parameter_asks_for_each_sample() -> None:
    found, weights = values()
    attend = make("multi_head_attention", num_heads=2)
    own = {n.rpartition(".")[2]: w for n, w in weights.items() if n.startswith("asked.cross.")}
    queries = np.repeat(weights["queries"], SAMPLES, 0)
    assert np.abs(found["asked.cross"] - attend.reference(queries, found["rows"], **own)).max() < 1e-12
    state = np.repeat(weights["state"], SAMPLES, 0)
    gru = make("gru", hidden_size=4, return_sequence=False)
    own = {n.rpartition(".")[2]: w for n, w in weights.items() if n.startswith("gru.")}
    assert np.abs(found["gru"] - gru.reference(found["rows"], state, **own)).max() < 1e-12


@pytest.mark.parametrize("number", [1, 2, 5])
def test_steps_are_the_same_for_any_number_of_samples(number: int) -> None:
    """One sample is not taken for what is the same for all."""
    due = [(node.path, node.op.key) for node in model("batches").graph.nodes]
    assert [(node.path, node.op.key) for node in model("batches").graph_for({"batch": number}).nodes] == due


def test_steps_of_no_step_change_no_names() -> None:
    """In a sequence steps are called by their position."""
    text = """
        {archspec: 1, name: N, inputs: {x: [4, 6]}, layers: [
          {name: part, layers: [
            {op: parameter, name: ask, shape: [2, 6]}, {op: multi_head_attention, from: [ask, x], num_heads: 2},
            {op: linear, out_features: 3}]}]}
    """
    made = Spec.parse(text).network()
    assert [node.path for node in made.graph.nodes] == ["part.ask", "part.expand_batch", "part.1", "part.2"]


def test_costs_are_those_of_all_places() -> None:
    text = "{archspec: 1, name: N, inputs: {x: [5, 4]}, layers: [merge_batch, {op: linear, out_features: 3}]}"
    assert Spec.parse(text).network().summary().multiply_adds == 5 * 4 * 3


def test_what_the_same_for_all_samples_cannot_be() -> None:
    with pytest.raises(ShapeError, match="would make 5 samples"):
        make("merge_batch").infer((1, 5, 4))
    with pytest.raises(SpecError, match="the shape \\[3, batch\\], which depends on a size that is open"):
        Spec.parse("""
            {archspec: 1, name: N, inputs: {x: [4]}, layers: [{op: split_batch, axis: 2},
              {op: linear, out_features: 3}]}
        """).network().check()
