"""The operator tests of ONNX against the reference and against the generated code of every backend."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from archspec import ops
from archspec.backend import Program, backends
from archspec.errors import BackendError
from archspec.graph.graph import parameter_name, rounded
from archspec.graph.mode import Mode
from archspec.model import Model, Spec
from archspec.verification import compare, worker
from archspec.verification.failure import Failure
from archspec.verification.request import Given, Wanted, message
from archspec.verification.subject import Generated
from archspec.verification.workers import Pool, Result

from .onnx_judge import TABLE, Outcome, Twin, outcomes
from .onnx_judge.page import DELIBERATE, KNOWN, REASONS, page

Array = np.ndarray[Any, np.dtype[Any]]

ULPS: Final = 4
"""By how many units in the last place of float32, at the scale of the largest element, the reference may differ.

ONNX's numbers are computed in float32 by NumPy. The reference, in float64, shows their own error: at most 1.8."""

FRAMEWORK_ULPS: Final = compare.FLOAT32_BOUND / 2.0**-23
"""The same for frameworks, which are in float32 as well: what verification always allows them. At most 6.5 was
measured, of a bicubic, whose sums have 16 terms."""

BACKENDS: Final = {backend.name: backend for backend in backends()}
RUN: Final = {name: outcome for name, outcome in outcomes().items() if outcome.twin is not None}
FAMILIES: Final = sorted({ops.family(outcome.twin.op) for outcome in RUN.values() if outcome.twin})


def twin_of(outcome: Outcome) -> Twin:
    """That of a case that is run."""
    assert outcome.twin is not None
    return outcome.twin


def disagreement(actual: list[Array], expected: list[Array | None], dtype: str, ulps: float) -> list[str]:
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


def test_rule_finds_what_is_wrong() -> None:
    due: list[Array | None] = [np.array([[1.0, -2.0]])]
    assert not disagreement([np.array([[1.0, -2.0 - 2e-7]])], due, "float64", ULPS)
    for wrong in (np.array([[1.0, -2.000002]]), np.array([[1.0, 2.0]]), np.array([1.0, -2.0]), np.array([[1, -2]])):
        assert disagreement([wrong], due, "float64", ULPS)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.frameworks] * RUN[name].case.slow) for name in RUN]
)  # the slow ones are marked so that `make quick` leaves them out: their expected numbers take seconds
def test_reference_agrees_with_onnx(name: str) -> None:
    twin = twin_of(RUN[name])
    problems = disagreement(computed(twin), RUN[name].expected(), "float64", ULPS)
    assert not problems, f"{twin.op} {twin.attributes}"


# Through the generated code ------------------------------------------------------------------------------------------

Twins = Mapping[str, Twin]
"""By the number that the names of their steps end in."""
Problems = dict[str, list[str]]
"""By the name of the case."""


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
        count = outputs_of(twin)
        outputs |= {f"y{number}_{i}": f"step{number}" + f".{i}" * (count > 1) for i in range(count)}
    document = {"archspec": 1, "name": "Onnx", "inputs": inputs, "layers": layers, "outputs": outputs}
    return Spec.parse(json.dumps(document)).network()


def outputs_of(twin: Twin) -> int:
    """How many outputs our operation has."""
    return len(ops.get(twin.op)(**twin.attributes).infer(*(x.shape for x in twin.inputs)))


def arrays_of(twins: Twins) -> dict[str, Array]:
    """Inputs and parameters, by the names that they have in the network."""
    found: dict[str, Array] = {}
    for number, twin in twins.items():
        found |= {f"x{number}_{i}": x for i, x in enumerate(twin.inputs)}
        found |= {parameter_name(f"step{number}", name): array for name, array in twin.parameters.items()}
    return found


def run(names: list[str], pool: Pool, backend: str) -> Problems:
    """What is wrong with cases that have the same size of the batch, and are about training all or none.

    What a backend cannot take at once, it gets one by one, so that the others still count.
    """
    twins = {str(number): twin_of(RUN[name]) for number, name in enumerate(names)}
    sample, model = twins["0"], network(twins)
    graph = rounded(model.graph_for({"batch": len(sample.inputs[0])}))
    statistics = [parameter_name(f"step{number}", name) for number, twin in twins.items() for name in twin.statistics]
    try:
        program = BACKENDS[backend].generate(model)
    except BackendError as error:
        result: Failure | Result = Failure("refused", str(error))
    else:
        arrays = arrays_of(twins)
        stored = worker.save(str(pool.scratch.file(sum(array.nbytes for array in arrays.values()))), arrays)
        mode = Mode.TRAINING if sample.training else Mode.EVALUATION
        wanted = Wanted(outputs=graph.outputs, statistics=statistics)
        request = message(Generated(backend, backend, program), "float32", Given(data=stored), wanted,
                          pool.scratch.file(2**27), mode=mode)  # fmt: skip
        result = pool.submit(backend, request, timeout=300).result()
        pool.scratch.remove(Path(stored["path"]))
    if isinstance(result, Result):
        return {name: judged(str(number), RUN[name], result, program) for number, name in enumerate(names)}
    if len(names) > 1:
        return {name: run([name], pool, backend)[name] for name in names}
    return {names[0]: [f"{result.kind}: {result.message}\n{result.detail}"]}


def judged(number: str, outcome: Outcome, result: Result, program: Program) -> list[str]:
    """What is wrong with the outputs, and the new statistics, of a case."""
    twin = twin_of(outcome)
    layouts = {f"output {name}": layout for name, layout in program.outputs.items()}
    layouts |= {weight.parameter: weight.layout for weight in program.weights}
    keys = [f"output y{number}_{i}" for i in range(outputs_of(twin))]
    keys += [parameter_name(f"step{number}", name) for name in twin.statistics]
    expected = [
        due if due is None else worker.arrange(due, layouts[key])
        for key, due in zip(keys, outcome.expected(), strict=False)
    ]
    return disagreement([result.arrays[key] for key in keys], expected, "float32", FRAMEWORK_ULPS)


@cache
def problems_of(family: str, backend: str, pool: Pool) -> Problems:
    groups: dict[tuple[int, bool], list[str]] = defaultdict(list)
    for name, outcome in RUN.items():
        twin = twin_of(outcome)
        if ops.family(twin.op) == family:
            groups[len(twin.inputs[0]), twin.training].append(name)
    found: Problems = {}
    for names in groups.values():
        found |= run(names, pool, backend)
    return found


@pytest.mark.frameworks
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_backend_agrees_with_onnx(family: str, backend: str, pool: Pool) -> None:
    found = problems_of(family, backend, pool)
    wrong = []
    for name, problems in found.items():
        output, _ = KNOWN.get((backend, name), ("", ""))
        if output:
            assert [text.partition(":")[0] for text in problems] == [output], f"{name} is another difference now"
        else:
            wrong += [f"{name}: {text}" for text in problems]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


# Nothing falls out ---------------------------------------------------------------------------------------------------


def test_every_case_is_run_or_left_out_for_a_known_reason() -> None:
    counted = Counter(outcome.reason for outcome in outcomes().values() if not outcome.case.varied)
    assert {outcome.case.operator for outcome in outcomes().values()} == set(TABLE)
    assert counted.pop("") == sum(not outcome.case.varied for outcome in RUN.values())
    assert counted == REASONS
    assert DELIBERATE.keys() <= REASONS.keys()
    assert {name for _, name in KNOWN} <= RUN.keys()
    for name, outcome in outcomes().items():
        assert outcome.reason == outcomes()[name.removesuffix("_varied")].reason


def test_counts() -> None:
    cases = [outcome.case for outcome in outcomes().values() if not outcome.case.varied]
    run = [outcome.case for outcome in RUN.values() if not outcome.case.varied]
    assert (len(TABLE), len(cases)) == (108, 868)
    assert (len({case.operator for case in run}), len(run)) == (106, 638)
    assert len(RUN) - len(run) == 31


def test_all_that_onnx_tells_is_compared() -> None:
    """With one of our outputs, or it is said that we have none."""
    for name, outcome in RUN.items():
        if not outcome.case.slow:
            twin, expected = twin_of(outcome), outcome.expected()
            told, compared = (sum(y is not None for y in each) for each in (outcome.case.outputs, expected))
            assert compared == told or (twin.ignored and 0 < compared < told), name
            assert len(expected) <= outputs_of(twin) + len(twin.statistics), name


def test_twins_have_the_parameters_that_we_declare() -> None:
    for name, outcome in RUN.items():
        twin = twin_of(outcome)
        declared = ops.get(twin.op)(**twin.attributes).parameters(*(x.shape for x in twin.inputs))
        shapes = {key: parameter.shape for key, parameter in declared.items()}
        assert {key: array.shape for key, array in twin.parameters.items()} == shapes, name


@pytest.mark.golden
def test_page(golden: Callable[[Path, str], None]) -> None:
    golden(Path(__file__).parent.parent / "docs" / "onnx.md", "\n".join(page()))
