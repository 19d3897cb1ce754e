"""Rows of a backend's table: the framework's own signatures as text, and where its names differ from ours.

    "linear": layer("nn.Linear(in_features, out_features, bias=True)", in_features=lambda site: site.size(-1)),

An argument that equals the default in the signature is left out. What stands after `*` is written with its name.
A test holds every signature against the installed framework.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from archspec.emit.code import Call, Code, Global, Implied, Infix, Number, literal
from archspec.emit.context import Lowered, Site, WeightPlace, once
from archspec.graph.tree import Step

Source = str | Code | Callable[[Site], Any] | bool | int | float | None
"""Where an argument comes from: an attribute's name, a function of the site, or a constant."""
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Signature:
    target: str
    positional: tuple[str, ...]
    keyword: tuple[str, ...]
    defaults: Mapping[str, Code]


@cache
def signature(text: str) -> Signature:
    """The parts of `nn.Linear(in_features, out_features, *, bias=True)`."""
    target, _, rest = text.partition("(")
    (function,) = ast.parse(f"def f({rest}: pass").body
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    positional = [a.arg for a in arguments.args]
    defaults = dict(zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True))
    required = tuple(name for name in positional if name not in defaults)
    optional = tuple(name for name in positional if name in defaults)
    keyword = tuple(a.arg for a in arguments.kwonlyargs)
    for name, default in zip(keyword, arguments.kw_defaults, strict=True):
        if default is not None:
            defaults[name] = default
    return Signature(target, required, optional + keyword,
                     {name: literal(ast.literal_eval(node)) for name, node in defaults.items()})  # fmt: skip


def spell(text: str, site: Site, inputs: Sequence[Code] = (), **sources: Any) -> Call:
    """The call that a signature makes of a step's attributes. `inputs` come before everything else."""
    form = signature(text)
    found = {name: _argument(name, site, sources, form) for name in (*form.positional, *form.keyword)}
    args = tuple(found[name] for name in form.positional if found[name] is not None)
    kwargs = tuple(
        (name, Implied(code) if isinstance(code, Number) and code == form.defaults.get(name) else code)
        for name in form.keyword
        if (code := found[name]) is not None and (code != form.defaults.get(name) or isinstance(code, Number))
    )
    return Call(Global(form.target), (*inputs, *args), kwargs)  # type: ignore[arg-type]


def _argument(name: str, site: Site, sources: Mapping[str, Any], form: Signature) -> Code | None:
    source = sources.get(name, _MISSING)
    if source is _MISSING:
        if name in type(site.op).model_fields:
            return site.attr(name)
        if name in form.defaults:
            return None
        raise LookupError(f"{form.target}: where does '{name}' of {site.op.key} come from?")
    if callable(source):
        source = source(site)
        return source if isinstance(source, Code) or source is None else once(literal(source))
    if isinstance(source, Code):
        return source
    if isinstance(source, str) and source in type(site.op).model_fields:
        return site.attr(source)
    return literal(source)


@dataclass(frozen=True)
class Layer:
    """A step that is one layer with weights (or state) of its own."""

    text: str
    sources: Mapping[str, Any]
    weights: Mapping[str, Any]

    def __call__(self, site: Site) -> Lowered:
        made = spell(self.text, site, **self.sources)
        return own_layer(made, site, self.weights)


def layer(text: str, weights: Mapping[str, Any] | None = None, **sources: Any) -> Layer:
    """A row for a layer. `weights` maps canonical parameters to the framework's names (or name and layout)."""
    return Layer(text, sources, weights or {})


def own_layer(made: Code, site: Site, weights: Mapping[str, Any] | None = None) -> Lowered:
    """A step that is the call of one layer of its own."""
    return Lowered(
        apply=lambda own, inputs: Call(own[""], tuple(inputs)),
        layers={"": made},
        module=made,
        weights=bindings(site, weights or {}),
    )


def bindings(site: Site, names: Mapping[str, Any], suffix: str = "") -> dict[str, WeightPlace]:
    """Where a step's parameters live: under their own names unless `names` says otherwise."""
    steps: Iterable[Step] = site.step.steps.values()
    found = {}
    for parameter in (p for step in steps for p in step.op.parameters(*(value.shape for value in step.inputs))):
        entry = names.get(parameter, parameter)
        name, lay = entry if isinstance(entry, tuple) else (entry, None)
        found[parameter] = WeightPlace(suffix, name, lay)
    return found


@dataclass(frozen=True)
class Function:
    """A step without weights: a function of its inputs, and the layer that does the same in a container."""

    text: str
    module: str | None
    sources: Mapping[str, Any]

    def __call__(self, site: Site) -> Lowered:
        made = spell(self.module, site, **self._known(self.module, site)) if self.module else None
        text = self.text
        return Lowered(apply=lambda own, inputs: spell(text, site, inputs, **self._known(text, site)), module=made)

    def _known(self, text: str, site: Site) -> dict[str, Any]:
        form = signature(text)
        return {name: source for name, source in self.sources.items() if name in (*form.positional, *form.keyword)}


def function(text: str, module: str | None = None, **sources: Any) -> Function:
    """A row for a function: `function("F.relu()", "nn.ReLU()")`. The inputs come first and are not written here."""
    return Function(text, module, sources)


@dataclass(frozen=True)
class Operator:
    symbol: str
    attributes: tuple[str, ...]

    def __call__(self, site: Site) -> Lowered:
        given = tuple(site.attr(name) for name in self.attributes if getattr(site.op, name) is not None)
        ahead = "value_first" in type(site.op).model_fields and site.same(
            lambda step: step.op.value_first, "value_first"
        )
        return Lowered(apply=lambda own, inputs: Infix(self.symbol, (*given, *inputs) if ahead else (*inputs, *given)))


def operator(symbol: str, *attributes: str) -> Operator:
    """A row for an operator between the inputs and, where they are given, attributes."""
    return Operator(symbol, attributes)
