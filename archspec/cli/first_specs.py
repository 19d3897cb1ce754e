"""The specs that `archspec new` begins with, for what people's networks read."""

from __future__ import annotations

from typing import Final, NamedTuple

_PICTURE: Final = """\
archspec: 1                 # the version of the language
name: {name}
summary: A small convolutional network for pictures of {height} by {width}.

params:                     # numbers that may be others: archspec compile {file} --set width=64
  num_classes: {classes}
  width: 32

inputs:
  image: [{channels}, {height}, {width}]        # channels, height, width; the batch is never said

blocks:                     # a block becomes a class, or a function, and is used as often as you like
  Residual:
    summary: Two convolutions with a shortcut around them.
    params: {{channels: int, stride: 1}}
    layers:
      - branches:           # both begin with the block's input, and end in the join
          main:
            - {{op: conv2d, name: conv1, out_channels: channels, kernel_size: 3, stride: stride, padding: 1}}
            - {{op: batch_norm, name: bn1}}
            - relu          # an operation that needs no attributes is a word
            - {{op: conv2d, name: conv2, out_channels: channels, kernel_size: 3, padding: 1}}
            - {{op: batch_norm, name: bn2}}
          shortcut:
            - op: conv2d
              name: project  # only where shapes change: x is the block's input
              when: stride != 1 or x.channels != channels
              out_channels: channels
              kernel_size: 1
              stride: stride
        join: add
      - relu

layers:                     # what runs, from top to bottom
  - {{op: conv2d, name: stem, out_channels: width, kernel_size: 3, padding: 1}}
  - {{block: Residual, name: stage1, repeat: 2, channels: width}}
  - {{block: Residual, name: stage2, repeat: 2, channels: 2 * width, stride: 2 if index == 0 else 1}}
  - global_avg_pool2d
  - {{op: linear, name: fc, out_features: num_classes}}

outputs: {{logits: fc}}       # a name for what fc gives
"""

_SERIES: Final = """\
archspec: 1                 # the version of the language
name: {name}
summary: A small convolutional network for series of {channels} values at a time, however long.

params:                     # numbers that may be others: archspec compile {file} --set width=64
  num_classes: {classes}
  width: 32
  depth: 4

inputs:
  series: [{channels}, time]        # channels, and a size that stays open; the batch is never said

blocks:                     # a block becomes a class, or a function, and is used as often as you like
  Residual:
    summary: A dilated convolution with a shortcut around it.
    params: {{dilation: 1}}
    layers:
      - branches:           # both begin with the block's input, and end in the join
          main:
            - {{op: conv1d, name: conv, out_channels: x.channels, kernel_size: 3, dilation: dilation, padding: same}}
            - {{op: batch_norm, name: bn}}
          shortcut: []      # x is the block's input
        join: add
      - relu                # an operation that needs no attributes is a word

layers:                     # what runs, from top to bottom
  - {{op: conv1d, name: stem, out_channels: width, kernel_size: 3, padding: same}}
  - {{block: Residual, name: stage, repeat: depth, dilation: 2 ** index}}
  - global_avg_pool1d
  - {{op: linear, name: fc, out_features: num_classes}}

outputs: {{logits: fc}}       # a name for what fc gives
"""

_TEXT: Final = """\
archspec: 1                 # the version of the language
name: {name}
summary: A small transformer that puts texts of {channels} different tokens into classes.

params:                     # numbers that may be others: archspec compile {file} --set width=128
  vocabulary: {channels}
  num_classes: {classes}
  width: 64
  depth: 2
  num_heads: 4

inputs:
  tokens: {{shape: [time], dtype: int64, below: vocabulary}}  # time stays open; the batch is never said

blocks:                     # a block becomes a class, or a function, and is used as often as you like
  Encoder:
    summary: Attention and a perceptron, each with a layer norm before it and a shortcut around it.
    layers:
      - branches:           # both begin with the block's input, and end in the join
          attention:
            - {{op: layer_norm, name: norm1}}
            - {{op: multi_head_attention, name: attention, num_heads: num_heads}}
          shortcut1: []     # x is the block's input
        join: add
      - branches:
          perceptron:
            - {{op: layer_norm, name: norm2}}
            - {{op: linear, name: fc1, out_features: 4 * x.features}}
            - gelu          # an operation that needs no attributes is a word
            - {{op: linear, name: fc2, out_features: x.features}}
          shortcut2: []
        join: add

layers:                     # what runs, from top to bottom
  - {{op: embedding, name: embedding, num_embeddings: vocabulary, embedding_dim: width}}
  - sinusoidal_positions
  - {{block: Encoder, name: encoder, repeat: depth}}
  - {{op: mean, axis: time}}
  - {{op: linear, name: fc, out_features: num_classes}}

outputs: {{logits: fc}}       # a name for what fc gives
"""


class First(NamedTuple):
    """A spec to begin with."""

    text: str
    asked: str
    """What its shape says."""
    shape: tuple[int, ...]
    """The one that is offered."""

    def filled(self, name: str, file: object, shape: tuple[int, ...], classes: int) -> str:
        """The spec; comments of its lines stand where they stood."""
        channels, height, width = (*shape, 0, 0)[:3]
        return self.text.format(name=name, file=file, channels=channels, height=height, width=width, classes=classes)


FIRST: Final = {
    "picture": First(_PICTURE, "channels, height and width", (3, 32, 32)),
    "series": First(_SERIES, "how many values it has at a time", (8,)),
    "text": First(_TEXT, "how many tokens there are", (10_000,)),
}
CLASSES: Final = 10
