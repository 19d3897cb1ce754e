"""Bars: where parameters and work are, what the comparison took, and what the models take by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from archspec.drawing.parts import Network, Part
from archspec.drawing.text import count
from archspec.drawing.vector import attribute, escaped

_MOST_ROWS: Final = 28


def stages(network: Network) -> list[Part]:
    """The parts that a network has at the top; those that hold most of all are taken apart, as long as few remain."""
    found = [part for part in network.root.parts if part.tensor is None]
    total = network.totals.parameters + network.totals.multiply_adds or 1
    while True:
        large = [part for part in found if part.parts and not part.copies and _much(network, part) > 0.3 * total]
        chosen = max(large, key=lambda part: _much(network, part), default=None)
        if chosen is None or len(found) + len(chosen.parts) > _MOST_ROWS:
            return found
        at = found.index(chosen)
        found[at : at + 1] = chosen.parts


def _much(network: Network, part: Part) -> int:
    costs = network.costs(part)
    return costs.parameters + costs.multiply_adds


def work(network: Network) -> Iterator[str]:
    """Parameters and multiply-adds of each stage, side by side."""
    rows = [(part, network.costs(part)) for part in stages(network)]
    rows = [(part, costs) for part, costs in rows if costs.parameters or costs.multiply_adds]
    most = [max((values for values in each), default=0) or 1
            for each in ([c.parameters for _, c in rows], [c.multiply_adds for _, c in rows])]  # fmt: skip
    yield '<div class="bars"><span></span><span class="head">parameters</span><span class="head">multiply-adds</span>'
    for part, costs in rows:
        around = part.path.rpartition(".")[0]
        name = ".".join(filter(None, (around, part.title))) if part.name else part.path
        yield f'<span class="name" title={attribute(part.path)}>{escaped(name)}</span>'
        yield bar(costs.parameters, most[0], count(costs.parameters) if costs.parameters else "")
        yield bar(costs.multiply_adds, most[1], count(costs.multiply_adds) if costs.multiply_adds else "", "second")
    yield "</div>"


def effort(rows: Sequence[tuple[str, float, int]]) -> Iterator[str]:
    """The time and the memory that the comparison took in each framework."""
    most = max((row[1] for row in rows), default=0) or 1, max((row[2] for row in rows), default=0) or 1
    yield '<div class="bars"><span></span><span class="head">time, imports aside</span>'
    yield '<span class="head">most memory of the process</span>'
    for title, seconds, memory in rows:
        yield f'<span class="name">{escaped(title)}</span>{bar(seconds, most[0], f"{seconds:.2f} s")}'
        yield bar(memory, most[1], f"{memory / 2**20:,.0f} MiB", "second")
    yield "</div>"


def speed(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The median time and the memory of models that were timed: one phase, and one batch."""
    done = [row for row in rows if not row.get("problem")]
    most = max((row["high"] for row in done), default=0) or 1, max(map(_taken, done), default=0) or 1
    yield '<div class="bars"><span></span><span class="head">median, and the middle half of all runs</span>'
    yield '<span class="head">memory, the framework aside</span>'
    for row in rows:
        yield f'<span class="name">{escaped(row["title"])}, {escaped(row["way"])}</span>'
        if row.get("problem"):
            yield f'<span class="quiet">{escaped(row["problem"])}</span><span></span>'
            continue
        low, middle, high = (f"{1e3 * row[key]:.3g}" for key in ("low", "median", "high"))
        yield bar(row["median"], most[0], f"{middle} ms ({low} to {high})")
        yield bar(_taken(row), most[1], f"{_taken(row) / 2**20:,.0f} MiB", "second")
    yield "</div>"


def _taken(row: Mapping[str, Any]) -> int:
    return int(row["memory"]) - int(row["imported"])


def bar(value: float, most: float, text: str, kind: str = "") -> str:
    """A bar, with its number beside it."""
    length = f"{62 * value / most:.1f}%"
    return f'<span class="one {kind}"><i style="width:{length}"></i>{escaped(text)}</span>'
