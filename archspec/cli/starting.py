"""What `archspec new` writes: a spec to begin with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from archspec.cli.files import check_writable, write_one
from archspec.errors import UsageError
from archspec.spec.catalogue import SUFFIXES, locate

FIRST: Final = """\
archspec: 1                 # the version of the language
name: {name}
summary: A small convolutional network for pictures of 32 by 32.

params:                     # numbers that may be others: archspec compile {file} --set width=64
  num_classes: 10
  width: 32

inputs:
  image: [3, 32, 32]        # channels, height, width; the batch is never said

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


def start(file: Path, like: str | None) -> list[str]:
    """Writes a first spec, or a copy of one that comes along, and returns what to try next. Raises UsageError for a
    file that is there already, or that no spec can be called."""
    if file.suffix.lower() not in SUFFIXES[:2]:
        raise UsageError(f"{file}: a spec that people write ends in .yaml")
    if file.exists() or file.is_symlink():
        raise UsageError(f"{file} is there already; nothing is written over it")
    if like is None:
        words = re.findall(r"[A-Za-z0-9]+", file.stem)
        name = "".join(word[:1].upper() + word[1:] for word in words)
        text = FIRST.format(name=name if name[:1].isalpha() else f"Net{name}", file=file)
    else:
        text = locate(like).path.read_text(encoding="utf-8")
    check_writable(file)
    write_one(file, text)
    return [f"{command} {file}{more}" for command, more in (
        ("archspec check", ""), ("archspec draw", f" -o {file.with_suffix('.svg')}"),
        ("archspec compile", " --to pytorch"), ("archspec verify", ""),
    )]  # fmt: skip
