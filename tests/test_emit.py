"""How code is written: names, what variables hold, conditions, and rows that answer twice alike."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

import archspec
from archspec.emit import loops, repeated
from archspec.emit.code import Call, Code, Global, Local, Own, Raw, Symbol, call
from archspec.emit.context import Lowered, Site
from archspec.emit.flow import Flow
from archspec.emit.merge import Body, Wire
from archspec.emit.names import PYTHON, Scope
from archspec.emit.plan import Plan
from archspec.emit.program import Generator
from archspec.emit.reads import Misread, check_reads
from archspec.emit.source import FileGenerator, check_names, import_lines
from archspec.emit.statements import Assign, Carried, For, If, Return, Statement
from archspec.emit.table import Table
from archspec.emit.variables import Variables
from archspec.errors import BackendError
from archspec.expressions import Name, parse, rename
from archspec.graph.tree import INDEX, Value
from archspec.model import Model
from tests.programs import BACKENDS, NETWORKS, model
from tests.standins.check import written

# Names --------------------------------------------------------------------------------------------------------------


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


# What variables hold ------------------------------------------------------------------------------------------------


def _wire(step: str) -> Wire:
    return Wire({0: Value((2, 3), "float")}, step=step)


A, B, C, D = map(_wire, "abcd")


def _set(name: str, wire: Wire, *reads: tuple[str, Wire]) -> Assign:
    return Assign((Local(name, wire),), call("f", *(Local(*read) for read in reads)))


RIGHT: dict[str, list[Statement]] = {
    "a variable is taken over": [_set("x", B, ("x", A)), Return(Local("x", B))],
    "an alias": [Assign((Local("y", A),), Local("x", A)), _set("x", B, ("x", A)), Return(Local("y", A))],
    "two at once": [
        _set("y", B, ("x", A)),
        Assign((Local("x", B), Local("y", A)), call("g", Local("y", B), Local("x", A))),
        Return(Local("x", B)),
    ],
    "a condition replaces": [
        If(Raw("c"), [_set("x", B, ("x", A))], (Carried("x", A, B, C),)),
        Return(Local("x", C)),
    ],
    "a condition returns": [If(Raw("c"), [_set("x", B, ("x", A)), Return(Local("x", B))]), Return(Local("x", A))],
    "a loop": [
        For("#block", Own("blocks"), [_set("x", B, ("x", A))], (Carried("x", A, B, B),)),
        Return(Local("x", B)),
    ],
}
WRONG: dict[str, tuple[list[Statement], str]] = {
    "overwritten": (
        [_set("x", B, ("x", A)), Return(Call(Global("f"), (Local("x", A),)))],
        "'x' is read for what step 'a' gives, and holds what step 'b' gives",
    ),
    "never set": ([Return(Local("y", B))], "'y' is read for what step 'b' gives, and is not set"),
    "copied one after another": (
        [Assign((Local("y", A),), Local("x", A)), Assign((Local("x", B),), Local("y", B))],
        "'y' is read for what step 'b' gives, and holds what step 'a' gives",
    ),
    "set on one way only": ([If(Raw("c"), [_set("y", B, ("x", A))]), Return(Local("y", B))], "'y' .* is not set"),
    "overwritten on one way": ([If(Raw("c"), [_set("x", B, ("x", A))]), Return(Local("x", A))], "'x' .* is not set"),
    "a condition on another value": (
        [If(Raw("c"), [_set("x", B, ("x", A))], (Carried("x", D, B, C),))],
        "'x' is read for what step 'd' gives",
    ),
    "a condition that ends with another value": (
        [If(Raw("c"), [_set("x", B, ("x", A))], (Carried("x", A, D, C),))],
        "'x' is read for what step 'd' gives",
    ),
    "a loop that loses what it needs again": (
        [_set("y", C, ("x", A)),
         For("#block", Own("blocks"), [_set("x", B, ("x", A), ("y", C)), _set("y", D, ("x", B))],
             (Carried("x", A, B, B),))],
        "'y' is set in a loop that does not hand it on",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_variables_that_hold_what_is_meant(name: str) -> None:
    check_reads({"x": A}, RIGHT[name])


@pytest.mark.parametrize("name", WRONG)
def test_variables_that_do_not(name: str) -> None:
    statements, message = WRONG[name]
    with pytest.raises(Misread, match=message):
        check_reads({"x": A}, statements)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["mobilenet_v2", "hrnet_w18_small_v2", "pointnet"])
def test_a_variable_that_is_given_away_too_early_is_found(
    name: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Variables, "free", lambda self, name: not self.scope.has(name))
    with pytest.raises(AssertionError, match="is read for"):
        BACKENDS[backend].write(model(name))


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_found_is_what_is_wrong(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where half of all variables are given away too early, the check finds something in just those programs that are
    other networks, as stand-ins of the frameworks say, which run them."""
    found: list[str] = []

    def noted(self: Generator, flow: Flow, name: str) -> None:
        try:
            flow.check()
        except Misread as error:
            found.append(str(error))

    wrong = 0
    for seed, name in enumerate(["mobilenet_v2", "pointnet", "ghostnet_100", "dpn68", "googlenet", "lstm_tagger"] * 2):
        random = Random(seed)
        with monkeypatch.context() as patch:
            honest = Variables.free
            patch.setattr(Generator, "_check", noted)
            patch.setattr(Variables, "free", lambda self, name, random=random, honest=honest: (
                not self.scope.has(name) if random.random() < 0.5 else honest(self, name)))  # fmt: skip
            found.clear()
            program = written(BACKENDS[backend], model(name))
        assert bool(found) == bool(program.problem()), f"{name}, seed {seed}: {found}"
        wrong += bool(found)
    assert 0 < wrong < 12


# Conditions ---------------------------------------------------------------------------------------------------------

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


# Params of the network ----------------------------------------------------------------------------------------------

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


# Blocks -------------------------------------------------------------------------------------------------------------


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


# Rows ---------------------------------------------------------------------------------------------------------------


def _answer(site: Site, lowered: Lowered) -> tuple[Any, ...]:
    """All that a row says of a step, with names for its layers and inputs."""
    own: defaultdict[str, Code] = defaultdict(lambda: Raw("layer"))
    codes: list[Code] = [Raw(f"input{i}") for i in range(len(site.inputs))] or [Raw("first")]
    before = []
    for first in lowered.first:
        codes = [first(own, codes)]
        before.append(codes[0])
    return (lowered.layers, lowered.module, lowered.layouts, lowered.condition, lowered.sized, before,
            lowered.apply(own, codes))  # fmt: skip


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every question to a row, with the answer of the time when it was asked."""
    found: list[Any] = []
    ask = Generator.lower

    def lowered(self: Generator, site: Site) -> Lowered:
        result = ask(self, site)
        found.append((self, site, _answer(site, result)))
        return result

    monkeypatch.setattr(Generator, "lower", lowered)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_row_that_is_asked_again_says_the_same(backend: str, asked: list[Any]) -> None:
    for name in NETWORKS:
        asked.clear()
        BACKENDS[backend].generator(model(name))
        assert asked
        for generator, site, answer in [*asked]:
            assert _answer(site, generator.lower(site)) == answer, f"{name}: {site.op.key} '{site.path}'"


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (["a * b + c"] * 3, ["a * b + c"]),
        (["a * b + c"] * 2, []),
        (["max(a * b, 8)"] * 3 + ["a * b"] * 3, ["max(a * b, 8)", "a * b"]),
        (["a * b // c"] * 3, ["a * b"]),
        (["a * b // 2"] * 3, ["a * b // 2"]),
    ],
)
def test_what_is_said_three_times_gets_a_name(
    said: list[str], named: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeated, "LENGTH", 5)
    statements = [Assign((Raw("x"),), Symbol(parse(text))) for text in said]
    assert repeated.repeated(statements, lambda expr: expr) == [parse(text) for text in named]


# Sizes that cannot work ----------------------------------------------------------------------------------------------

FIXED = """
archspec: 1
name: Fixed
inputs: {{{inputs}}}
layers: [{layers}]
"""
SAID = {
    "weights for places": (
        "image: [3, 8, 6]", "{op: flatten}, {op: linear, out_features: 5}",
        ["image.shape[1:] != (3, 8, 6)", 'f"image must be [batch, 3, 8, 6], not {list(image.shape)}"'],
    ),
    "numbers of places": (
        "tokens: {shape: [8], dtype: int64, below: 9}",
        "{op: embedding, num_embeddings: 9, embedding_dim: 4}, {op: reshape, shape: [8, 2, 2]}",
        ["tokens.shape[1] != 8"],
    ),
    "one of two axes": (
        "image: [1, 6, time]",
        "{op: permute, axes: [3, 1, 2]}, {op: flatten, start_axis: 2}, {op: linear, out_features: 2}",
        ["image.shape[1:3] != (1, 6)", "image must be [batch, 1, 6, time]"],
    ),
    "between open ones": (
        "volume: [1, depth, 6, width]",
        "{op: mean, axis: [2, 4]}, {op: flatten}, {op: linear, out_features: 2}",
        ["volume.shape[1] != 1 or volume.shape[3] != 6"],
    ),
    "two inputs": (
        "image: [3, 8, 6], mask: {shape: [1, 8, 6], dtype: bool}",
        "{op: where, from: [mask, image, image]}, {op: flatten}, {op: linear, out_features: 5}",
        ["image.shape[1:] != (3, 8, 6)", "mask.shape[1:] != (1, 8, 6)"],
    ),
    "any image": ("image: [3, 8, 6]", "{op: conv2d, out_channels: 5, kernel_size: 3}, global_avg_pool2d", []),
    "an even one": ("image: [3, 6, 6]", "{op: space_to_depth, block_size: 2}", []),
    "features": ("x: [7]", "{op: linear, out_features: 5}", []),
    "a sequence": ("x: [9, 7]", "{op: linear, out_features: 5}", []),
    "points": ("x: [3, count]", "{op: conv1d, out_channels: 5, kernel_size: 1}", []),
    "shorter sequences": (
        "tokens: {shape: [8], dtype: int64, below: 9}",
        "{op: embedding, num_embeddings: 9, embedding_dim: 4}, {op: learned_positions, max_length: 8}", [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_a_size_that_cannot_work_is_refused_at_the_top_and_no_other(case: str, tmp_path: Path) -> None:
    inputs, layers, said = SAID[case]
    path = tmp_path / "fixed.yaml"
    path.write_text(FIXED.format(inputs=inputs, layers=layers))
    network = archspec.load(path)
    text = network.compile("pytorch")
    assert text.count("raise ValueError") == len([line for line in said if "shape[1" in line])
    assert [line for line in said if line not in text] == []
    assert archspec.load(path).compile("paddle").count("raise") == text.count("raise")


def test_what_only_training_needs_refuses_no_size() -> None:
    assert model("googlenet").one_size == frozenset()
    assert model("swin_t").one_size == {"image"}


# Repeats -------------------------------------------------------------------------------------------------------------

REPEATED = """
archspec: 1
name: Repeated
params: {{rate: 0.2}}
inputs: {{x: [4]}}
blocks:
  Unit:
    params: {{width: 4, rate: 0.0, first: false}}
    layers: [{{op: linear, out_features: width}}, {{op: dropout, p: rate, when: rate > 0}},
             {{op: relu, when: first}}]
layers: [{{block: Unit, name: units, repeat: {count}, {arguments}}}]
"""
SAID_OF = {
    "rates": (5, "rate: rate * index / 7", ["*(Unit(4, rate=0.2 * index / 7) for index in range(5))"]),
    "two rates": (2, "rate: rate * (index + 1) / 7", ["Unit(4, rate=0.2 * 1 / 7)", "Unit(4, rate=0.2 * 2 / 7)"]),
    "short rates": (2, "rate: rate * (index + 1)", ["Unit(4, rate=0.2)", "Unit(4, rate=0.4)"]),
    "widths": (4, "width: 4 * 2 ** index", ["Unit(4)", "Unit(4, width=8)", "Unit(8, width=16)"]),
    "another first": (
        5, "width: 8, first: index == 0, rate: rate * index / 7",
        ["Unit(4, width=8, first=True)", "Unit(8, width=8, rate=0.2 * index / 7) for index in range(1, 5)"],
    ),
    "every other": (6, "first: index % 2 == 1", ["Unit(4, first=index % 2 == 1) for index in range(6)"]),
    "no formula": (3, "rate: 'rate if index == 1 else 0.0'", ["rate=0.2 if index == 1 else 0.0"]),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID_OF)
def test_what_follows_from_the_number_of_an_iteration_is_said_as_in_the_spec(case: str, tmp_path: Path) -> None:
    count, arguments, said = SAID_OF[case]
    path = tmp_path / "repeated.yaml"
    path.write_text(REPEATED.format(count=count, arguments=arguments))
    text = " ".join(archspec.load(path).compile("pytorch").split()).replace("( ", "(").replace(" )", ")")
    assert [line for line in said if line not in text] == [], text


def test_loops_that_begin_with_another_number_say_the_same() -> None:
    code, due = (
        call("unit", Symbol(rename(parse(text), lambda _: Name(INDEX)))) for text in ("2 ** (i + 1)", "2 ** i")
    )
    assert loops.numbered(code, 1) == due


def test_an_optional_step_that_holds_another_needs_no_second_variable() -> None:
    text = written(BACKENDS["pytorch"], model("nasnet_mobile")).program.source
    assert "y = x" not in text


# Constants -----------------------------------------------------------------------------------------------------------


def test_what_follows_from_constants_alone_is_computed_when_the_model_is_made() -> None:
    text = model("fixed").compile("pytorch")
    attention = text[text.index("class Attention") : text.index("class Pairs")]
    constructor, call_ = attention.split("def forward")
    assert "rows == columns" in constructor
    assert "self.mask = nn.Buffer(" in constructor
    assert "y = y + self.mask" in call_
    assert "self.mask = paddle.where(" in model("fixed").compile("paddle")


def test_what_is_needed_at_calls_is_read_by_calls_alone() -> None:
    text = model("fixed").compile("pytorch")
    constructor, call_ = text[text.index("class Fixed") :].split("def forward")
    assert "self.sums = nn.Buffer(" in constructor
    assert "scaled = self.sums * half" in call_  # the half is read by another step, too


ALONE = """
archspec: 1
name: Alone
inputs: {{x: [{size}, 4]}}
layers:
  - {first}
  - {{op: exp, name: changed, from: first}}
  - {{op: add, from: [x, changed]}}
"""


@pytest.mark.parametrize(
    ("size", "first", "where"),
    [
        ("3", "{op: constant, name: first, value: 2, shape: [1, 4]}", "__init__"),
        ("3", "{op: parameter, name: first, shape: [1, 4]}", "forward"),
        ("time", "{op: constant, name: first, value: 2, shape: [1, 4]}", "forward"),
    ],
)
def test_weights_and_open_sizes_are_no_constants(size: str, first: str, where: str, tmp_path: Path) -> None:
    path = tmp_path / "alone.yaml"
    path.write_text(ALONE.format(size=size, first=first))
    constructor, call_ = archspec.load(path).compile("pytorch").split("def forward")
    assert "torch.exp" in (constructor if where == "__init__" else call_)
