"""What is run to verify a model: its programs, and the sizes of inputs at which they are compared."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from archspec.backend import Backend, Program
from archspec.errors import BackendError, SpecError
from archspec.graph.graph import Graph
from archspec.model import Model
from archspec.verification.probes import same_program


@dataclass(frozen=True)
class Case:
    """A network, the programs that are run, and why some backends have none."""

    graph: Graph
    programs: dict[str, Program]
    refused: dict[str, str]


def case(
    model: Model, backends: Sequence[Backend], *, keep_size: bool = False, sizes: Mapping[str, int] | None = None
) -> Case:
    """The programs of a model: those that are shipped, with an input that is not square where the code is the same for
    it, so that swapped axes show (unless `keep_size`). `sizes` are numbers for `batch` and open dimensions. Raises
    SpecError if the spec is not valid, UsageError for a size of what is no open dimension."""
    square = _case(model, backends, sizes)
    other = None if keep_size else oblong(model)
    if other is None or not square.programs:
        return square
    wide = _case(other, backends, sizes)
    if wide.programs.keys() != square.programs.keys():
        return square
    alike = all(_sizeless(p.source) == _sizeless(wide.programs[n].source) for n, p in square.programs.items())
    return replace(wide, refused=square.refused) if alike else square


def _case(model: Model, backends: Sequence[Backend], sizes: Mapping[str, int] | None) -> Case:
    programs: dict[str, Program] = {}
    refused: dict[str, str] = {}
    for backend in backends:
        try:
            program = programs[backend.name] = backend.generate(model)
        except BackendError as error:
            refused[backend.name] = str(error)
            continue
        if not same_program(program):
            raise AssertionError(f"{backend.title}: the code that is run is not the code that is shipped")
    return Case(model.graph_for(sizes), programs, refused)


def _sizeless(source: str) -> str:
    """Code without what only tells the size of its input: comments, docstrings, the shape of an input layer."""
    source = re.sub(r'"""[\s\S]*?"""', "", source)
    source = re.sub(r"(_shape=|Input\()\([\w, ]*\)", "", source)
    return re.sub(r"  # .*", "", source)


def oblong(model: Model) -> Model | None:
    """The model with images that are not square, if it takes square ones and its weights do not depend on them."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, tensor in model.graph.inputs.items():
        *rest, height, width = map(int, tensor.shape[1:]) if len(tensor.shape) > 3 else (0, 0, 1)
        if height == width > 1:
            shapes[name] = (*rest, height, width - min(32, max(1, width // 7)))
    if not shapes:
        return None
    other = model.resized(shapes)
    try:
        graph = other.graph
    except SpecError:
        return None
    weights = [{k: p.shape for k, p in g.parameters().items()} for g in (model.graph, graph)]
    return other if weights[0] == weights[1] else None
