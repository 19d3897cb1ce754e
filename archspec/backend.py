"""What a backend is: a value that turns an elaborated network into source code and says how to run and fill it.

Backends are found by the entry-point group `archspec.backends`; the built-in ones use it as strangers' do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from archspec._collector import paused_collector
from archspec._plugged import plugged
from archspec.errors import BackendError, UsageError
from archspec.expressions import suggestion
from archspec.ops.base import describe

if TYPE_CHECKING:
    from types import ModuleType

    from archspec.graph.graph import Graph
    from archspec.graph.tree import Module
    from archspec.ops.base import Array
    from archspec.spec.document import Document
    from archspec.spec.source import Source

Live = Callable[[Callable[[], Any], "Mapping[str, Array]", Collection[str], Any], Any]
"""Makes a model in this process: by a function, which makes it as generated code does, with weights by target, of which
these may have no place in it, on a device, if not None. Raises UsageError for a device that is not there."""

Moves = tuple[tuple[str, tuple[int, ...]], ...]
"""How a canonical array becomes the framework's, step by step: `("reshape", shape)`, where -1 stands for the batch;
`("transpose", axes)`; along the first axis `("take", indices)`, and `("pad", (before, after))` with zeros."""


@dataclass(frozen=True, slots=True)
class Weight:
    """Where a canonical parameter lives in the generated model."""

    parameter: str
    """`layer1.0.conv1.weight`"""
    target: str
    """The framework's own name of it, understood by the backend's runner."""
    layout: Moves = ()
    shared: bool = False
    """Whether other parameters of its step have the same target, which then is their sum: the two biases of a recurrent
    step where the framework has one, or parts of one matrix, each with zeros (`pad`) at the others' places."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A step's output as the probes of a program see it."""

    tensor: str
    """The canonical name: `layer1.0.conv1`, or `split1.0` for one of several outputs."""
    layout: Moves = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """How weights and inputs reach a model, what it shows, and how exact that is."""

    weights: tuple[Weight, ...]
    inputs: dict[str, Moves]
    """The inputs in the order in which the model takes them."""
    outputs: dict[str, Moves]
    """The outputs in the order in which the model gives them, those of training included."""
    probes: dict[str, tuple[Observed, ...]]
    """Key of a probe: what it sees, in order."""
    hooks: dict[str, str] = field(default_factory=dict)
    """Path of a submodule whose output is a step's: key of the probe. (Elements of a sequential container.)"""
    inexact: dict[str, float] = field(default_factory=dict)
    """Tensor whose native operation is known to be less exact than float64: the largest error that it may have."""
    inexact_gradients: dict[str, float] = field(default_factory=dict)
    """The same for the gradients of steps, by the tensor that the step gives."""
    random: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Step that is random in training: its layers, by names that the backend's runner understands."""
    single: frozenset[str] = frozenset()
    """Tensors that are computed in float32 in float64, too, where they are not compared; what follows of them is
    computed from the truth."""
    starts: bool = False
    """Whether weights begin as the spec says; without it, as the framework has it."""
    unbiased_variance: bool = False
    """Whether batch normalization keeps the unbiased variance of a batch (divided by n - 1), not the biased one."""
    keeps_old: bool = False
    """Whether the momentum of a normalization is the weight of the old statistics, not of the new."""

    @property
    def shown(self) -> dict[str, Moves]:
        """The tensors that probes see, and how they are laid out."""
        return {seen.tensor: seen.layout for probe in self.probes.values() for seen in probe}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program(Interface):
    """Generated code, and what a runner needs to fill it, run it and watch it."""

    source: str
    """The file as the user gets it."""
    probed: str
    """The same code with `probe(...)` around the value of each step; equal to `source` once those are removed."""
    written: str
    """`probed` with the floats written out that `source` leaves out because they are the framework's defaults."""
    rounded: str
    """`written` with the spec's floats rounded to float32, as frameworks keep them even in float64 models."""
    entry: str
    """The class or function that makes the model."""
    homes: dict[str, str] = field(default_factory=dict)
    """By path, the class or function in which a step is written, and that which the use of a block calls."""
    notes: dict[str, str] = field(default_factory=dict)
    """By operation, the difference that its row bridges."""
    training_arguments: dict[str, Any] = field(default_factory=dict)
    """What `entry` must be given for a model that returns the outputs of training, if it is not its `training` flag."""


class Text(Protocol):
    """What was read."""

    @property
    def document(self) -> Document: ...

    @property
    def source(self) -> Source: ...


class Network(Protocol):
    """What code is generated from: what a generator may know of an `archspec.Model`."""

    variant: str | None
    params: dict[str, Any]
    overrides: dict[str, Any]
    """Params that differ from the variant's."""

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> Text: ...

    @property
    def graph(self) -> Graph: ...

    @property
    def free_params(self) -> frozenset[str]:
        """The params that can stay arguments."""

    @property
    def one_size(self) -> frozenset[str]:
        """The images and sequences among the inputs, if the network takes them in the spec's sizes alone."""

    def roots(self, free: frozenset[str]) -> dict[str, Module]:
        """The elaborated tree, and the same with other values for free params and open dimensions."""


class Generated(Protocol):
    """The generated code of one model."""

    def text(self) -> str: ...

    def program(self) -> Program: ...


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """The files of weights that a framework reads by itself."""

    ending: str
    """Of their names: `.pt`."""
    use: str
    """The lines that make a model and fill it, of an `{entry}` and a `{file}`."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A framework that archspec can generate code for."""

    name: str
    """The key of `--to`: `pytorch`."""
    title: str
    """As people write it: `PyTorch`."""
    framework: str
    """The package whose version counts: `torch`."""
    generator: Callable[[Network], Generated]
    """Generates the code of a model. Raises BackendError if the framework cannot express the network exactly."""
    runner: Path
    """A script that needs numpy and the framework only; `archspec.verification.worker` loads it
    in the framework's process."""
    training: Callable[[], Any] | None = None
    """Gives the `archspec.training.script.Spelling` of scripts that train, if it can write such."""
    live: Live | None = None
    """Makes models in this process, if it can."""
    exact_statistics: Callable[[Network], Generated] | None = None
    """As `generator`, for code whose running variances are those of all others, if that of `generator` keeps another:
    biased ones (see `Interface.unbiased_variance`)."""
    recorder: Path | None = None
    """A script like the runner, by which a person's own model is run and its calls are seen
    (see `archspec.verification.worker.own`)."""
    tracer: Path | None = None
    """A script like the runner, which captures a person's own model as data (see
    `archspec.verification.worker.capture`)."""
    raising: Callable[[], Any] | None = None
    """Gives the `archspec.importing.raising.Table` of what the tracer captures."""
    reproduction: Path | None = None
    """A template of a script that fills a model, runs it, and shows how far it is off (see
    `archspec.reproduction`); without it, none is written."""
    timer: Path | None = None
    """A script like the runner, by which models are timed (see `archspec.bench.process`)."""
    weights_file: WeightsFile | None = None
    """What it reads weights from; without it, models are not converted to it."""
    saved: Callable[[Program, Graph], Mapping[str, str]] | None = None
    """Where the framework's own files of weights have each target of a model, for those that have no names of weights.
    Raises BackendError if that cannot be told."""

    def exact(self) -> Backend:
        """The same backend for code whose running statistics are equal in all frameworks."""
        return replace(self, generator=self.exact_statistics) if self.exact_statistics else self

    def write(self, model: Network) -> str:
        """The source code of a model. Raises BackendError if the framework cannot express the network exactly."""
        with paused_collector(), self._not_too_deep():
            return self.generator(model).text()

    def generate(self, model: Network) -> Program:
        """The source code of a model, and what is needed to run and watch it; raises as `write`."""
        with paused_collector(), self._not_too_deep():
            return self.generator(model).program()

    def module(self, program: Program) -> ModuleType:
        """Generated code in this process. Raises UsageError without its framework."""
        from archspec.live import load

        try:
            with paused_collector():  # importing makes a million objects that stay
                import_module(self.framework)
        except ImportError as error:
            said = str(error).strip().splitlines() or [type(error).__name__]
            raise UsageError(f"{self.title} cannot be imported here: {said[0]}") from error
        return load(program.source, program.entry)

    @contextlib.contextmanager
    def _not_too_deep(self) -> Iterator[None]:
        try:
            yield
        except RecursionError:
            raise BackendError(f"{self.title}: the code would be nested too deeply, as a sum of thousands") from None


def backends(names: str | Sequence[str] = ()) -> list[Backend]:
    """The installed backends of these names, in that order; all if none are given.

    Raises UsageError for a name that no installed backend has, BackendError for a backend that cannot be loaded.
    """
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"backends are named by a text or a list of texts, not by {describe(names)}")
    found = plugged("backends")
    order = sorted(found, key=lambda name: (_KNOWN.index(name) if name in _KNOWN else len(_KNOWN), name))
    for name in names:
        if name not in order:
            if name in plugged("formats"):
                raise UsageError(f"'{name}' is a format of files; this takes backends: {', '.join(order) or 'none'}")
            hint = suggestion(name, order) or f"installed are {', '.join(order) or 'none'}"
            raise UsageError(f"there is no backend '{name}'; {hint}")
    return [_loaded(found[name]) for name in dict.fromkeys(names or order)]


def _loaded(point: EntryPoint) -> Backend:
    try:
        backend = point.load()
    except Exception as error:  # it is code of another distribution
        raise BackendError(f"the backend '{point.name}' cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(backend, Backend):
        raise BackendError(f"the backend '{point.name}' is no Backend but {type(backend).__name__}")
    return backend


_KNOWN = ("pytorch", "keras", "paddle")
