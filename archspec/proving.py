"""Where a verification is done: networks are generated, run in every framework, and reported one after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from archspec import reference
from archspec.backend import Backend, Program, backends
from archspec.errors import BackendError, SpecError, UsageError, understood
from archspec.graph.graph import Graph, rounded
from archspec.graph.mode import Mode
from archspec.loading import open_spec, variants
from archspec.model import Model
from archspec.results.fingerprints import fingerprint
from archspec.results.options import Options
from archspec.results.result import Refused
from archspec.verification.cases import case
from archspec.verification.cases import second as second_case
from archspec.verification.failure import Failure
from archspec.verification.places import statement
from archspec.verification.report import Facts, Outcome, Report
from archspec.verification.run import examine
from archspec.verification.subject import generated
from archspec.verification.workers import Pool

if TYPE_CHECKING:
    from archspec.ops.base import Array

_DEFAULT: Final = Options()
STEPS: Final = "steps"
"""What is compared of a script that trains, beside the modes in which a network is run."""


class Prover:
    """Frameworks that are warm, for use in a `with` statement, which starts and ends them; and what was found so far.

    Raises UsageError for a backend that is not there.
    """

    def __init__(
        self, options: Options, watch: Callable[[str], None] = lambda stage: None,
        each: Callable[[Report | Refused], None] | None = None,
    ) -> None:  # fmt: skip
        chosen = backends(options.to)
        self.options, self._watch, self._each = options, watch, each
        self.chosen = [backend.exact() if options.exact_statistics else backend for backend in chosen]
        self.names = [backend.name for backend in chosen]
        for name in options.python:
            if name not in self.names:
                raise UsageError(f"there is no backend '{name}' here to run in another Python")
        self.reports: list[Report] = []
        self.refused: list[Refused] = []
        runners = {backend.name: backend.runner for backend in self.chosen}
        self.pool = Pool(runners, python=options.python, patience=options.timeout)

    def __enter__(self) -> Prover:
        self._watch("starting " + ", ".join(backend.title for backend in self.chosen))
        self.pool.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self.pool.__exit__(*raised)

    def prove(self, networks: Sequence[str | Path | Model]) -> None:
        """Reports on networks in their order; a spec stands for all its variants. Raises as `archspec.verify`."""
        models: list[Model] = []  # the frameworks are being imported meanwhile
        for network in networks:
            with self._guarded(network):
                models += networks_of(network, self.options.variant, self.options.params)
        for number, model in enumerate(models, 1):
            told = partial(self._tell, f"{model.name} ({number} of {len(models)})")
            with self._guarded(model):
                for report in reports(model, self.chosen, self.pool, self.options, told):
                    self.reports.append(report)
                    if self._each is not None:
                        self._each(report)

    def _tell(self, title: str, stage: str) -> None:
        self._watch(f"{title}: {stage}")

    @contextlib.contextmanager
    def _guarded(self, network: str | Path | Model) -> Iterator[None]:
        """What cannot be verified takes nothing else down, if there is somebody who is told."""
        try:
            yield
        except Exception as error:
            if self._each is None:
                raise
            name = network.name if isinstance(network, Model) else str(network)
            self.refused.append(Refused(name, understood(error)))
            self._each(self.refused[-1])


def networks_of(network: str | Path | Model, variant: str | None, params: Mapping[str, Any]) -> list[Model]:
    """The networks of a spec. Raises SpecError unless all of them are valid, UsageError if there is none."""
    if isinstance(network, Model):
        models = [network]
    else:
        spec, named = open_spec(network)
        chosen = variants(spec, named if variant is None else variant, params)
        models = [spec.network(each, params) for each in chosen]
    for model in models:
        model.check()
    return models


def modes(options: Options) -> tuple[str, ...]:
    """What is compared, in order; of `auxiliary`, those networks only that have such outputs."""
    if options.steps:
        return (STEPS,)
    return (Mode.EVALUATION, Mode.AUXILIARY, *([Mode.TRAINING] if options.training else []))


def reports(
    model: Model, chosen: Sequence[Backend], pool: Pool, options: Options = _DEFAULT,
    watch: Callable[[str], None] = lambda stage: None, only: Collection[str] = (),
) -> Iterator[Report]:  # fmt: skip
    """What is found about one network: a report for each of its modes, or of those that are wanted alone.

    Raises SpecError for a step that the reference cannot compute.
    """
    try:
        if options.steps:
            yield from _stepped(model, chosen, pool, options, watch)
        else:
            yield from _reports(model, chosen, pool, options, watch, only or modes(options))
    except reference.StepError as error:
        raise SpecError([model.spec.source.diagnostic(error.node.origin, str(error))]) from error


def _reports(
    model: Model, chosen: Sequence[Backend], pool: Pool, options: Options, watch: Callable[[str], None],
    wanted: Collection[str],
) -> Iterator[Report]:  # fmt: skip
    watch("generating code")
    tried = case(model, chosen, keep_size=options.picture is not None, sizes=options.sizes)
    refused = {name: Outcome(name, failure=Failure("refused", message)) for name, message in tried.refused.items()}
    inputs = _pictured(tried.graph, options.picture) if options.picture is not None else None
    graph = rounded(tried.graph)
    due = [mode for mode in Mode if mode in wanted and (mode is not Mode.AUXILIARY or graph.training_outputs)]
    other = second_case(tried, chosen) if tried.programs and Mode.EVALUATION in due else None
    for mode in due:
        watch("comparing" + _ABOUT[mode])
        report = examine(
            graph, generated(tried.programs), pool, mode=mode, seed=options.seed, timeout=options.timeout,
            gradients=options.gradients, allow_unproven=options.allow_unproven, inputs=inputs,
            second=other if mode is Mode.EVALUATION else None,
        )  # fmt: skip
        report.outcomes = {b.name: (report.outcomes | refused)[b.name] for b in chosen}
        report.model += _ABOUT[mode]
        report.facts = _facts(model, mode, tried.programs)
        _locate(report, model, tried.programs)
        yield report


def _stepped(
    model: Model, chosen: Sequence[Backend], pool: Pool, options: Options, watch: Callable[[str], None]
) -> Iterator[Report]:
    """What is found about steps of training. Raises UsageError for a spec without a training section."""
    from archspec.verification.steps import examine as train
    from archspec.verification.trial import Trial

    if model.training is None:
        raise UsageError(f"{model.name} says nothing of training: its spec has no section 'training'")
    watch("generating code")
    refused, scripts = {}, []
    for backend in chosen:
        try:
            scripts.append(model.script_for(backend))
        except (BackendError, UsageError) as error:
            refused[backend.name] = Outcome(backend.name, failure=Failure("refused", str(error)))
    watch(f"training for {options.steps} steps")
    report = train(
        Trial.of(model, scripts, options.steps, options.seed, options.sizes or None), scripts, pool, options.timeout
    )
    report.outcomes = {backend.name: (report.outcomes | refused)[backend.name] for backend in chosen}
    report.facts = _facts(model, STEPS, {script.backend: script.program for script in scripts})
    yield report


_ABOUT = {Mode.EVALUATION: "", Mode.AUXILIARY: " with the outputs of training", Mode.TRAINING: " in training"}


def _facts(model: Model, mode: str, programs: Mapping[str, Program]) -> Facts:
    source, summary = model.spec.source, model.summary()
    code = {name: fingerprint(program.source) for name, program in programs.items()}
    fingerprints = {"spec": fingerprint("\n".join(source.lines)), **code}
    file = Path(source.file)  # where else it lies is nobody's business
    return Facts(
        file.name if file.is_absolute() else source.file,
        model.variant,
        str(mode),
        summary.parameters,
        summary.multiply_adds,
        fingerprints,
    )


def _locate(report: Report, model: Model, programs: Mapping[str, Program]) -> None:
    """Says where in the spec, and in generated code, the steps that differ stand."""
    nodes = {node.path: node for node in model.graph.nodes}
    for name, outcome in report.outcomes.items():
        if outcome.culprit is not None:
            node = nodes[outcome.culprit.step]
            where = model.spec.source.diagnostic(node.origin, "").where
            block = str(node.origin[1]) if node.origin[0] == "blocks" else ""
            code = statement(programs[name], node.outputs[0].name, block) if name in programs else ""
            outcome.culprit = replace(outcome.culprit, position=where, code=code)


def _pictured(graph: Graph, path: Path) -> dict[str, Array]:
    from archspec.pictures import as_input

    tensors = {name: tensor for name, tensor in graph.inputs.items() if tensor.dtype == "float"}
    if len(graph.inputs) != 1 or [len(tensor.shape) for tensor in tensors.values()] != [4]:
        raise UsageError(f"{graph.name} does not take one picture; --input is for networks that do")
    return {name: as_input(path, tuple(map(int, tensor.shape))) for name, tensor in tensors.items()}
