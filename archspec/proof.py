"""Prove that the generated models of networks are the same function: what `archspec verify` does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec import reference
from archspec.backend import Backend, backends
from archspec.errors import ArchspecError, BackendError, SpecError, UsageError, understood
from archspec.graph.graph import Graph, rounded
from archspec.graph.mode import Mode
from archspec.loading import open_spec, variants
from archspec.model import Model, check_sizes
from archspec.ops.base import describe
from archspec.verification.cases import case
from archspec.verification.cases import second as second_case
from archspec.verification.report import Outcome, Report
from archspec.verification.run import examine
from archspec.verification.subject import generated
from archspec.verification.workers import Failure, Pool

if TYPE_CHECKING:
    from archspec.ops.base import Array


@dataclass(frozen=True, slots=True)
class Refused:
    """What could not be verified, and why: a spec that is not valid, or not there; or archspec failed at it."""

    network: str
    error: ArchspecError

    def to_json(self) -> dict[str, Any]:
        return {"network": self.network, **self.error.to_json()}


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found about one or more networks."""

    reports: tuple[Report, ...]
    required: frozenset[str]
    """The backends that must not be missing."""
    refused: tuple[Refused, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything that was compared agrees, and nothing that is required is missing."""
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        """1 if anything differs, is not proven, or broke down; else 2 if there is no such spec; else 3 if a required
        framework is missing, or all; else 0."""
        statuses = [(name, each.status) for report in self.reports for name, each in report.outcomes.items()]
        if any(status not in ("passed", "missing") for _, status in statuses):
            return 1
        if self.refused:
            return 2 if all(isinstance(each.error, UsageError) for each in self.refused) else 1
        missing = {name for name, status in statuses if status == "missing"}
        return 3 if missing & self.required or missing == {name for name, _ in statuses} else 0

    def to_json(self) -> dict[str, Any]:
        """As plain data that JSON can hold."""
        return {
            "exit_code": self.exit_code,
            "reports": [report.to_json() for report in self.reports],
            "refused": [refused.to_json() for refused in self.refused],
        }


def verify(
    *networks: str | Path | Model,
    to: str | Sequence[str] = (),
    variant: str | None = None,
    params: Mapping[str, Any] | None = None,
    python: Mapping[str, str] | None = None,
    gradients: bool = False,
    training: bool = False,
    steps: int = 0,
    exact_statistics: bool = False,
    require: bool = False,
    allow_unproven: bool = False,
    seed: int = 0,
    timeout: float = 300,
    sizes: Mapping[str, int] | None = None,
    picture: Path | None = None,
    watch: Callable[[str], None] = lambda stage: None,
    each: Callable[[Report | Refused], None] | None = None,
) -> Proof:
    """Generates the code of networks, runs each framework in a process of its own, and compares every step.

    A spec stands for all its variants. `to` names the backends, all by default; those that are named must be there,
    and so must all with `require`. `python` gives interpreters by backend, `timeout` limits the seconds of a run, and
    of the import of a framework. With `gradients`, those by inputs and weights are compared, too; with `training` also
    what the models compute in training, where normalizations use and keep the statistics of the batch, and what is
    random is left out. With `steps`, so many steps of training by the generated scripts are compared, and nothing else,
    so that the three other choices of what is compared are refused beside it.
    With `exact_statistics` the code is that whose running variances are equal in all frameworks.
    `sizes` are numbers for open dimensions, and for `batch`, which else is two (in training, four). `picture` is run
    through instead of random numbers. Outputs that are NaN, infinite, lost, or not defined are no pass, unless
    `allow_unproven` says that they are meant. `watch` is told what happens, and `each` is given every report when it is
    done.

    Raises SpecError for a spec that is not valid, or of which the reference cannot compute a step, UsageError for what
    does not exist. With `each`, it is given what cannot be verified, too, and the others are.
    """
    chosen = [backend.exact() if exact_statistics else backend for backend in backends(to)]
    _check_options(networks, variant, params, seed, timeout, sizes)
    if steps and (gradients or training or picture is not None):
        raise UsageError("steps of training are compared alone: without gradients, one run in training, or a picture")
    for name in python or ():
        if name not in {backend.name for backend in chosen}:
            raise UsageError(f"there is no backend '{name}' here to run in another Python")
    found: list[Report] = []
    refused: list[Refused] = []

    @contextlib.contextmanager
    def guarded(network: str | Path | Model) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if each is None:
                raise
            name = network.name if isinstance(network, Model) else str(network)
            refused.append(Refused(name, understood(error)))
            each(refused[-1])

    watch("starting " + ", ".join(backend.title for backend in chosen))
    with Pool({backend.name: backend.runner for backend in chosen}, python=python, patience=timeout) as pool:
        # The frameworks are being imported meanwhile.
        models: list[Model] = []
        for network in networks:
            with guarded(network):
                models += _models(network, variant, params or {})
        for number, model in enumerate(models, 1):
            watch(f"{model.name} ({number} of {len(models)})")
            with guarded(model):
                given: dict[str, Any] = {"seed": seed, "timeout": timeout, "sizes": sizes}
                made = stepped(model, chosen, pool, steps, **given) if steps else reports(
                    model, chosen, pool, picture=picture, gradients=gradients, training=training,
                    allow_unproven=allow_unproven, **given,
                )  # fmt: skip
                for report in made:
                    found.append(report)
                    if each is not None:
                        each(report)
    required = chosen if require or to else []
    return Proof(tuple(found), frozenset(backend.name for backend in required), tuple(refused))


def _check_options(
    networks: Sequence[str | Path | Model], variant: str | None, params: Mapping[str, Any] | None, seed: int,
    timeout: float, sizes: Mapping[str, int] | None,
) -> None:  # fmt: skip
    """Raises UsageError for what cannot be meant."""
    if not networks:
        raise UsageError("there is nothing to verify: name at least one network")
    if (variant is not None or params) and any(isinstance(network, Model) for network in networks):
        raise UsageError("a Model has its variant and params already: they are given to archspec.load")
    if not isinstance(seed, int) or seed < 0:
        raise UsageError(f"a seed is a whole number from 0, not {describe(seed)}")
    if not isinstance(timeout, (int, float)) or not timeout > 0:
        raise UsageError(f"a time limit is a number of seconds above 0, not {describe(timeout)}")
    check_sizes(sizes)


def _models(network: str | Path | Model, variant: str | None, params: Mapping[str, Any]) -> list[Model]:
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


def reports(
    model: Model, chosen: Sequence[Backend], pool: Pool, *, picture: Path | None = None,
    sizes: Mapping[str, int] | None = None, **options: Any,
) -> list[Report]:  # fmt: skip
    """What is found about one network: a report, another with the outputs that exist only in training, if there are
    any, and one in `training`, if that is wanted. The other `options` are those of `archspec.verification.run.examine`.

    Raises SpecError for a step that the reference cannot compute.
    """
    try:
        return _reports(model, chosen, pool, picture, sizes, **options)
    except reference.StepError as error:
        raise SpecError([model.spec.source.diagnostic(error.node.origin, str(error))]) from error


def _reports(
    model: Model, chosen: Sequence[Backend], pool: Pool, picture: Path | None, sizes: Mapping[str, int] | None,
    training: bool = False, **options: Any,
) -> list[Report]:  # fmt: skip
    tried = case(model, chosen, keep_size=picture is not None, sizes=sizes)
    refused = {name: Outcome(name, failure=Failure("refused", message)) for name, message in tried.refused.items()}
    if picture is not None:
        options["inputs"] = _pictured(tried.graph, picture)
    graph = rounded(tried.graph)
    other = second_case(tried, chosen) if tried.programs else None
    made = []
    due = {Mode.EVALUATION: True, Mode.AUXILIARY: graph.training_outputs, Mode.TRAINING: training}
    for mode in (mode for mode in Mode if due[mode]):
        second = other if mode is Mode.EVALUATION else None
        report = examine(graph, generated(tried.programs), pool, mode=mode, **options, second=second)
        report.outcomes = {b.name: (report.outcomes | refused)[b.name] for b in chosen}
        report.model += _ABOUT[mode]
        _locate(report, model)
        made.append(report)
    return made


def stepped(
    model: Model, chosen: Sequence[Backend], pool: Pool, steps: int, *, seed: int, timeout: float,
    sizes: Mapping[str, int] | None,
) -> list[Report]:  # fmt: skip
    """What is found about steps of training. Raises UsageError for a spec without a training section."""
    from archspec.verification.steps import examine as train
    from archspec.verification.trial import Trial

    if model.training is None:
        raise UsageError(f"{model.name} says nothing of training: its spec has no section 'training'")
    refused, scripts = {}, []
    for backend in chosen:
        try:
            scripts.append(model.script_for(backend))
        except (BackendError, UsageError) as error:
            refused[backend.name] = Outcome(backend.name, failure=Failure("refused", str(error)))
    report = train(Trial.of(model, scripts, steps, seed, sizes), scripts, pool, timeout)
    report.outcomes = {backend.name: (report.outcomes | refused)[backend.name] for backend in chosen}
    return [report]


_ABOUT = {Mode.EVALUATION: "", Mode.AUXILIARY: " with the outputs of training", Mode.TRAINING: " in training"}


def _locate(report: Report, model: Model) -> None:
    """Says where in the spec the steps that differ stand."""
    origins = {node.path: node.origin for node in model.graph.nodes}
    for outcome in report.outcomes.values():
        if outcome.culprit is not None:
            where = model.spec.source.diagnostic(origins[outcome.culprit.step], "").where
            outcome.culprit = replace(outcome.culprit, position=where)


def _pictured(graph: Graph, path: Path) -> dict[str, Array]:
    from archspec.pictures import as_input

    tensors = {name: tensor for name, tensor in graph.inputs.items() if tensor.dtype == "float"}
    if len(graph.inputs) != 1 or [len(tensor.shape) for tensor in tensors.values()] != [4]:
        raise UsageError(f"{graph.name} does not take one picture; --input is for networks that do")
    return {name: as_input(path, tuple(map(int, tensor.shape))) for name, tensor in tensors.items()}
