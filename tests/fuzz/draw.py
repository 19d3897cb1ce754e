"""Random specs: steps of every form are proposed one after another, run on random numbers, and kept if they fit."""

from __future__ import annotations

from typing import Any

from .builder import Drawing
from .forms import extend
from .scopes import Network

Document = dict[str, Any]


def document(seed: int, *, along: bool = False) -> Document:
    """The spec of a seed: always the same. With `along` it also has blocks along an axis."""
    drawing = Drawing(seed, along=along)
    random = drawing.random
    network = Network(drawing)
    network.begin()
    tries = 0
    while drawing.left > 0 and tries < 200:
        tries += 1
        extend(network)
    outputs, expected = network.outputs()
    made: Document = {"archspec": 1, "name": f"Random{seed}"}
    if network.params:
        short = {name for name, param in network.params.items() if param["type"] != "operation"}
        made["params"] = {
            name: param["default"] if name in short and random.random() < 0.5 else param
            for name, param in network.params.items()
        }
    made["inputs"] = network.declared
    if drawing.blocks:
        made["blocks"] = {name: _plain_block(block) for name, block in drawing.blocks.items()}
    made["layers"] = network.layers
    made["outputs"] = outputs
    made["expect"] = {"outputs": expected}
    return made


def _plain_block(block: dict[str, Any]) -> dict[str, Any]:
    """A block as people write it: without what is so by default."""
    found = {name: value for name, value in block.items() if value}
    if found["inputs"] == ["x"]:
        del found["inputs"]
    return found
