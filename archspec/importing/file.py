"""A file of a model as a spec with its weights: read, raised, written, and proven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archspec.against.file import Saved, held
from archspec.backend import Backend
from archspec.errors import UsageError
from archspec.graph.graph import rounded
from archspec.importing.given import BATCHES, PRIMES, Given, names
from archspec.importing.model import Imported, Telling, Written, poured, written
from archspec.importing.names import fitting, unique
from archspec.importing.rules import of_spec
from archspec.importing.trace import Trace, merge
from archspec.verification.failure import Failure
from archspec.verification.report import Outcome, Report
from archspec.verification.run import examine
from archspec.verification.subject import Generated
from archspec.verification.task import Terms
from archspec.verification.worker import Array
from archspec.verification.workers import Pool, Result


def import_file(
    file: Saved, inputs: Sequence[Given], backend: Backend, pool: Pool, *, timeout: float = 300,
    tell: Telling = lambda stage: None, partial: bool = False,
) -> Imported:  # fmt: skip
    """The spec of a file with its weights, proven by its runtime and by the code of a backend. Raises ImportRefused
    with all that has no place in a spec, UsageError for what is no file of a model."""
    tell("reading")
    seen, arrays = _read(file, inputs, pool, timeout)
    tell("writing")
    done, wanted = spec_of(file, seen, arrays, inputs, partial=partial)
    return _proven(done, file, wanted, seen, backend, pool, timeout, tell)


def spec_of(
    file: Saved, seen: Mapping[str, Any], arrays: Mapping[str, Array], inputs: Sequence[Given], *,
    partial: bool = False,
) -> tuple[Written, tuple[Given, ...]]:  # fmt: skip
    """The spec of what was read of a file, and its inputs. Raises ImportRefused, UsageError."""
    renamed = _named(seen, inputs)
    trace = merge(seen["runs"], arrays)
    trace.inputs = {renamed[name]: number for name, number in trace.inputs.items()}
    wanted = _given(seen, renamed, inputs, trace)
    assert file.form.raising is not None
    path = Path(file.path)
    table, said = file.form.raising(), f"{path.name}."
    return written(trace, table, path.stem, said, wanted, seen["notes"], partial=partial), wanted


def _read(file: Saved, inputs: Sequence[Given], pool: Pool, timeout: float) -> tuple[dict[str, Any], dict[str, Array]]:
    if file.form.reader is None:
        raise UsageError(f"{file.text}: files of {file.form.title} cannot be imported yet")
    request = {
        "reader": str(file.form.reader), "file": file.path, "batches": BATCHES, "primes": PRIMES,
        "given": [{"sizes": each.sizes} for each in inputs], "into": str(pool.scratch.file(2**20)),
    }  # fmt: skip
    result = pool.submit(file.form.name, request, timeout=timeout).result()
    if isinstance(result, Failure):
        raise UsageError(f"{file.text}: {result.message}")
    assert isinstance(result, Result)
    seen: Any = result.seen
    return seen, result.arrays


def _named(seen: Mapping[str, Any], inputs: Sequence[Given]) -> dict[str, str]:
    """The inputs' names in a spec, by those in the file."""
    taken: set[str] = set()
    own = [each["name"] for each in seen["inputs"]]
    wanted = [each.name for each in inputs] or [fitting(name) if name != "x" else name for name in own]
    return {name: unique(each, taken) for name, each in zip(own, wanted, strict=True)}


def _given(
    seen: Mapping[str, Any], renamed: Mapping[str, str], inputs: Sequence[Given], trace: Trace
) -> tuple[Given, ...]:
    """The inputs as the spec says them."""
    found = []
    opened: set[str] = set()
    sizes: dict[str, str] = {}
    said = {each.name: each for each in inputs}
    for each in seen["inputs"]:
        name = renamed[each["name"]]
        for size in each["sizes"][1:]:
            if isinstance(size, str) and size not in sizes:
                sizes[size] = unique(fitting(size), opened)
        kind = "float" if each["kind"].startswith("float") else "bool" if each["kind"] == "bool" else "int64"
        one = Given(name, tuple(sizes.get(size, size) for size in each["sizes"][1:]), kind)
        if kind == "int64":
            one = replace(one, below=said[name].below if name in said else _below(trace, name))
        found.append(one)
    return tuple(found)


def _below(trace: Trace, name: str) -> int:
    """What whole numbers stay below that look up rows of a table. Raises UsageError if nothing tells."""
    numbers = {trace.inputs[name]}
    rows: list[int] = []
    for event in trace.events:
        if event["event"] != "call":
            continue
        args = event["args"]
        read = [isinstance(each, dict) and each.get("value") in numbers for each in args]
        if event["func"] in ("Cast", "Identity") and read[0]:
            numbers.add(event["result"]["value"])
        if event["func"] == "Gather" and len(read) > 1 and read[1] and "weight" in (args[0] or {}):
            rows.append(trace.arrays[f"weight {args[0]['weight']}"].shape[0])
    if not rows:
        raise UsageError(
            f"say what the numbers of the input '{name}' stay below, as in --input {name}=1,time:int64:30000"
        )
    return min(rows)


def _proven(
    done: Written, file: Saved, inputs: Sequence[Given], seen: Mapping[str, Any], backend: Backend, pool: Pool,
    timeout: float, tell: Telling,
) -> Imported:  # fmt: skip
    places, weights = poured(done)
    reports: dict[str, Report] = {}
    own = [each["name"] for each in seen["inputs"]]
    fixed = {each["sizes"][0] for each in seen["inputs"] if isinstance(each["sizes"][0], int)}
    opened = names(inputs)
    for run in (0, 1):
        batch = min(fixed) if fixed else BATCHES[run]
        if run and fixed and not opened:
            break
        tell(f"proving against the file, with a batch of {batch}")
        sizes = {"batch": batch, **{name: PRIMES[place][run] for place, name in enumerate(opened)}}
        graph = rounded(done.model.graph_for(sizes))
        outputs = list(done.trace.result["fields"])
        outcome = held(file, graph, weights, Terms(pool, run, timeout, False), inputs=own, outputs=outputs)
        said = ", ".join(f"{name}={size}" for name, size in sizes.items())
        reports[f"{file.text}, with {said}"] = _report(done, outcome)
    tell(f"proving the generated code, of {backend.title}")
    program = backend.generate(done.model)
    generated = Generated(backend.name, backend.name, program)
    reports[f"the generated code, of {backend.title}"] = examine(
        rounded(done.model.graph), [generated], pool, timeout=timeout
    )
    return Imported(done.text, done.model, weights, tuple(places), reports, done.notes, of_spec(places)[0])


def _report(done: Written, outcome: Outcome) -> Report:
    return Report(done.model.name, 0, {outcome.subject: outcome})
