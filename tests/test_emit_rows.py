"""Rows that answer twice alike, loops, constants, and sizes that are refused."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.emit import loops, repeated
from archspec.emit.code import Code, Raw, Symbol, call
from archspec.emit.context import Lowered, Site
from archspec.emit.program import Generator
from archspec.emit.statements import Assign
from archspec.expressions import Name, parse, rename
from archspec.graph.tree import INDEX
from tests.programs import BACKENDS, NETWORKS, model
from tests.standins.check import written

# Rows ----------------------------------------------------------------------------------------------------------------


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
        ("time", "{op: constant, name: first, value: 2, shape: [1, 4]}", "__init__"),
        ("time", "{name: first, layers: [{op: range, axis: time, dtype: float}, {op: unsqueeze, axis: 2}]}", "forward"),
    ],
)
def test_weights_and_open_sizes_are_no_constants(size: str, first: str, where: str, tmp_path: Path) -> None:
    path = tmp_path / "alone.yaml"
    path.write_text(ALONE.format(size=size, first=first))
    constructor, call_ = archspec.load(path).compile("pytorch").split("def forward")
    assert "torch.exp" in (constructor if where == "__init__" else call_)


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
