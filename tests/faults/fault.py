"""Faults to seed into generated code, one at a time, and what verification must say of each."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from archspec.backend import Moves, Program
from archspec.verification.probes import without_probes

Edit = Callable[[Program], Program]


@dataclass(frozen=True)
class Fault:
    """One defect of generated code, and what verification must say."""

    about: str
    edit: Edit
    step: str
    """The step that must be named."""
    rungs: tuple[str, ...] = ("float64",)
    """The rungs that must show it; `()` for a program that cannot be built, so that there is nothing to compare."""
    kind: str = "another meaning"
    mode: str = "evaluation"
    """The mode in which it must be found: `evaluation`, `gradients` or `training`, of which each takes in the ones
    before."""


@dataclass(frozen=True)
class Shared:
    """One defect that several frameworks have alike."""

    about: str
    network: str
    edits: Mapping[str, Edit]
    """By backend."""
    step: str
    rungs: tuple[str, ...] = ("float64",)
    kind: str = "alike in several"
    mode: str = "evaluation"


def text(old: str, new: str) -> Edit:
    """Replaces a piece of code, which stands once in the program, as `ast.unparse` writes it: calls on one line."""
    return pattern(re.escape(old), new.replace("\\", r"\\"))


def pattern(old: str, new: str) -> Edit:
    """Replaces what matches, once in each form, and the file is what remains of the probed one: floats differ between
    them."""

    def apply(program: Program) -> Program:
        probed, written, rounded = map(changed, (program.probed, program.written, program.rounded))
        return replace(program, source=without_probes(probed), probed=probed, written=written, rounded=rounded)

    def changed(source: str) -> str:
        result, count = re.subn(old, new, ast.unparse(ast.parse(source)))
        assert count == 1, f"{old} stands {count} times in\n{ast.unparse(ast.parse(source))}"
        return result

    return apply


def both(*edits: Edit) -> Edit:
    """One fault that takes several edits."""

    def apply(program: Program) -> Program:
        for edit in edits:
            program = edit(program)
        return program

    return apply


def swapped(first: str, second: str) -> Edit:
    """Two parameters, each in the place of the other."""

    def apply(program: Program) -> Program:
        names = {first: second, second: first}
        weights = [replace(w, parameter=names.get(w.parameter, w.parameter)) for w in program.weights]
        return replace(program, weights=tuple(weights))

    return apply


def laid_out(parameter: str, *moves: tuple[str, tuple[int, ...]], instead: Moves | None = None) -> Edit:
    """A weight that is moved once more than it should, or laid out in another way."""

    def apply(program: Program) -> Program:
        weights = [
            replace(w, layout=(*(w.layout if instead is None else instead), *moves)) if w.parameter == parameter else w
            for w in program.weights
        ]
        return replace(program, weights=tuple(weights))

    return apply
