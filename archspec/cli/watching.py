"""What `archspec watch` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep, strftime
from typing import Any

from archspec import drawing
from archspec.backend import Backend, backends
from archspec.cli import output
from archspec.cli.checking import check
from archspec.cli.files import write_all
from archspec.errors import ArchspecError, BackendError, UsageError, understood
from archspec.loading import open_spec, variants

_PAUSE = 0.2
"""Seconds between two looks at the file: system calls so rare cost nothing, and no library is needed."""


def watch(file: Path, folder: Path, to: Sequence[str], variant: str | None, params: Mapping[str, Any]) -> None:
    """Checks, draws and compiles a spec now and whenever it, or a file that it uses, is saved, until the user
    interrupts. Raises UsageError for a file that is not there, or a backend."""
    chosen = backends(to)
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file to watch")
    files, seen = [file], dict[Path, object]()
    try:
        while True:
            now = {each: _state(each) for each in files}
            if None not in now.values() and now != seen:
                _once(file, folder, chosen, variant, params)
                files = _files(file) or files
                seen = {each: now.get(each) or _state(each) for each in files}
            sleep(_PAUSE)
    except KeyboardInterrupt:
        print(f"\nno longer watching {file}")


def _files(file: Path) -> list[Path]:
    """A spec and the files that it uses; none if it is wrong, so that nobody knows."""
    try:
        spec, _ = open_spec(str(file))
    except ArchspecError:
        return []
    return [file, *(file.parent / name for name in spec.used)]


def _state(file: Path) -> object:
    """What changes with every save; None while the file is not there, as when an editor puts another in its place."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _once(
    file: Path, folder: Path, chosen: Sequence[Backend], variant: str | None, params: Mapping[str, Any]
) -> None:  # fmt: skip
    """One turn. Nothing that is wrong with the spec, or with the folder, ends the watching."""
    started = monotonic()
    checked = check(str(file), variant, params)
    output.print_findings(checked.findings, sys.stdout)
    if not checked.ok:
        print(f"{strftime('%H:%M:%S')} {checked.failure or checked}: files stay as they are", flush=True)
        return
    try:
        written = write_all(folder, _texts(file, chosen, variant, params))
    except Exception as error:
        output.print_failure(understood(error))
        return
    took = monotonic() - started
    print(f"{strftime('%H:%M:%S')} {checked}; {len(written)} files in {folder} ({took:.1f} s)", flush=True)


def _texts(file: Path, chosen: Sequence[Backend], variant: str | None, params: Mapping[str, Any]) -> dict[str, str]:
    """The drawings and the code of all networks of the spec that are asked for, by file name."""
    spec, named = open_spec(str(file))
    texts = {}
    for each in variants(spec, variant or named, params):
        model = spec.network(each, params)
        texts[f"{model.name}.svg"] = str(drawing.draw(model, "svg"))
        for backend in chosen:
            try:
                texts[f"{model.name}_{backend.name}.py"] = backend.write(model)
            except BackendError as error:
                output.print_failure(error)
    return texts
