"""What `archspec import` does."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archspec.against.file import Saved
from archspec.against.target import Target, targets
from archspec.backend import Backend, backends
from archspec.cli import output
from archspec.cli.files import check_writable, write_one
from archspec.errors import UsageError
from archspec.formats import formats
from archspec.importing.file import import_file
from archspec.importing.given import given
from archspec.importing.model import Imported, import_model
from archspec.verification.workers import Pool
from archspec.weights.exchange import save
from archspec.weights.names import rules_text


def run(
    source: str, name: Path, inputs: Sequence[str], backend: str, arguments: Mapping[str, Any], timeout: float, *,
    force: bool, as_json: bool,
) -> int:  # fmt: skip
    """Imports a model, writes its files, and returns the exit code. Raises UsageError, ImportRefused."""
    saved = _saved(source, arguments)
    chosen = backends([backend or framework(source)])
    wanted = given(inputs) if inputs or saved is None else ()
    target = None if saved is not None else _target(source, chosen, arguments)
    files = [name.with_name(f"{name.name}{ending}") for ending in (".yaml", ".safetensors", ".names.yaml")]
    for file in files:
        if file.exists() and not force:
            raise UsageError(f"{file} is there already; --force writes over it")
        check_writable(file)

    def tell(stage: str) -> None:
        print(f"{source}: {stage}", file=sys.stderr, flush=True)

    runners = {each.name: each.runner for each in chosen}
    if saved is not None:
        runners[saved.form.name] = saved.form.runner
    with Pool(runners, patience=timeout) as pool:
        if saved is not None:
            imported = import_file(saved, wanted, chosen[0], pool, timeout=timeout, tell=tell)
        else:
            assert target is not None
            imported = import_model(target, wanted, pool, timeout=timeout, tell=tell)
    names = imported.names
    written = (files if names else files[:2]) if imported.ok else []
    if as_json:
        output.print_json(_json(imported, written))
    else:
        _show(imported)
    if not imported.ok:
        print(f"{source}: nothing is written: the spec is not proven to be the model", file=sys.stderr)
        return 1
    write_one(files[0], imported.text)
    save(imported.model, files[1], imported.weights)
    if names:
        write_one(files[2], rules_text(names, f"The names of {source} become the spec's."))
    else:
        files[2].unlink(missing_ok=True)  # of an earlier import, which --force writes over
    if not as_json:
        print(*written, sep="\n")
    return 0


def _saved(source: str, arguments: Mapping[str, Any]) -> Saved | None:
    """The file that a source is, if it is one of a format."""
    for form in formats():
        if Path(source).suffix.lower() == form.suffix:
            if arguments:
                raise UsageError(f"{source} is a file, which takes no --argument")
            path = Path(source).expanduser()
            if not path.is_file():
                raise UsageError(f"there is no file {source}")
            return Saved(source, str(path.resolve()), form)
    return None


def _target(source: str, chosen: Sequence[Backend], arguments: Mapping[str, Any]) -> Target:
    (target,) = targets([source], chosen, option="")
    if not target.name:
        raise UsageError(f"{source} is a file of a model; give what makes it: my_model.py:build")
    return replace(target, arguments={**target.arguments, **arguments})


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


def _show(imported: Imported) -> None:
    for what, report in imported.reports.items():
        (outcome,) = report.outcomes.values()
        errors = ", ".join(f"{rung.name}: {rung.agreement}" for rung in outcome.rungs.values())
        print(
            f"{what}: {outcome.status}"
            + (f" ({errors})" if errors else "")
            + (f": {outcome.message}" if outcome.message else "")
        )
    for note in imported.notes:
        print(f"note: {note}")


def _json(imported: Imported, files: Sequence[Path]) -> dict[str, Any]:
    return {
        "ok": imported.ok, "spec": imported.text, "notes": list(imported.notes),
        "files": [str(file) for file in files],
        "reports": {what: report.to_json() for what, report in imported.reports.items()},
    }  # fmt: skip
