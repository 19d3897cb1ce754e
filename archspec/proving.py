"""Where a verification is done: networks are generated, run in every framework, and reported one after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from archspec import reference
from archspec.backend import Backend, Program, backends
from archspec.budget import Budget
from archspec.errors import BackendError, SpecError, UsageError
from archspec.formats import Format, formats, named
from archspec.graph.graph import Graph, rounded
from archspec.graph.mode import Mode
from archspec.jobs import Job, jobs_of
from archspec.model import Model
from archspec.results.cache import Cache
from archspec.results.fingerprints import fingerprint
from archspec.results.ledger import Ledger
from archspec.results.options import Options
from archspec.results.progress import Progress
from archspec.results.wanted import Wanted
from archspec.verification.cases import Case, Second, case
from archspec.verification.cases import second as second_case
from archspec.verification.failure import Failure
from archspec.verification.places import statement
from archspec.verification.report import Facts, Outcome, Report
from archspec.verification.run import examine, memory
from archspec.verification.scratch import physical_memory
from archspec.verification.subject import generated
from archspec.verification.task import Instead
from archspec.verification.workers import Pool

if TYPE_CHECKING:
    from archspec.against.file import HeldFile
    from archspec.against.hold import Held
    from archspec.ops.base import Array

Room = Callable[[Graph], contextlib.AbstractContextManager[None]]
"""Waits until there is memory for a network, and gives it back."""
_DEFAULT: Final = Options()
STEPS: Final = "steps"
"""What is compared of a script that trains, beside the modes in which a network is run."""


def _unbounded(graph: Graph) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


class Prover:
    """Frameworks that are warm, for use in a `with` statement, which starts and ends them.

    Raises UsageError for a backend that is not there.
    """

    def __init__(
        self, options: Options, ledger: Ledger, *, jobs: int = 1,
        watch: Callable[[str], None] | None = None, cache: Cache | None = None, repro: Path | None = None,
        absent: Mapping[str, Failure] | None = None,
    ) -> None:  # fmt: skip
        """As many networks as there are `jobs` are verified side by side, each with processes of its own. Environments
        that are `absent` are reported with the reason."""
        self._absent = dict(absent or {})
        sources, files = named(options.to)
        every = not (options.to or options.env)
        elsewhere = list(self._elsewhere(options.env))
        chosen = [
            *(backends(sources) if sources or every else ()), *(each for each in elsewhere if isinstance(each, Backend))
        ]  # fmt: skip
        self.formats = [
            *(formats(files) if files else ()), *(each for each in elsewhere if isinstance(each, Format))
        ]  # fmt: skip
        self.options, self._ledger, self._cache, self._repro = options, ledger, cache, repro
        self.chosen = [backend.exact() if options.exact_statistics else backend for backend in chosen]
        self.names = [each.name for each in (*chosen, *self.formats)]
        if self.formats and not chosen and (options.gradients or options.training or options.steps):
            names = " and ".join(each.name for each in self.formats)
            raise UsageError(f"{names}: files for evaluation, which have no gradients and do not train")
        for name in options.python:
            if name not in self.names:
                raise UsageError(f"there is no backend '{name}' here to run in another Python")
        self._own, more = _own(options.against, self.chosen)
        self._runners = {each.name: each.runner for each in (*self.chosen, *self.formats, *more)}
        self._most = max(1, min(jobs, int(min(physical_memory(), 1 << 50) // self._idle)))
        self._pools = [self._pool()]
        self._budget = Budget(physical_memory(), self._rest)
        self._progress = Progress(watch, lambda: [pool.doing() for pool in self._pools])

    def _elsewhere(self, environments: Sequence[str]) -> Iterator[Backend | Format]:
        """The backends and formats of the environments that are there, each called after its environment."""
        from archspec.environments import Environment

        for environment in map(Environment.parse, environments):
            if environment.name not in self._absent:
                sources, files = named([environment.backend])
                each = formats(files)[0] if files else backends(sources)[0]
                yield replace(each, name=environment.name, title=environment.name)

    @property
    def _idle(self) -> int:
        """The bytes that frameworks take before they do anything."""
        return max(1, len(self.names)) << 30

    def _pool(self) -> Pool:
        return Pool(self._runners, python=self.options.python, patience=self.options.timeout)

    def _rest(self) -> None:
        for pool in self._pools:
            pool.rest()

    def __enter__(self) -> Prover:
        if self.names:
            self._progress.start("starting " + ", ".join(each.title for each in (*self.chosen, *self.formats)))
        self._pools[0].__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._progress.stop()
        for pool in self._pools:
            pool.__exit__(*raised)

    def prove(self, networks: Mapping[int, Wanted], date: str = "") -> None:
        """Reports on networks, which stand at these places, and keeps in the cache what it finds on this date. Raises
        as `archspec.verify`."""
        jobs = list(
            jobs_of(networks, self.options, self._ledger, self._cache, date)
        )  # frameworks are imported meanwhile
        if self._own and len(jobs) > 1:
            raise UsageError(f"a person's own model is held against one network, and these are {len(jobs)}")
        for number, job in enumerate(jobs, 1):
            job.title = f"{job.model.name} ({number} of {len(jobs)})"
        if min(self._most, len(jobs)) > 1:
            self._side_by_side(jobs, min(self._most, len(jobs)))
            return
        for job in jobs:
            self._prove(job, self._pools[0])

    def reports(self, model: Model) -> list[Report]:
        """What is found about one network. Raises as `archspec.verify`."""
        return list(reports(model, self.chosen, self._pools[0], self.options, formats=self.formats))

    def _side_by_side(self, jobs: Sequence[Job], count: int) -> None:
        self._budget = Budget(physical_memory() - count * self._idle, self._rest)
        for _ in range(count - 1):
            self._pools.append(self._pool().__enter__())
        free: SimpleQueue[Pool] = SimpleQueue()
        for pool in self._pools:
            free.put(pool)

        def prove(job: Job) -> None:
            pool = free.get()
            try:
                self._prove(job, pool)
            finally:
                free.put(pool)

        threads = ThreadPoolExecutor(count, "archspec-network")
        waiting = [threads.submit(prove, job) for job in jobs]
        try:
            for future in as_completed(waiting):
                future.result()
        finally:  # after an interrupt nothing more is begun, and what runs fails
            self._ledger.close()
            threads.shutdown(wait=False, cancel_futures=True)

    def _prove(self, job: Job, pool: Pool) -> None:
        with self._ledger.guarded(job.place, job.model.name), self._progress.about(job.title) as tell:
            own = [hold(job.model, pool, self.options) for hold in self._own]
            found: list[Report] = []
            for report in self._reports(job.model, pool, tell):
                report.outcomes |= {name: Outcome(name, failure=each) for name, each in self._absent.items()}
                for each in own:
                    tell("comparing " + each.name)
                    each.add(report)
                self._ledger.add((*job.place, len(found)), report)
                found.append(report)
            job.keep(found)

    def _reports(self, model: Model, pool: Pool, tell: Callable[[str], None]) -> Iterator[Report]:
        """What is found about a network; where no environment is there, that."""
        if not self.names:
            yield Report(model.name, self.options.seed, {}, facts=_facts(model, modes(self.options)[0], {}))
            return
        yield from reports(
            model, self.chosen, pool, self.options, tell, room=self._room, repro=self._repro, formats=self.formats
        )

    def _room(self, graph: Graph) -> contextlib.AbstractContextManager[None]:
        """Waits until there is memory for a network."""
        needed = memory(graph, len(self.names), gradients=self.options.gradients or bool(self.options.steps))
        return self._budget.take(needed - self._idle)


def _own(texts: Sequence[str], chosen: Sequence[Backend]) -> tuple[list[Callable[..., Held | HeldFile]], list[Format]]:
    """The people's own models that are named, to be held against a network, and the formats of those that are files.
    Raises UsageError."""
    if not texts:
        return [], []
    from archspec.against.file import HeldFile, saved
    from archspec.against.hold import Held
    from archspec.against.target import targets

    files = saved(texts)
    names = {file.text for file in files}
    others = targets([text for text in texts if text not in names], chosen)
    held: list[Callable[..., Held | HeldFile]] = [partial(HeldFile, file) for file in files]
    held += [partial(Held, target) for target in others]
    return held, [file.form for file in files]


def modes(options: Options) -> tuple[str, ...]:
    """What is compared, in order; of `auxiliary`, those networks only that have such outputs."""
    if options.steps:
        return (STEPS,)
    return (Mode.EVALUATION, Mode.AUXILIARY, *([Mode.TRAINING] if options.training else []))


def reports(
    model: Model, chosen: Sequence[Backend], pool: Pool, options: Options = _DEFAULT,
    watch: Callable[[str], None] = lambda stage: None, *, only: Collection[str] = (), room: Room = _unbounded,
    repro: Path | None = None, formats: Sequence[Format] = (),
) -> Iterator[Report]:  # fmt: skip
    """What is found about one network: a report for each of its modes, or of those that are wanted alone.

    Raises SpecError for a step that the reference cannot compute.
    """
    try:
        if options.steps:
            yield from _noted(_stepped(model, chosen, pool, options, watch, room), formats)
        else:
            wanted = only or modes(options)
            found = _reports(model, chosen, pool, options, watch, wanted, room, repro) if chosen else iter(())
            if formats and Mode.EVALUATION in wanted:
                yield _with_files(next(found, None), model, formats, pool, options, watch, room)
            yield from _noted(found, formats)
    except reference.StepError as error:
        raise SpecError([model.spec.source.diagnostic(error.node.origin, str(error))]) from error


def _reports(
    model: Model, chosen: Sequence[Backend], pool: Pool, options: Options, watch: Callable[[str], None],
    wanted: Collection[str], room: Room, repro: Path | None,
) -> Iterator[Report]:  # fmt: skip
    watch("generating code")
    tried = case(model, chosen, keep_size=options.picture is not None, sizes=options.sizes)
    refused = {name: Outcome(name, failure=Failure("refused", message)) for name, message in tried.refused.items()}
    instead = Instead(_pictured(tried.graph, options.picture)) if options.picture is not None else None
    graph = rounded(tried.graph)
    due = [mode for mode in Mode if mode in wanted and (mode is not Mode.AUXILIARY or graph.training_outputs)]
    other = second_case(tried, chosen) if tried.programs and Mode.EVALUATION in due else None
    for mode in due:
        with room(graph):
            watch("comparing" + _ABOUT[mode])
            report = examine(
                graph, generated(tried.programs), pool, mode=mode, seed=options.seed, timeout=options.timeout,
                gradients=options.gradients, allow_unproven=options.allow_unproven, instead=instead,
                second=other if mode is Mode.EVALUATION else None, bits=bool(options.env),
            )  # fmt: skip
        report.outcomes = {b.name: (report.outcomes | refused)[b.name] for b in chosen}
        report.model += _ABOUT[mode]
        report.facts = _facts(model, mode, tried.files)
        _locate(report, model, tried.programs)
        if repro is not None and mode is not Mode.AUXILIARY and instead is None and report.exit_code == 1:
            watch("reproducing what differs")
            report.remarks += _reproduced(tried, report, mode, chosen, options, repro, other)
        yield report


def _with_files(
    report: Report | None, model: Model, formats: Sequence[Format], pool: Pool, options: Options,
    watch: Callable[[str], None], room: Room,
) -> Report:  # fmt: skip
    """A report about evaluation, if there is one, with what is found about files."""
    from archspec.verification.written import written

    graph = model.graph_for(options.sizes)
    instead = Instead(_pictured(graph, options.picture)) if options.picture is not None else None
    with room(graph):
        watch("comparing files")
        found = written(
            model, formats, pool, sizes=options.sizes, seed=options.seed, timeout=options.timeout,
            allow_unproven=options.allow_unproven, instead=instead, bits=bool(options.env),
        )  # fmt: skip
    _locate(found, model, {})
    if options.gradients:
        found.remarks += tuple(f"{each.name}: no gradients" for each in formats)
    if report is None:
        found.facts = _facts(model, Mode.EVALUATION, {})
        return found
    report.outcomes |= found.outcomes
    report.remarks += found.remarks
    return report


def _noted(reports: Iterator[Report], formats: Sequence[Format]) -> Iterator[Report]:
    """Reports about training, in which files have no part."""
    for report in reports:
        report.remarks += tuple(f"{each.name}: not compared: its files are for evaluation" for each in formats)
        yield report


def _stepped(
    model: Model, chosen: Sequence[Backend], pool: Pool, options: Options, watch: Callable[[str], None], room: Room
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
    with room(model.graph):
        watch(f"training for {options.steps} steps")
        trial = Trial.of(model, scripts, options.steps, options.seed, options.sizes or None)
        report = train(trial, scripts, pool, options.timeout)
    report.outcomes = {backend.name: (report.outcomes | refused)[backend.name] for backend in chosen}
    report.facts = _facts(model, STEPS, {script.backend: script.program.source for script in scripts})
    yield report


_ABOUT = {Mode.EVALUATION: "", Mode.AUXILIARY: " with the outputs of training", Mode.TRAINING: " in training"}


def _reproduced(
    tried: Case, report: Report, mode: Mode, chosen: Sequence[Backend], options: Options, folder: Path,
    other: Second | None,
) -> tuple[str, ...]:  # fmt: skip
    """Writes what reproduces a difference, and tells where, or that there is nothing that does."""
    from archspec.reproduction import Reproducer

    written = Reproducer(
        tried.model, tried.graph, tried.programs, chosen, folder, options.seed, options.python, other
    ).reproduce(report, mode)
    told = [f"{name}: reproduced by {path / f'run_{name}.py'}" for name, path in written.items()]
    failed = [name for name, outcome in report.outcomes.items() if outcome.status == "failed" and name not in written]
    return (*told, *(f"{name}: no script shows by itself what differs" for name in failed))


def _facts(model: Model, mode: str, files: Mapping[str, str]) -> Facts:
    source, summary = model.spec.source, model.summary()
    code = {name: fingerprint(text) for name, text in files.items()}
    fingerprints = {"spec": fingerprint("\n".join(source.listing)), **code}
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
