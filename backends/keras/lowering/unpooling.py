"""Max pools that tell where each maximum was, and what puts numbers back there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archspec.emit.code import Call, Code, call
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import channels_last

from .rows import closed, imaged


def max_pool(site: Site) -> Lowered:
    """Keras' own do not tell places."""
    kernel = site.value(lambda step: step.op.kernel_size, "kernel_size")
    padding = site.value(lambda step: step.op.padding, "padding")
    options = {} if site.every(lambda step: step.op.steps == step.op.kernel_size) else {
        "strides": site.value(lambda step: step.op.steps, "stride")}  # fmt: skip
    options |= {} if site.every(lambda step: not any(step.op.padding)) else {"padding": padding}
    layout = channels_last(site.op.rank + 2)
    return Lowered(lambda own, inputs: call("max_pool_with_indices", *imaged(site, inputs), kernel, **options),
                   layouts=(layout, layout))  # fmt: skip


def max_unpool(site: Site) -> Lowered:
    size = site.value(lambda step: tuple(step.outputs[0].shape[2:]), "output_size")

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        return Call(own[""], tuple(imaged(site, inputs)))

    return Lowered(apply, {"": call("MaxUnpooling", size)}, layouts=(channels_last(site.op.rank + 2),))


ROWS: Final[dict[str, Lowering]] = {
    **{f"max_pool{rank}d_with_indices": closed(max_pool) for rank in (1, 2, 3)},
    **{f"max_unpool{rank}d": closed(max_unpool) for rank in (1, 2, 3)},
}
