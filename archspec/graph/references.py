"""Where a step stands, and what references to other steps lead to there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archspec.graph.frames import Findings, Frame
from archspec.graph.naming import LeftOut, LookupFailed, Named, Names, Scope
from archspec.graph.tree import Value
from archspec.spec.source import Path

Values = tuple[Value, ...] | None
"""What flows from one step to the next; None after a step that failed."""


@dataclass(frozen=True, slots=True)
class Here:
    """A place where a step stands."""

    frame: Frame
    """What names of params mean there."""
    scope: Scope
    """What names of steps mean there."""
    names: Names
    """How its neighbours in the tree are called."""
    path: Path

    def at(self, *more: str | int) -> Here:
        """A place below, in the document."""
        return Here(self.frame, self.scope, self.names, (*self.path, *more))


class References:
    """Finds what has a name, and gives names; errors are recorded."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings

    def lookup(self, reference: str, scope: Scope, path: Path, left_out: bool = False) -> Values:
        """What a reference leads to. Raises Failed after an error; LeftOut for what is not there, if that is none."""
        named = self.found(reference, scope, path, left_out)
        scope.label(named, reference)
        return named.values

    def found(self, reference: str, scope: Scope, path: Path, left_out: bool = False) -> Named:
        """What a reference leads to. Raises as `lookup`."""
        try:
            return scope.find(reference)
        except LookupFailed as error:
            if left_out and isinstance(error, LeftOut):
                raise
            head = reference.split(".")[0]
            later = _comes_later(self.findings.source.data, path, head)
            hint = f"the step '{head}' comes after this one" if later else error.hint
            raise self.findings.error(path, str(error), hint=hint) from None

    def label(self, here: Here, label: str, current: Values) -> None:
        """A branch may be called after its last step, and as another branch before: its label is a local variable."""
        scope = here.scope
        before = scope.named.get(label)
        if before is None or before.branch or before.left_out:
            scope.named[label] = Named(current, branch=True)
        elif before.values != current:
            self.register(here, label, Named(current), key=True)

    def register(self, here: Here, name: str, named: Named, *, key: bool = False) -> None:
        path = here.path
        before = here.scope.named.get(name)
        if before is not None and not before.left_out:
            again = "it comes again with each repetition: give the repeated step a name, too"
            hint = again if before.origin == path else ""
            message = f"the name '{name}' is already taken in this scope"
            self.findings.error(path if key else (*path, "name"), message, key=key, hint=hint)
            self.findings.failures += 1
            return
        named.origin = path
        here.scope.named[name] = named


def _comes_later(data: Any, path: Path, name: str) -> bool:
    """Whether a step of this name stands after the one at a path of a document, or after one that holds it."""
    for part in path:
        if isinstance(part, int) and any(isinstance(d, dict) and d.get("name") == name for d in data[part + 1 :]):
            return True
        data = data[part]
    return False
