"""Generated files do what the graph says, as far as can be seen without a framework: they run on recording stand-ins.

`python -m tests.fuzz 1000 --standins` tries more random graphs, `--names` more names.
"""

from __future__ import annotations

import random as stdlib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from archspec.loading import open_spec
from archspec.model import Model, Spec
from archspec.spec.catalogue import files, variants_in

from .fuzz import draw, names
from .fuzz.standins import problems
from .fuzz.verify import text
from .programs import BACKENDS, NETWORKS, model
from .standins.check import Written, written
from .standins.mutants import ARGUMENTS, KINDS, WIRING, mutant

MISCOMPILED: Final = sorted((Path(__file__).parent / "miscompiled").glob("*.yaml"))
"""What once was compiled into another network, or into files that Python or Keras refused."""
MUTATED: Final = (
    "resnet18 googlenet mobilenet_v3_large lstm_tagger unet swin_t two_tower gpt2 pointnet wide_deep".split()
)
MUTANTS: Final = 30
"""Of each kind."""


# Networks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_some_networks(first: int) -> None:
    """Each in one of the frameworks, in its turn."""
    order = list(BACKENDS.values())
    for number, name in list(enumerate(list(NETWORKS)[::2]))[first::3]:
        backend = order[number // 3 % len(order)]
        assert written(backend, model(name)).problem() == "", f"{backend.name}: {name}"


@pytest.mark.slow
@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_one_of_each_family(file: Path) -> None:
    _judge_variants(file, variants_in(file)[:1])


@pytest.mark.long
@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_all_networks(file: Path) -> None:
    _judge_variants(file, variants_in(file)[1:])


def _judge_variants(file: Path, variants: Sequence[str]) -> None:
    spec, _ = open_spec(file)
    for variant in variants or (None,):
        network = spec.network(variant)
        found = {backend.name: written(backend, network).problem() for backend in BACKENDS.values()}
        assert found == dict.fromkeys(BACKENDS, ""), network.name


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("file", MISCOMPILED, ids=lambda file: file.stem)
def test_what_was_miscompiled(file: Path, backend: str) -> None:
    network = Spec.read(file).network()
    network.check()
    assert written(BACKENDS[backend], network).problem() == ""


def test_random_graphs() -> None:
    _judge_graphs(range(7000, 7005))


@pytest.mark.slow
def test_some_more_random_graphs() -> None:
    _judge_graphs(range(7005, 7020))


@pytest.mark.long
def test_more_random_graphs() -> None:
    _judge_graphs(range(8000, 8200))


def _judge_graphs(seeds: range) -> None:
    for seed in seeds:
        assert problems(text(draw.document(seed))) == [], f"seed {seed}"


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", names.named().values(), ids=names.named())
def test_specs_whose_names_are_replaced_are_right(template: names.Template) -> None:
    assert problems(template.filled({})) == []


def test_names_that_people_choose() -> None:
    _judge_names(range(12))


@pytest.mark.slow
def test_some_more_names_that_people_choose() -> None:
    _judge_names(range(12, 60))


@pytest.mark.long
def test_more_names_that_people_choose() -> None:
    _judge_names(range(1000, 1500))


def _judge_names(seeds: range) -> None:
    """Each spec is refused by `check`, or right in all backends; most are the latter."""
    outcomes: Counter[str] = Counter()
    for seed in seeds:
        template, chosen = names.spec(seed)
        found = problems(template.filled(chosen), drawn=False)
        assert not found, f"seed {seed}: {chosen}: {found}"
        outcomes["refused" if found is None else "right"] += 1
    assert outcomes["right"] > len(seeds) / 2


# What the stand-ins see -----------------------------------------------------------------------------------------------

SPEC: Final = """
archspec: 1
name: Net
inputs: {tokens: {shape: [5], dtype: int64, below: 9}, image: [4, 5, 5]}
blocks:
  Unit:
    params: {size: int, stride: 1}
    layers:
      - {op: conv2d, name: conv, out_channels: size, kernel_size: 3, stride: stride}
      - {op: relu, name: act}
layers:
  - {op: embedding, name: words, num_embeddings: 9, embedding_dim: 6, from: tokens}
  - {block: Unit, name: first, size: 4, from: image}
  - {op: linear, name: left, out_features: 3}
  - {op: linear, name: right, out_features: 3, from: first}
  - {op: subtract, name: gap, from: [left, right]}
  - {op: dropout, name: drop, p: 0.5}
outputs: {words: words, gap: drop, left: left}
"""
CHANGES: Final = {
    ("pytorch", "left - right", "right - left"): "not (<left> - <right>)",
    ("pytorch", "return words, ", "return left, "): "the outputs are",
    ("pytorch", "self.left = nn.Linear(3, 3)", "self.left = nn.Linear(3, 4)"): "left is",
    ("pytorch", "self.left(first)", "self.right(first)"): "right uses the layer of left",
    ("pytorch", "kernel_size=3", "kernel_size=4"): "first.conv is",
    ("pytorch", "        self.left =", "        self.idle = nn.Linear(1, 1)\n        self.left ="): "no step uses idle",
    ("pytorch", "self.conv(x)", "self.conv(z)"): "NameError in line",
    ("paddle", "left - right", "left + right"): "not (<left> - <right>)",
    ("keras", ', dtype="int64"', ""): "input tokens has float",
    ("keras", 'name="left"', 'name="right"'): "left has a layer called right",
    ("keras", "[words, ", "[left, "): "the outputs are",
    ("keras", "keras.Model([tokens, image]", "keras.Model([image, tokens]"): "takes image, tokens",
}


@cache
def small(backend: str) -> Written:
    return written(BACKENDS[backend], Spec.parse(SPEC).network())


@pytest.mark.parametrize(("change", "message"), CHANGES.items(), ids=[f"{b} {new}" for b, _, new in CHANGES])
def test_a_change_is_seen(change: tuple[str, str, str], message: str) -> None:
    backend, old, new = change
    case = small(backend)
    assert case.problem() == ""
    assert case.text.count(old) == 1, case.text
    assert message in case.problem(case.text.replace(old, new))


def test_what_was_overwritten_in_place_is_not_read() -> None:
    """The row gives what is in place only where nothing reads the value afterwards; here something does."""
    spec = Spec.parse(
        "{archspec: 1, name: Net, inputs: {image: [4]}, layers: [{op: linear, name: a, out_features: 4}, "
        "{op: relu, name: b}, {op: tanh, name: c}, {op: tanh, name: d, from: b}], outputs: {c: c, d: d}}"
    )
    case = written(BACKENDS["pytorch"], spec.network())
    inner = 'probe(self, "a", self.a(image))'
    assert f"F.relu({inner}, inplace=True)" in case.text
    assert case.text.count("torch.tanh(b)") == 2
    apart = case.text.replace(inner, "a").replace("        b = ", f"        a = {inner}\n        b = ", 1)
    assert case.problem(apart) == ""
    assert case.problem(apart.replace("tanh(b)", "tanh(a)")) == "c reads a, which b wrote over"


@pytest.mark.slow
def test_mutants_are_seen() -> None:
    """What lives changes nothing for the network: the default of an argument that it always gives, or another name for
    the same number."""
    cases = [written(backend, network) for network in _mutated() for backend in BACKENDS.values()]
    lived: Counter[str] = Counter()
    shown = []
    for kind in KINDS:
        for number in range(MUTANTS):
            random = stdlib.Random(f"{kind} {number}")
            case, changed, what = _mutant(cases, kind, random)
            if not case.problem(changed):
                lived[kind] += 1
                shown.append(f"{kind}: {case.backend.name}: {case.graph.name}: {what}")
    report = "\n".join(shown)
    assert sum(lived[kind] for kind in WIRING) <= 0.05 * MUTANTS * len(WIRING), report
    assert sum(lived[kind] for kind in ARGUMENTS) <= 0.1 * MUTANTS * len(ARGUMENTS), report


def _mutant(cases: list[Written], kind: str, random: stdlib.Random) -> tuple[Written, str, str]:
    while True:
        case = random.choice(cases)
        changed, what = mutant(case.text, kind, random)
        if changed:
            return case, changed, what


def _mutated() -> list[Model]:
    return [*(Spec.parse(each.filled({})).network() for each in names.named().values()), *map(model, MUTATED)]
