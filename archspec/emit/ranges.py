"""What the rows of numbers in a row share in all backends."""

from __future__ import annotations

from archspec.emit.code import Code, literal
from archspec.emit.context import Site


def bounds(site: Site) -> list[Code]:
    """`stop`, `start, stop`, or `start, stop, step`, as functions that are called arange take them."""
    start, stop, step = (site.attr(name) for name in ("start", "stop", "step"))
    if step != literal(1):
        return [start, stop, step]
    return [stop] if start == literal(0) else [start, stop]


def of_floats(site: Site) -> bool:
    """Whether the numbers are floats."""
    return bool(site.same(lambda step: step.op.dtype, "dtype") == "float")


def along_floats(site: Site) -> bool:
    """Whether the input is of floats, whose precision the numbers then have."""
    return bool(site.same(lambda step: step.inputs[0].dtype, "dtype") == "float")
