"""A model that a person wrote, as a spec with its weights: captured, raised, written, and proven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import numpy as np

from archspec.against.subject import Own, spoken
from archspec.against.target import Target
from archspec.backend import Interface, Moves, Weight
from archspec.errors import ArchspecError, SpecError, UsageError
from archspec.graph.graph import rounded
from archspec.graph.mode import Mode
from archspec.importing import classes
from archspec.importing.blocks import find
from archspec.importing.given import PRIMES, Given, names
from archspec.importing.items import of
from archspec.importing.names import fitting, unique
from archspec.importing.raising import Raiser, Static, Table, View
from archspec.importing.rules import Rules, of_program, of_spec
from archspec.importing.simplify import simplified
from archspec.importing.text import Head, write
from archspec.importing.trace import ImportRefused, PartlyImported, Problem, Trace, merge, values
from archspec.importing.tree import Frame, Step, Tensor
from archspec.model import Model, Spec
from archspec.ops.base import product
from archspec.verification.failure import Failure
from archspec.verification.report import Report
from archspec.verification.run import examine
from archspec.verification.subject import Generated
from archspec.verification.worker import Array
from archspec.verification.workers import Pool, Result
from archspec.weights.layouts import restored
from archspec.weights.names import LAYOUTS

Telling = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import gives."""

    text: str
    model: Model
    weights: dict[str, Array]
    """The model's own, by the spec's names and in its shapes."""
    places: tuple[Weight, ...]
    """Where each of the spec's weights is in the model."""
    reports: dict[str, Report]
    """What was proven, by what was run."""
    notes: tuple[str, ...]
    names: Rules
    """What a file of names says: of each weight of the model that has another name here, what it is here; nothing,
    if one lies there as no rule of names says."""

    @property
    def ok(self) -> bool:
        return all(report.exit_code == 0 for report in self.reports.values())


def import_model(
    target: Target, inputs: Sequence[Given], pool: Pool, *, timeout: float = 300, tell: Telling = lambda stage: None,
    partial: bool = False,
) -> Imported:  # fmt: skip
    """The spec of a model, with its weights, proven. Raises ImportRefused with all that has no place in a spec,
    UsageError for what gives no model, ArchspecError if what was written is not the model."""
    tell("capturing")
    trace = _captured(target, inputs, pool, timeout)
    tell("writing")
    assert target.backend.raising is not None
    said = f"{target.name} of {target.module or Path(target.file).name}."
    done = written(trace, target.backend.raising(), target.name, said, inputs, partial=partial)
    return _proven(done, target, pool, timeout, tell)


def _captured(target: Target, inputs: Sequence[Given], pool: Pool, timeout: float) -> Trace:
    if target.backend.tracer is None:
        raise UsageError(f"{target.text}: models of {target.backend.title} cannot be imported yet")
    opened = names(inputs)
    shapes = {each.name: each.shapes(opened) for each in inputs}
    request = {
        "capture": True, "own": spoken(target) | {"tracer": str(target.backend.tracer)}, "dtype": "float64",
        "sizes": [{name: both[run] for name, both in shapes.items()} for run in (0, 1)],
        "kinds": {each.name: {"dtype": each.dtype, "below": each.below} for each in inputs},
        "into": str(pool.scratch.file(2**20)),
    }  # fmt: skip
    result = pool.submit(target.backend.name, request, timeout=timeout).result()
    if isinstance(result, Failure):
        raise UsageError(f"{target.text}: {result.message}")
    assert isinstance(result, Result)
    return merge(result.seen["runs"], result.arrays)


@dataclass(slots=True)
class Written:
    """A model as a spec that is not proven yet."""

    text: str
    model: Model
    steps: list[Step]
    trace: Trace
    notes: tuple[str, ...]
    inputs: Mapping[str, Moves]
    """How the model has each of the spec's."""
    outputs: Mapping[str, Moves]


def written(
    trace: Trace, table: Table, name: str, summary: str, inputs: Sequence[Given], decided: Sequence[str] = (), *,
    partial: bool = False,
) -> Written:  # fmt: skip
    """The spec of a trace, whose name is that of the model's class, or else `name`. What was `decided` is a comment.
    Raises ImportRefused with all that has no place in one, or PartlyImported, if a `partial` one is wanted."""
    raiser = Raiser(trace, table, partial=partial)
    root = raiser.run()
    views, problems = _outputs(raiser, trace)
    if raiser.problems or problems:
        raise ImportRefused([*raiser.problems, *problems])
    given = {name: raiser.views[number] for name, number in trace.inputs.items()}
    entries = {name: view for name, view in given.items() if isinstance(view, View)}
    tensors = {name: view.tensor for name, view in entries.items()}
    unread = [name for name, tensor in tensors.items() if not any(tensor in step.inputs for step in root.steps())]
    if unread:
        raise ImportRefused([Problem(f"the input '{name}' has no part in what comes out") for name in unread])
    outputs = {name: view.tensor for name, view in views.items()}
    root = simplified(root, set(outputs.values()))
    endless = [step for step in root.steps() if any(value in (inf, -inf) for value in step.attributes.values())]
    if endless:
        why = "an infinite number, which a spec has not"
        raise ImportRefused([Problem(why, step.name, step.op) for step in endless])
    whole = root.items[0] if len(root.items) == 1 and isinstance(root.items[0], Frame) else root
    assert isinstance(whole, Frame)
    classes.named(whole)
    item = of(whole)
    kept = set(outputs.values())
    steps = list(root.steps())
    found = find(item, kept)
    used = {origin.weight for step in steps for origin in step.weights.values()}
    notes = [*decided, *raiser.notes]
    left = sorted(name for name in trace.weights if name not in used)
    if left:
        parts = list(dict.fromkeys(name.partition(".")[0] for name in left))
        notes.append(f"left out, as evaluation does not use it: {', '.join(parts)}")
    if trace.idle:
        idle = ", ".join(f"{each['path'] or 'the model'} ({each['class']})" for each in trace.idle)
        notes.append(f"not in this spec, what these may drop, or add, in training: {idle}")
    head = Head(
        _class_name(whole.kind or name), summary, "",
        {each.name: each.said(last=entries[each.name].last) for each in inputs}, notes,
    )  # fmt: skip
    text = write(head, found, tensors, outputs, ())
    if raiser.unknown:
        raise PartlyImported(text, raiser.unknown)
    try:
        model = Spec.parse(text, "imported.yaml").network()
        model.check()
        graph = model.graph
    except SpecError as error:
        raise ArchspecError(f"what was written is no valid spec, a fault of archspec:\n{error}\n{text}") from None
    if [node.op.key for node in graph.nodes] != [step.op for step in steps]:
        raise ArchspecError("what was written has other steps than the model, which is a fault of archspec")
    sizes = ", ".join(f"{name}: {_sizes(tensor, inputs)}" for name, tensor in outputs.items())
    expect = [f"parameters: {_trainable(model)}", f"outputs: {{{sizes}}}"]
    text = write(head, found, tensors, outputs, expect)
    layouts = [{name: view.layout for name, view in those.items()} for those in (entries, views)]
    return Written(text, Spec.parse(text, "imported.yaml").network(), steps, trace, tuple(notes), *layouts)


def _trainable(model: Model) -> int:
    return sum(product(weight.shape) for weight in model.graph.parameters().values() if weight.trainable)


def _sizes(tensor: Tensor, inputs: Sequence[Given]) -> str:
    opened = {PRIMES[number]: name for number, name in enumerate(names(inputs))}
    sizes = [str(one) if one == two else opened.get((one, two), str(one)) for one, two in
             zip(*(shape[1:] for shape in tensor.shapes), strict=True)]  # fmt: skip
    return f"[{', '.join(sizes)}]"


def _outputs(raiser: Raiser, trace: Trace) -> tuple[dict[str, View], list[Problem]]:
    """What comes out, by name: of a dict its keys."""
    result = trace.result
    named = result["fields"] if isinstance(result, dict) and "fields" in result else None
    data = named if named is not None else {"output": result} if isinstance(result, dict) else None
    if data is None:
        data = {f"output{number}": each for number, each in enumerate(result, 1)}
    found: dict[str, View] = {}
    problems = []
    for name, each in data.items():
        numbers = list(values(each))
        if isinstance(each, dict) and "weight" in each:
            problems.append(Problem(f"the output '{name}' does not depend on any input"))
            continue
        if isinstance(each, dict) and "constant" in each:
            problems.append(
                Problem(f"the output '{name}' comes from no call that was seen: scripted, or of another library")
            )
            continue
        if len(numbers) != 1 or not isinstance(each, dict):
            problems.append(Problem("what comes out is nested, or no tensor"))
            continue
        view = raiser.views.get(numbers[0])
        if view is None:
            if not raiser.problems:
                problems.append(Problem("an output comes from no call that was seen"))
        elif isinstance(view, Static):
            problems.append(Problem("an output does not depend on any input"))
        elif view.batch != 0:
            problems.append(Problem("the batch is not the first axis of an output"))
        elif view.mixed:
            problems.append(Problem("what comes out is an image that was flattened with channels last"))
        else:
            found[unique(fitting(name), set(found))] = view
    return found, problems


def _class_name(name: str) -> str:
    plain = "".join(part[:1].upper() + part[1:] for part in fitting(name).split("_") if part)
    return plain or "Model"


def poured(written: Written) -> tuple[list[Weight], dict[str, Array]]:
    """Where each of the spec's weights is in the model, and the model's own by the spec's names."""
    graph = written.model.graph
    origins = [
        (node.parameter(name), origin)
        for node, step in zip(graph.nodes, written.steps, strict=True) if not node.owner
        for name, origin in step.weights.items()
    ]  # fmt: skip
    users = Counter(origin.weight for _, origin in origins)
    places = [Weight(name, each.weight, each.layout, users[each.weight] > 1) for name, each in origins]
    shapes = {name: parameter.shape for name, parameter in graph.parameters().items()}
    arrays = written.trace.arrays
    originals = {
        name: _single(arrays.get(f"original {name}", array)) for name, array in written.trace.weights.items()
    }  # fmt: skip
    return places, restored(originals, places, shapes)


def _proven(written: Written, target: Target, pool: Pool, timeout: float, tell: Telling) -> Imported:
    graph = written.model.graph
    places, weights = poured(written)
    program = target.backend.generate(written.model)
    pairs = zip(graph.nodes, written.steps, strict=True)
    off = {node.outputs[0].name: step.inexact for node, step in pairs if step.inexact}
    interface = Interface(
        weights=tuple(places), inputs={name: written.inputs[name] for name in graph.inputs},
        outputs={name: written.outputs[name] for name in graph.outputs}, probes={}, inexact=program.inexact | off,
        inexact_gradients=program.inexact_gradients, unbiased_variance=program.unbiased_variance,
        keeps_old=program.keeps_old and not written.trace.exact,
    )  # fmt: skip
    placed = {place.target for place in places}
    unused = tuple(name for name in written.trace.weights if name not in placed)
    reports = {}
    notes = list(written.notes)
    kept = LAYOUTS.get(target.backend.name)
    said = of_program(places, program.weights, counted=kept == "keras") if kept else of_spec(places)
    rules, nameless = said
    if nameless:
        notes.append(f"no file of names: none says how these lie in the model: {', '.join(nameless)}")
    short = zip(graph.nodes, rounded(graph).nodes, written.steps, strict=True)
    held = replace(graph, nodes=[other if step.single else node for node, other, step in short])
    for mode in (Mode.EVALUATION, Mode.TRAINING):
        tell(f"proving, in {mode.value}")
        report = examine(held, [Own(target, interface, unused=unused)], pool, mode=mode, timeout=timeout)
        if mode is Mode.TRAINING and report.exit_code:
            (outcome,) = report.outcomes.values()
            notes.append(f"training differs: {outcome.message}")
        else:
            reports[f"{target.text}, in {mode.value}"] = report
    tell("proving the generated code")
    generated = Generated(target.backend.name, target.backend.name, program)
    reports["the generated code"] = examine(rounded(graph), [generated], pool, timeout=timeout)
    text = "".join(f"# {note}\n" for note in notes if note not in written.notes) + written.text
    return Imported(text, written.model, weights, tuple(places), reports, tuple(notes), rules)


def _single(array: Array) -> Array:
    """In float32, if it is that."""
    if array.dtype != np.float64:
        return array
    short = array.astype(np.float32)
    return short if np.array_equal(short.astype(np.float64), array) else array
