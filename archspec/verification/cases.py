"""What is run to verify a model: its programs, and the sizes of inputs at which they are compared."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archspec.backend import Backend, Program
from archspec.errors import BackendError, SpecError
from archspec.graph.graph import Graph
from archspec.model import Model
from archspec.verification.probes import same_program
from archspec.verification.subject import SIZED, Subject, generated


@dataclass(frozen=True)
class Case:
    """A network, the programs that are run, and why some backends have none."""

    graph: Graph
    programs: dict[str, Program]
    refused: dict[str, str]
    model: Model
    """The one that the programs are of, with inputs of the sizes that are run."""
    files: dict[str, str]
    """The texts that are handed out: those of the programs, but for sizes of inputs."""


@dataclass(frozen=True)
class Second:
    """The network at other values of all that generated code leaves open."""

    graph: Graph
    """Its floats are as the spec has them."""
    subjects: tuple[Subject, ...]
    """What is run with probes is `written`, with floats as they are, whatever the dtype."""
    arguments: dict[str, Any]
    """What the models are made with: other values of the params that stayed arguments."""


def case(
    model: Model, backends: Sequence[Backend], *, keep_size: bool = False, sizes: Mapping[str, int] | None = None
) -> Case:
    """The programs of a model: those that are shipped, with an input that is not square where the code is the same for
    it, so that swapped axes show (unless `keep_size`). `sizes` are numbers for `batch` and open dimensions. Raises
    SpecError if the spec is not valid, UsageError for a size of what is no open dimension."""
    tried = _case(model, backends, sizes)
    other = None if keep_size else oblong(model)
    if other is not None and tried.programs:
        wide = _case(other, backends, sizes)
        if _alike(tried.programs, wide.programs):
            tried = replace(wide, refused=tried.refused, files=tried.files)
    for backend in backends:
        if backend.name in tried.programs and not same_program(tried.programs[backend.name]):
            raise AssertionError(f"{backend.title}: the code that is run is not the code that is shipped")
    return tried


def _case(model: Model, backends: Sequence[Backend], sizes: Mapping[str, int] | None) -> Case:
    programs: dict[str, Program] = {}
    refused: dict[str, str] = {}
    for backend in backends:
        try:
            programs[backend.name] = backend.generate(model.sized(sizes))
        except BackendError as error:
            refused[backend.name] = str(error)
    files = {name: program.source for name, program in programs.items()}
    return Case(model.graph_for(sizes), programs, refused, model, files)


def second(tried: Case, backends: Sequence[Backend]) -> Second:
    """A case at another batch, other sizes of open dimensions, smaller images where the code is the same for them, and
    other values of the params that are arguments in all programs."""
    chosen = [backend for backend in backends if backend.name in tried.programs]
    model, programs = tried.model, tried.programs
    small = smaller(model)
    if small is not None:
        with contextlib.suppress(BackendError):
            less = {backend.name: backend.generate(small) for backend in chosen}
            if _alike(programs, less):
                model, programs = small, less
    free = model.free_params.intersection(*(_arguments(program) for program in programs.values()))
    batch = other_batch(model, tried.graph)
    for other in model.others(free):
        for sizes in other_sizes(model.open_sizes):
            try:
                graph = other.graph_for({"batch": batch, **sizes})
                bound = {backend.name: backend.generate(other.sized(sizes)) for backend in chosen}
            except (SpecError, BackendError):
                continue
            texts = {n: (p.source, p.probed, p.written) for n, p in programs.items()}
            forms = {n: replace(bound[n], source=s, probed=p, written=w, rounded=w) for n, (s, p, w) in texts.items()}
            return Second(graph, generated(forms), {name: other.params[name] for name in free})
    raise AssertionError("the case itself is one of them")


def other_batch(model: Model, graph: Graph) -> int:
    """Another number of samples than a graph has: one, if that is another, and samples see no others."""
    (found,) = {int(tensor.shape[0]) for tensor in graph.inputs.values()}
    return found + 1 if found == 1 or model.across else 1


def other_sizes(sizes: Mapping[str, int]) -> list[dict[str, int]]:
    """What to try: about half of each open dimension, or one less, or what keeps multiples, or the same."""
    halves = {name: size // 2 + 1 for name, size in sizes.items()}
    moved = [{name: max(1, size + more) for name, size in sizes.items()} for more in (-1, 32, 0)]
    return [halves, *moved]


def _arguments(program: Program) -> frozenset[str]:
    """The arguments of what makes the model."""
    for node in ast.parse(program.source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == program.entry:
            made = [node] if isinstance(node, ast.FunctionDef) else node.body
            functions = [f for f in made if isinstance(f, ast.FunctionDef) and f.name in (program.entry, "__init__")]
            return frozenset(a.arg for f in functions for a in (*f.args.args, *f.args.kwonlyargs))
    return frozenset()


def smaller(model: Model) -> Model | None:
    """The model with smaller images, if it takes large ones and its weights do not depend on them."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, tensor in model.graph.inputs.items():
        channels, *sizes = map(int, tensor.shape[1:]) if len(tensor.shape) > 3 else (0, 0)
        if min(sizes) >= _LARGE:
            shapes[name] = (channels, *(_LESS + 32 * (number % 2) for number in range(len(sizes))))
    return _resized(model, shapes)


_LARGE, _LESS = 128, 64
"""From which size on images are large, and what is enough, or half as much again: multiples of 32 have the remainders
by the strides of networks that the sizes of most have."""


def _alike(programs: Mapping[str, Program], others: Mapping[str, Program]) -> bool:
    """Whether there is the same code of both, but for the sizes of inputs."""
    return programs.keys() == others.keys() and all(
        _sizeless(program.source) == _sizeless(others[name].source) for name, program in programs.items()
    )


def _sizeless(source: str) -> str:
    """Code without what only tells the size of its input: comments, docstrings, the shape of an input layer."""
    source = re.sub(r'"""[\s\S]*?"""', "", source)
    source = SIZED.sub("", source)
    return re.sub(r"  # .*", "", source)


def oblong(model: Model) -> Model | None:
    """The model with images that are not square, if it takes square ones and its weights do not depend on them."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, tensor in model.graph.inputs.items():
        *rest, height, width = map(int, tensor.shape[1:]) if len(tensor.shape) > 3 else (0, 0, 1)
        if height == width > 1:
            shapes[name] = (*rest, height, width - min(32, max(1, width // 7)))
    return _resized(model, shapes)


def _resized(model: Model, shapes: Mapping[str, tuple[int, ...]]) -> Model | None:
    """The model with inputs of these shapes, if there are any and its weights do not depend on them."""
    if not shapes:
        return None
    other = model.resized(shapes)
    try:
        graph = other.graph
    except SpecError:
        return None
    weights = [{k: p.shape for k, p in g.parameters().items()} for g in (model.graph, graph)]
    return other if weights[0] == weights[1] else None
