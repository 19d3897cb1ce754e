"""What is written in drawings, and how wide it is: nobody asks a browser."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from archspec.expressions import expr_of
from archspec.graph.graph import Node, Tensor

_REGULAR: Final = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
"""The widths of the printable ASCII characters in Helvetica and fonts of its measures, in thousandths of the size."""

LONGEST: Final = 40
"""How many characters of a name are shown."""


def width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line of text is, in pixels, in a font with the measures of Helvetica."""
    total = sum(map(_thousandths, text))
    return total * size / 1000 * (1.07 if bold else 1.0)


def _thousandths(character: str) -> int:
    code = ord(character)
    if 32 <= code < 127:
        return _REGULAR[code - 32]
    if unicodedata.combining(character):
        return 0
    return 1000 if unicodedata.east_asian_width(character) in "WF" else 600


def cut(text: str, most: int = LONGEST) -> str:
    """A text that is not too long for a box."""
    return text if len(text) <= most else text[: most - 1] + "…"


def count(number: int) -> str:
    """A count as people say it: `9,408`, `1.2 M`."""
    for unit, name in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**4, "k")):
        if number >= unit:
            value = number / min(unit, 10 ** (3 * (len(str(unit)) // 3)))
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {name}"
    return f"{number:,}"


def sizes(tensor: Tensor) -> str:
    """A shape as it stands beside a line, without the batch: `64×56×56`; `time×64` with an open dimension."""
    return by(tensor.shape[1:])


def by(sizes: Sequence[int]) -> str:
    """Sizes as people say them: `64×56×56`; those that follow from open ones as they do."""
    texts = [str(expr_of(size)) for size in sizes]
    return "×".join(f"({text})" if " " in text else text for text in texts) or "1"


def about(node: Node) -> str:
    """An operation and the attributes that people know it by: `conv2d 3×3 /2`."""
    given: dict[str, Any] = dict(node.op)
    words = [node.op.key]
    window = given.get("kernel_size")
    if window is not None:
        words.append(_each(window, "×") if len(_numbers(window)) > 1 else f"kernel {_each(window, '')}")
    if given.get("stride") is not None and set(_numbers(given["stride"])) != {1}:
        words.append("/" + _each(given["stride"], "×", short=True))
    if given.get("dilation") is not None and set(_numbers(given["dilation"])) != {1}:
        words.append("dilation " + _each(given["dilation"], "×", short=True))
    groups = given.get("groups")
    if isinstance(groups, int) and groups > 1:
        depthwise = groups == int(node.inputs[0].shape[1]) if len(node.inputs[0].shape) > 1 else False
        words.append("depthwise" if depthwise else f"groups {int(groups)}")
    return " ".join(words)


def own_name(node: Node) -> str:
    """The name that the spec gives a step; empty if it is only that of its operation."""
    name = node.path.rpartition(".")[2]
    return "" if name.isdigit() or re.fullmatch(re.escape(node.op.key) + r"_?\d*", name) else name


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(map(int, value)) if isinstance(value, (tuple, list)) else (int(value),)


def _each(value: Any, sign: str, *, short: bool = False) -> str:
    numbers = _numbers(value)
    if short and len(set(numbers)) == 1:
        return str(numbers[0])
    return sign.join(map(str, numbers))
