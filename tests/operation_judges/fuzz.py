"""`python -m tests.operation_judges.fuzz N --seed S`: N random steps of every operation, before its judge.

A step is a row of the table of tests with other sizes and other attributes, as far as they fit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Final

from pydantic import ValidationError

from archspec import ops
from archspec.errors import ShapeError

from ..cases import Case
from ..cases.common import Shape
from ..fuzz.attributes import ROWS, fitted
from .trials import BATCH, disagreements, make, tried

WRITTEN_DOWN: Final = (
    "masked_conv2d", "rotary_embedding", "sinusoidal_positions", "relative_position_bias", "bucketed_position_bias",
)  # fmt: skip
"""What is judged by tables, of no other sizes than theirs."""
KEYS: Final = [key for key in ops.names() if key not in WRITTEN_DOWN]
LARGEST: Final = 3000
"""Elements of an input, so that judges that loop in Python take no time."""


def drawn(key: str, seed: int) -> Case | None:
    """A step of an operation, or nothing if a dozen were none."""
    random = Random(f"{key} {seed}")
    for _ in range(12):
        row = random.choice(ROWS[key])
        other = {size: random.randint(1, 9) if size > 1 else 1 for shape in row.shapes for size in shape}
        sizes = [tuple(size if random.random() < 0.3 else other[size] for size in shape) for shape in row.shapes]
        try:
            attributes, others = fitted(random, row, sizes[0] if sizes else ())
            shapes: tuple[Shape, ...] = (*sizes[:1], *others)
            whole = replace(row, shapes=shapes).whole(BATCH)
            found = make(key, **attributes).infer(*whole)
            counts = [count for count, _ in make(key, **attributes).indexes(*whole).values()]
            below = min(counts, default=row.below)
            case = Case(key, attributes, shapes, values=row.values, dtype=row.dtype, below=below,
                        shared=row.shared, merged=row.merged)  # fmt: skip
        except (ShapeError, ValidationError, IndexError, ValueError, TypeError):
            continue
        if all(0 < _count(shape) <= LARGEST for shape in (*shapes, *found)):
            return case
    return None


def _count(shape: Shape) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def objections(key: str, seed: int) -> Iterator[str]:
    """What the judge of an operation has against a random step."""
    case = drawn(key, seed)
    try:
        for trial in tried([case] if case else []):
            yield from disagreements(trial)
    except Exception as error:  # of the judge, or of the reference
        yield f"{case}: {type(error).__name__}: {error}"


def main() -> int:
    """0 if no judge objects."""
    parser = argparse.ArgumentParser(prog="python -m tests.operation_judges.fuzz", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100, help="how many steps of each operation")
    parser.add_argument("--seed", type=int, default=0, help="of the first")
    chosen = parser.parse_args()
    found = 0
    for key in KEYS:
        for seed in range(chosen.seed, chosen.seed + chosen.count):
            for text in objections(key, seed):
                found += 1
                print(f"seed {seed}: {text}", flush=True)
    print(f"{chosen.count} steps of each of {len(KEYS)} operations, {found} objections")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
