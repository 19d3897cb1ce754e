"""A file of a model, as it is, held against a network that has the same weights: outputs are compared, in float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspec.against.located import located
from archspec.backend import Interface
from archspec.errors import UsageError
from archspec.formats import Format, formats
from archspec.graph.graph import Graph, rounded
from archspec.graph.mode import Mode
from archspec.model import Model
from archspec.results.options import Options
from archspec.verification.failure import Failure
from archspec.verification.report import Outcome, Report
from archspec.verification.subject import Written
from archspec.verification.task import Instead, Task, Terms
from archspec.verification.worker import Array
from archspec.verification.workers import Pool
from archspec.weights.exchange import load


@dataclass(frozen=True, slots=True)
class Saved:
    """A file that `--against` names."""

    text: str
    path: str
    form: Format


def saved(texts: Sequence[str]) -> list[Saved]:
    """Those of the texts that are files of formats. Raises UsageError for one that is not there."""
    found = []
    for form in formats():
        for text in texts:
            first, sign, rest = text.partition("=")
            name = rest if sign and first == form.name else text
            if Path(name).suffix.lower() == form.suffix:
                path = Path(name).expanduser()
                if not path.is_file():
                    raise UsageError(f"--against {text}: there is no file {name}")
                found.append(Saved(text, str(path.resolve()), form))
    return found


class HeldFile:
    """A file, held against a network in evaluation. Raises UsageError without weights, or for such as do not fit."""

    def __init__(self, file: Saved, network: Model, pool: Pool, options: Options) -> None:
        if options.weights is None:
            hint = "give those that it was made with, as the spec's, by --weights FILE"
            raise UsageError(f"--against {file.text}: such a file is run with the weights that it holds; {hint}")
        self._file, self._network, self._pool, self._options = file, network, pool, options
        self._weights = load(network, options.weights)

    @property
    def name(self) -> str:
        return self._file.text

    def add(self, report: Report) -> None:
        """Adds what is found to a report about the network."""
        mode = Mode(report.facts.mode) if report.facts is not None else Mode.EVALUATION
        if mode is not Mode.EVALUATION:
            report.remarks += (f"{self.name}: not compared: a file is for evaluation",)
            return
        outcome = report.outcomes[self.name] = self._outcome()
        report.remarks += (f"{self.name}: its outputs are compared, in float32; its nodes only where these differ",)
        if self._options.gradients:
            report.remarks += (f"{self.name}: no gradients",)
        greeting = self._pool.greet(self._file.form.name).result()
        if not isinstance(greeting, Failure):
            outcome.versions = greeting.versions

    def _outcome(self) -> Outcome:
        """What is found of one sample, unless another number is asked for: many files take no other."""
        options = self._options
        graph = rounded(self._network.graph_for({"batch": 1, **options.sizes}))
        terms = Terms(self._pool, options.seed, options.timeout, False)
        outcome = held(self._file, graph, self._weights, terms, allow_unproven=options.allow_unproven)
        if outcome.status == "failed":
            place = self._file.path, self._file.form
            outcome.match = located(*place, self._network, graph, self._weights, self._pool, options)
        return outcome


def held(
    file: Saved, graph: Graph, weights: Mapping[str, Array], terms: Terms, *, allow_unproven: bool = False,
    inputs: Sequence[str] = (), outputs: Sequence[str] = (),
) -> Outcome:  # fmt: skip
    """What a file's outputs are beside those of a graph with these weights. The file's own names of `inputs` and
    `outputs` are in the order of the graph's, if they are others."""
    outcome = Outcome(file.text, allow_unproven=allow_unproven, due=("float32",))
    shows = Interface(
        weights=(), inputs=dict.fromkeys(graph.inputs, ()), probes={},
        outputs=dict.fromkeys(graph.results(Mode.EVALUATION), ()),
    )  # fmt: skip
    about: dict[str, Any] = {
        "path": file.path, "inputs": list(inputs or shows.inputs), "outputs": list(outputs or shows.outputs),
    }  # fmt: skip
    task = Task(graph, terms, Mode.EVALUATION, Instead(weights=weights))
    try:
        run = task.submit(Written(file.text, file.form.name, shows, {"float32": about}), "float32", shipped=False)
        task.round("float64")  # which float32 goes on from
        measured = task.measure(run, outcome)
        if measured is not None:
            rung = outcome.rungs["float32"] = task.rung("float32", run, measured)
            outcome.culprit = task.culprit(rung, measured)
    finally:
        task.close()
    return outcome
