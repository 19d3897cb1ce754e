"""What blocks are told: conditions, params, and which instances share one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.emit.aligned import Body
from archspec.emit.context import Lowered, Site
from archspec.emit.functions import FunctionWriter
from archspec.emit.plan import Plan
from archspec.emit.printing import Style
from archspec.emit.program import Generator
from archspec.emit.source import FileGenerator
from archspec.errors import BackendError
from archspec.model import Model
from tests.programs import BACKENDS, model

# Conditions ----------------------------------------------------------------------------------------------------------

ONCE = """archspec: 1
name: Net
inputs: {image: [3, 8, 8]}
blocks:
  Unit:
    params: {channels: int, stride: 1}
    layers:
      - branches:
          main: [{op: conv2d, out_channels: channels, kernel_size: 3, stride: stride, padding: 1}]
          shortcut:
            - {op: conv2d, name: project, when: CONDITION, out_channels: channels, kernel_size: 1, stride: stride}
        join: add
layers: [{block: Unit, name: unit, channels: CHANNELS, stride: STRIDE}]
"""


def _once(tmp_path: Path, condition: str, channels: int, stride: int) -> Callable[[str], str]:
    text = ONCE.replace("CONDITION", condition).replace("CHANNELS", str(channels)).replace("STRIDE", str(stride))
    path = tmp_path / "net.yaml"
    path.write_text(text)
    return archspec.load(path).compile


def test_a_condition_that_holds_in_all_calls_is_said(tmp_path: Path) -> None:
    write = _once(tmp_path, "stride != 1 or x.channels != channels", 6, 2)
    assert "if stride != 1 or in_channels != channels:" in write("pytorch")
    assert "if stride != 1 or in_channels != channels:" in write("paddle")
    assert "if stride != 1 or in_channels != channels:" in write("keras")


def test_a_param_by_which_no_call_has_a_step_is_no_argument(tmp_path: Path) -> None:
    write = _once(tmp_path, "stride == 3", 3, 1)
    assert "stride" not in write("pytorch")
    assert "stride" not in write("keras")


# Params of the network -----------------------------------------------------------------------------------------------

HEAD = """archspec: 1
name: Net
params: {width: 24, classes: 5}
inputs: {x: [4, 8]}
layers:
  - {op: linear, name: wide, out_features: width}
  - STEP
  - {op: linear, name: head, out_features: classes, from: TAKEN}
"""


@pytest.mark.parametrize(
    ("step", "backend", "arguments"),
    [
        ("tanh", "keras", ["width", "classes"]),
        ("{op: adaptive_avg_pool1d, output_size: 1}", "pytorch", ["width", "classes"]),
        ("{op: adaptive_avg_pool1d, output_size: 1}", "keras", ["classes"]),  # where the window must be a number
        ("{op: chunk, name: parts, chunks: 7, axis: -1}", "paddle", []),  # there are as many parts as the width has
    ],
)
def test_params_stay_arguments_unless_code_cannot_say_what_follows_from_them(
    step: str, backend: str, arguments: list[str]
) -> None:
    text = HEAD.replace("STEP", step).replace("TAKEN", "parts.0" if "parts" in step else "wide")
    code = archspec.Spec.parse(text).network().compile(backend)
    assert [name for name in ("width", "classes") if re.search(rf"def [^)]*\b{name}\b", code)] == arguments
    assert arguments == ["width", "classes"] or not re.search(r"\bwidth\b", code)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_param_by_which_a_block_is_another_one_is_resolved(backend: str) -> None:
    """Another axis, which in Keras stands elsewhere, is other code."""
    text = """
archspec: 1
name: Net
params: {width: 7}
inputs: {signal: [4, 11]}
blocks: {Total: {layers: [{op: sum, axis: [x.channels - 6], keepdims: true}]}}
layers: [{op: conv1d, out_channels: width, kernel_size: 2}, {block: Total}]
"""
    assert "width" not in archspec.Spec.parse(text).network().compile(backend)


def test_a_number_that_follows_from_an_open_size_is_an_error() -> None:
    network = archspec.Spec.parse("{archspec: 1, name: Net, inputs: {x: [time, 8]}, layers: [tanh]}").network()
    dialect = BACKENDS["pytorch"].generator(network).dialect  # type: ignore[attr-defined]
    rows = {"tanh": lambda site: Lowered(lambda own, inputs: site.value(lambda step: int(step.inputs[0].shape[1]), ""))}
    with pytest.raises(BackendError, match="PyTorch: net: 'tanh_' differs where one value is due"):
        FileGenerator(network, dialect, rows, {})


# Blocks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["nasnet_mobile", "mobilenet_v3_large", "units", "lstm_tagger"])
def test_nothing_is_planned_or_lowered_twice(name: str, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is elaborated, aligned and planned once, each block once for inputs that are laid out alike, and each
    step is lowered as often as its block is planned, for each operation that the block may be told."""
    planned: Counter[Any] = Counter()
    lowered: Counter[Any] = Counter()
    plan, lower, roots = Plan.__init__, Generator.lower, Model.roots

    def noted(self: Plan, generator: Any, body: Body, *, root: bool) -> None:
        layouts = tuple(wire.layout for wire in body.inputs.values())
        planned.update((id(module), layouts) for module in body.modules.values())
        plan(self, generator, body, root=root)
        planned["steps"] += sum(len(item.parts()) for item in self.lowered)

    def asked(self: Generator, site: Site) -> Lowered:
        lowered.update([site.step])
        return lower(self, site)

    def given(self: Model, free: frozenset[str]) -> Any:
        planned.update(["roots"])
        return roots(self, free)

    monkeypatch.setattr(Plan, "__init__", noted)
    monkeypatch.setattr(Generator, "lower", asked)
    monkeypatch.setattr(Model, "roots", given)
    BACKENDS[backend].write(model(name))
    steps = planned.pop("steps")
    assert steps == lowered.total() > 0
    assert {*planned.values(), *lowered.values()} == {1}


TOLD = """archspec: 1
name: Net
inputs: {{image: [3, 8, 8]}}
blocks:
  Conv:
    params: {{act: {{type: operation, default: relu}}}}
    layers:
      - {{op: conv2d, out_channels: x.channels, kernel_size: 3, padding: 1}}
      - {{op: act}}
      {more}
  Outer:
    params: {{act: operation}}
    layers: [{{block: Conv, act: act}}]
layers: [{{block: Conv}}, {{block: Outer, act: relu}}, {{block: Outer, act: {second}}}]
"""


def classes_of(second: str, backend: str, more: str = "") -> list[str]:
    """The classes or functions of a network whose blocks are told to use relu, and another activation."""
    text = archspec.Spec.parse(TOLD.format(second=second, more=more)).network().compile(backend)
    return re.findall(r"^(?:class|def) (\w+)", text, re.MULTILINE)


@pytest.mark.parametrize("second", ["relu6", "silu", "gelu", "tanh", "hard_swish"])
def test_an_activation_is_an_argument_of_one_class(second: str) -> None:
    assert classes_of(second, "pytorch")[-3:] == ["Conv", "Outer", "Net"]
    assert classes_of(second, "keras")[-3:] == ["conv", "outer", "Net"]


def test_an_activation_is_told_as_people_tell_it() -> None:
    network = archspec.Spec.parse(TOLD.format(second="tanh", more="")).network()
    assert "act: Callable[..., Tensor] = F.relu" in network.compile("pytorch")
    assert "Outer(3, torch.tanh)" in network.compile("pytorch")
    assert 'outer(x, "tanh", ' in network.compile("keras")
    assert "Outer(3, F.tanh)" in network.compile("paddle")


COMPARED = "- {op: dropout, when: act == 'relu', p: 0.5}"


@pytest.mark.parametrize(("second", "more"), [("prelu", ""), ("leaky_relu", ""), ("softmax", ""), ("silu", COMPARED)])
def test_what_is_no_plain_function_makes_a_class_named_after_it(second: str, more: str) -> None:
    """It has weights, other arguments or no place; or the block compares the name."""
    how = "With" + "".join(part.capitalize() for part in second.split("_"))
    assert classes_of(second, "pytorch", more) == ["Conv", f"Conv{how}", "Outer", f"Outer{how}", "Net"]


def test_forms_of_a_block_are_named_after_how_many_inputs_they_have() -> None:
    text = """archspec: 1
name: Net
inputs: {a: [4], b: [4], c: [4]}
blocks:
  Total: {inputs: [a, b, c?], layers: [{op: add, from: [a, b, c]}]}
layers: [{block: Total, name: two, from: [a, b]}, {block: Total, from: [a, two, c]}]
"""
    network = archspec.Spec.parse(text).network()
    assert re.findall(r"class (\w+)", network.compile("pytorch")) == ["Total", "TotalOf3", "Net"]
    assert "def total_of_3(" in network.compile("keras")


HANDED = """archspec: 1
name: Net
inputs: {state: [4], mask: [4]}
blocks:
  Cell:
    inputs: [x, mask]
    layers: [{op: linear, name: fc, from: x, out_features: 4}, {op: multiply, name: y, from: [fc, mask]}]
    outputs: OUTPUTS
layers:
  - {block: Cell, name: cells, from: [state, mask], repeat: 3}
  - {op: add, from: [cells.a, cells.b]}
"""


def test_blocks_do_not_hand_back_what_they_take() -> None:
    given = archspec.Spec.parse(HANDED.replace("OUTPUTS", "{a: y, b: mask}")).network()
    assert "state = block(state, mask)" in given.compile("pytorch")
    assert re.search(r"(\w+) = cell\(\1, mask, ", given.compile("keras"))
    moved = archspec.Spec.parse(HANDED.replace("OUTPUTS", "{a: y, b: x}")).network()
    assert "state, mask = block(state, mask), state" in moved.compile("pytorch")
    assert re.search(r"(\w+), (\w+) = cell\(\1, \2, name=.*\), \1\n", moved.compile("keras"))


def test_a_block_that_only_hands_back_does_so() -> None:
    network = archspec.Spec.parse(HANDED.replace("OUTPUTS", "{a: mask, b: x}")).network()
    assert "return mask, x" in network.compile("pytorch")


def test_steps_without_names_among_others_are_called_after_their_operations() -> None:
    text = """archspec: 1
name: Net
inputs: {x: [4]}
layers:
  - name: mlp
    layers: [{op: linear, name: fc1, out_features: 4}, gelu, {op: linear, name: fc2, out_features: 4}, gelu]
"""
    found = re.findall(r'\("(\w+)", nn', archspec.Spec.parse(text).network().compile("pytorch"))
    assert found == ["fc1", "gelu", "fc2", "gelu_"]


def test_a_repeat_whose_number_differs_may_begin_otherwise() -> None:
    text = """archspec: 1
name: Net
inputs: {x: [4]}
blocks:
  Unit: {params: {n: int}, layers: [{op: linear, name: fc, out_features: n}, relu]}
  Stage: {params: {n: int, depth: int}, layers: [{block: Unit, name: units, repeat: depth, n: n}]}
layers: [{block: Stage, n: 8, depth: 3}, {block: Stage, n: 16, depth: 1}]
"""
    code = archspec.Spec.parse(text).network().compile("pytorch")
    assert "Unit(in_features, n), *(Unit(n, n) for _ in range(depth - 1))" in code


def test_instances_that_code_tells_apart_are_written_once_for_each_kind() -> None:
    text = """archspec: 1
name: Net
inputs: {image: [3, 8, 8]}
blocks:
  Mirror:
    params: {axis: int}
    layers:
      - {op: flip, axis: axis}
      - {op: conv2d, out_channels: x.channels, kernel_size: 3, padding: 1}
layers: [{block: Mirror, axis: 2}, {block: Mirror, axis: 3}, {block: Mirror, axis: 2}]
"""
    network = archspec.Spec.parse(text).network()
    assert re.findall("def (mirror.*)[(]", network.compile("keras")) == ["mirror", "mirror2"]
    assert re.findall("class (Mirror.*)[(]", network.compile("pytorch")) == ["Mirror"]


# Chains of layers ----------------------------------------------------------------------------------------------------

CONVOLUTIONS = """archspec: 1
name: Net
inputs: {image: [3, 16, 16]}
init: {conv2d: kaiming_normal}
blocks:
  filters: {layers: [relu]}
layers:
  - {block: filters}
  - {op: conv2d, name: a, out_channels: 8, kernel_size: 3, stride: 2, padding: 1, bias: false}
  - {op: batch_norm, name: b}
  - {op: conv2d, name: c, out_channels: 8, kernel_size: 3, padding: 1, bias: false}
  - {op: batch_norm, name: d}
  - {op: conv2d, name: e, out_channels: 8, kernel_size: 5, groups: 2, bias: BIAS}
  - {op: batch_norm, name: f}
  - {op: conv2d, name: g, out_channels: 8, kernel_size: 1, bias: false}
  - {op: batch_norm, name: h}
  - {op: conv2d, name: i, out_channels: 8, kernel_size: 1, bias: false}
  - {op: batch_norm, name: j}
"""


def test_layers_that_follow_one_another_often_get_a_function() -> None:
    code = archspec.Spec.parse(CONVOLUTIONS.replace("BIAS", "false")).network().compile("keras")
    assert 'def conv_bn(x, filters_, kernel_size, padding="valid", *, name, norm_name, **options):' in code
    assert 'conv_bn(x, 8, 3, padding=1, strides=2, name="a", norm_name="b")' in code
    assert 'conv_bn(x, 8, 5, groups=2, name="e", norm_name="f")' in code
    assert code.count("layers.Conv2D(") == code.count("layers.BatchNormalization(") == 1


def test_what_is_told_otherwise_is_written_out() -> None:
    code = archspec.Spec.parse(CONVOLUTIONS.replace("BIAS", "true")).network().compile("keras")
    assert code.count("conv_bn(") == 1 + 4
    assert 'layers.Conv2D(8, 5, groups=2, kernel_initializer=kaiming_normal(), name="e")(x)' in code


def test_zeros_that_are_the_same_everywhere_are_told_at_each_place() -> None:
    """A number of zeros is nothing that the layer itself takes."""
    steps = "".join(
        f"  - {{op: conv2d, name: c{i}, out_channels: 8, kernel_size: 3, stride: 2, padding: 1, bias: false}}\n"
        f"  - {{op: batch_norm, name: n{i}}}\n"
        for i in range(5)
    )
    text = f"archspec: 1\nname: E\ninit: {{conv2d: kaiming_normal}}\ninputs: {{image: [3, 64, 64]}}\nlayers:\n{steps}"
    code = archspec.Spec.parse(text).network().compile("keras")
    assert code.count("padding=padding") == 1
    assert code.count("padding=1") == 5


def test_a_value_that_others_read_is_no_part_of_a_chain() -> None:
    text = CONVOLUTIONS.replace("BIAS", "false") + "outputs: {middle: a, last: j}\n"
    code = archspec.Spec.parse(text).network().compile("keras")
    assert code.count("conv_bn(") == 1 + 4
    assert "middle = layers.Conv2D(" in code


def test_functions_for_chains_make_no_file_longer() -> None:
    for name in ("lenet5", "ghostnet_100", "mobilenet_v2", "xception"):
        generator = BACKENDS["keras"].generator(model(name))
        assert isinstance(generator, FileGenerator)
        short = generator.text().count("\n")
        written = [*generator.blocks, generator.root]
        for flow in (each.flow for each in written if each is not None):
            assert isinstance(flow, FunctionWriter)
            flow.shorter = ()
        generator._helpers = []
        assert generator.printed(Style()).count("\n") >= short
