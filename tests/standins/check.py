"""Runs a generated file on stand-ins and says what differs from the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from traceback import extract_tb
from typing import Any

from archspec._collector import paused_collector
from archspec.backend import Backend, Observed, Program
from archspec.graph import tree
from archspec.graph.graph import Graph, flatten
from archspec.graph.tree import Item, Module
from archspec.model import Model

from .rows import Rows, noted
from .runs import ClassesRun, FunctionsRun, Wrong


@dataclass(repr=False)
class Written:
    """A program, and what it is held against."""

    backend: Backend
    program: Program
    probes: dict[str, tuple[Observed, ...]]
    """Those of the program, and of steps that no output depends on, which are code in Keras all the same."""
    root: Module
    graph: Graph
    steps: dict[str, tree.Step]
    """By the path of each node."""
    rows: Rows
    definitions: Mapping[str, str]
    """The support code that files may have."""

    @cached_property
    def support(self) -> dict[str, str]:
        """The support code that the file has."""
        return {name: code for name, code in self.definitions.items() if code in self.program.probed}

    @cached_property
    def text(self) -> str:
        """The probed text without support code."""
        text = self.program.probed
        for code in self.support.values():
            text = text.replace(code, "\n" * code.count("\n"))
        return text

    def problem(self, text: str = "") -> str:
        """What is wrong with the text, or with another in its place; nothing, if nothing is."""
        try:
            compiled = compile(text or self.text, "<generated>", "exec", dont_inherit=True)
            for training in [False, True] if self.graph.training_outputs else [False]:
                run = FunctionsRun(self, training) if self.backend.name == "keras" else ClassesRun(self, training)
                run.all(compiled)
        except Wrong as error:
            return str(error)
        except Exception as error:
            lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == "<generated>"]
            return f"{type(error).__name__} in line {lines[-1] if lines else '?'}: {error}"
        return ""


def written(backend: Backend, model: Model) -> Written:
    """A model's program, with what the backend's rows gave for it. Raises BackendError as the backend does."""
    with noted() as rows, paused_collector():
        generated: Any = backend.generator(model)
        program = generated.program()
    root: Module = generated.root.flow.context.modules["main"]
    graph = flatten(root, model.name, {})
    paths = (node.path for node in graph.nodes)
    steps = dict(zip(paths, _steps(root.items), strict=True))
    return Written(backend, program, generated.bindings().probes, root, graph, steps, rows,
                   generated.support)  # fmt: skip


def _steps(items: Iterable[Item]) -> Iterator[tree.Step]:
    """The steps of a tree in the order in which `flatten` has them."""
    for item in items:
        match item:
            case tree.Step():
                yield item
            case tree.Use():
                yield from _steps(item.module.items)
            case tree.Sequence():
                yield from _steps(item.items)
            case tree.Repeat():
                yield from _steps(item.iterations)
            case tree.When():
                yield from _steps([item.item] if item.item is not None else [])
            case tree.Branches():
                for body in item.bodies:
                    yield from _steps(body)
                yield item.join
