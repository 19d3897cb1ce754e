"""A chart of the error of each step, on a log axis: one column a step, one kind of mark a framework."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import floor, isfinite, log10
from typing import Final

from archspec.drawing.vector import attribute, escaped
from archspec.report.verdict import Measured

_LEAST: Final = -18
"""The exponent of the lowest line; what is smaller, and not zero, is drawn there."""
_LEFT, _TOP, _WIDTH, _DECADE = 58, 26, 940, 14
_SHAPES: Final = (
    '<circle cx="4" cy="4" r="2.6" fill="var(--m0)"/>',
    '<path d="M1.5 1.5h5v5h-5z" fill="var(--m1)"/>',
    '<path d="M4 .8 7.2 6.6H.8z" fill="var(--m2)"/>',
    '<path d="M1.5 1.5l5 5m0-5l-5 5" stroke="var(--link)" stroke-width="1.6"/>',
)


def errors(
    places: Mapping[str, int], found: Mapping[str, Sequence[Measured]], titles: Mapping[str, str]
) -> Iterator[str]:
    """The chart. `places` has the step of each tensor, by its number, and `found` by framework what was measured."""
    shown = {name: [each for each in found.get(name, ()) if each.tensor in places] for name in titles}
    shown = {name: each for name, each in shown.items() if each}
    if not shown:
        return
    most = max(_exponent(max(each.error, each.bound)) for own in shown.values() for each in own) + 1
    pitch = _WIDTH / (1 + max(places.values()))
    bottom = _TOP + (most - _LEAST) * _DECADE
    height = bottom + 42

    def x(tensor: str) -> float:
        return _LEFT + (places[tensor] + 0.5) * pitch

    def y(error: float) -> float:
        if not error:
            return bottom + 16
        return _TOP + (most - min(most, max(_LEAST, log10(error) if isfinite(error) else most))) * _DECADE

    yield f'<div class="view"><svg class="errors" viewBox="0 0 {_LEFT + _WIDTH + 12} {height}" role="img" '
    yield f'data-left="{_LEFT}" data-pitch="{pitch:.4f}" aria-label="Error of each step"><defs>'
    for index in range(len(shown)):
        yield f'<marker id="m{index}" markerWidth="8" markerHeight="8" refX="4" refY="4" markerUnits="userSpaceOnUse">'
        yield f"{_SHAPES[index % len(_SHAPES)]}</marker>"
    yield "</defs>"
    for exponent in range(_LEAST, most + 1):
        if exponent % 3 == 0:
            line = _n(_TOP + (most - exponent) * _DECADE)
            yield f'<path d="M{_LEFT} {line}h{_WIDTH}" class="grid"/>'
            yield f'<text x="{_LEFT - 8}" y="{line}">1e{exponent}</text>'
    yield f'<path d="M{_LEFT} {bottom + 16}h{_WIDTH}" class="grid"/><text x="{_LEFT - 8}" y="{bottom + 16}">0</text>'
    for index, (name, own) in enumerate(shown.items()):
        for rung in dict.fromkeys(each.rung for each in own):
            points = [each for each in own if each.rung == rung]
            yield f'<path class="bound" stroke="var(--m{index})" d="{_steps(points, x, y)}"/>'
            line = " ".join(f"{x(each.tensor):.0f} {y(each.error):.0f}" for each in points)  # large networks have many
            yield f'<path class="marks" style="marker:url(#m{index})" data-backend={attribute(name)} d="M{line}"/>'
        at = _LEFT + index * 150
        yield f'<path style="marker-start:url(#m{index})" fill="none" d="M{at} 12h1"/>'
        yield f'<text class="name" x="{at + 10}" y="12">{escaped(titles[name])}</text>'
    yield f'<path class="here" d="M-9 {_TOP}V{bottom + 22}"/></svg></div>'


def _exponent(error: float) -> int:
    return floor(log10(error)) if error and isfinite(error) else 0


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _steps(points: Sequence[Measured], x: Callable[[str], float], y: Callable[[float], float]) -> str:
    """The line of what is allowed."""
    parts, last = [], None
    for each in points:
        if each.bound != last:
            parts.append(f"{'M' if last is None else 'H'}{_n(x(each.tensor))}"
                         f"{' ' if last is None else 'V'}{_n(y(each.bound))}")  # fmt: skip
            last = each.bound
    return "".join(parts) + f"H{_n(x(points[-1].tensor))}"
