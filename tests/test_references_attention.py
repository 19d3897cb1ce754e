"""The references of attention: loops in plain Python, PyTorch's own layer in float64, and the formulas as published."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from archspec import ops
from archspec.errors import ShapeError

BORDERS = [8, 12, 16, 23, 32, 46, 64, 91]
"""Where the second half of T5's 16 buckets of one direction begins: 8 * 16^(i / 8), rounded up."""


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


def values(op: Any, *shapes: tuple[int, ...]) -> tuple[list[Any], dict[str, Any]]:
    rng = np.random.default_rng(7)
    inputs = [rng.standard_normal(shape) for shape in shapes]
    return inputs, {name: rng.standard_normal(p.shape) for name, p in op.parameters(*shapes).items()}


def masks(shape: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(3)
    allowed = rng.random(shape) < 0.5
    allowed[..., 0] = True
    return [None, allowed, rng.standard_normal(shape)]


@pytest.mark.parametrize("mask", masks((2, 1, 3, 5)), ids=["free", "bool", "float"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scale", [None, 0.7])
def test_attention_equals_loops(causal: bool, scale: float | None, mask: Any) -> None:
    op = make("scaled_dot_product_attention", causal=causal, scale=scale)
    (q, k, v), _ = values(op, (2, 4, 3, 6), (2, 2, 5, 6), (2, 2, 5, 7))
    found = op.reference(*((q, k, v) if mask is None else (q, k, v, mask)))
    factor = 1 / math.sqrt(6) if scale is None else scale
    for batch, head, time in product(range(2), range(4), range(3)):
        group = head // 2
        shares = []
        for source in range(5):
            score = factor * sum(q[batch, head, time, i] * k[batch, group, source, i] for i in range(6))
            share = math.exp(score)
            if mask is not None:
                bias = mask[batch, 0, time, source]
                share *= bias if mask.dtype == bool else math.exp(bias)
            shares.append(0.0 if causal and source > time else share)
        for i in range(7):
            wanted = sum(share * v[batch, group, source, i] for source, share in enumerate(shares)) / sum(shares)
            assert found[batch, head, time, i] == pytest.approx(wanted, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("shapes", [[(2, 5, 12)], [(2, 5, 12), (2, 7, 12)], [(2, 5, 12), (2, 7, 9), (2, 7, 10)]])
@pytest.mark.parametrize("bias", [False, True])
def test_multi_head_attention_equals_pytorch(shapes: list[tuple[int, ...]], bias: bool) -> None:
    op = make("multi_head_attention", num_heads=3, bias=bias)
    inputs, weights = values(op, *shapes)
    q, k, v = (torch.from_numpy(x) for x in (*inputs, *inputs[-1:] * (3 - len(inputs))))
    oracle = nn.MultiheadAttention(
        12, 3, bias=bias, kdim=k.shape[2], vdim=v.shape[2], batch_first=True, dtype=torch.float64
    )
    state = {name.replace("out_proj_", "out_proj."): torch.from_numpy(w) for name, w in weights.items()}
    if bias:
        state["in_proj_bias"] = torch.cat([state.pop(f"{name}_proj_bias") for name in "qkv"])
    if len(shapes) < 3:
        state["in_proj_weight"] = torch.cat([state.pop(f"{name}_proj_weight") for name in "qkv"])
    oracle.load_state_dict(state)
    wanted = oracle(q, k, v)[0].detach().numpy()
    np.testing.assert_allclose(op.reference(*inputs, **weights), wanted, rtol=0, atol=1e-12 * abs(wanted).max())


def test_heads_of_any_size_see_only_the_past() -> None:
    op = make("multi_head_attention", num_heads=2, head_dim=5, out_features=3, causal=True)
    (x,), weights = values(op, (1, 6, 4))
    whole = op.reference(x, **weights)
    assert whole.shape == (1, 6, 3)
    for time in range(1, 7):
        np.testing.assert_allclose(op.reference(x[:, :time], **weights), whole[:, :time], rtol=0, atol=1e-12)
    allowed = np.ones((1, 1, 1, 6), dtype=bool)
    np.testing.assert_array_equal(op.reference(x, x, x, allowed, **weights), whole)


def test_a_mask_must_not_hide_everything() -> None:
    op = make("scaled_dot_product_attention")
    (q, k, v), _ = values(op, (1, 1, 2, 3), (1, 1, 4, 3), (1, 1, 4, 3))
    mask = np.ones((1, 1, 2, 4), dtype=bool)
    mask[..., 1, :] = False
    for hidden in (mask, np.where(mask, 0.0, -np.inf)):
        with pytest.raises(ValueError, match="hides everything"):
            op.reference(q, k, v, hidden)


@pytest.mark.parametrize("style", ["half", "interleaved"])
def test_rotary_embedding_turns_complex_numbers(style: str) -> None:
    op = make("rotary_embedding", base=100.0, style=style)
    (x,), _ = values(op, (2, 3, 7, 8))
    found = op.reference(x)

    def pairs(y: Any) -> Any:
        real, imaginary = (y[..., :4], y[..., 4:]) if style == "half" else (y[..., ::2], y[..., 1::2])
        return real + 1j * imaginary

    angles = np.array([[t * 100.0 ** (-2 * i / 8) for i in range(4)] for t in range(7)])
    np.testing.assert_allclose(pairs(found), pairs(x) * np.exp(1j * angles), rtol=0, atol=1e-14)


def test_sinusoidal_positions_are_those_of_the_paper() -> None:
    zeros = np.zeros((1, 9, 6))
    found = make("sinusoidal_positions").reference(zeros)
    for time, i in product(range(9), range(3)):
        angle = time / 10000 ** (2 * i / 6)
        assert found[0, time, 2 * i] == pytest.approx(math.sin(angle), abs=1e-15)
        assert found[0, time, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-15)
    halves = make("sinusoidal_positions", layout="halves").reference(zeros)
    np.testing.assert_array_equal(halves, found[..., [0, 2, 4, 1, 3, 5]])


def test_relative_positions_are_those_of_swin() -> None:
    height, width = 2, 3
    op = make("relative_position_bias", window_size=[height, width])
    weight = np.arange((2 * height - 1) * (2 * width - 1))[:, None] * np.array([1.0, -1.0])
    found = op.reference(np.zeros((1, 2, 6, 6)), weight=weight)
    coordinates = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")).flatten(1)
    relative = (coordinates[:, :, None] - coordinates[:, None, :]).permute(1, 2, 0)
    relative += torch.tensor([height - 1, width - 1])
    index = (relative * torch.tensor([2 * width - 1, 1])).sum(-1).numpy()
    np.testing.assert_array_equal(found[0], [index, -index])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_buckets_are_those_of_t5(bidirectional: bool) -> None:
    op = make("bucketed_position_bias", bidirectional=bidirectional, num_buckets=32 if bidirectional else 16)
    table = np.arange(float(op.num_buckets))[:, None]
    found = op.reference(np.zeros((1, 1, 300, 300)), weight=table)[0, 0]
    for time, source in product((0, 150, 299), range(300)):
        distance = abs(time - source) if bidirectional else max(time - source, 0)
        bucket = distance if distance < 8 else 7 + sum(distance >= border for border in BORDERS)
        assert found[time, source] == bucket + (16 if bidirectional and source > time else 0), (time, source)


def test_edges_of_buckets_that_are_whole_numbers() -> None:
    op = make("bucketed_position_bias", num_buckets=6, max_distance=81, bidirectional=False)
    found = op.reference(np.zeros((1, 1, 101, 1)), weight=np.arange(6.0)[:, None])[0, 0, :, 0]
    assert [int(np.argmax(found == bucket)) for bucket in range(6)] == [0, 1, 2, 3, 9, 27]


@pytest.mark.parametrize("key", [key for key in ops.FAMILIES["attention"] if "attention" not in key])
def test_keeps_the_dtype(key: str) -> None:
    attributes = {"relative_position_bias": {"window_size": [2, 3]}}.get(key, {})
    shape = (2, 4, 6, 6) if "bias" in key or key.startswith("rotary") else (2, 5, 6)
    op = make(key, **attributes)
    (x,), weights = values(op, shape)
    single = op.reference(x.astype(np.float32), **{name: w.astype(np.float32) for name, w in weights.items()})
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, op.reference(x, **weights), rtol=0, atol=1e-5)


HEADS = (2, 4, 5, 6)

IMPOSSIBLE: list[Any] = [
    ("scaled_dot_product_attention", {}, [HEADS, (2, 4, 7, 5), (2, 4, 7, 5)], "cannot attend with q [2, 4, 5, 6]"),
    ("scaled_dot_product_attention", {}, [HEADS, (2, 4, 7, 6), (2, 4, 8, 6)], "and v [2, 4, 8, 6]"),
    ("scaled_dot_product_attention", {}, [HEADS, (2, 3, 7, 6), (2, 3, 7, 6)], "the 3 heads of k and v must divide"),
    ("scaled_dot_product_attention", {}, [HEADS, HEADS, (2, 4, 5)], "needs an input with 4 axes"),
    ("scaled_dot_product_attention", {}, [HEADS, HEADS, HEADS, (2, 5, 5)], "needs a mask that broadcasts"),
    ("scaled_dot_product_attention", {}, [HEADS, HEADS, HEADS, (2, 4, 5, 3)], "cannot broadcast"),
    ("scaled_dot_product_attention", {}, [(2, 1, 5, 6)] * 3 + [(2, 4, 5, 5)], "needs a mask that broadcasts"),
    ("multi_head_attention", {"num_heads": 5}, [(2, 3, 12)], "num_heads (=5) must divide the 12 features"),
    ("multi_head_attention", {"num_heads": 3}, [(2, 3, 12), (2, 4, 9), (2, 5, 9)], "cannot attend with query"),
    ("multi_head_attention", {"num_heads": 3}, [HEADS], "needs an input with 3 axes"),
    ("multi_head_attention", {"num_heads": 3}, [(2, 3, 12)] * 3 + [(2, 2, 3, 3)], "cannot broadcast"),
    ("rotary_embedding", {}, [(2, 4, 5, 7)], "needs an even number of features, not 7"),
    ("sinusoidal_positions", {}, [(2, 5, 7)], "needs an even number of features, not 7"),
    ("learned_positions", {"max_length": 4}, [(2, 5, 6)], "max_length (=4) must not be less than"),
    ("relative_position_bias", {"window_size": [2, 3]}, [(2, 4, 6, 9)], "needs scores among the 6 pixels"),
    ("bucketed_position_bias", {"num_buckets": 7}, [HEADS], "num_buckets (=7) must be an even number of at least 4"),
    ("bucketed_position_bias", {"num_buckets": 1, "bidirectional": False}, [HEADS], "must be at least 2"),
    ("bucketed_position_bias", {"max_distance": 8}, [HEADS], "max_distance (=8) must be greater than the 8"),
]


@pytest.mark.parametrize(("key", "attributes", "shapes", "message"), IMPOSSIBLE)
def test_impossible_shapes_are_refused(key: str, attributes: Any, shapes: Any, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        make(key, **attributes).infer(*shapes)
    assert message in str(caught.value)
    assert caught.value.attribute is None or caught.value.attribute in ops.get(key).model_fields


def test_cost() -> None:
    attention = make("scaled_dot_product_attention")
    shapes = [(2, 4, 5, 6), (2, 4, 7, 6), (2, 4, 7, 3)]
    assert attention.cost(shapes, attention.infer(*shapes)) == 2 * 4 * 5 * 7 * (6 + 3)
    heads = make("multi_head_attention", num_heads=3)
    assert heads.cost([(2, 5, 12)], [(2, 5, 12)]) == 4 * (2 * 5 * 12 * 12) + 2 * (2 * 5 * 5 * 12)
