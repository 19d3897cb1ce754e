"""Faults put into the reference: a judge finds each of them, or it is told why it means nothing.

Here a sample, and all faults in defaults; `make mutants` tries all.
"""

from __future__ import annotations

import random
from functools import cache
from typing import Final

import pytest

from .operation_judges.equivalents import EQUIVALENT, REASONS
from .operation_judges.mutants import Mutant, code_mutants, constant_mutants, default_mutants, survivors

SAMPLE: Final = 120


@cache
def of_code() -> list[Mutant]:
    return list(code_mutants())


@pytest.mark.slow
def test_another_default_or_constant_is_found() -> None:
    assert not survivors([*default_mutants(), *constant_mutants()])


@pytest.mark.slow
def test_a_fault_in_the_code_is_found() -> None:
    assert not survivors(random.Random(0).sample(of_code(), SAMPLE))


@pytest.mark.slow
def test_what_means_nothing_is_not_found() -> None:
    """Else its reason is wrong; and what is not among the mutants any more has none."""
    listed = [mutant for mutant in [*default_mutants(), *constant_mutants(), *of_code()] if str(mutant) in EQUIVALENT]
    assert sorted(map(str, listed)) == sorted(text for texts in REASONS.values() for text in texts)
    assert not [str(mutant) for mutant in listed if len(mutant.operations) < 3 and mutant.found()]


@pytest.mark.slow  # as all mutants are made for it
@pytest.mark.parametrize(
    "fault",
    [
        "batch_norm.momentum: 0.1 -> 0.125",
        "conv2d.bias: True -> False",
        "regularization._Drop.train: 1 - self.p -> 1 + self.p",
        "pooling._AvgPool._counts: size + after -> size - after",
        "recurrent.Gru._step: 1 - z -> 1 + z",
        "linear.Matmul.reference: a @ b -> b @ a",
    ],
)
def test_faults_that_matter_are_among_them(fault: str) -> None:
    (mutant,) = [mutant for mutant in [*default_mutants(), *of_code()] if str(mutant) == fault]
    assert mutant.found()
