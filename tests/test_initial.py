"""Initial values: what the vocabulary draws, which rule holds for which weight, and the bits of `archspec init`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

import numpy as np
import pytest

from archspec import Spec, SpecError
from archspec.backend import Backend, backends
from archspec.ops.base import Parameter
from archspec.ops.initializers import VOCABULARY, Fans, Gaussian, Truncated, philox
from archspec.spec.initial import Initial, initializer
from archspec.verification.worker.starts import started
from archspec.weights.start import start

SAMPLES: Final = (
    "normal(0.3, mean=-2)",
    "normal(0.3)", "uniform(0.2)", "trunc_normal(0.5)", "kaiming_normal(fan_out)", "kaiming_uniform", "lecun_normal",
    "xavier_normal(gain=2)", "xavier_uniform", "orthogonal(3)", "identity", "zeros", "ones", "constant(0.25)",
    "kaiming_normal(nonlinearity='leaky_relu', slope=0.2)", "kaiming_uniform('fan_in', 'selu')",
)  # fmt: skip


class _Variables:
    """A model whose weights are these arrays."""

    def __init__(self, **arrays: Any) -> None:
        self.arrays = arrays

    def variables(self) -> dict[str, Any]:
        return self.arrays

    @staticmethod
    def to_numpy(array: Any) -> Any:
        return array


def problems(initial: Initial, *arrays: Any, more: Sequence[Any] = ()) -> list[str]:
    """What verification finds in weights that are to begin so; the first begins in more models, too."""
    each = initial.distribution
    bound = each.bound if np.isfinite(each.bound) else None
    told = {
        "kind": type(each).__name__, "number": each.number, "shape": arrays[0].shape, "mean": each.mean,
        "std": each.std, "bound": bound, "kurtosis": each.kurtosis,
    }  # fmt: skip
    names = [f"w{number}" for number in range(len(arrays))]
    model: Any = _Variables(**dict(zip(names, arrays, strict=True)))
    weights = [(name, name, (), False, False) for name in names]
    begun = [{"w0": array} for array in more]
    return [problem for _, problem in started(model, model, weights, dict.fromkeys(names, told), begun)]


@pytest.mark.parametrize("text", SAMPLES)
def test_what_is_drawn_is_what_is_declared(text: str) -> None:
    initial = Initial(initializer(text), Fans(320, 320))
    array = initial.distribution.draw(philox(0, text), (320, 320)).astype(np.float32)
    assert problems(initial, array) == []


def test_samples_are_of_the_whole_vocabulary() -> None:
    assert {initializer(text).key for text in SAMPLES} == VOCABULARY.keys()


@pytest.mark.parametrize(
    ("text", "other", "found"),
    [
        ("normal(0.02)", "normal(0.021)", "deviation"),
        ("normal(0.02)", "normal(0.02 / sqrt(2))", "deviation"),
        ("normal(0.02)", "zeros", "84100 zeros of 84100 numbers"),
        ("normal(sqrt(1 / 3))", "uniform(1)", "kurtosis"),
        ("uniform(1)", "normal(sqrt(1 / 3))", "numbers up to"),
        ("trunc_normal(0.02)", "normal(0.02)", "deviation"),
        ("trunc_normal(0.02)", "normal(0.01759251322)", "numbers up to"),
        ("normal(0.01759251322)", "trunc_normal(0.02)", "kurtosis"),
        ("kaiming_normal(fan_in)", "kaiming_normal(fan_out)", "deviation"),
        ("orthogonal", "normal(1 / sqrt(fan_out))", "orthonormal"),
        ("orthogonal", "orthogonal(1.01)", "orthonormal"),
        ("zeros", "normal(0.001)", "not all of it"),
        ("ones", "constant(0.999)", "not all of it"),
        ("identity", "ones", "unit matrix"),
    ],
)
def test_what_is_drawn_otherwise_is_found(text: str, other: str, found: str) -> None:
    fans = Fans(300, 280)
    size = (290, 290)
    array = Initial(initializer(other), fans).distribution.draw(philox(0, other), size).astype(np.float32)
    (problem,) = problems(Initial(initializer(text), fans), array)
    assert found in problem


def test_a_part_of_a_small_weight_that_nothing_is_drawn_for_is_found() -> None:
    """Of so few numbers the deviation would tell nothing."""
    array = Gaussian(1.0).draw(philox(0, "w"), (2, 8))
    assert problems(Initial(initializer("normal(1)"), Fans(1, 1)), array) == []
    array[1] = 0
    (problem,) = problems(Initial(initializer("normal(1)"), Fans(1, 1)), array)
    assert "8 zeros of 16 numbers" in problem


def test_half_of_a_small_weight_is_found_by_more_of_it() -> None:
    uniform = Initial(initializer("uniform(1)"), Fans(1, 1))
    drawn = [uniform.distribution.draw(philox(seed, "w"), (8, 8)) for seed in range(16)]
    assert problems(uniform, drawn[0], more=drawn[1:]) == []
    halved = [array * np.repeat([1, 0.5], 4) for array in drawn]
    assert problems(uniform, halved[0]) == []
    assert problems(uniform, halved[0], more=halved[:1] * 15) == [], "the same numbers tell nothing more"
    (problem,) = problems(uniform, halved[0], more=halved[1:])
    assert "deviation" in problem


def test_weights_with_the_same_numbers_are_found() -> None:
    array = Gaussian(1.0).draw(philox(0, "w"), (64,))
    assert problems(Initial(initializer("normal(1)"), Fans(1, 1)), array, array) == [
        "'w1' starts with the numbers of 'w0'"
    ]


def test_a_truncated_normal_distribution_has_the_moments_that_are_said() -> None:
    array = Truncated(1.0).draw(philox(0, "w"), (1 << 20,))
    assert abs(array).max() <= 2
    assert array.std() == pytest.approx(Truncated(1.0).std, abs=1e-3)
    assert (array**4).mean() / array.std() ** 4 == pytest.approx(Truncated.kurtosis, abs=5e-3)


SPEC: Final = """
    archspec: 1
    name: Fans
    params: {depth: 8, std: 0.02}
    inputs: {image: [6, 20, 20], words: [time, 5]}
    init: {bias: constant(0.5), conv2d: kaiming_normal(fan_out), weight: normal(std), linear.bias: ones}
    blocks:
      Inner:
        init: {conv2d: uniform(1 / sqrt(fan_in))}
        layers:
          - {op: conv2d, name: plain, out_channels: 8, kernel_size: 3}
          - {op: conv2d, name: own, out_channels: 8, kernel_size: 1, init: normal(std / sqrt(2 * depth))}
          - layers:
              - {op: batch_norm, name: norm}
            init: {scale: zeros}
    layers:
      - {op: conv2d, name: grouped, out_channels: 12, kernel_size: [3, 5], groups: 3, from: image}
      - {op: depthwise_conv2d, name: depthwise, kernel_size: 3, multiplier: 2}
      - {op: conv_transpose2d, name: up, out_channels: 10, kernel_size: 4, groups: 2, init: {weight: kaiming_normal}}
      - {block: Inner, name: inner, init: {bias: zeros, scale: constant(2)}}
      - {op: separable_conv2d, name: separable, out_channels: 7, kernel_size: 3, bias: false}
      - {op: prelu, name: slope}
      - global_avg_pool2d
      - {op: linear, name: fc, out_features: 3}
      - {op: gru, name: gru, hidden_size: 4, from: words}
      - {op: multi_head_attention, name: attention, num_heads: 2, head_dim: 3, init: {out_proj_weight: zeros}}
    outputs: {a: fc, b: attention}
"""


def spec(text: str = SPEC) -> Any:
    return Spec.parse(dedent(text)).network()


@pytest.mark.parametrize(
    ("name", "begins", "fans"),
    [
        ("grouped.weight", "kaiming_normal(mode=fan_out)", (2 * 15, 4 * 15)),
        ("grouped.bias", "constant(value=0.5)", (2 * 15, 4 * 15)),
        ("depthwise.weight", "normal(std=0.02)", (9, 2 * 9)),
        ("up.weight", "kaiming_normal", (24 // 2 * 16, 5 * 16)),
        ("inner.plain.weight", "uniform(bound=1 / sqrt(fan_in))", (90, 72)),
        ("inner.plain.bias", "zeros", (90, 72)),
        ("inner.own.weight", "normal(std=0.02 / sqrt(2 * 8))", (8, 8)),
        ("inner.norm.weight", "zeros", (8, 8)),
        ("inner.norm.running_var", "ones", (8, 8)),
        ("separable.depthwise_weight", "normal(std=0.02)", (9, 9)),
        ("separable.pointwise_weight", "normal(std=0.02)", (8, 7)),
        ("slope.weight", "constant(value=0.25)", (7, 7)),
        ("fc.weight", "normal(std=0.02)", (7, 3)),
        ("fc.bias", "ones", (7, 3)),
        ("gru.weight_ih_l0", "normal(std=0.02)", (5, 12)),
        ("gru.bias_hh_l0", "constant(value=0.5)", (4, 12)),
        ("attention.q_proj_weight", "normal(std=0.02)", (4, 6)),
        ("attention.out_proj_weight", "zeros", (6, 4)),
    ],
)
def test_the_nearest_rule_holds(name: str, begins: str, fans: tuple[int, int]) -> None:
    initial = spec().graph.initial()[name]
    assert (str(initial.initializer), (initial.fans.fan_in, initial.fans.fan_out)) == (begins, fans)


def test_without_a_rule_weights_begin_by_their_kind() -> None:
    lines = dedent(SPEC).splitlines()
    text = "\n".join(line for line in lines if not line.strip().startswith("init:"))
    plain = "\n".join(line.partition(", init:")[0] + "}" if ", init:" in line else line for line in text.splitlines())
    begins = {str(initial.initializer) for initial in spec(plain).graph.initial().values()}
    assert begins == {"xavier_uniform", "orthogonal", "zeros", "ones", "constant(value=0.25)"}


def test_groups_count_together_if_that_is_said() -> None:
    weight = Parameter((12, 2, 3, 5), groups=3)
    one, all_ = (initializer(f"kaiming_normal(fan_out{more})") for more in ("", ", groups=false"))
    assert one.distribution(weight.fans).number == pytest.approx((2 / (4 * 15)) ** 0.5)
    assert all_.distribution(weight.fans).number == pytest.approx((2 / (12 * 15)) ** 0.5)


@pytest.mark.parametrize("groups", [True, False])
def test_what_keras_counts_of_depthwise_kernels_is_its_own_default(groups: bool) -> None:
    text = """
        archspec: 1
        name: Depthwise
        inputs: {image: [6, 9, 9]}
        layers: [{op: depthwise_conv2d, name: conv, kernel_size: 3, init: xavier_uniform(groups=GROUPS)}]
    """
    model = Spec.parse(dedent(text).replace("GROUPS", str(groups).lower()), "depthwise.yaml").network()
    (node,) = model.graph.nodes
    assert node.initial["weight"].distribution.number == pytest.approx((6 / (9 + 9 * (1 if groups else 6))) ** 0.5)
    assert ("xavier_uniform" not in model.compile("keras")) != groups
    assert ("nn.init.xavier_uniform_(" in model.compile("pytorch")) != groups


def test_what_holds_of_an_outer_block_is_said_of_it_once() -> None:
    text = """
        archspec: 1
        name: Outer
        inputs: {image: [6]}
        blocks:
          Inner: {layers: [{op: linear, name: proj, out_features: x.features}]}
          Outer:
            layers:
              - {block: Inner, name: q, init: {weight: normal(0.1)}}
              - {block: Inner, name: k}
              - {block: Inner, name: v}
        layers: [{block: Outer, name: outer, repeat: 3}]
    """
    code = Spec.parse(dedent(text), "outer.yaml").network().compile("pytorch")
    assert code.count('nn.init.normal_(module.get_parameter("q.proj.weight"), std=0.1)') == 1
    assert code.count("nn.init.normal_") == 1


def test_a_param_of_which_weights_depend_is_no_argument() -> None:
    assert spec().free_params == frozenset()


DIGEST: Final = "1ce735921c551433e16ed7ba32d5f710ebd65ca2cfe6d66dfbef7fc6e9621c16"


def test_a_start_has_the_same_bits_everywhere() -> None:
    arrays = start(spec().graph, 0)
    digest = sha256(b"".join(name.encode() + array.tobytes() for name, array in arrays.items())).hexdigest()
    assert {array.dtype.name for array in arrays.values()} == {"float32"}
    assert digest == DIGEST


def test_a_new_layer_moves_no_other_weight() -> None:
    new = "- {op: conv2d, name: new, out_channels: 7, kernel_size: 1}"
    more = SPEC.replace("- global_avg_pool2d", f"{new}\n      - global_avg_pool2d")
    before, after = start(spec().graph, 3), start(spec(more).graph, 3)
    assert after.keys() - before.keys() == {"new.weight", "new.bias"}
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_seeds_differ() -> None:
    one, other = (start(spec().graph, seed) for seed in (0, 1))
    assert not np.array_equal(one["fc.weight"], other["fc.weight"])


LONG: Final = """
    archspec: 1
    name: Long
    inputs: {image: [3, 20, 20], words: [time, 8]}
    init:
      weight: trunc_normal(0.5 * sqrt(3 / max(fan_in, fan_out + 0.5)))
      bias: uniform(1 / sqrt(fan_in + fan_out + 1))
      depthwise_conv2d: kaiming_normal('fan_out', 'relu', groups=false)
    blocks:
      Unit:
        params: {out_channels: int, kernel_size: int, expansion: float}
        layers:
          - {op: conv2d, name: expand, out_channels: "make_divisible(expansion * x.channels, 8)", kernel_size: 1}
          - {op: depthwise_conv2d, name: depthwise, kernel_size: kernel_size, padding: kernel_size // 2}
          - {op: conv2d, name: project, out_channels: out_channels, kernel_size: kernel_size}
    layers:
      - {block: Unit, out_channels: 8, kernel_size: 3, expansion: 2.5, from: image}
      - {block: Unit, name: y, out_channels: 12, kernel_size: 5, expansion: 3}
      - {op: multi_head_attention, name: attention, num_heads: 2, from: words}
    outputs: {y: y, attention: attention}
"""


@pytest.mark.parametrize("backend", backends(), ids=lambda backend: backend.name)
def test_long_formulas_stand_as_ruff_breaks_them(backend: Backend) -> None:
    source = backend.write(spec(LONG))
    assert "sqrt(" in source
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "-"]
    done = subprocess.run(ruff, input=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_page_of_the_language_names_the_whole_vocabulary() -> None:
    page = (Path(__file__).parent.parent / "docs/language.md").read_text(encoding="utf-8")
    table = page[page.index("| initializer |") :]
    assert all(f"`{key}" in table for key in VOCABULARY)


@pytest.mark.parametrize(
    ("said", "mean", "std"),
    [("", 0, 0.5), ("std: 0.25", 0, 0.25), ("mean: 3", 3, 0), ("mean: 3, std: 0.25", 3, 0.25),
     ('init: "normal(0.125, 2)"', 2, 0.125)],
)  # fmt: skip
def test_what_a_learned_array_says_of_itself_is_nearest(said: str, mean: float, std: float) -> None:
    text = f"""
        archspec: 1
        name: Array
        inputs: {{x: [8]}}
        init: {{table: normal(0.5)}}
        layers:
          - {{op: parameter, name: p, shape: [8]{said and f", {said}"}}}
          - {{op: add, from: [x, p]}}
        """
    nodes = Spec.parse(dedent(text), "net.yaml").network().graph.nodes
    (found,) = [node.initial[""].distribution for node in nodes if node.op.key == "parameter"]
    assert (found.mean, found.std) == (mean, std)


def test_a_learned_array_says_once_how_it_begins() -> None:
    text = "archspec: 1\nname: A\ninputs: {x: [8]}\nlayers:\n  - {op: parameter, shape: [8], std: 0.1, init: ones}\n"
    with pytest.raises(SpecError, match=r"net.yaml:5:49: error: parameter: its attributes say how it begins, too"):
        Spec.parse(text, "net.yaml").network().check()


def test_a_line_is_met_by_instances_that_begin_by_an_equal_one() -> None:
    spec = """
        archspec: 1
        name: Net
        inputs: {x: [4]}
        blocks:
          C: {layers: [{op: linear, out_features: 4}]}
          A: {init: {linear: normal(0.1)}, layers: [{block: C}]}
          B: {init: {linear: normal(0.1), conv2d: zeros}, layers: [{block: C}]}
        layers: [{block: A}, {block: B}]
    """
    warned = Spec.parse(dedent(spec).replace(", conv2d: zeros", "")).network().check()
    assert warned == []
    warned = Spec.parse(dedent(spec)).network().check()
    assert [(each.line, each.message) for each in warned] == [(8, "init: no weight begins as this says")]


@pytest.mark.parametrize("name", ["pytorch", "paddle"])
def test_layers_of_one_kind_are_not_asked_for_weights_that_others_have(name: str) -> None:
    """A recurrent layer without a backward direction has no attribute for its weights; one inside others has a line."""
    spec = """
        archspec: 1
        name: Net
        inputs: {x: [3, 4]}
        layers:
          - {op: gru, hidden_size: 3, bidirectional: true}
          - {op: gru, hidden_size: 3}
          - {op: lstm, name: two, hidden_size: 3, num_layers: 2, bias: false}
          - {op: lstm, name: one, hidden_size: 3, bias: false}
    """
    source = backends(name)[0].generate(Spec.parse(dedent(spec)).network()).source
    assert source.count(', "weight_ih_l0_reverse"):') == 1
    assert ".weight_ih_l0_reverse is not None" not in source
    assert (', "weight_hh_l1"):' in source) == (name == "pytorch")
    assert ("(self.two[1].cell.weight_hh)" in source) == (name == "paddle")
