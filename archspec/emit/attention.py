"""What the rows of attention and of positions share in all backends."""

from __future__ import annotations

from typing import Any

from archspec.emit.code import Code, literal
from archspec.emit.context import Site
from archspec.graph.tree import Step


def given(site: Site, *names: str) -> dict[str, Code]:
    """The code of those attributes that are not null or false."""
    found = {name: site.attr(name) for name in names}
    return {name: code for name, code in found.items() if code not in (literal(None), literal(False))}


def heads(site: Site) -> Code:
    """The number of heads that scores are for."""
    return site.size(-3)


def features(site: Site) -> Code:
    """The features of a sequence."""
    return site.size(2)


def table_length(site: Site) -> Code:
    """How many places a table has rows for."""
    return site.value(lambda step: _op(step).rows(step.inputs[0].shape), "max_length")


def window_size(site: Site) -> Code:
    """Height and width, also where they are equal."""
    return site.value(lambda step: _op(step).window_size, "window_size")


def head_size(step: Step) -> int:
    """The features of a head."""
    return int(_op(step).head_size(step.inputs[0].shape))


def head_dim(site: Site) -> Code:
    return site.value(lambda step: _op(step).head_size(step.inputs[0].shape), "head_dim")


def out_features(site: Site) -> Code:
    return site.value(lambda step: step.outputs[0].shape[2], "out_features")


def like_query(step: Step) -> bool:
    """Whether heads and output have together as many features as the query."""
    width = step.inputs[0].shape[2]
    return bool(_op(step).num_heads * head_size(step) == width == step.outputs[0].shape[2])


def all_or_none(step: Step) -> bool:
    """Whether all projections have a bias, or none has."""
    return isinstance(_op(step).bias, bool)


def other_features(site: Site) -> dict[str, Any]:
    """The features of key and value, where they are not those of the input before."""

    def as_before(which: int) -> bool:
        return site.every(lambda step: step.inputs[which].shape[2] == step.inputs[which - 1].shape[2])

    names = ("key_features", "value_features")[: len(site.inputs) - 1]
    return {name: site.size(2, which) for which, name in enumerate(names, 1) if not as_before(which)}


def _op(step: Step) -> Any:
    return step.op
