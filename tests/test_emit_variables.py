"""What the variables of generated code hold."""

from __future__ import annotations

from random import Random

import pytest

from archspec.emit.aligned import Wire
from archspec.emit.code import Call, Global, Local, Own, Raw, call
from archspec.emit.flow import Flow
from archspec.emit.program import Generator
from archspec.emit.reads import Misread, check_reads
from archspec.emit.statements import Assign, Carried, For, If, Return, Statement
from archspec.emit.variables import Variables
from archspec.graph.tree import Value
from archspec.model import Spec
from tests.programs import BACKENDS, model
from tests.standins.check import written


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
        For(("#block",), Own("blocks"), [_set("x", B, ("x", A))], (Carried("x", A, B, B),)),
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
         For(("#block",), Own("blocks"), [_set("x", B, ("x", A), ("y", C)), _set("y", D, ("x", B))],
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
def test_results_that_nothing_reads_have_no_name(backend: str) -> None:
    text = """
archspec: 1
name: Net
inputs: {x: [8]}
blocks:
  Pair:
    layers: [{op: linear, name: first, out_features: 8}, {op: relu, name: second}]
    outputs: {first: first, second: second}
layers:
  - {block: Pair, name: one}
  - {block: Pair, name: two, from: one.second}
outputs: {y: two.first}
"""
    source = BACKENDS[backend].write(Spec.parse(text).network())
    assert "    _, one_second = " in source
    assert "    y, _ = " in source


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
