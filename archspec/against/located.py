"""Where a file of a model differs from a network: its own nodes are walked through, with the weights that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np

from archspec.against.attempt import Model
from archspec.against.expand import whole_name
from archspec.against.hold import entered, locate
from archspec.against.lookup import Table
from archspec.against.records import Recorded
from archspec.against.walk import Walk, Walker
from archspec.formats import Format
from archspec.graph.graph import Graph
from archspec.graph.mode import Mode
from archspec.model import Model as Network
from archspec.results.options import Options
from archspec.verification import data, worker
from archspec.verification.compare import FLOAT32_BOUND
from archspec.verification.match import Deviation, Match
from archspec.verification.worker import Array
from archspec.verification.workers import Pool, Result
from archspec.weights.layouts import restored


def located(
    path: str, form: Format, network: Network, graph: Graph, weights: Mapping[str, Array], pool: Pool, options: Options
) -> Match | None:
    """What a file that differs has in place of the network's steps; None if its nodes cannot be watched."""
    if form.recorder is None:
        return None
    inputs = data.inputs(graph, options.seed)
    telling, plain = (_recorded(path, form, graph, inputs, stored, pool, options) for stored in (False, True))
    if telling is None or plain is None:
        return None
    model = Model(telling, Table(telling.values, "float32"), {})
    walk = Walker(graph, model, entered(telling, model.table, inputs)).run()
    deviations = walk.deviations + _numbers(walk, plain, graph, weights)
    order = {node.path: place for place, node in enumerate(graph.nodes)}
    deviations.sort(key=lambda each: order.get(each.step, -1))
    steps = graph.steps(Mode.EVALUATION)
    wrong = {each.step for each in deviations}
    found = [node for node in steps if node.path not in wrong]
    if walk.lost:
        found = steps[: next(place for place, node in enumerate(steps) if walk.lost.startswith(node.path))]
    match = Match("float32", len(found), len(steps), deviations, notes=walk.notes)
    match.weights = {name: weight.target for name, weight in walk.mapping.items()}
    if walk.lost:
        match.notes.append(f"what comes after '{walk.lost}' could not be compared")
    locate(match, network)
    return match


def _recorded(
    path: str, form: Format, graph: Graph, inputs: Mapping[str, Array], stored: bool, pool: Pool, options: Options
) -> Recorded | None:
    """A run of the file, with its own weights or (not `stored`) with such as tell more."""
    size = sum(array.nbytes for array in inputs.values())
    room = 32 * sum(prod(tensor.shape) for node in graph.nodes for tensor in node.outputs) + Path(path).stat().st_size
    own = {"file": path, "module": "", "name": "", "arguments": {}, "recorder": str(form.recorder)}
    request = {
        "record": True, "own": own, "dtype": "float32", "data": worker.save(str(pool.scratch.file(size)), inputs),
        "inputs": dict.fromkeys(graph.inputs, ()), "mode": Mode.EVALUATION, "into": str(pool.scratch.file(room)),
        "again": [], "numbers": None, "stored": {"path": path, "arrays": None} if stored else None,
    }  # fmt: skip
    result = pool.submit(form.name, request, timeout=options.timeout).result()
    return Recorded(result, "float32") if isinstance(result, Result) else None


def _numbers(walk: Walk, plain: Recorded, graph: Graph, weights: Mapping[str, Array]) -> list[Deviation]:
    """The steps of which the file holds other numbers than the spec's weights have."""
    due = graph.parameters(Mode.EVALUATION)
    shapes = {name: array.shape for name, array in weights.items()}
    found = []
    for node in graph.nodes:
        for name in node.parameters():
            binding = walk.mapping.get(name)
            whole = whole_name(name, due)
            if binding is None or name != whole or name not in weights:
                continue
            there = restored({binding.target: plain.weights[binding.target]}, [binding], {name: shapes[name]})[name]
            ours = weights[name].astype(np.float64)
            off = float(np.abs(there - ours).max(initial=0.0))
            if off > FLOAT32_BOUND * float(np.abs(ours).max(initial=1.0)):
                words = f"its weight '{name}' has other numbers, by up to {off:.2g}"
                found.append(Deviation(node.path, node.op.key, words, f"'{binding.target}'"))
    return found
