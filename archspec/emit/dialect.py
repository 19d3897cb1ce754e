"""What emit is told of a framework, as data: its words, and how its models are written.

Classes and functions, and channels first or last, are choices of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from archspec.emit.code import Code, Template
from archspec.ops.initializers import Distribution, Fans, Initializer


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """Weights are filled where they are, by functions of the framework that have our words for initializers: in a loop
    over all layers, and one by one."""

    layers: str
    """All layers of a model, from inside it: `self.modules()`."""
    layer: str
    """What people call one of them."""
    function: str
    """The function for one of our words: `nn.init.{}_`."""
    default: Callable[[str, str], Initializer | None]
    """How a weight of a kind of layer begins by itself, by the layer's name of it; None: that is not known."""
    fans: Callable[[str], Mapping[str, str] | None]
    """For a kind of layer code for `fan_in` and `fan_out` and `groups`, `{0}` being the layer, and which of the two is
    `divided` by the groups; None: no code tells."""
    seen: Callable[[str, Fans], tuple[int, int]]
    """What the functions take fan_in and fan_out of a weight to be, by the kind of its layer."""
    bases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Kinds of layers that derive from others, which a loop takes for those."""
    inner: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Kinds of layers that hold others: the kind of those."""
    optional: Mapping[str, Sequence[str]] = field(default_factory=lambda: MappingProxyType({}))
    """Kinds of layers with weights whose type says that they may be missing."""
    untyped: Collection[str] = ()
    """Kinds of layers whose weights have no type of their own."""
    lacking: Collection[str] = ()
    """Kinds of layers that have no attribute for a weight that is not there, where others have None."""
    named: str = ""
    """A weight of those, or of a layer inside another, by its path: `{0}` has it, `{1}` is the path."""
    packed: int = 1
    """How many weights some layers keep as one."""
    chunks: str = "{}"
    """Those, one by one."""

    def parts(self, weight: Code) -> Code:
        """The weights that one holds."""
        return Template(self.chunks.replace("{}", "{0}"), (weight,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """Blocks are classes that hold their layers, which are found by attributes joined with dots."""

    base: str
    """The class that all derive from."""
    tensor: str
    """The type of what a model takes and gives."""
    method: str
    """The method that is what the model does."""
    begin: str = ""
    """What a constructor says first."""
    training: str = ""
    """What tells, in that method, whether the model is being trained; without it, no network may have outputs that only
    training has."""
    handed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Arguments that every constructor takes by name and hands on to blocks, with their types; rows hand them on to
    layers (`Raw`)."""
    sequential: str
    """The container that calls its elements one after another."""
    named: str | None = None
    """What that takes pairs of names and elements in: a class, or nothing (`""`); None: elements have no names."""
    layer_list: str
    """The list that holds layers."""
    identity: str = ""
    """The layer that does nothing, if there is one."""
    shape: str = ""
    """The brackets of a tensor's `shape`, which is compared with the only sizes that a model takes; without,
    it refuses none."""
    buffer: Callable[[Code], Code] | None = None
    """What makes a tensor an attribute that moves with the model and is no weight; without, what depends on constants
    alone is computed at each call."""
    reserved: frozenset[str] = frozenset()
    """Attributes of the base class that a layer must not replace."""
    starts: Starts | None = None
    """How weights get their initial values; without it they begin as the framework has it."""
    frozen: Callable[[Code], Code] | None = None
    """A layer, made so that training leaves its weights alone; without it, nothing is frozen."""


class Given(Protocol):
    """Weights begin as an argument of their layer says."""

    xavier: str
    """The function that gives the initializer of that name for any fans."""

    def argument(self, kind: str, name: str) -> str | None:
        """The argument of a kind of layer for a weight, by the framework's name of it; None: it has none."""

    def default(self, kind: str, name: str) -> Initializer | None:
        """How that weight begins without the argument, with the fans of `seen`; None: that is not known."""

    def seen(self, kind: str, name: str, fans: Fans) -> tuple[int, int] | None:
        """What the framework takes fan_in and fan_out of that weight to be; None: something else."""

    def scaled(self, kind: type[Distribution], square: float, fan: str) -> Code:
        """An initializer for numbers whose square, times a fan that the framework computes, is this."""

    def spell(self, kind: type[Distribution], value: Code, mean: Code | None) -> Code:
        """An initializer for a distribution of this number, and of a mean other than zero."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Two layers that follow one another, for which a file that has them often gets a function."""

    name: str
    """What that is called."""
    layer: str
    arguments: tuple[str, ...]
    """What the first is given in order."""
    after: str
    """The second layer."""
    pad: str
    """What pads with zeros before the first, where that does not by itself."""
    doc: str
    """What the function says of itself."""
    padded: str
    """What it says besides if it pads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Functions:
    """Blocks are functions of symbolic tensors that make and call layers, which are found by their names."""

    model: str
    """What makes a model of inputs and outputs."""
    input: str
    """What declares an input."""
    after: str
    """The layer that hands on the first of two values once the second is there: a model may run calls in another order
    than they are written."""
    unlayered: Callable[[str], str]
    """The name that the framework gives to what code mentions (see `code.mentioned`), if it has a place in the model
    without being a layer; else nothing."""
    given: Given | None = None
    """How weights get their initial values; without it they begin as the framework has it."""
    chains: Sequence[Chain] = ()
    """What files may have functions for."""
    frozen: Callable[[Code], Code] | None = None
    """A layer, made so that training leaves its weights alone; without it, nothing is frozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A framework, as emit needs to know it."""

    title: str
    """As people write it, in messages and docstrings."""
    blocks: Classes | Functions
    imports: Mapping[str, str]
    """What files may import: statements by the name that they bind."""
    transpose: str = ""
    """The function that puts axes in another order. With it, images have their channels last; without, as in a spec."""
    unbiased_variance: bool = False
    """Whether batch normalization keeps the unbiased variance of a batch."""
    keeps_old: bool = True
    """Whether the momentum of a normalization is the weight of the old statistics, not of the new."""
