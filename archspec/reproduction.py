"""The least that still shows a fault: files that need nothing but the framework, ready for a report of a bug."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import jinja2
import numpy as np
import yaml

from archspec import reference
from archspec.backend import Backend, Program
from archspec.errors import ArchspecError, BackendError, UsageError
from archspec.graph.graph import Graph, Node
from archspec.graph.mode import Mode
from archspec.model import Model, Spec
from archspec.verification import data
from archspec.verification.compare import FLOAT32_BOUND, SECOND_BOUND
from archspec.verification.report import Outcome, Report
from archspec.verification.worker import Array, arrange
from archspec.verification.worker.arrays import cast

_SECONDS: Final = 300
_SPEC, _MODULE = "spec.yaml", "model_"


@dataclass(frozen=True)
class _Case:
    """A network with numbers."""

    about: str
    spec: str
    programs: Mapping[str, Program]
    weights: Mapping[str, Array]
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    used: Mapping[str, str] = field(default_factory=dict)
    """The texts of the files that the spec uses."""


def reproduce(
    model: Model, graph: Graph, programs: Mapping[str, Program], report: Report, backends: Sequence[Backend],
    folder: Path, *, seed: int = 0, python: Mapping[str, str] | None = None,
) -> dict[str, Path]:  # fmt: skip
    """Writes, for each framework in which a value is wrong in evaluation, the least that shows it, and returns where:
    the first step that differs alone, on the inputs that it has in the network; or else the whole network. What is
    written has been run: its script said so. Nothing is written of what cannot be shown so, as gradients.

    `graph` and `programs` are those that were verified. Raises UsageError if the folder cannot be written.
    """
    written: dict[str, Path] = {}
    for backend in backends:
        outcome = report.outcomes.get(backend.name)
        if outcome is None or backend.reproduction is None or backend.name not in programs:
            continue
        dtype = next((name for name in ("float64", "float32") if _wrong(outcome, name)), "")
        if not dtype:
            continue
        for case in _cases(model, graph, programs, outcome, backends, seed):
            files = _files(case, [each for each in backends if each.name in case.programs], dtype)
            if _shows(files, backend, (python or {}).get(backend.name, sys.executable)):
                written[backend.name] = _write(folder / f"{graph.name}_{backend.name}", files)
                break
    return written


def _wrong(outcome: Outcome, rung: str) -> bool:
    return rung in outcome.rungs and bool(outcome.rungs[rung].wrong)


def _cases(
    model: Model, graph: Graph, programs: Mapping[str, Program], outcome: Outcome, backends: Sequence[Backend],
    seed: int,
) -> Iterator[_Case]:  # fmt: skip
    """What is tried, the smallest first."""
    drawn, inputs = data.parameters(graph, seed), data.inputs(graph, seed)
    weights, truth = data.leveled(graph, drawn, inputs, mode=Mode.EVALUATION)
    nodes = {node.path: node for node in graph.nodes}
    node = nodes.get(outcome.culprit.step) if outcome.culprit is not None else None
    if node is not None:
        alone = _alone(node, weights, truth, backends)
        if alone is not None:
            yield alone
    results = {name: truth[tensor.name] for name, tensor in graph.results(Mode.EVALUATION).items()}
    text = "\n".join(model.spec.source.lines) + "\n"
    yield _Case(f"All of {graph.name}.", text, programs, weights, inputs, results, model.spec.used)


def _alone(
    node: Node, weights: Mapping[str, Array], truth: Mapping[str, Array], backends: Sequence[Backend]
) -> _Case | None:  # fmt: skip
    """A network of one step, on what it is given in another; None if it cannot stand alone."""
    names = dict(zip((tensor.name for tensor in node.inputs), "xyzuvwabcdefgh", strict=False))
    if not names or len(names) < len({tensor.name for tensor in node.inputs}) or node.owner:
        return None
    given: dict[str, Any] = {}
    for tensor in node.inputs:
        about = {"shape": [int(size) for size in tensor.shape[1:]], "dtype": tensor.dtype}
        below = {"below": int(truth[tensor.name].max()) + 1} if tensor.dtype == "int64" else {}
        given[names[tensor.name]] = about | below
    attributes = json.loads(json.dumps(node.op.model_dump(exclude_defaults=True)))  # lists in place of tuples
    step = {"op": node.op.key, "name": "step", "from": [names[each.name] for each in node.inputs], **attributes}
    document = {"archspec": 1, "name": "Reproduction", "inputs": given, "layers": [step]}
    text = yaml.safe_dump(document, sort_keys=False)
    try:
        model = Spec.parse(text, _SPEC).network()
        graph = model.graph_for({"batch": int(node.inputs[0].shape[0])})
        programs = _generated(model, backends)
    except ArchspecError:
        return None
    (only,) = graph.nodes
    mine = {only.parameter(name): weights[node.parameter(name)] for name in _parts(node)}
    inputs = {name: _single(truth[tensor]) for tensor, name in names.items()}
    values = reference.run(graph, mine, inputs, mode=Mode.EVALUATION)
    outputs = {name: values[tensor.name] for name, tensor in graph.results(Mode.EVALUATION).items()}
    return _Case(f"{node.op.key} '{node.path}' alone.", text, programs, mine, inputs, outputs)


def _parts(node: Node) -> list[str]:
    return list(node.op.parameters(*(tensor.shape for tensor in node.inputs)))


def _single(array: Array) -> Array:
    """As models of both dtypes take it: each float is a float32 number."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _generated(model: Model, backends: Sequence[Backend]) -> dict[str, Program]:
    found = {}
    for backend in backends:
        try:
            found[backend.name] = backend.generate(model)
        except BackendError:
            continue
    return found


def _files(case: _Case, backends: Sequence[Backend], dtype: str) -> dict[str, bytes]:
    """The files of a reproduction: the spec; for each framework the model, the numbers, and a script."""
    files = {**{name: used.encode() for name, used in case.used.items()}, _SPEC: case.spec.encode()}
    for backend in backends:
        if backend.reproduction is None:
            continue
        program = case.programs[backend.name]
        arrays = _arrays(program, case, dtype)
        names = {kind: [key.split(" ", 1)[1] for key in arrays if key.startswith(kind)] for kind in _KINDS}
        text = jinja2.Template(backend.reproduction.read_text(encoding="utf-8"), keep_trailing_newline=True).render(
            about=case.about, module=f"{_MODULE}{backend.name}", entry=program.entry, dtype=dtype,
            data=f"data_{backend.name}.npz", weights=names["weight "], inputs=names["input "],
            outputs=names["output "], bound=SECOND_BOUND if dtype == "float64" else FLOAT32_BOUND,
        )  # fmt: skip
        stored = io.BytesIO()
        np.savez(stored, **arrays)  # type: ignore[arg-type]
        files[f"{_MODULE}{backend.name}.py"] = program.source.encode()
        files[f"data_{backend.name}.npz"] = stored.getvalue()
        files[f"run_{backend.name}.py"] = text.encode()
    return files


_KINDS: Final = ("weight ", "input ", "output ")


def _arrays(program: Program, case: _Case, dtype: str) -> dict[str, Array]:
    """The numbers as the framework lays them out."""
    found: dict[str, Array] = {}
    for weight in program.weights:
        if weight.parameter in case.weights:
            array = cast(arrange(case.weights[weight.parameter], weight.layout), dtype)
            key = f"weight {weight.target}"
            found[key] = found[key] + array if weight.shared and key in found else array
    for name, layout in program.inputs.items():
        found[f"input {name}"] = cast(arrange(case.inputs[name], layout), dtype)
    for name, layout in program.outputs.items():
        if name in case.outputs:
            found[f"output {name}"] = np.asarray(arrange(case.outputs[name], layout), order="C")
    return found


def _shows(files: Mapping[str, bytes], backend: Backend, python: str) -> bool:
    """Whether the script of a framework ends by saying that something is wrong."""
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
    said = ": error " in done.stdout or " instead of " in done.stderr
    return done.returncode == 1 and said and "Traceback" not in done.stderr


def _write(folder: Path, files: Mapping[str, bytes]) -> Path:
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
