"""Every row of `cases.py` on every backend: its numbers against the reference, in float64 and in float32.

Each case is run as a step of the network, and, in turns, as an element of a named sequence, inside a block, where sizes
are symbols, or inside one whose params give the attributes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from archspec import ops, reference
from archspec.backend import Program, backends
from archspec.emit.table import Table
from archspec.errors import BackendError
from archspec.graph.graph import Graph, rounded
from archspec.model import Model, Spec
from archspec.spec.document import type_of
from archspec.verification import compare, data, edges, gradients, rounding, vjp, worker
from archspec.verification.compare import Difference
from archspec.verification.failure import Failure
from archspec.verification.request import Given, Wanted, message
from archspec.verification.subject import Generated
from archspec.verification.task import undefined
from archspec.verification.worker import Array
from archspec.verification.workers import Pool, Result

from .cases import CASES, TABLE, Case

BATCH: Final = 3
BACKENDS: Final = {backend.name: backend for backend in backends()}
DTYPES: Final = ("float64", "float32")
FORMS: Final = ("block", "params", "element")
KINKS: Final = (0.0, -0.0, 3.0, -3.0, 6.0, -6.0, 19.5, 20.5, 30.0, -30.0, 80.0, -80.0)

Cases = Mapping[str, Case]
"""By the number that the names of its steps end in."""


def network(cases: Cases) -> Model:
    """One network in which these cases stand side by side, each as a step and in one of the other forms that a step may
    have; in all of them, if there are few cases."""
    inputs: dict[str, Any] = {}
    blocks: dict[str, Any] = {}
    layers: list[Any] = []
    outputs: dict[str, str] = {}
    for place, (number, case) in enumerate(cases.items()):
        forms = FORMS if len(cases) < len(FORMS) else (FORMS[place % len(FORMS)],)
        source = not case.shapes  # has no inputs; a network and a block have
        names = [f"x{number}_{i}" for i in range(max(1, len(case.shapes)))]
        shown = [f"in{i}" for i in range(len(names))]
        for name, shape, dtype in zip(names, case.shapes or ((2,),), case.dtypes or ("float",), strict=True):
            inputs[name] = {"shape": list(shape), "dtype": dtype}
            if dtype == "int64":
                inputs[name]["below"] = case.below
        layers += case.made(names, inputs)
        step = {"op": case.op, **case.attributes}
        shapes = ops.get(case.op)(**case.attributes).infer(*case.whole(BATCH))
        parts = [f".{i}" for i in range(len(shapes))] if len(shapes) > 1 else [""]
        layers.append({**step, "name": f"step{number}", **({} if source else {"from": names})})
        outputs |= {f"step{number}_{i}": f"step{number}{part}" for i, part in enumerate(parts)}
        block: dict[str, Any] = {
            "inputs": shown,
            "layers": [{**step, "name": "inner", **({} if source else {"from": shown})}],
            "outputs": {f"out{i}": f"inner{part}" for i, part in enumerate(parts)},
        }
        ends = [""] if len(shapes) == 1 else [f".out{i}" for i in range(len(shapes))]
        if "block" in forms:
            blocks[f"Block{number}"] = block
            layers.append({"block": f"Block{number}", "name": f"block{number}", "from": names})
            outputs |= {f"block{number}_{i}": f"block{number}{end}" for i, end in enumerate(ends)}
        given = {name: value for name, value in case.attributes.items() if not _has_texts(value)}
        if given and "params" in forms:
            inner = {**block["layers"][0], **{name: name for name in given}}
            params = {name: type_of(value) for name, value in given.items()}
            blocks[f"Params{number}"] = {**block, "params": params, "layers": [inner]}
            layers.append({**given, "block": f"Params{number}", "name": f"params{number}", "from": names})
            outputs |= {f"params{number}_{i}": f"params{number}{end}" for i, end in enumerate(ends)}
        if len(case.shapes) == len(shapes) == 1 and "element" in forms:
            element = {**step, "name": "element"} if int(number) % 2 else step
            layers.append({"name": f"sequence{number}", "from": names, "layers": [element]})
            outputs[f"sequence{number}_0"] = f"sequence{number}"
    document = {"archspec": 1, "name": "Table", "inputs": inputs, "blocks": blocks, "layers": layers}
    return Spec.parse(json.dumps(document | {"outputs": outputs})).network()


def _has_texts(value: Any) -> bool:
    """Whether it is a list of names, which a param cannot be: its items would be expressions."""
    return isinstance(value, list) and any(isinstance(item, str) for item in value)


def number_of(tensor: str) -> str:
    """The number in the name of a tensor: `12` for `sequence12.element` and `output block12_0`."""
    return tensor.removeprefix("output ").partition(".")[0].partition("_")[0].lstrip("abcdefghijklmnopqrstuvwxyz")


def values(cases: Cases, graph: Graph, *, smooth: bool = False) -> dict[str, Array]:
    """The inputs; `smooth` ones keep away from whole numbers and halves, where kinks are, which have no gradient."""
    found = data.inputs(graph)
    for name, array in found.items():
        case = cases[name[1:].partition("_")[0]]
        if array.dtype.kind != "f":
            continue
        if case.values == "positive":
            found[name] = abs(array) + np.float32(0.5)
        elif case.values == "unit":
            found[name] = np.tanh(array)
        elif case.values == "negative":
            found[name] = -abs(array) - np.float32(1)
        elif case.values == "wide":
            array *= 4
            array.reshape(-1)[: len(KINKS)] = KINKS[: array.size]
        if smooth:
            below = np.floor(found[name])
            found[name] = below + np.float32(0.1) + np.float32(0.3) * (found[name] - below)
    return found


class Run:
    """One network on all backends that can express it."""

    def __init__(self, cases: Cases, pool: Pool, names: list[str]) -> None:
        self.cases, self.pool = cases, pool
        self.model = network(cases)
        self.graph = rounded(self.model.graph_for({"batch": BATCH}))
        self.problems: dict[tuple[str, str], list[str]] = {}
        """Backend and number of a case: what is wrong."""
        self.refused: dict[str, str] = {}
        """Backend: why it cannot express these cases, or broke down on them."""
        self.programs: dict[str, Program] = {}
        for name in names:
            try:
                self.programs[name] = BACKENDS[name].generate(self.model)
            except (BackendError, NotImplementedError, AssertionError, LookupError) as error:
                self.refused[name] = f"{type(error).__name__}: {error}"
        self.errors = {dtype: dict[str, dict[str, Difference]]() for dtype in DTYPES}
        self.gradients: dict[str, dict[str, Array]] = {}
        """Backend: its gradients, by the name of what they are by."""
        self.slopes: dict[str, dict[str, Array]] = {}
        """Backend: those of each step's own gradients."""
        self._run()

    def _run(self) -> None:
        parameters, inputs = data.parameters(self.graph), values(self.cases, self.graph)
        truth = reference.run(self.graph, parameters, inputs)
        scales: dict[str, Array] = {}
        for seed, unit in enumerate(rounding.UNITS["float64"]):
            found = rounding.magnitudes(self.graph, parameters, inputs, truth, unit, seed)
            scales |= {name: np.maximum(scales.get(name, 0.0), scale) for name, scale in found}
        arrays = parameters | inputs
        stored = self._stored(arrays)
        self.alone = vjp.Slopes(vjp.wanted(self.graph, self.graph.nodes), parameters, truth, 0)
        forced, numbers = self._stored(truth), self._stored(dict(self.alone.arrays()))
        pulls = [vjp.pull(node, {*truth}) for node in self.alone.nodes]
        self.edges = edges.choose(self.graph, self.graph.nodes, truth, 0)
        given = self._stored(self.edges.given)
        outputs = self.graph.outputs
        files = {
            "float64": Given(data=stored, forced=forced, numbers=numbers, edges=given), "float32": Given(data=stored),
        }  # fmt: skip
        wanted = {
            "float64": Wanted(
                outputs=outputs, pulls=[pull for pull in pulls if pull], at_edges=self.edges.shown(truth)
            ),
            "float32": Wanted(outputs=outputs, shipped=self.graph),
        }
        size = 32 * sum(array.nbytes for array in truth.values())
        waiting = {
            (name, dtype): self.pool.submit(
                name,
                message(Generated(name, name, program), dtype, files[dtype], wanted[dtype],
                        self.pool.scratch.file(size)),
                timeout=120,
            )
            for dtype in DTYPES
            for name, program in self.programs.items()
        }  # fmt: skip
        for (name, dtype), future in waiting.items():
            result = future.result()
            if isinstance(result, Failure):
                self.refused[name] = f"{result.kind}: {result.message}\n{result.detail}"
            else:
                self.errors[dtype][name] = dict(self._differences(self.programs[name], dtype, result, truth, scales))
                if dtype == "float64":
                    self.slopes[name] = result.arrays
        runs = {name: (self.programs[name], arrays) for name, arrays in self.slopes.items()}
        self.at_edges = list(self.edges.findings(self.graph, parameters, runs))
        """Backends, and what was found at the edges of a step."""
        for file in (forced, numbers, given):
            self.pool.scratch.remove(Path(file["path"]))
        self.pool.scratch.remove(Path(stored["path"]))
        self._differentiate(parameters)

    def _stored(self, arrays: Mapping[str, Array]) -> dict[str, Any]:
        return worker.save(str(self.pool.scratch.file(sum(a.nbytes for a in arrays.values()))), arrays)

    def _differentiate(self, parameters: Mapping[str, Array]) -> None:
        outputs = self.graph.outputs
        names = gradients.wanted(self.graph, outputs)
        if not names:
            return
        inputs = values(self.cases, self.graph, smooth=True)
        projections = gradients.projections(outputs)
        pull = gradients.pull(self.graph, names, projections)
        arrays = {**parameters, **inputs, **projections}
        stored = self._stored(arrays)
        waiting = {
            name: self.pool.submit(
                name,
                message(Generated(name, name, program), "float64", Given(data=stored),
                        Wanted(outputs=outputs, pulls=[pull]), self.pool.scratch.file(2**27)),
                timeout=120,
            )
            for name, program in self.programs.items()
            if name in self.errors["float64"]
        }  # fmt: skip
        for name, future in waiting.items():
            result = future.result()
            if isinstance(result, Failure):
                self.refused[name] = f"{result.kind}: {result.message}\n{result.detail}"
            else:
                self.gradients[name] = gradients.taken(result.arrays, names)
        self.pool.scratch.remove(Path(stored["path"]))

    def _differences(
        self, program: Program, dtype: str, result: Result, truth: Mapping[str, Array], scales: Mapping[str, Array]
    ) -> Iterator[tuple[str, Difference]]:
        shown = [(seen.tensor, seen.tensor, seen.layout) for probe in program.probes.values() for seen in probe]
        assert Counter(tensor for tensor, _, _ in shown) == Counter(
            tensor.name for node in self.graph.nodes for tensor in node.outputs
        ), "probes must see every step once"
        shown += [(f"output {name}", self.graph.outputs[name].name, layout) for name, layout in program.outputs.items()]
        free = undefined(self.graph.nodes, truth)
        for key, name, layout in shown:
            expected = worker.arrange(truth[name], layout)
            if key not in result.arrays:
                yield key, Difference(float("inf"), "it did not run")
            elif expected.dtype.kind == "f":
                scale = worker.arrange(scales[name], layout)
                if name in free and result.arrays[key].shape == expected.shape:
                    result.arrays[key][worker.arrange(free[name], layout)] = expected[
                        worker.arrange(free[name], layout)
                    ]
                yield key, compare.difference(result.arrays[key], expected, dtype, scale)
            else:
                yield key, compare.difference(result.arrays[key], expected, expected.dtype.name)

    def judge_all(self) -> None:
        """Fills in `problems`."""
        self.judge()
        self.judge_edges()
        self.judge_gradients()

    def judge(self) -> None:
        """Fills in `problems`, by the rules of verification."""
        for dtype, by_backend in self.errors.items():
            for name, found in by_backend.items():
                bounds = compare.bounds(self.graph, dtype, self.programs[name].inexact, alone=True)
                for key, difference in found.items():
                    tensor = self.graph.outputs[key[7:]].name if key.startswith("output ") else key
                    if not difference.within(bounds[tensor]):
                        text = difference.problem or f"error {difference.error:.2g}, bound {bounds[tensor]:.2g}"
                        self.problems.setdefault((name, number_of(key)), []).append(f"{key} in {dtype}: {text}")

    def judge_edges(self) -> None:
        """Fills in `problems`: each step at its edges."""
        due = {
            tensor.name
            for node in self.graph.nodes
            if not node.op.linear and any(each.dtype != "bool" for each in node.inputs)
            for tensor in node.outputs
        }
        for name in self.slopes:
            for tensor in due - {finding.tensor for backend, finding in self.at_edges if backend == name}:
                self.problems.setdefault((name, number_of(tensor)), []).append(f"{tensor} was not tried at its edges")
        for name, finding in self.at_edges:
            if finding.wrong:
                self.problems.setdefault((name, number_of(finding.tensor)), []).append(f"{finding.tensor} {finding}")

    def judge_gradients(self) -> None:
        """Fills in `problems`: the frameworks against each other, and each step against the slope of its reference."""
        for name, label, difference, bound in gradients.differences(self.gradients, self._gradient_bound, BACKENDS):
            if not difference.within(bound):
                text = difference.problem or f"error {difference.error:.2g}, bound {bound:.2g}"
                self.problems.setdefault((name, number_of(label)), []).append(f"gradient of {label}: {text}")
        for name, arrays in self.slopes.items():
            for node in self.alone.nodes:
                if not any(key.endswith(f" of {node.path}") for key in arrays):
                    continue
                bounds = (self.programs[name].inexact, self.programs[name].inexact_gradients)
                declared = max(each.get(tensor.name, 0.0) for tensor in node.outputs for each in bounds)
                off, bound, problem = self.alone.judge(node, arrays, declared) or (1, 0, "no slope to compare")
                if off > bound:
                    text = f"gradients of {node.path}: off by {off:.2g}, bound {bound:.2g}: {problem}"
                    self.problems.setdefault((name, number_of(node.path)), []).append(text)

    def _gradient_bound(self, name: str, label: str) -> float:
        program, number = self.programs[name], number_of(label)
        declared = [
            bound
            for tensor, bound in [*program.inexact.items(), *program.inexact_gradients.items()]
            if number_of(tensor) == number
        ]
        return max(gradients.BOUND, *(gradients.INEXACT_MULTIPLE * bound for bound in declared), 0.0)


@cache
def problems_of(op: str, pool: Pool) -> dict[tuple[str, str], list[str]]:
    """What is wrong with the cases of one operation, by backend and case; and `refused` ones, with their reasons.

    Those that the same backends refuse are taken together.
    """
    groups: dict[frozenset[str], dict[str, Case]] = {}
    for number, case in enumerate(CASES):
        if case.op == op:
            groups.setdefault(frozenset(case.refused), {})[str(number)] = case
    found: dict[tuple[str, str], list[str]] = {}
    for refusing, cases in groups.items():
        found |= _problems(cases, pool, [name for name in BACKENDS if name not in refusing])
        for name in refusing:
            for key, case in cases.items():
                with pytest.raises(BackendError) as refusal:
                    BACKENDS[name].generate(network({key: case}))
                found[name, key] = [f"refused: BackendError: {refusal.value}"]
    return found


def _problems(cases: Cases, pool: Pool, names: list[str]) -> dict[tuple[str, str], list[str]]:
    """Those of cases that these backends should know. One that cannot take all of them at once gets them one by one, so
    that the others still count."""
    whole = Run(cases, pool, names)
    found = whole.problems
    for name in whole.refused:
        for number, case in cases.items():
            single = Run({number: case}, pool, [name])
            if single.refused:
                found[name, number] = [f"refused: {single.refused[name]}"]
                continue
            single.judge_all()
            found |= single.problems
    whole.judge_all()
    return found


@pytest.mark.frameworks
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "number",
    [pytest.param(i, id=str(case), marks=pytest.mark.xdist_group(case.op)) for i, case in enumerate(CASES)],
)
def test_backend_agrees_with_reference(number: int, backend: str, pool: Pool) -> None:
    case = CASES[number]
    problems = problems_of(case.op, pool).get((backend, str(number)), [])
    reason = case.refused.get(backend)
    if reason is not None:
        assert len(problems) == 1
        assert problems[0].startswith("refused: BackendError")
        assert reason in problems[0]
    elif problems:
        pytest.fail("\n".join([str(case), *problems]), pytrace=False)


def test_every_operation_has_rows_and_none_is_there_twice() -> None:
    assert set(TABLE) == set(ops.names())
    twice = [str(case) for case, count in Counter(map(repr, CASES)).items() if count > 1]
    assert not twice
    few = [
        op
        for op in ops.names()
        if len({repr(case.attributes) for case in CASES if case.op == op}) < 3 and len(ops.get(op).model_fields) > 1
    ]
    assert not few, "operations with attributes need at least three sets of them"


@pytest.mark.parametrize("backend", BACKENDS)
def test_backend_spells_or_refuses_every_operation(backend: str) -> None:
    assert set(Table(f"archspec.backends.{backend}.lowering")) == set(ops.names())
