"""What emit is told of a framework, as data: its words, and how its models are written.

Classes and functions, and channels first or last, are choices of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from archspec.emit.code import Code


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Functions:
    """Blocks are functions of symbolic tensors that make and call layers, which are found by their names."""

    model: str
    """What makes a model of inputs and outputs."""
    input: str
    """What declares an input."""
    unlayered: Callable[[str], str]
    """The name that the framework gives to what code mentions (see `code.mentioned`), if it has a place in the model
    without being a layer; else nothing."""


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
