"""Networks with a section `training`: what is trained in tests, by what it is."""

from __future__ import annotations

from textwrap import dedent, indent
from typing import Final

from archspec.model import Model, Spec

TINY: Final = """
archspec: 1
name: Tiny
inputs: {image: [2, 6, 5]}
layers:
  - {op: conv2d, name: conv, out_channels: 4, kernel_size: 3}
  - {op: batch_norm, name: bn}
  - tanh
  - {op: dropout2d, name: maps, p: 0.25}
  - flatten
  - {op: dropout, name: drop, p: 0.4}
  - {op: linear, name: fc, out_features: 5}
  - {op: linear, name: early, from: maps_, out_features: 5}
outputs: {logits: fc, aux: {from: early, when: training}}
training:
"""
TINY_WITHOUT: Final = TINY.replace("  - {op: linear, name: early, from: maps_, out_features: 5}\n", "").replace(
    ", aux: {from: early, when: training}", ""
)
"""Without the auxiliary head."""
CROSS_ENTROPY: Final = "losses: {logits: {loss: cross_entropy, target: label}}\n"


def tiny(optimizer: str = "{optimizer: sgd, learning_rate: 0.1}", more: str = "", losses: str = CROSS_ENTROPY) -> Model:
    """A convolution, batch normalization, dropout of both kinds, and a classifier."""
    section = f"{losses.rstrip()}\noptimizer: {optimizer}\n{dedent(more)}"
    return Spec.parse(TINY_WITHOUT + indent(section, "  "), "tiny.yaml").network()
