"""Outputs: which there are, and what they are called in generated code."""

from __future__ import annotations

import pytest

from .test_language import error, graph, network


@pytest.mark.parametrize(
    ("when", "heads", "expected"),
    [
        ("training", 1, ({"main", "aux"}, {"aux"})),
        ("training and heads > 1", 2, ({"main", "aux"}, {"aux"})),
        ("training and heads > 1", 1, ({"main"}, set())),
        ("heads > 1", 2, ({"main", "aux"}, set())),
        ("false", 2, ({"main"}, set())),
    ],
)
def test_outputs_may_be_there_on_conditions(when: str, heads: int, expected: tuple[set[str], set[str]]) -> None:
    found = graph(
        f"""
params: {{heads: 1}}
layers: [{{op: relu, name: a}}, {{op: tanh, name: b}}]
outputs: {{main: b, aux: {{from: a, when: {when}}}}}""",
        heads=heads,
    )
    assert (set(found.outputs), set(found.training_outputs)) == expected


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("not training", "an output that exists in evaluation exists in training, too"),
        ("trainin", "'trainin' is not defined here"),
        ("1 + 1", "a condition must be true or false, not 2"),
        ("training and 1 > 2", "no output is there: none of their conditions holds"),
        ("training", "at least one output must exist outside training"),
    ],
)
def test_conditions_of_outputs_are_checked(when: str, message: str) -> None:
    assert message in error(f"layers: [relu]\noutputs: {{aux: {{from: image, when: {when}}}}}")


def test_keras_layers_whose_names_would_be_one_have_two() -> None:
    model = network("layers: [{name: s, layers: [{op: relu, name: a}]}, {op: relu, name: s_a}]")
    code = model.compile("keras")
    assert 'name="s_a")' in code
    assert 'name="s_a_")' in code
