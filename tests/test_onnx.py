"""The operator tests of ONNX against the reference and against the generated code of every backend."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from archspec import ops
from archspec.backend import Program, backends
from archspec.errors import BackendError
from archspec.graph.graph import Graph, parameter_name, rounded
from archspec.model import Model, Spec
from archspec.verification import compare, worker
from archspec.verification.workers import Failure, Pool, Result, message

from .onnx_judge import TABLE, Outcome, Twin, outcomes
from .onnx_judge.page import DELIBERATE, REASONS, page

Array = np.ndarray[Any, np.dtype[Any]]

ULPS: Final = 4
"""By how many units in the last place of float32, at the scale of the largest element, a number may differ from ONNX's.

Those are computed in float32 by NumPy, and are off by one or two themselves (at most 1.8 from our reference in
float64: what is measured here is their error). What comes from frameworks has an error of its own, of the same size."""

FRAMEWORK_ULPS: Final = 16
"""The same for a framework in float32; see `archspec.verification.compare.FLOAT32_FLOOR`."""

BACKENDS: Final = {backend.name: backend for backend in backends()}
RUN: Final = {name: outcome for name, outcome in outcomes().items() if outcome.twin is not None}
FAMILIES: Final = sorted({ops.family(outcome.twin.op) for outcome in RUN.values() if outcome.twin})


def disagreement(actual: list[Array], expected: list[Array | None], dtype: str, ulps: int) -> list[str]:
    """What is wrong with the outputs; those that ONNX does not tell are not compared."""
    found = []
    for index, due in enumerate(expected):
        if due is None:
            continue
        kind = dtype if due.dtype.kind == "f" else due.dtype.name
        difference = compare.difference(actual[index], due, kind)
        scale = float(np.abs(due[np.isfinite(due)]).max(initial=0)) if due.dtype.kind == "f" else 0.0
        error = difference.error * max(1.0, scale) / 2.0**-23
        if difference.problem or error > ulps * scale:
            found.append(f"output {index}: {difference.problem or f'{error:.3g} ulp of 1, at a scale of {scale:.3g}'}")
    return found


def computed(twin: Twin) -> list[Array]:
    """What the reference gives, and the new statistics if it is about training."""
    op = ops.get(twin.op)(**twin.attributes)
    with np.errstate(all="ignore"):
        if twin.training:
            y, statistics = op.train(*twin.inputs, **twin.parameters)
        else:
            y, statistics = op.reference(*twin.inputs, **twin.parameters), {}
    outputs = [np.asarray(each) for each in (y if isinstance(y, tuple) else (y,))]
    assert [each.shape for each in outputs] == [*op.infer(*(x.shape for x in twin.inputs))]
    return [*outputs, *(statistics[name] for name in twin.statistics)]


def test_reference_would_be_found_wrong() -> None:
    """The rule tells a wrong number, a missing sign, another shape and another kind of numbers."""
    due: list[Array | None] = [np.array([[1.0, -2.0]])]
    assert not disagreement([np.array([[1.0, -2.0 - 2e-7]])], due, "float64", ULPS)
    for wrong in (np.array([[1.0, -2.000002]]), np.array([[1.0, 2.0]]), np.array([1.0, -2.0]), np.array([[1, -2]])):
        assert disagreement([wrong], due, "float64", ULPS)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.frameworks] * RUN[name].case.slow) for name in RUN]
)  # the slow ones are marked so that `make quick` leaves them out: their expected numbers take seconds
def test_reference_agrees_with_onnx(name: str) -> None:
    outcome = RUN[name]
    assert outcome.twin is not None
    problems = disagreement(computed(outcome.twin), outcome.expected(), "float64", ULPS)
    assert not problems, f"{outcome.twin.op} {outcome.twin.attributes}"


# Through the generated code ------------------------------------------------------------------------------------------

Twins = Mapping[str, Twin]
"""By the number that the names of its steps end in."""


def network(twins: Twins) -> Model:
    """One network in which these cases stand side by side."""
    inputs: dict[str, Any] = {}
    layers: list[Any] = []
    outputs: dict[str, str] = {}
    kinds = {"f": "float", "i": "int64", "b": "bool"}
    for number, twin in twins.items():
        names = [f"x{number}_{i}" for i in range(len(twin.inputs))]
        for name, x in zip(names, twin.inputs, strict=True):
            inputs[name] = {"shape": list(x.shape[1:]), "dtype": kinds[x.dtype.kind]}
        layers.append({"op": twin.op, **twin.attributes, "name": f"step{number}", "from": names})
        shapes = ops.get(twin.op)(**twin.attributes).infer(*(x.shape for x in twin.inputs))
        parts = [f".{i}" for i in range(len(shapes))] if len(shapes) > 1 else [""]
        outputs |= {f"y{number}_{i}": f"step{number}{part}" for i, part in enumerate(parts)}
    document = {"archspec": 1, "name": "Onnx", "inputs": inputs, "layers": layers, "outputs": outputs}
    return Spec.parse(json.dumps(document)).network()


def arrays_of(twins: Twins) -> dict[str, Array]:
    """Inputs and parameters."""
    found: dict[str, Array] = {}
    for number, twin in twins.items():
        found |= {f"x{number}_{i}": x for i, x in enumerate(twin.inputs)}
        found |= {parameter_name(f"step{number}", name): array for name, array in twin.parameters.items()}
    return found


def run(names: list[str], pool: Pool, backend_names: list[str]) -> dict[str, dict[str, list[str]]]:
    """For each backend and case what is wrong. All cases have the same size of the batch, and are about training or
    not. What a backend cannot take at once, it gets one by one, so that the others still count."""
    cases = {str(number): RUN[name] for number, name in enumerate(names)}
    twins = {number: outcome.twin for number, outcome in cases.items() if outcome.twin is not None}
    sample = next(iter(twins.values()))
    model, found = network(twins), dict[str, dict[str, list[str]]]()
    graph = rounded(model.graph_for({"batch": len(sample.inputs[0])}))
    statistics = [parameter_name(f"step{number}", name) for number, twin in twins.items() for name in twin.statistics]
    arrays = arrays_of(twins)
    stored = worker.save(str(pool.scratch.file(sum(array.nbytes for array in arrays.values()))), arrays)
    for backend in backend_names:
        try:
            program = BACKENDS[backend].generate(model)
        except BackendError as error:
            result: Failure | Result = Failure("refused", str(error))
        else:
            request = message(program, "float32", stored, pool.scratch.file(2**27), graph.outputs,
                              learning=sample.training, statistics=statistics)  # fmt: skip
            result = pool.submit(backend, request, timeout=300).result()
        if isinstance(result, Result):
            found[backend] = {RUN_NAMES[id(cases[number])]: _judged(number, cases[number], result, program, graph)
                              for number in twins}  # fmt: skip
        elif len(names) > 1:
            found[backend] = {name: run([name], pool, [backend])[backend][name] for name in names}
        else:
            found[backend] = {names[0]: [f"{result.kind}: {result.message}\n{result.detail}"]}
    Path(stored["path"]).unlink()
    return found


RUN_NAMES: Final = {id(outcome): name for name, outcome in RUN.items()}


def _judged(number: str, outcome: Outcome, result: Result, program: Program, graph: Graph) -> list[str]:
    assert outcome.twin is not None
    layouts = dict(program.outputs) | {weight.parameter: weight.layout for weight in program.weights}
    keys = [f"y{number}_{i}" for i in range(sum(name.startswith(f"y{number}_") for name in graph.outputs))]
    expected, actual = [], []
    for key, due in zip(
        [*keys, *(parameter_name(f"step{number}", name) for name in outcome.twin.statistics)],
        [*outcome.expected(), *[None] * len(keys)],
        strict=False,
    ):
        array = result.arrays[f"output {key}" if key in keys else key]
        expected.append(None if due is None else worker.arrange(due, layouts[key]))
        actual.append(array)
    return disagreement(actual, expected, "float32", FRAMEWORK_ULPS)


@cache
def verdicts(family: str, pool: Pool) -> dict[str, dict[str, list[str]]]:
    """What is wrong, by backend and case, for all cases of a family."""
    groups: dict[tuple[int, bool], list[str]] = defaultdict(list)
    for name, outcome in RUN.items():
        if outcome.twin is not None and ops.family(outcome.twin.op) == family:
            groups[len(outcome.twin.inputs[0]), outcome.twin.training].append(name)
    found: dict[str, dict[str, list[str]]] = {backend: {} for backend in BACKENDS}
    for names in groups.values():
        for backend, problems in run(names, pool, list(BACKENDS)).items():
            found[backend] |= problems
    return found


@pytest.mark.frameworks
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_backend_agrees_with_onnx(family: str, backend: str, pool: Pool) -> None:
    found = verdicts(family, pool)[backend]
    assert found.keys() == {n for n, each in RUN.items() if each.twin and ops.family(each.twin.op) == family}
    wrong = [f"{name}: {text}" for name, problems in found.items() for text in problems]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


# Nothing falls out ---------------------------------------------------------------------------------------------------


def test_every_case_is_run_or_left_out_for_a_known_reason() -> None:
    counted = Counter(outcome.reason for outcome in outcomes().values())
    assert {outcome.case.operator for outcome in outcomes().values()} == set(TABLE)
    assert counted.pop("") == len(RUN)
    assert counted == REASONS
    assert DELIBERATE.keys() <= REASONS.keys()


def test_counts() -> None:
    operators = {outcome.case.operator for outcome in RUN.values()}
    assert (len(TABLE), len(operators), len(outcomes()), len(RUN)) == (108, 106, 868, 628)


def test_twins_have_parameters_of_the_shapes_that_we_declare() -> None:
    for name, outcome in RUN.items():
        assert outcome.twin is not None
        op = ops.get(outcome.twin.op)(**outcome.twin.attributes)
        declared = op.parameters(*(x.shape for x in outcome.twin.inputs))
        assert {key: each.shape for key, each in outcome.twin.parameters.items()} == {
            key: each.shape for key, each in declared.items()
        }, name


@pytest.mark.golden
def test_page(golden: Callable[[Path, str], None]) -> None:
    golden(Path(__file__).parent.parent / "docs" / "onnx.md", "\n".join(page(_agrees())))


def _agrees() -> dict[str, bool]:
    return {name: not _problems(outcome) for name, outcome in RUN.items() if not outcome.case.slow}


def _problems(outcome: Outcome) -> list[str]:
    assert outcome.twin is not None
    return disagreement(computed(outcome.twin), outcome.expected(), "float64", ULPS)


def _unused() -> Iterator[None]:
    yield
