"""Attributes and companions for an operation on a value: rows of the table of tests, changed at random."""

from __future__ import annotations

import random as stdlib
from collections.abc import Callable
from math import isqrt, prod
from typing import Any, Final

from archspec.ops.base import AXES

from ..cases import CASES, Case

ROWS: Final[dict[str, list[Case]]] = {}
for _case in CASES:
    if all(prod(shape) <= 1000 for shape in _case.shapes):
        ROWS.setdefault(_case.op, []).append(_case)

Random = stdlib.Random
Sizes = tuple[int, ...]
"""Of a value, without the batch axis."""
Attributes = dict[str, Any]


def fitted(random: Random, row: Case, x: Sizes) -> tuple[Attributes, list[Sizes]]:
    """Attributes for a first input of these sizes, and the sizes of the other inputs."""
    sizes = dict(zip(row.shapes[0], x, strict=False)) if row.shapes else {}
    special = SPECIAL.get(row.op)
    if special is not None and random.random() < 0.85:
        attributes = {**row.attributes, **special(random, x)}
        attributes = {name: value for name, value in attributes.items() if value is not None}
    elif random.random() < 0.4:
        attributes = dict(row.attributes)
    else:
        attributes = {name: changed(random, value) for name, value in row.attributes.items()}
    others = [tuple(sizes.get(size, size) if size > 1 else 1 for size in shape) for shape in row.shapes[1:]]
    return attributes, others


def changed(random: Random, value: Any) -> Any:
    """Another number, now and then, in place of each."""
    if isinstance(value, list):
        return [changed(random, item) for item in value]
    if isinstance(value, bool):
        return random.random() < 0.5
    if isinstance(value, int) and random.random() < 0.5:
        return random.randint(value - 2, value + 2) if value < 0 else max(0, value + random.randint(-2, 3))
    if isinstance(value, float) and random.random() < 0.5:
        return round(value * random.uniform(0.6, 1.4), 3)
    return value


def named_axis(random: Random, rank: int, axis: int) -> int | str:
    """An axis by its number from either end, or by a name."""
    ways: list[int | str] = [axis, axis - rank]
    return random.choice(ways + [name for name, number in AXES.get(rank, {}).items() if number == axis])


def some_axis(random: Random, x: Sizes) -> int:
    return random.randint(1, len(x))


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def factors(random: Random, total: int, count: int) -> list[int]:
    """So many sizes whose product is `total`."""
    found = []
    for _ in range(count - 1):
        found.append(random.choice(divisors(total)))
        total //= found[-1]
    found.append(total)
    random.shuffle(found)
    return found


def _reshape(random: Random, x: Sizes) -> Attributes:
    shape = factors(random, prod(x), random.randint(1, 4))
    if random.random() < 0.4:
        shape[random.randrange(len(shape))] = -1
    return {"shape": shape}


def _permute(random: Random, x: Sizes) -> Attributes:
    axes = list(range(1, len(x) + 1))
    random.shuffle(axes)
    return {"axes": [named_axis(random, len(x) + 1, axis) for axis in axes]}


def _expand(random: Random, x: Sizes) -> Attributes:
    return {"shape": [random.randint(1, 4) if n == 1 else random.choice([n, -1]) for n in x]}


def _squeeze(random: Random, x: Sizes) -> Attributes:
    ones = [named_axis(random, len(x) + 1, axis) for axis, n in enumerate(x, 1) if n == 1]
    return {"axis": random.choice([ones, ones[:1], ones[0] if ones else 1]) or 1}


def _unsqueeze(random: Random, x: Sizes) -> Attributes:
    return {"axis": named_axis(random, len(x) + 2, random.randint(1, len(x) + 1))}


def _tile(random: Random, x: Sizes) -> Attributes:
    return {"repeats": [random.choice([1, 1, 2, 3]) for _ in x]}


def _axis(random: Random, x: Sizes) -> Attributes:
    return {"axis": named_axis(random, len(x) + 1, some_axis(random, x))}


def _axes(random: Random, x: Sizes) -> Attributes:
    chosen = random.sample(range(1, len(x) + 1), random.randint(1, len(x)))
    axes = [named_axis(random, len(x) + 1, axis) for axis in chosen]
    return {"axis": axes[0] if len(axes) == 1 and random.random() < 0.5 else axes}


def _reduced(random: Random, x: Sizes) -> Attributes:
    return _axes(random, x) | ({"keepdims": random.random() < 0.5} if random.random() < 0.5 else {})


def _place(random: Random, x: Sizes) -> Attributes:
    return _axis(random, x) | ({"keepdims": random.random() < 0.5} if random.random() < 0.5 else {})


def _roll(random: Random, x: Sizes) -> Attributes:
    axes = _axes(random, x)["axis"]
    count = len(axes) if isinstance(axes, list) else 1
    shifts = [random.randint(-5, 7) for _ in range(count)]
    return {"axis": axes, "shifts": random.choice([shifts, shifts[0]])}


def _split(random: Random, x: Sizes) -> Attributes:
    axis = some_axis(random, x)
    n, named = x[axis - 1], named_axis(random, len(x) + 1, axis)
    if n > 1 and random.random() < 0.5:
        first = random.randint(1, n - 1)
        return {"axis": named, "sizes": [first, n - first], "sections": None}
    return {"axis": named, "sections": random.choice([d for d in divisors(n) if d < 6]), "sizes": None}


def _slice(random: Random, x: Sizes) -> Attributes:
    axis = some_axis(random, x)
    n = x[axis - 1]
    start = random.randint(0, n - 1)
    end = random.choice([None, random.randint(start + 1, n)])
    start = start - n if random.random() < 0.4 else start
    end = end - n if end not in (None, n) and random.random() < 0.4 else end
    found = {"start": start, "end": end, "step": random.choice([1, 1, 2, 3])}
    return {"axis": named_axis(random, len(x) + 1, axis)} | {
        k: v for k, v in found.items() if v or random.random() < 0.3
    }


def _index_select(random: Random, x: Sizes) -> Attributes:
    axis = some_axis(random, x)
    indices = [random.randrange(x[axis - 1]) for _ in range(random.randint(1, 6))]
    return {"axis": named_axis(random, len(x) + 1, axis), "indices": indices}


def _topk(random: Random, x: Sizes) -> Attributes:
    axis = some_axis(random, x)
    return {"axis": named_axis(random, len(x) + 1, axis), "k": random.randint(1, x[axis - 1]),
            "largest": random.random() < 0.6}  # fmt: skip


def _pad(random: Random, x: Sizes) -> Attributes:
    count = random.randint(1, len(x))
    return {"padding": [random.choice([random.randint(0, 2), [random.randint(0, 2), random.randint(0, 3)]])
                        for _ in range(count)]}  # fmt: skip


def _groups(random: Random, x: Sizes) -> Attributes:
    return {"groups": random.choice(divisors(x[0]))}


def _num_groups(random: Random, x: Sizes) -> Attributes:
    return {"num_groups": random.choice(divisors(x[0]))}


def _block(name: str) -> Callable[[Random, Sizes], Attributes]:
    def draw(random: Random, x: Sizes) -> Attributes:
        return {name: random.choice([d for d in (1, 2, 3) if x[0] % (d * d) == 0])}

    return draw


def _cut(name: str) -> Callable[[Random, Sizes], Attributes]:
    def draw(random: Random, x: Sizes) -> Attributes:
        return {name: random.choice([d for d in (1, 2, 3) if all(n % d == 0 for n in x[1:])])}

    return draw


def _patches(random: Random, x: Sizes) -> Attributes:
    return {"patch_size": [random.choice(divisors(n)[:4]) for n in x[1:]]}


def _window(random: Random, x: Sizes) -> Attributes:
    height = random.choice(divisors(x[-1]))
    return {"window_size": [height, x[-1] // height]}


def _heads(random: Random, x: Sizes) -> Attributes:
    if random.random() < 0.5:
        return {"num_heads": random.choice(divisors(x[1])), "head_dim": None}
    return {"num_heads": random.randint(1, 4), "head_dim": random.randint(1, 6)}


def _fold(random: Random, x: Sizes) -> Attributes:
    kernel = random.choice([k for k in (1, 2, 3) if x[0] % (k * k) == 0])
    rows = random.choice([d for d in divisors(x[1]) if d <= 2 * isqrt(x[1]) + 1])
    if random.random() < 0.5:
        size = [rows + kernel - 1, x[1] // rows + kernel - 1]
        return {"kernel_size": kernel, "output_size": size, "stride": 1, "padding": 0, "dilation": 1}
    size = [rows * kernel, x[1] // rows * kernel]
    return {"kernel_size": kernel, "output_size": size, "stride": kernel, "padding": 0, "dilation": 1}


def _einsum(random: Random, x: Sizes) -> Attributes:
    letters = "ijklm"[: len(x)]
    kept = random.sample(letters, random.randint(1, len(letters)))
    return {"equation": f"b{letters}->b{''.join(kept)}"}


def _flatten(random: Random, x: Sizes) -> Attributes:
    start = some_axis(random, x)
    end = random.randint(start, len(x))
    rank = len(x) + 1
    return {"start_axis": named_axis(random, rank, start), "end_axis": named_axis(random, rank, end)}


SPECIAL: Final[dict[str, Callable[[Random, Sizes], Attributes]]] = {
    "reshape": _reshape, "permute": _permute, "expand": _expand, "squeeze": _squeeze, "unsqueeze": _unsqueeze,
    "tile": _tile, "roll": _roll, "split": _split, "slice": _slice, "index_select": _index_select, "topk": _topk,
    "pad": _pad, "channel_shuffle": _groups, "group_norm": _num_groups, "pixel_shuffle": _block("upscale_factor"),
    "depth_to_space": _block("block_size"), "pixel_unshuffle": _cut("downscale_factor"),
    "space_to_depth": _cut("block_size"), "patches": _patches, "relative_position_bias": _window,
    "multi_head_attention": _heads, "fold": _fold, "einsum": _einsum, "flatten": _flatten,
    **dict.fromkeys("softmax softmin log_softmax glu swiglu l2_normalize cumsum chunk concat reglu sort"
                    " argsort rfft fft ifft unbind".split(), _axis),
    **dict.fromkeys("layer_norm rms_norm flip".split(), _axes),
    **dict.fromkeys("mean sum prod max min var std logsumexp norm".split(), _reduced),
    **dict.fromkeys("argmax argmin".split(), _place),
}  # fmt: skip
"""Attributes that must go with the sizes of the input. None: not this one, though the row has it."""
