"""Networks with a section `training`: what is trained in tests, by what it is."""

from __future__ import annotations

from textwrap import dedent, indent
from typing import Final

from archspec.model import Model, Spec

BODY: Final = """
  - {op: conv2d, name: conv, out_channels: 4, kernel_size: 3}
  - {op: batch_norm, name: bn}
  - {op: tanh, name: tanh}
  - {op: dropout2d, name: maps, p: 0.25}
"""
CLASSIFIER: Final = f"""
inputs: {{image: [2, 6, 5]}}
layers:{BODY}
  - flatten
  - {{op: dropout, name: drop, p: 0.4}}
  - {{op: linear, name: fc, out_features: 5}}
"""
HEADS: Final = (
    CLASSIFIER
    + """
  - {op: linear, name: early, from: drop, out_features: 5}
outputs: {logits: fc, aux: {from: early, when: training}}
"""
)
PICTURES: Final = f"""
inputs: {{image: [2, 6, 5]}}
layers:{BODY}
  - {{op: conv2d, name: classes, out_channels: 5, kernel_size: 1}}
  - {{op: conv2d, name: depth, from: maps, out_channels: 3, kernel_size: 1}}
outputs: {{classes: classes, depth: depth}}
"""
WORDS: Final = """
inputs: {tokens: {shape: [time], dtype: int64, below: 11}}
layers:
  - {op: embedding, name: words, num_embeddings: 11, embedding_dim: 6}
  - {op: gru, name: gru, hidden_size: 6}
  - {op: layer_norm, name: norm}
  - {op: linear, name: logits, out_features: 11, bias: false, weights_of: words}
outputs: {logits: logits}
"""
SOUND: Final = """
inputs: {sound: [3, 9]}
layers:
  - {op: conv1d, name: conv, out_channels: 6, kernel_size: 3}
  - {op: tanh, name: tanh}
  - {op: permute, axes: [2, 1]}
  - {op: linear, name: logits, out_features: 5}
outputs: {logits: logits}
"""
CROSS_ENTROPY: Final = "losses: {logits: {loss: cross_entropy, target: label}}"
SGD: Final = "{optimizer: sgd, learning_rate: 0.1, momentum: 0.9}"


def network(layers: str, section: str) -> Model:
    """A small network with this section."""
    text = f"archspec: 1\nname: Tiny\n{layers}\ntraining:\n{indent(dedent(section), '  ')}"
    return Spec.parse(text, "tiny.yaml").network()


def tiny(optimizer: str = "{optimizer: sgd, learning_rate: 0.1}", more: str = "", losses: str = CROSS_ENTROPY) -> Model:
    """A convolution, batch normalization, dropout of both kinds, and a classifier."""
    classifier = CLASSIFIER.replace("kernel_size: 3}", "kernel_size: 3, bias: false}") + "outputs: {logits: fc}"
    return network(classifier, f"{losses}\noptimizer: {optimizer}\n{dedent(more)}")
