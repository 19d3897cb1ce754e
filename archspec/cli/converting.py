"""What `archspec convert` does."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archspec.backend import backends
from archspec.cli import output
from archspec.cli.files import check_writable, write_one
from archspec.errors import UsageError
from archspec.formats import format_names
from archspec.importing.converting import convert, page, trained
from archspec.importing.source import source
from archspec.verification.workers import Pool
from archspec.weights.exchange import save
from archspec.weights.files import read


def run(
    text: str, name: Path, origin: str, to: str, inputs: Sequence[str], arguments: Mapping[str, Any],
    weights: Path | None, timeout: float, *, force: bool, as_json: bool,
) -> int:  # fmt: skip
    """Converts a model, writes its files and a page about them, and returns the exit code. Raises UsageError,
    ImportRefused, BackendError."""
    (target,) = backends([to])
    if target.weights_file is None:
        raise UsageError(f"--to {to}: it is not known what files of weights {target.title} reads")
    if origin in format_names():
        if Path(text).suffix.lower() != f".{origin}":
            raise UsageError(f"--from {origin}: {text} is no file of that kind, whose name would end in .{origin}")
        origin = ""
    is_file = Path(text).suffix[1:].lower() in format_names()
    given = source(text, inputs, origin or (to if is_file else ""), arguments)
    stored = read(weights) if weights is not None else None
    files = {
        "the spec": name.with_name(f"{name.name}.yaml"), "the code": name.with_name(f"{name.name}_{target.name}.py"),
        "its weights": name.with_name(f"{name.name}{target.weights_file.ending}"),
        "this page": name.with_name(f"{name.name}.md"),
    }  # fmt: skip
    for file in files.values():
        if file.exists() and not force:
            raise UsageError(f"{file} is there already; --force writes over it")
        check_writable(file)

    def tell(stage: str) -> None:
        print(f"{text}: {stage}", file=sys.stderr, flush=True)

    with Pool({**given.runners, target.name: target.runner}, patience=timeout) as pool:
        imported = given.imported(pool, timeout=timeout, tell=tell)
        numbers = imported.weights
        if weights is not None and stored is not None:
            numbers = trained(imported, weights, stored)
        converted = convert(imported, target, numbers, pool, timeout=timeout, tell=tell)
    written = files if converted.ok else {}
    about = page(text, converted, written)
    if as_json:
        output.print_json({"ok": converted.ok, "files": list(map(str, written.values())), "page": about})
    else:
        output.print_text(about)
    if not converted.ok:
        print(f"{text}: nothing is written: it is not proven to be the same", file=sys.stderr)
        return 1
    write_one(files["the spec"], imported.text)
    write_one(files["the code"], converted.code)
    save(imported.model, files["its weights"], converted.weights)
    write_one(files["this page"], about)
    return 0
