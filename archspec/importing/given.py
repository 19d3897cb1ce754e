"""What `--input` says of a model's input: `image=1,3,224,224`, `tokens=1,time:int64:30000`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from archspec.errors import UsageError
from archspec.importing.names import RESERVED

PRIMES: Final = ((17, 23), (19, 29), (31, 37), (41, 43))
"""What open sizes are in the two runs."""
BATCHES: Final = (2, 3)


@dataclass(frozen=True, slots=True)
class Given:
    """An input: its sizes without the batch, of which those with names are open."""

    name: str
    sizes: tuple[int | str, ...]
    dtype: str = "float"
    below: int = 2

    def shapes(self, opened: Sequence[str]) -> list[list[int]]:
        """Its shape in each run."""
        return [
            [batch, *(size if isinstance(size, int) else PRIMES[opened.index(size)][run] for size in self.sizes)]
            for run, batch in enumerate(BATCHES)
        ]  # fmt: skip

    def said(self, *, last: bool = False) -> Any:
        """As a spec says it, which has channels first where the model has them `last`."""
        if self.dtype == "float":
            return [self.sizes[-1], *self.sizes[:-1]] if last else list(self.sizes)
        if self.dtype == "bool":
            return {"shape": list(self.sizes), "dtype": self.dtype}
        return {"shape": list(self.sizes), "dtype": self.dtype, "below": self.below}


def given(texts: Sequence[str]) -> tuple[Given, ...]:
    """The inputs that are said. Raises UsageError."""
    if not texts:
        raise UsageError("say what goes in, as in --input image=1,3,224,224")
    found = tuple(map(_given, texts))
    for place, each in enumerate(found):
        if any(each.name == other.name for other in found[:place]):
            raise UsageError(f"--input {each.name} is given twice")
    if len(names(found)) > len(PRIMES):
        raise UsageError(f"at most {len(PRIMES)} sizes may be open")
    return found


def names(inputs: Sequence[Given]) -> list[str]:
    """The open sizes."""
    return list(dict.fromkeys(size for each in inputs for size in each.sizes if isinstance(size, str)))


def _given(text: str) -> Given:
    problem = UsageError(
        f"--input {text}: give NAME=SIZES with the batch first, as in image=1,3,224,224, or tokens=1,time:int64:30000"
    )
    name, sign, rest = text.partition("=")
    sizes, _, kind = rest.partition(":")
    dtype, _, below = kind.partition(":")
    parts = [part.strip() for part in sizes.split(",")]
    if not sign or len(parts) < 2 or not re.fullmatch(r"[A-Za-z]\w*", name) or name in RESERVED - {"x"}:
        raise problem
    if not parts[0].isdigit() and parts[0] != "batch":
        raise problem
    shape: list[int | str] = []
    for part in parts[1:]:
        if part.isdigit() and int(part):
            shape.append(int(part))
        elif re.fullmatch(r"[A-Za-z]\w*", part):
            shape.append(part)
        else:
            raise problem
    if dtype not in ("", "float", "int64") or (dtype == "int64") != bool(below) or (below and not below.isdigit()):
        raise UsageError(f"--input {text}: whole numbers say what they stay below, as in tokens=1,time:int64:30000")
    return Given(name, tuple(shape), dtype or "float", int(below or 2))
