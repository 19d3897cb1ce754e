"""What only training sees."""

from __future__ import annotations

from typing import Final

from archspec.emit.code import Call, call
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import held

from .rows import signed


def dropout(site: Site) -> Lowered:
    made = call("layers.Dropout", site.attr("p"))
    return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made},
                   layouts=(signed(site, held(site.inputs[0])),))  # fmt: skip


ROWS: Final[dict[str, Lowering]] = {
    "dropout": dropout,
}
