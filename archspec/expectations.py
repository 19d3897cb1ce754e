"""What a spec expects of its networks, held against what they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archspec.expressions import expr_of
from archspec.graph.mode import Mode
from archspec.ops.base import Shape, product, show
from archspec.spec.hints import one_of

if TYPE_CHECKING:
    from archspec.errors import Diagnostic
    from archspec.graph.graph import Graph
    from archspec.spec.document import Document
    from archspec.spec.source import Source


def unmet(
    document: Document, source: Source, variant: str | None, graph: Graph, outputs: Mapping[str, Shape]
) -> list[Diagnostic]:  # fmt: skip
    """What a variant, or a spec without one, expects and does not get."""
    path: tuple[str, ...] = ("expect",) if variant is None else ("variants", variant, "expect")
    expect = document.expect if variant is None else document.variants[variant].expect
    problems = []
    if expect.parameters is not None:
        wanted = expect.parameters if isinstance(expect.parameters, int) else expect.parameters.training
        found = parameter_count(graph)
        if found != wanted:
            problems.append(source.diagnostic(
                (*path, "parameters"), f"expected {wanted:,} parameters, but there are {found:,}"))  # fmt: skip
        if not isinstance(expect.parameters, int):
            found = parameter_count(graph, Mode.EVALUATION)
            if found != expect.parameters.evaluation:
                problems.append(source.diagnostic(
                    (*path, "parameters", "evaluation"), f"expected {expect.parameters.evaluation:,} parameters "
                    f"in evaluation, but there are {found:,}"))  # fmt: skip
    if expect.multiply_adds is not None and multiply_adds(graph) != expect.multiply_adds:
        problems.append(source.diagnostic(
            (*path, "multiply_adds"), f"expected {expect.multiply_adds:,} multiply-adds, but there are "
            f"{multiply_adds(graph):,}"))  # fmt: skip
    for name, shape in (expect.outputs or {}).items():
        if name not in outputs:
            problems.append(source.diagnostic((*path, "outputs", name), f"there is no output '{name}'",
                            hint=one_of(name, outputs), key=True))  # fmt: skip
        elif not _same_shape(shape, outputs[name][1:]):
            problems.append(source.diagnostic(
                (*path, "outputs", name), f"expected shape [batch, {', '.join(map(str, shape))}], but it is "
                f"{show(outputs[name])}"))  # fmt: skip
    return problems


def _same_shape(expected: list[int | str], found: Shape) -> bool:
    """Whether sizes agree: numbers as numbers, names as the names of what they come from."""
    return len(expected) == len(found) and all(
        int(size) == want if isinstance(want, int) else str(expr_of(size)) == want
        for want, size in zip(expected, found, strict=True)
    )


def parameter_count(graph: Graph, mode: Mode = Mode.TRAINING) -> int:
    """Trainable parameters; those of auxiliary heads are not needed in evaluation."""
    weights = graph.parameters(mode).values()
    return sum(int(product(weight.shape)) for weight in weights if weight.trainable)


def multiply_adds(graph: Graph) -> int:
    """Multiply-adds of one evaluation for one element of a batch, auxiliary heads left out."""
    total = 0
    for node in graph.steps(Mode.EVALUATION):
        shapes = [[(1, *tensor.shape[1:]) for tensor in tensors] for tensors in (node.inputs, node.outputs)]
        total += int(node.op.cost(*shapes))
    return total
