"""How weights begin, in functions: an argument of the layer that has them, where it does not begin so by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from archspec.emit.aligned import Differs
from archspec.emit.code import Call, Code, call, exact, expression
from archspec.emit.context import Lowered, Site
from archspec.emit.dialect import Given
from archspec.emit.initial import same_start
from archspec.errors import BackendError
from archspec.expressions import Expr, expr_of, free_names, substitute
from archspec.graph.tree import Step
from archspec.ops.initializers import (
    Distribution,
    Fans,
    Fixed,
    Flat,
    Gaussian,
    Initializer,
    Normal,
    Truncated,
    XavierUniform,
)
from archspec.spec.initial import FANS, Initial

Begins = Sequence[tuple[Any, Step, Initial]]
"""A weight in all instances of its step: the instance's key, the step, and how it begins there."""


def begun(site: Site, lowered: Lowered, given: Given) -> dict[str, Code]:
    """The layers of a step, with what says how their weights begin."""
    arguments: dict[str, dict[str, list[tuple[Code | None, list[Distribution]]]]] = {}
    places = Counter((place.layer, place.name) for place in lowered.weights.values())
    for weight, place in lowered.weights.items():
        suffix, name = place.layer, place.name
        kind = _kind(lowered.layers[suffix])
        begins = [(key, step, step.initial[weight]) for key, step in site.step.steps.items() if weight in step.initial]
        if not begins:
            continue
        argument = given.argument(kind, name)
        code = _spelled(site, given, kind, name, begins)
        if places[suffix, name] > 1 and not all(initial.distribution == Fixed(0.0) for _, _, initial in begins):
            raise BackendError(f"the layer {kind} has one {name} for what are several, which must begin with zeros")
        if argument is None and code is not None:
            raise BackendError(f"the layer {kind} does not let its {name} begin otherwise than it does by itself")
        own = [initial.distribution for _, _, initial in begins]
        arguments.setdefault(suffix, {}).setdefault(argument or "", []).append((code, own))
    layers = dict(lowered.layers)
    for suffix, found in arguments.items():
        for argument, codes in found.items():
            first = codes[0][1]
            if argument and not all(all(map(same_start, own, first)) for _, own in codes):
                raise BackendError(f"its weights have one {argument} and begin in several ways")
            code = next((code for code, _ in codes if code is not None), None)
            if argument and code is not None:
                layers[suffix] = _with(layers[suffix], argument, code)
    return layers


def _kind(made: Code) -> str:
    """The class of a layer, or of the one that it is made around."""
    if isinstance(made, Call) and made.args and isinstance(made.args[0], Call):
        return _kind(made.args[0])
    return getattr(made.target, "name", "") if isinstance(made, Call) else ""


def _with(made: Code, argument: str, code: Code) -> Code:
    assert isinstance(made, Call)
    if made.args and isinstance(made.args[0], Call):
        return Call(made.target, (_with(made.args[0], argument, code), *made.args[1:]), made.kwargs)
    return Call(made.target, made.args, (*made.kwargs, (argument, code)))


def _spelled(site: Site, given: Given, kind: str, name: str, begins: Begins) -> Code | None:
    """The initializer for a weight; None if it is the layer's own. Raises Differs if instances need several."""
    default = given.default(kind, name)
    if default is not None and all(
        same_start(default.distribution(_seen(given, kind, name, initial.fans) or initial.fans), initial.distribution)
        for _, _, initial in begins
    ):
        return None
    initializers = {initial.initializer for _, _, initial in begins}
    if len({initializer.kind for initializer in initializers}) > 1:
        kinds = {key: initial.initializer.kind.__name__ for key, _, initial in begins}
        raise Differs(f"weights of '{site.path}' begin in several ways", kinds)
    means = {key: initial.distribution.mean for key, _, initial in begins if isinstance(initial.initializer, Normal)}
    wanted = f"{site.step.name}_{name.rpartition('/')[2]}"
    mean = exact(site.context.unify(means, site.step, (), f"{wanted}_mean")) if any(means.values()) else None
    if len(initializers) == 1:
        (initializer,) = initializers
        scaling = _scaling(initializer, given, kind, name, begins)
        if scaling is not None and mean is None:
            return given.scaled(initializer.kind, *scaling)
        if initializer == XavierUniform() and default is not None:
            return call(given.xavier, *(_fan(site, begins, fan) for fan in FANS))
    first = next(iter(begins))[2].initializer
    values = {key: initial.distribution.number for key, _, initial in begins}
    exprs = [_over_sizes(initial.initializer.number, initial.fans) for _, _, initial in begins]
    if len(initializers) == 1 and not free_names(first.number):
        code = expression(first.number)
    else:
        code = exact(site.context.unify(values, site.step, exprs, f"{wanted}_start"))
    return given.spell(first.kind, code, mean)


def _fan(site: Site, begins: Begins, fan: str) -> Code:
    values = {key: initial.fans.values()[fan] for key, _, initial in begins}
    return exact(site.context.unify(values, site.step, (), f"{site.step.name}_{fan}"))


def _over_sizes(number: Expr, fans: Fans) -> Expr:
    """The number of a distribution over the sizes that the fans follow from."""
    return substitute(number, {key: expr_of(value) for key, value in fans.values().items()})


def _seen(given: Given, kind: str, name: str, fans: Fans) -> Fans | None:
    """The fans that the framework takes a kernel to have."""
    found = given.seen(kind, name, fans)
    return None if found is None else Fans(*found)


def _scaling(
    initializer: Initializer, given: Given, kind: str, name: str, begins: Begins
) -> tuple[float, str] | None:  # fmt: skip
    """The square of a distribution's number times the fan that it follows from, and which fan that is, if it is one
    that the framework knows: fan_in, fan_out, or the mean of both."""
    if not free_names(initializer.number) or initializer.kind not in (Gaussian, Flat, Truncated):
        return None
    fans = [initial.fans for _, _, initial in begins] + [Fans(8, 24), Fans(24, 8), Fans(8, 8)]
    for fan in ("fan_in", "fan_out", "fan_avg"):
        squares = set()
        for each in fans:
            seen = _seen(given, kind, name, each)
            if seen is None:
                return None
            size = {"fan_in": seen.fan_in, "fan_out": seen.fan_out, "fan_avg": (seen.fan_in + seen.fan_out) / 2}[fan]
            squares.add(float(f"{initializer.distribution(each).number ** 2 * size:.10g}"))
        if len(squares) == 1:
            return squares.pop(), fan
    return None
