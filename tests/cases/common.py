"""What rows of the table of tests are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

Shape = tuple[int, ...]
Values = Literal["normal", "negative", "wide", "positive", "unit", "large", "tiny", "special", "infinite"]
Table = dict[str, list["Row"]]


@dataclass(frozen=True)
class Case:
    """One operation with attributes, on inputs of some shapes."""

    op: str
    attributes: dict[str, Any]
    shapes: tuple[Shape, ...]
    """Of the inputs, without the batch axis."""
    values: Values = "normal"
    """What the inputs hold: normal numbers; negative ones, to which a padding of zeros is the maximum; positive ones,
    away from zero; numbers between -1 and 1; numbers from all regions of an activation, its kinks included; numbers of
    which the exponential overflows; numbers so small that nothing but an epsilon counts; or NaN and infinities, too."""
    dtype: str | tuple[str, ...] = "float"
    """Of all inputs, or of each."""
    below: int = 2
    """For whole numbers: they are smaller than this."""
    refused: dict[str, str] = field(default_factory=dict)
    """Backend: words of the reason why it cannot express this case."""
    shared: tuple[int, ...] = ()
    """The numbers of the inputs that are the same for all samples: parameters of the network."""
    merged: dict[int, int] = field(default_factory=dict)
    """The numbers of the inputs that have several samples for each of other inputs, and how many."""

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The kind of numbers of each input."""
        return (self.dtype,) * len(self.shapes) if isinstance(self.dtype, str) else self.dtype

    def whole(self, batch: int) -> list[Shape]:
        """The shapes of the inputs, with their batch axes."""
        counts = [1 if i in self.shared else batch * self.merged.get(i, 1) for i in range(len(self.shapes))]
        return [(count, *shape) for count, shape in zip(counts, self.shapes, strict=True)]

    def made(self, names: list[str], inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """The steps that make those inputs which are none of a network, given the names of all; and these names, and a
        network's inputs, changed to what these steps need."""
        steps: list[dict[str, Any]] = []
        for i in self.shared:
            del inputs[names[i]]
            steps.append({"op": "parameter", "name": names[i], "shape": list(self.shapes[i])})
        for i, count in self.merged.items():
            whole, names[i] = names[i], f"{names[i]}_merged"
            inputs[whole] |= {"shape": [count, *self.shapes[i]]}
            steps.append({"op": "merge_batch", "name": names[i], "from": whole})
        return steps

    def __str__(self) -> str:
        shown = [f"{key}={value}" for key, value in self.attributes.items()]
        shapes = "+".join("x".join(map(str, shape)) for shape in self.shapes)
        extra = [] if self.dtype == "float" else ["+".join(dict.fromkeys(self.dtypes))]
        extra += [self.values] if self.values != "normal" else []
        return f"{self.op}({','.join([*shown, shapes, *extra])})".replace(" ", "")


Row = tuple[Any, ...]
"""Attributes and shapes; then perhaps what else a `Case` takes, as a dict."""

LINE: Final = (6, 11)
IMAGE: Final = (6, 9, 7)
VOLUME: Final = (4, 5, 6, 7)
