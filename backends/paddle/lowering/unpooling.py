"""Max pools that tell where each maximum was, and what puts numbers back there."""

from __future__ import annotations

from typing import Any, Final

from archspec.emit.code import call
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function, spell


def max_pool(site: Site) -> Lowered:
    """Paddle's indices are int32."""
    text = f"F.max_pool{site.op.rank}d(*, kernel_size, stride=None, padding=0, return_mask=False)"
    return Lowered(apply=lambda own, inputs: call("with_int64_indices", spell(text, site, inputs, return_mask=True)))


def max_unpool(site: Site) -> Lowered:
    """Paddle refuses any size that is given for one axis, which is therefore the second of two."""
    sources: dict[str, Any] = {"output_size": None}
    if not site.every(lambda step: step.op.output_size is None):
        if site.op.rank == 1:
            arguments = [site.value(compute, name) for name, compute in (
                ("kernel_size", lambda step: step.op.kernel_size[0]), ("stride", lambda step: step.op.steps[0]),
                ("padding", lambda step: step.op.padding[0]), ("output_size", lambda step: step.outputs[0].shape[2]),
            )]  # fmt: skip
            return Lowered(apply=lambda own, inputs: call("max_unpool1d", *inputs, *arguments))
        sources["output_size"] = lambda s: s.value(lambda step: tuple(step.outputs[0].shape[2:]), "output_size")
    text = f"F.max_unpool{site.op.rank}d(*, kernel_size, stride=None, padding=0, output_size=None)"
    return function(text, **sources)(site)


ROWS: Final[dict[str, Lowering]] = {
    **{f"max_pool{rank}d_with_indices": max_pool for rank in (1, 2, 3)},
    **{f"max_unpool{rank}d": max_unpool for rank in (1, 2, 3)},
}
