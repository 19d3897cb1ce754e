"""The least that still shows a fault: files that need nothing but the framework, ready for a report of a bug."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import jinja2
import numpy as np

from archspec import reference
from archspec.backend import Backend, Program
from archspec.errors import BackendError, UsageError
from archspec.excerpt import excerpt, leading
from archspec.graph.graph import Graph, Node, rounded
from archspec.graph.mode import Mode
from archspec.model import Model
from archspec.verification import data, edges, rounding, statistics
from archspec.verification import gradients as differentiation
from archspec.verification.cases import Second
from archspec.verification.compare import FLOAT32_BOUND, SECOND_BOUND, bounds, levels
from archspec.verification.gradients import Slope
from archspec.verification.report import Outcome, Report
from archspec.verification.subject import Generated
from archspec.verification.task import undefined
from archspec.verification.worker import Array, arrange
from archspec.verification.worker.arrays import cast

_SECONDS: Final = 300
_SPEC, _MODULE = "spec.yaml", "model_"
_GRADIENTS: Final = ("vjp", "slope", "gradient")
_Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class _Fault:
    """What has to be shown."""

    rung: str
    """The comparison in which it was seen first."""
    mode: Mode
    raised: str = ""
    """What the code raised, if it did: the type, and the message."""

    @property
    def dtype(self) -> str:
        return "float32" if self.rung == "float32" else "float64"

    @property
    def in_gradients(self) -> bool:
        return self.rung in _GRADIENTS


@dataclass(frozen=True)
class _Case:
    """A network with numbers."""

    about: str
    spec: str
    graph: Graph
    programs: Mapping[str, Program]
    weights: Mapping[str, Array]
    inputs: Mapping[str, Array]
    fault: _Fault
    used: Mapping[str, str] = field(default_factory=dict)
    """The texts of the files that the spec uses."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Those with which models are made, besides what their mode needs."""

    @cached_property
    def truth(self) -> dict[str, Array]:
        return reference.run(self.graph, self.weights, self.inputs, mode=self.fault.mode)

    @cached_property
    def outputs(self) -> dict[str, Array]:
        return {name: self.truth[tensor.name] for name, tensor in self.graph.results(self.fault.mode).items()}

    @property
    def is_defined(self) -> bool:
        """Whether there is one right answer, and it is numbers: what is not defined may be something else."""
        floats = (array for array in self.outputs.values() if array.dtype.kind == "f")
        nodes = self.graph.steps(self.fault.mode)
        return all(np.isfinite(array).all() for array in floats) and not undefined(nodes, self.truth)

    @cached_property
    def sizes(self) -> dict[str, Array]:
        """To what the error of each number of an output, or of a statistic, is relative: what is small is held against
        what it is made of."""
        found: dict[str, Array] = {}
        for number, unit in enumerate(rounding.UNITS["float64"]):
            for name, scale in rounding.magnitudes(
                self.graph, self.weights, self.inputs, self.truth, unit, number, mode=self.fault.mode
            ):
                found[name] = np.maximum(found[name], scale) if name in found else scale
        if self.fault.dtype == "float32":
            return {name: np.full(scale.shape, scale.max(initial=1.0)) for name, scale in found.items()}
        return {
            name: levels(scale) if scale.dtype.kind == "f" else np.ones(scale.shape) for name, scale in found.items()
        }

    @cached_property
    def slope(self) -> Slope | None:
        """The slope of the outputs, each element times a number, along a direction, the one of some of which kinks make
        least; None if they make too much of each, or nothing is wanted of gradients."""
        results = self.graph.results(self.fault.mode)
        if not self.fault.in_gradients or any(tensor.dtype != "float" for tensor in results.values()):
            return None
        found = [
            differentiation.slope(
                self.graph, self.weights, self.inputs, results, mode=self.fault.mode, number=number, truth=self.truth
            )
            for number in range(differentiation.DIRECTIONS)
        ]  # fmt: skip
        best = min(found, key=lambda slope: slope.bound)
        return best if best.direction and best.bound < differentiation.SLOPE_LIMIT else None

    def bound(self, program: Program) -> float:
        """How far a framework may be off."""
        if self.slope is not None:
            return self.slope.bound
        if self.fault.dtype == "float32":
            return FLOAT32_BOUND
        least = max(bounds(self.graph, "float64", program.inexact).values())
        kept = [node.op for node in rounded(self.graph).nodes]
        return least if kept == [node.op for node in self.graph.nodes] else max(least, SECOND_BOUND)


@dataclass(frozen=True)
class Reproducer:
    """Shows what is wrong with a network, in files below a folder."""

    model: Model
    graph: Graph
    programs: Mapping[str, Program]
    """Those that were verified."""
    backends: Sequence[Backend]
    folder: Path
    seed: int = 0
    python: Mapping[str, str] = field(default_factory=dict)
    second: Second | None = None
    """The network at other values of what its code leaves open, if that was verified, too."""

    def reproduce(self, report: Report, mode: Mode = Mode.EVALUATION) -> dict[str, Path]:
        """Writes, for each framework in which something is wrong, the least that shows it, and returns where: the step
        that is named, alone, on the inputs that it has in the network; or with as few of those before it as it takes;
        or else the whole network. What is written has been run: its script said so. Nothing is written of what cannot
        be shown so.

        Raises UsageError if the folder cannot be written.
        """
        written: dict[str, Path] = {}
        for backend in self.backends:
            outcome = report.outcomes.get(backend.name)
            if outcome is None or backend.reproduction is None or backend.name not in self.programs:
                continue
            fault = _fault(outcome, mode)
            if fault is None:
                continue
            files = self._least(backend, outcome, fault)
            if files is not None:
                about = "_training" if mode is Mode.TRAINING else ""
                written[backend.name] = _write(self.folder / f"{self.graph.name}_{backend.name}{about}", files)
        return written

    def _least(self, backend: Backend, outcome: Outcome, fault: _Fault) -> _Files | None:
        """The files of the smallest case that shows a fault in a framework; None if none does."""
        if fault.rung == "second":
            return self._shown(self._elsewhere(fault), backend)
        try:
            weights, truth = data.leveled(
                self.graph, data.parameters(self.graph, self.seed), data.inputs(self.graph, self.seed), mode=fault.mode
            )
        except reference.StepError:  # of inputs that are drawn in another way then
            return None
        nodes = self.graph.steps(fault.mode)
        last = self._last(outcome, nodes)
        if fault.rung == "edges":
            truth |= edges.choose(self.graph, [last], truth, self.seed).given

        def attempt(part: Sequence[Node]) -> _Files | None:
            return self._shown(self._part(part, weights, truth, fault), backend)

        if fault.rung == "edges":
            return attempt([last])
        return _shortest(leading(nodes, last), attempt) or self._shown(self._whole(weights, fault), backend)

    def _last(self, outcome: Outcome, nodes: Sequence[Node]) -> Node:
        """The step that is named, or else the last one that gives an output."""
        step = outcome.culprit.step if outcome.culprit is not None else ""
        given = {id(tensor) for tensor in self.graph.outputs.values()}
        ends = [node for node in nodes if any(id(tensor) in given for tensor in node.outputs)]
        return next((node for node in nodes if node.path == step), ends[-1] if ends else nodes[-1])

    def _part(
        self, nodes: Sequence[Node], weights: Mapping[str, Array], truth: Mapping[str, Array], fault: _Fault
    ) -> _Case | None:  # fmt: skip
        """A network of some steps, on what they are given in this one; None if they cannot stand alone."""
        made = excerpt(nodes, weights, truth)
        if made is None or _is_random(made.graph, fault):
            return None
        last = f"{nodes[-1].op.key} '{nodes[-1].path}'"
        about = f"{last} alone." if len(nodes) == 1 else f"{last} and {len(nodes) - 1} of the steps before it."
        programs = _generated(made.model, self.backends)
        return _Case(about, made.text, made.graph, programs, made.weights, made.inputs, fault)

    def _whole(self, weights: Mapping[str, Array], fault: _Fault) -> _Case | None:
        """The network as it is; None if something in it is random."""
        if _is_random(self.graph, fault):
            return None
        about, inputs = f"All of {self.graph.name}.", data.inputs(self.graph, self.seed)
        return _Case(about, self._text, self.graph, self.programs, weights, inputs, fault, self.model.spec.used)

    def _elsewhere(self, fault: _Fault) -> _Case | None:
        """The network at the other values of what its code leaves open."""
        if self.second is None:
            return None
        graph, subjects = self.second.graph, self.second.subjects
        programs = {each.name: each.program for each in subjects if isinstance(each, Generated)}
        inputs = data.inputs(graph, self.seed)
        weights, _ = data.leveled(graph, data.parameters(graph, self.seed), inputs, mode=fault.mode)
        about = f"All of {graph.name}, at other values of what it leaves open."
        return _Case(
            about, self._text, graph, programs, weights, inputs, fault, self.model.spec.used, self.second.arguments
        )

    @property
    def _text(self) -> str:
        return "\n".join(self.model.spec.source.lines) + "\n"

    def _shown(self, case: _Case | None, backend: Backend) -> _Files | None:
        """The files of a case, if the script of a framework says that something is wrong."""
        if case is None or backend.name not in case.programs or not case.is_defined:
            return None
        if case.fault.in_gradients and case.slope is None:
            return None
        files = _files(case, [each for each in self.backends if each.name in case.programs])
        python = self.python.get(backend.name, sys.executable)
        return files if _shows(files, backend, python, case.fault.raised) else None


def _fault(outcome: Outcome, mode: Mode) -> _Fault | None:
    """What is wrong in a framework, as far as a script can show it."""
    for rung in ("float64", "float32", "second", "edges", *_GRADIENTS):
        if rung in outcome.rungs and outcome.rungs[rung].wrong:
            return _Fault(rung, mode, _raised(outcome))
    return None


def _raised(outcome: Outcome) -> str:
    failure = outcome.failure
    return failure.message if failure is not None and failure.kind in ("build", "run", "edges", "gradients") else ""


def _is_random(graph: Graph, fault: _Fault) -> bool:
    """Whether no two runs of a network are alike."""
    random = (node.op.draws(*(tensor.shape for tensor in node.inputs)) for node in graph.nodes)
    return fault.mode is Mode.TRAINING and any(random)


def _shortest(nodes: Sequence[Node], attempt: Callable[[Sequence[Node]], _Files | None]) -> _Files | None:
    """What an attempt gives with the last of the steps alone; or with as few before it as it takes, if it gives
    something with all of them: found by bisection."""
    found = attempt(nodes[-1:])
    if found is not None or len(nodes) == 1:
        return found
    found, few, many = attempt(nodes), 1, len(nodes)
    while found is not None and many - few > 1:
        middle = (few + many) // 2
        smaller = attempt(leading(nodes[-middle:], nodes[-1]))
        few, many, found = (middle, many, found) if smaller is None else (few, middle, smaller)
    return found


def _generated(model: Model, backends: Sequence[Backend]) -> dict[str, Program]:
    found = {}
    for backend in backends:
        with suppress(BackendError):
            found[backend.name] = backend.generate(model)
    return found


def _files(case: _Case, backends: Sequence[Backend]) -> _Files:
    """The files of a reproduction: the spec; for each framework the model, the numbers, and a script."""
    files = {**{name: used.encode() for name, used in case.used.items()}, _SPEC: case.spec.encode()}
    for backend in backends:
        if backend.reproduction is None:
            continue
        program = case.programs[backend.name]
        arrays = _arrays(program, case)
        names = {kind: [key.removeprefix(f"{kind} ") for key in arrays if key.startswith(f"{kind} ")]
                 for kind in ("weight", "input", "output", "direction")}  # fmt: skip
        outputs = [name for name in names["output"] if name in program.outputs]
        training = case.fault.mode is Mode.TRAINING
        made = {**(program.training_arguments if training else {}), **case.arguments}
        template = jinja2.Template(
            backend.reproduction.read_text(encoding="utf-8"), keep_trailing_newline=True, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        text = template.render(
            about=case.about, module=f"{_MODULE}{backend.name}", entry=program.entry, dtype=case.fault.dtype,
            arguments=", ".join(f"{name}={value!r}" for name, value in made.items()), training=training,
            data=f"data_{backend.name}.npz", weights=names["weight"], inputs=names["input"], outputs=outputs,
            directions=names["direction"], statistics=[name for name in names["output"] if name not in outputs],
            bound=case.bound(program),
        )  # fmt: skip
        stored = io.BytesIO()
        np.savez(stored, **arrays)  # type: ignore[arg-type]
        files[f"{_MODULE}{backend.name}.py"] = program.source.encode()
        files[f"data_{backend.name}.npz"] = stored.getvalue()
        files[f"run_{backend.name}.py"] = text.encode()
    return files


def _arrays(program: Program, case: _Case) -> dict[str, Array]:
    """The numbers as the framework lays them out."""
    dtype = case.fault.dtype
    found = _laid_out("weight", program, case.weights, dtype)
    for name, layout in program.inputs.items():
        found[f"input {name}"] = cast(arrange(case.inputs[name], layout), dtype)
    if case.slope is None:
        expected = {name: case.outputs[name] for name in program.outputs if name in case.outputs}
        for name, array in expected.items():
            size = case.sizes[case.graph.outputs[name].name]
            for kind, each in (("output", array), ("size", size)):
                found[f"{kind} {name}"] = np.asarray(arrange(each, program.outputs[name]), order="C")
        kept = _kept(program, case)
        sizes = {name: case.sizes[name] for name in kept}
        return found | _laid_out("output", program, kept, "float64") | _laid_out("size", program, sizes, "float64")
    direction = case.slope.direction
    found |= _laid_out("direction weight", program, direction, dtype)
    for name in program.inputs.keys() & direction.keys():
        found[f"direction input {name}"] = cast(arrange(direction[name], program.inputs[name]), dtype)
    factors = differentiation.projections(case.graph.results(case.fault.mode), truth=case.truth)
    for name in program.outputs:
        if f"projection {name}" in factors:
            found[f"output {name}"] = cast(arrange(factors[f"projection {name}"], program.outputs[name]), dtype)
    return found | {"slope": np.array(case.slope.total)}


def _laid_out(kind: str, program: Program, arrays: Mapping[str, Array], dtype: str) -> dict[str, Array]:
    """What there is of weights, by the framework's names of them."""
    found: dict[str, Array] = {}
    for weight in program.weights:
        if weight.parameter in arrays:
            array = cast(arrange(arrays[weight.parameter], weight.layout), dtype)
            key = f"{kind} {weight.target}"
            found[key] = found[key] + array if weight.shared and key in found else array
    return found


def _kept(program: Program, case: _Case) -> dict[str, Array]:
    """The statistics that a framework keeps of the batch in training, but for those that several steps go on from."""
    if case.fault.mode is not Mode.TRAINING:
        return {}
    users = Counter(name for node in case.graph.nodes for name, p in node.parameters().items() if p.statistic)
    found = {}
    for node in case.graph.nodes:
        for name in node.parameters():
            if users[name] == 1:
                old = case.weights[name].astype(np.float64)
                found[name] = statistics.moved(old, name, node, old, case.truth[name], program)
    return found


def _shows(files: _Files, backend: Backend, python: str, raised: str) -> bool:
    """Whether the script of a framework ends by saying that something is wrong, or by what the code has raised before,
    but for its numbers."""
    with tempfile.TemporaryDirectory(prefix="archspec-") as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [python, f"run_{backend.name}.py"]
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_SECONDS
            )
        except (OSError, subprocess.SubprocessError):
            return False
    if "Traceback" in done.stderr:
        said = bool(raised) and _worded(raised) in _worded(done.stderr)
    else:
        said = ": error " in done.stdout or " instead of " in done.stderr
    return done.returncode == 1 and said


def _worded(text: str) -> str:
    """A message without what may be otherwise elsewhere: numbers, and line breaks."""
    return " ".join(re.sub(r"\d+", "0", text).split())


def _write(folder: Path, files: _Files) -> Path:
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            temporary.write_bytes(content)
            os.replace(temporary, path)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename or folder}: {error.strerror}") from None
    return folder
