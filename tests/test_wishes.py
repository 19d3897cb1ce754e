"""What people asked for, with the values that are right, as they were computed by hand."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from archspec import ops, reference
from archspec.model import Spec
from archspec.verification import data


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


def ask(key: str, *inputs: Any, **attributes: Any) -> Any:
    return make(key, **attributes).reference(*inputs)


def test_a_token_at_place_seven_is_turned_by_its_angles() -> None:
    """By 7 / base^(2 i / 8) for the pair i."""
    angles = 7 / 10000 ** (np.arange(0, 8, 2) / 8)
    x = np.r_[np.ones(4), np.zeros(4)].reshape(1, 1, 1, 8)
    found = ask("rotary_embedding", x, np.array([[7]]))
    assert found.ravel() == pytest.approx([*np.cos(angles), *np.sin(angles)])


def test_a_layer_used_three_times_has_its_weights_once() -> None:
    text = """
        archspec: 1
        name: Albert
        inputs: {x: [5, 12]}
        blocks:
          Layer:
            layers:
              - {op: multi_head_attention, name: attention, num_heads: 3}
              - {op: add, name: res, from: [attention, x]}
              - {op: layer_norm, name: norm}
        layers: [{block: Layer, name: layer, repeat: REPEAT, weights_of: layer}]
    """
    three, one = (Spec.parse(dedent(text.replace("REPEAT", count))).network() for count in "31")
    assert three.summary().parameters == one.summary().parameters == 4 * 12 * 13 + 2 * 12
    weights, given = data.parameters(one.graph), data.inputs(one.graph)
    x = given["x"]
    for _ in range(3):
        (x,) = (reference.run(one.graph, weights, {"x": x})[tensor.name] for tensor in one.graph.outputs.values())
    (found,) = (reference.run(three.graph, weights, given)[tensor.name] for tensor in three.graph.outputs.values())
    assert np.abs(found - x).max() < 1e-5


def test_attention_drops_what_it_says_and_scales_the_rest() -> None:
    """Weights of one half each, of which one is kept: what is left is twice as large, so that the sum is the value."""
    q, k, v = np.zeros((1, 1, 1, 4)), np.zeros((1, 1, 2, 4)), np.array([[[[3.0], [8.0]]]])
    op = make("scaled_dot_product_attention", dropout=0.5)
    assert op.reference(q, k, v).item() == 5.5
    trained, _ = op.train(q, k, v, kept=np.array([[[[True, False]]]]))
    assert trained.item() == 3.0


def test_alibi_and_windows() -> None:
    """Four heads fall by 1/4, 1/16, 1/64 and 1/256 for each place; three, by those of two, and the first of four."""
    q = np.zeros((1, 4, 3, 2))
    seen = ask("scaled_dot_product_attention", q, q, np.broadcast_to(np.eye(3), (1, 4, 3, 3)), alibi=True, causal=True)
    assert np.log(seen[0, :, 2, 2] / seen[0, :, 2, 0]) == pytest.approx([2 / 4, 2 / 16, 2 / 64, 2 / 256])
    q = np.zeros((1, 3, 3, 2))
    seen = ask("scaled_dot_product_attention", q, q, np.broadcast_to(np.eye(3), (1, 3, 3, 3)), alibi=True)
    assert np.log(seen[0, :, 0, 0] / seen[0, :, 0, 1]) == pytest.approx([1 / 16, 1 / 256, 1 / 4])
    near = ask("scaled_dot_product_attention", q, q, np.broadcast_to(np.eye(3), (1, 3, 3, 3)), window=2)
    assert near[0, 0].tolist() == [[0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3], [0, 0.5, 0.5]]


def test_the_last_query_must_see_something() -> None:
    op = make("scaled_dot_product_attention", window=2)
    with pytest.raises(Exception, match=r"window \(=2\) hides all 3 places from the last of 5 queries"):
        op.infer((2, 1, 5, 4), (2, 1, 3, 4), (2, 1, 3, 4))


def test_biases_of_some_projections() -> None:
    """As Whisper's, whose keys have none."""
    op = make("multi_head_attention", num_heads=2, bias=["out", "v", "q"])
    names = [name for name in op.parameters((2, 5, 8)) if name.endswith("bias")]
    assert names == ["q_proj_bias", "v_proj_bias", "out_proj_bias"]
    assert make("multi_head_attention", num_heads=2, bias=["k", "out", "v", "q"]).bias is True
    with pytest.raises(ValueError, match="must be true, false or a list of q, k, v, out, not"):
        make("multi_head_attention", num_heads=2, bias=["key"])
