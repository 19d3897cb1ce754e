"""A model of one framework as the code and the weights of another: imported, compiled, poured, and verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from archspec.backend import Backend
from archspec.errors import ArchspecError, UsageError
from archspec.graph.graph import rounded
from archspec.importing.model import Imported, Telling
from archspec.verification.report import Report
from archspec.verification.run import examine
from archspec.verification.subject import Generated
from archspec.verification.task import Instead
from archspec.verification.worker import Array
from archspec.verification.workers import Pool
from archspec.weights.canonical import checked
from archspec.weights.exchange import of_file
from archspec.weights.files.stored import Stored
from archspec.weights.layouts import restored


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion gives."""

    imported: Imported
    backend: Backend
    """Of the code that was made."""
    code: str
    entry: str
    """What makes the model in it."""
    weights: dict[str, Array]
    """By the spec's names."""
    report: Report
    """The code with these weights, held against the reference."""

    @property
    def ok(self) -> bool:
        return self.imported.ok and self.report.exit_code == 0


def convert(
    imported: Imported, backend: Backend, numbers: dict[str, Array], pool: Pool, *, timeout: float, tell: Telling
) -> Converted:
    """The code of another framework for what was imported, verified with these weights, by the spec's names. Raises
    BackendError."""
    tell(f"verifying the code for {backend.title}, with these weights")
    program = backend.generate(imported.model)
    graph = rounded(imported.model.graph)
    report = examine(
        graph, [Generated(backend.name, backend.name, program)], pool, timeout=timeout, instead=Instead(weights=numbers)
    )
    return Converted(imported, backend, program.source, program.entry, numbers, report)


def trained(imported: Imported, path: Path, stored: Stored) -> dict[str, Array]:
    """The weights of a file as the spec's: by the names and layouts of the model that was imported, if it has all of
    them, or else by the rules for its names. Raises UsageError."""
    graph = imported.model.graph
    if all(place.target in stored.arrays for place in imported.places):
        shapes = {name: parameter.shape for name, parameter in graph.parameters().items()}
        try:
            return checked(graph, restored(stored.arrays, imported.places, shapes), ())
        except (UsageError, ValueError) as error:
            raise UsageError(f"{path}: {error}") from None
    try:
        return of_file(imported.model, path, stored, imported.names, "", ())
    except ArchspecError as error:
        missing = [place.target for place in imported.places if place.target not in stored.arrays]
        hint = f"of the model's weights it has not {', '.join(missing[:3])}" + (" and others" if missing[3:] else "")
        raise UsageError(f"{error}; {hint}") from None


def page(text: str, converted: Converted, written: Mapping[str, Path]) -> str:
    """What was done, what was proven, and what to do with the files, as Markdown."""
    imported, model = converted.imported, converted.imported.model
    count = sum(array.size for array in converted.weights.values())
    document = model.spec.document
    lines = [
        f"# {text} for {converted.backend.title}", "",
        f"Steps: {len(model.graph.nodes)}. Blocks: {len(document.blocks or {})}. "
        f"Weights: {len(converted.weights)}, with {count:,} numbers.",
        "", "## What was proven", "", "| what | comparison | largest error | result |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    reports = {**imported.reports, f"the code for {converted.backend.title}, with the weights": converted.report}
    for what, report in reports.items():
        for outcome in report.outcomes.values():
            for rung in outcome.rungs.values():
                lines.append(f"| {what} | {rung.name} | {rung.agreement} | {'failed' if rung.wrong else 'passed'} |")
            if outcome.status != "passed":
                lines.append(f"| {what} | | | {outcome.status}: {outcome.message} |")
    if imported.notes:
        lines += ["", "## What was decided", "", *(f"- {note}" for note in imported.notes)]
    if written:
        lines += ["", "## Files", "", *(f"- `{path.name}`: {what}" for what, path in written.items())]
        code, kept = (written[name] for name in ("the code", "its weights"))
        assert converted.backend.weights_file is not None
        use = converted.backend.weights_file.use.format(entry=converted.entry, file=kept.name)
        begin = [f"import {converted.backend.framework}", ""] if f"{converted.backend.framework}." in use else []
        lines += ["", "```python", *begin, f"from {code.stem} import {converted.entry}", "", use, "```"]
    return "\n".join(lines) + "\n"
