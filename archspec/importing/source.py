"""What `archspec import` and `archspec convert` are given: what makes a model, or a file of one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archspec.against.file import Saved
from archspec.against.target import Target, targets
from archspec.backend import Backend, backends
from archspec.errors import UsageError
from archspec.formats import formats
from archspec.importing.file import import_file
from archspec.importing.given import Given, given
from archspec.importing.model import Imported, Telling, import_model
from archspec.verification.workers import Pool


@dataclass(frozen=True, slots=True)
class Source:
    """A model, or a file."""

    text: str
    what: Target | Saved
    backend: Backend
    """Of a model, whose framework it uses; of a file, whose generated code proves it."""
    inputs: tuple[Given, ...]

    @property
    def runners(self) -> dict[str, Path]:
        """The workers that an import needs, by name."""
        found = {self.backend.name: self.backend.runner}
        if isinstance(self.what, Saved):
            found[self.what.form.name] = self.what.form.runner
        return found

    def imported(self, pool: Pool, *, timeout: float, tell: Telling, partial: bool = False) -> Imported:
        """Its spec, proven. Raises UsageError, ImportRefused, ArchspecError."""
        if isinstance(self.what, Saved):
            return import_file(self.what, self.inputs, self.backend, pool, timeout=timeout, tell=tell, partial=partial)
        return import_model(self.what, self.inputs, pool, timeout=timeout, tell=tell, partial=partial)


def source(text: str, inputs: Sequence[str], backend: str, arguments: Mapping[str, Any]) -> Source:
    """What a text means, with what goes in. Raises UsageError."""
    (chosen,) = backends([backend or framework(text)])
    for form in formats():
        if Path(text).suffix.lower() == form.suffix:
            if arguments:
                raise UsageError(f"{text} is a file, which takes no --argument")
            path = Path(text).expanduser()
            if not path.is_file():
                raise UsageError(f"there is no file {text}")
            return Source(text, Saved(text, str(path.resolve()), form), chosen, given(inputs) if inputs else ())
    (target,) = targets([text], [chosen], option="")
    if not target.name:
        raise UsageError(f"{text} is a file of a model; give what makes it: my_model.py:build")
    return Source(text, replace(target, arguments={**target.arguments, **arguments}), chosen, given(inputs))


def framework(source: str) -> str:
    """The backend whose framework a model is written in: that which its module is of, or its file imports."""
    where = source.partition("(")[0].rpartition(":")[0] or source
    text = f"import {where}\n"
    if where.endswith(".py"):
        with contextlib.suppress(OSError):
            text = Path(where).expanduser().read_text(encoding="utf-8", errors="replace")
    found = {FRAMEWORKS[name] for name in re.findall(r"(?m)^\s*(?:import|from)\s+(\w+)", text) if name in FRAMEWORKS}
    return found.pop() if len(found) == 1 else "pytorch"


FRAMEWORKS = {"keras": "keras", "tensorflow": "keras", "paddle": "paddle", "torch": "pytorch", "torchvision": "pytorch"}
"""What a module begins with, of a model or of what its file imports."""
