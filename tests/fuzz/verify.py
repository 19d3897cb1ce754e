"""What is wrong with a spec: it is not valid, a backend does not compile it, or the frameworks disagree."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from traceback import extract_tb
from typing import Any, Final

import numpy as np
import yaml

from archspec import reference
from archspec.backend import backends
from archspec.errors import ArchspecError
from archspec.graph.graph import Graph, rounded
from archspec.model import Model, Spec
from archspec.verification import data
from archspec.verification import gradients as differentiation
from archspec.verification.cases import case
from archspec.verification.run import examine
from archspec.verification.subject import generated
from archspec.verification.worker import Array
from archspec.verification.workers import Pool

from .draw import Document

BACKENDS: Final = backends()
WIDE: Final = 2.0**-15
"""How far, in standard deviations, inputs and weights are moved to see that nothing jumps: more than errors in float32
do."""
NARROW: Final = 2.0**-22
"""The same for kinks, where there is no gradient; the slope is measured with steps of 2^-29."""
STEEPEST: Final = 3000.0
HIGHEST: Final = 1e4
SEEDS: Final = 12
"""How many sets of inputs and weights are tried for one that stands nowhere on a border."""


class Unsettled(Exception):
    """There are no inputs and weights with which the spec can be compared: it stands on a border with all of them."""


def text(document: Document) -> str:
    """The spec as YAML."""
    return yaml.safe_dump(document, sort_keys=False, width=120, default_flow_style=None)


def problems(spec: str, pool: Pool, *, gradients: bool = False) -> list[str]:
    """All that is wrong with a spec; nothing, if the frameworks agree. Raises Unsettled if they need not."""
    try:
        model = Spec.parse(spec).network()
        model.check()
        tried = case(model, BACKENDS, keep_size=True)
    except ArchspecError as error:
        return [f"{type(error).__name__}: {error}"]
    except Exception as error:  # whatever it is, it is a finding
        return [blown("compile", error)]
    found = [f"{name}: refused: {reason}" for name, reason in tried.refused.items()]
    graph = rounded(tried.graph)
    seed = settled(graph, gradients=gradients)
    try:
        report = examine(
            graph, generated(tried.programs), pool, seed=seed, gradients=gradients, timeout=120, allow_unproven=True
        )
    except Exception as error:
        return [*found, blown("verify", error)]
    for name, outcome in report.outcomes.items():
        if outcome.status != "passed":
            wrong = [
                f"{rung.name}: {finding.tensor}: {finding}" for rung in outcome.rungs.values() for finding in rung.wrong
            ]
            failure = [f"{outcome.failure.kind}: {outcome.failure.message}"] if outcome.failure else []
            found.append(f"{name}: {outcome.message} [{'; '.join([*failure, *wrong][:4])}]")
    return found


def blown(stage: str, error: Exception) -> str:
    """What an unexpected exception tells, and where it comes from."""
    frame = extract_tb(error.__traceback__)[-1]
    return f"{stage} raised {type(error).__name__} in {Path(frame.filename).stem}.{frame.name}: {str(error)[:300]}"


def settled(graph: Graph, *, gradients: bool) -> int:
    """The first seed of inputs and weights that stand on no border. Raises Unsettled if there is none."""
    reason = ""
    for seed in range(SEEDS):
        reason = border(graph, seed, gradients=gradients)
        if not reason:
            return seed
    raise Unsettled(reason)


def border(graph: Graph, seed: int, *, gradients: bool) -> str:
    """Why numbers cannot be held against each other for these inputs and weights: the reference itself, a little way to
    either side, gives other whole numbers, or much else; or bends, where there should be gradients."""
    inputs = data.inputs(graph, seed)

    def moved(arrays: dict[str, Array], step: float) -> dict[str, Array]:
        return {name: array + step * data.direction(array, seed, name) if array.dtype.kind == "f" else array
                for name, array in arrays.items()}  # fmt: skip

    try:
        parameters, here = data.leveled(graph, data.parameters(graph, seed), inputs)
        wide = [reference.run(graph, moved(parameters, s), moved(inputs, s)) for s in (WIDE, -WIDE)]
        narrow = [reference.run(graph, moved(parameters, s), moved(inputs, s)) for s in (NARROW, -NARROW)]
    except (ValueError, IndexError) as error:
        return f"the reference: {error}"
    gradients = gradients and bool(differentiation.wanted(graph, graph.outputs))
    for name, array in here.items():
        if array.dtype.kind != "f":
            if not all(np.array_equal(array, other[name]) for other in wide):
                return f"{name}: whole numbers near a border"
            continue
        scale = max(1.0, float(np.abs(array).max()))
        if not scale < HIGHEST:
            return f"{name}: large numbers"
        if not all(np.abs(other[name] - array).max() <= WIDE * STEEPEST * scale for other in wide):
            return f"{name}: steep, or a jump"
        bend = np.abs(narrow[0][name] + narrow[1][name] - 2 * array).max() if gradients else 0.0
        if not bend <= 3e-3 * NARROW * scale:
            return f"{name}: a kink"
    return ""


# Smaller specs that still fail ----------------------------------------------------------------------------------------


def reduced(document: Document, fails: Any, tries: int = 400) -> Document:
    """A spec without what can be left out so that it still `fails`."""
    current = copy.deepcopy(document)
    current.pop("expect", None)
    if not fails(current):
        current = copy.deepcopy(document)
    again = True
    while again:
        again = False
        for smaller in _smaller(current):
            tries -= 1
            if tries < 0:
                return current
            if fails(smaller):
                current, again = smaller, True
                break
    return current


def _smaller(document: Document) -> Iterator[Document]:
    """The document with one thing left out, the largest first."""
    for path, keys in _parts(document):
        for key in keys:
            copied = copy.deepcopy(document)
            part = _at(copied, path)
            del part[key]
            yield _tidy(copied)
    for path in _composites(document):
        copied = copy.deepcopy(document)
        step = _at(copied, path[:-1])[path[-1]]
        layers = step.get("layers") or [each for steps in step.get("branches", {}).values() for each in steps]
        _at(copied, path[:-1])[path[-1] : path[-1] + 1] = layers
        yield _tidy(copied)


def _parts(document: Document) -> Iterator[tuple[tuple[Any, ...], list[Any]]]:
    yield (), ["outputs"] if "outputs" in document else []
    yield ("outputs",), list(document.get("outputs", {}))
    for path, layers in _lists(("layers",), document["layers"]):
        yield path, list(range(len(layers)))[::-1]
    for name, block in document.get("blocks", {}).items():
        for path, layers in _lists(("blocks", name, "layers"), block["layers"]):
            yield path, list(range(len(layers)))[::-1]
        yield ("blocks", name), ["outputs"] if "outputs" in block else []
    yield ("inputs",), list(document["inputs"]) if len(document["inputs"]) > 1 else []
    yield ("params",), list(document.get("params", {}))
    for path, layers in _lists(("layers",), document["layers"]):
        for number, step in enumerate(layers):
            if isinstance(step, dict):
                yield (
                    (*path, number),
                    [key for key in step if key not in ("op", "block", "branches", "join", "layers", "each")],
                )


def _lists(path: tuple[Any, ...], layers: list[Any]) -> Iterator[tuple[tuple[Any, ...], list[Any]]]:
    yield path, layers
    for number, step in enumerate(layers):
        if isinstance(step, dict):
            if "layers" in step:
                yield from _lists((*path, number, "layers"), step["layers"])
            for label, inner in step.get("branches", {}).items():
                yield from _lists((*path, number, "branches", label), inner)


def _composites(document: Document) -> Iterator[tuple[Any, ...]]:
    for path, layers in _lists(("layers",), document["layers"]):
        for number, step in enumerate(layers):
            if isinstance(step, dict) and ("layers" in step or "branches" in step):
                yield (*path, number)


def _at(data: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        data = data.get(part, {}) if isinstance(data, dict) else data[part]
    return data


def _tidy(document: Document) -> Document:
    """Without blocks that nothing calls and inputs that nothing reads."""
    body = str(document["layers"]) + str(document.get("blocks", {}))
    for part in ("blocks", "params", "inputs"):
        for name in list(document.get(part, {})):
            rest = body + str(document["inputs"]) if part == "params" else body + str(document.get("outputs", ""))
            if name not in rest.replace(f"'{name}': {{", "", 1 if part == "blocks" else 0) and (
                part != "inputs" or len(document["inputs"]) > 1
            ):
                del document[part][name]
        if part in document and not document[part]:
            del document[part]
    return document


def compiled(model: Model) -> dict[str, str]:
    """The code of all backends. Raises ArchspecError."""
    return {backend.name: backend.write(model) for backend in BACKENDS}
