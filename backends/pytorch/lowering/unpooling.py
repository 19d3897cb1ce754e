"""Max pools that tell where each maximum was, and what puts numbers back there."""

from __future__ import annotations

from typing import Any, Final

from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.signature import function


def max_pool(site: Site) -> Lowered:
    text = f"F.max_pool{site.op.rank}d(*, kernel_size, stride=None, padding=0, return_indices=False)"
    return function(text, return_indices=True)(site)


def max_unpool(site: Site) -> Lowered:
    sources: dict[str, Any] = {"output_size": None}
    if not site.every(lambda step: step.op.output_size is None):
        sources["output_size"] = lambda s: s.value(lambda step: tuple(step.outputs[0].shape[2:]), "output_size")
    text = f"F.max_unpool{site.op.rank}d(*, kernel_size, stride=None, padding=0, output_size=None)"
    return function(text, **sources)(site)


ROWS: Final[dict[str, Lowering]] = {
    **{f"max_pool{rank}d_with_indices": max_pool for rank in (1, 2, 3)},
    **{f"max_unpool{rank}d": max_unpool for rank in (1, 2, 3)},
}
