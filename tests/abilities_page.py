"""What the language can say beyond layers one after another: small specs, and the code that they become."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from textwrap import dedent
from typing import Final

from archspec.backend import Backend, backends
from archspec.errors import BackendError
from archspec.model import Model, Spec

HEAD: Final = "archspec: 1\nname: Net\n"
EXAMPLES: Final[dict[str, tuple[str, str]]] = {
    "One block, called again": (
        "A later call with the weights of an earlier one ([more](language.md#shared-weights)).",
        """
        inputs: {left: [1, 16, 16], right: [1, 16, 16]}
        blocks:
          Tower:
            layers:
              - {op: conv2d, name: conv, out_channels: 4, kernel_size: 3}
              - relu
              - global_avg_pool2d
        layers:
          - {block: Tower, name: a, from: left}
          - {block: Tower, name: b, from: right, weights_of: a}
          - {op: subtract, from: [a, b]}
        """,
    ),
    "State along an axis": (
        "A cell of one's own, called at each place of a sequence ([more](language.md#state-along-an-axis)).",
        """
        inputs: {x: [12, 8], start: [16]}
        blocks:
          Cell:
            inputs: [x, h]
            layers:
              - {op: linear, name: fresh, from: x, out_features: 16}
              - {op: linear, name: old, from: h, out_features: 16, bias: false}
              - {op: add, from: [fresh, old]}
              - {op: tanh, name: new}
            outputs: {output: new, h: new}
        layers: [{block: Cell, name: rnn, from: [x, start], over: time}]
        outputs: {all: rnn.output, last: rnn.h}
        """,
    ),
    "Padded sequences": (
        "Recurrent steps that end where each sequence does ([more](language.md#recurrent-steps)).",
        """
        inputs: {words: [12, 8], lengths: {shape: [], dtype: int64, below: 13}}
        layers: [{op: lstm, from: [words, lengths], hidden_size: 16, bidirectional: true}]
        """,
    ),
    "Earlier iterations": (
        "What each iteration of a repeat gives ([more](language.md#references)).",
        """
        inputs: {image: [3, 16, 16]}
        layers:
          - {op: conv2d, name: stage, out_channels: 8 * (index + 1), kernel_size: 3, padding: 1, repeat: 3}
          - {op: concat, from: [stage.0, stage.-1], axis: channels}
        """,
    ),
    "Learned arrays": (
        "What the network owns, beside what flows in ([more](language.md#arrays-of-the-networks-own)).",
        """
        inputs: {patches: [16, 32]}
        layers:
          - {op: parameter, name: class_token, shape: [1, 32], init: normal(0.02)}
          - {op: concat, from: [class_token, patches], axis: time}
        """,
    ),
    "Places as samples": (
        "What a network for images makes of each frame ([more](language.md#samples-and-places)).",
        """
        inputs: {video: [frames, 3, 32, 32]}
        layers:
          - merge_batch
          - {op: conv2d, out_channels: 8, kernel_size: 3}
          - {op: global_avg_pool2d, name: pooled}
          - {op: split_batch, from: [pooled, video]}
        """,
    ),
    "Samples that see each other": (
        "The cosines of all images with all texts ([more](language.md#samples-and-places)).",
        """
        inputs: {image: [64], text: [64]}
        layers:
          - {op: l2_normalize, name: images, from: image}
          - {op: l2_normalize, from: text}
          - {op: split_batch, name: texts}
          - {op: linear_with, from: [images, texts]}
        """,
    ),
    "A query of the network's own": (
        "What each sample is asked by ([more](language.md#arrays-of-the-networks-own)).",
        """
        inputs: {x: [16, 32]}
        layers:
          - {op: parameter, name: queries, shape: [4, 32], init: normal(0.02)}
          - {op: multi_head_attention, from: [queries, x], num_heads: 4}
        """,
    ),
    "Weights from steps": (
        "A kernel that is computed ([more](language.md#weights-from-steps)).",
        """
        inputs: {image: [3, 16, 16]}
        layers:
          - {op: parameter, name: weight, shape: [8, 3, 3, 3], init: normal(0.1)}
          - {op: l2_normalize, name: kernel, axis: 1}
          - {op: conv2d_with, from: [image, kernel], padding: 1}
        """,
    ),
    "Any size": (
        "Sizes that are left open, of which nothing is computed ([more](language.md#inputs)).",
        """
        inputs: {image: [3, height, width]}
        layers:
          - {op: conv2d, name: down, out_channels: 8, kernel_size: 3, stride: 2, padding: 1}
          - {op: upsample, scale: 2}
          - {op: conv2d, name: out, out_channels: 3, kernel_size: 1}
        """,
    ),
    "Frozen weights": (
        "What training leaves alone ([more](language.md#frozen-weights)).",
        """
        inputs: {image: [3, 16, 16]}
        layers:
          - {op: conv2d, name: stem, out_channels: 8, kernel_size: 3, frozen: true}
          - {op: batch_norm, name: bn, frozen: true}
          - global_avg_pool2d
          - {op: linear, name: head, out_features: 10}
        """,
    ),
    "Sampling": (
        "An image read at places that are computed ([more](operations.md#grid_sample)).",
        """
        inputs: {image: [3, 16, 16], grid: [8, 8, 2]}
        layers: [{op: grid_sample, from: [image, grid], align_corners: true}]
        """,
    ),
    "Blocks of other files": (
        "A network's own use of what comes along ([more](language.md#blocks-of-other-files)).",
        """
        use: {file: convmixer.yaml, blocks: [Mixer], params: {kernel_size: 5}}
        inputs: {image: [64, 16, 16]}
        layers: [{block: Mixer, name: stage, repeat: 2}]
        """,
    ),
}
"""Title: a sentence, and the spec without its first lines."""


def page() -> Iterator[str]:
    yield """# What can be said

Made by `make golden`: small specs, and the classes and functions that each becomes, without imports and helpers. The
first lines of each spec, `archspec: 1` and its name, are left out.
"""
    for title, (sentence, text) in EXAMPLES.items():
        yield f"## {title}\n\n{sentence}\n\n```yaml\n{dedent(text).strip()}\n```\n"
        model = network(title)
        for backend in backends():
            yield f"```python\n# {backend.title}\n{shown(backend, model)}\n```\n"


def network(title: str) -> Model:
    """The network of an example."""
    return Spec.parse(HEAD + dedent(EXAMPLES[title][1]).lstrip(), "net.yaml").network()


def shown(backend: Backend, model: Model) -> str:
    """The classes or functions of a network, or why there are none."""
    try:
        program = backend.generate(model)
    except BackendError as error:
        return f"# refused: {error}"
    names = {program.entry, *program.homes.values()}
    lines = program.source.splitlines()
    parts = [node for node in ast.parse(program.source).body
             if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name in names]  # fmt: skip
    return "\n\n\n".join("\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in parts)
