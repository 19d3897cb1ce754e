"""A drawing as a page: the network folded, at first sight and unfolded, and what is inside of each part that is closed.

The page needs no script and loads nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final

from archspec.drawing.folding import chosen, first_sight, inside, seen
from archspec.drawing.layout import lay_out
from archspec.drawing.parts import Network, Part, form
from archspec.drawing.theme import PLAIN
from archspec.drawing.vector import Theme, escaped, numbers, svg

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_UNFOLDED: Final = 150
"""Up to how many boxes a network is also shown with everything open."""

_STYLE: Final = """\
:root { color-scheme: light dark; }
body { margin: 0; font: 15px/1.5 system-ui, Helvetica, Arial, sans-serif; background: GROUND; color: TEXT; }
main { max-width: 1280px; margin: 0 auto; padding: 24px 20px 60px; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 17px; margin: 40px 0 4px; }
p { margin: 2px 0 14px; color: QUIET; }
.view { overflow-x: auto; } .view svg { display: block; max-width: none; }
a { color: inherit; } svg a:hover .border, svg a:focus .border { stroke: #2f6fd6; stroke-width: 2; }
nav { margin: 14px 0; } nav label { margin-right: 16px; cursor: pointer; }
.state { display: none; } .back { font-size: 13px; }
section:target h2 { text-decoration: underline; text-underline-offset: 4px; }
@media print { nav, .back { display: none; } section { break-inside: avoid; } }
@media print { .view svg { max-width: 100%; height: auto; } }
"""


def page(network: Network, opened: Collection[Part], *, horizontal: bool = False, theme: Theme = "auto") -> str:
    """The page. `opened` are the parts that are open in the first of its drawings."""
    states = {"As chosen" if frozenset(opened) != first_sight(network) else "First sight": frozenset(opened)}
    states["Folded"] = chosen(network, fold=["all"])
    everything = chosen(network, unfold=["all"])
    if len(seen(network.root.parts, everything)) <= _MOST_UNFOLDED:
        states["Unfolded"] = everything
    distinct = {
        name: state for name, state in states.items() if [*states.values()].index(state) == [*states].index(name)
    }
    sections = _sections(network, distinct.values())
    anchors = {path: f"part{number}" for number, (_, paths) in enumerate(sections, 1) for path in paths}
    style = _STYLE
    for word in ("ground", "text", "quiet"):
        style = style.replace(word.upper(), PLAIN[word][theme == "dark"])
    checks = "".join(f"#s{n}:checked ~ #v{n}{{display:block}}" for n in range(len(distinct)))
    dark = "".join(
        f"{selector}{{{what}:{PLAIN[name][1]}}}"
        for selector, what, name in (
            ("body", "background", "ground"),
            ("body", "color", "text"),
            ("p", "color", "quiet"),
        )
    )
    return "\n".join([
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escaped(network.name)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<style>{style}{checks}",
        f"@media (prefers-color-scheme: dark) {{ {dark} }}</style>" if theme == "auto" else "</style>",
        f'</head><body><main id="top"><h1>{escaped(network.name)}</h1>',
        f"<p>{escaped(network.summary)}<br>{numbers(network)}</p>",
        *_views(network, distinct, anchors, horizontal, theme),
        *(line for number, (part, paths) in enumerate(sections, 1)
          for line in _section(network, part, paths, number, anchors, horizontal, theme)),
        "</main></body></html>",
    ]) + "\n"  # fmt: skip


def _views(
    network: Network, states: dict[str, frozenset[Part]], anchors: dict[str, str], horizontal: bool, theme: Theme
) -> Iterator[str]:
    """The whole network, in each state; radio buttons choose one."""
    for number, name in enumerate(states):
        checked = " checked" if not number else ""
        yield f'<input type="radio" name="state" id="s{number}"{checked}> <label for="s{number}">{name}</label>'
    for number, opened in enumerate(states.values()):
        picture = lay_out(network, opened, horizontal=horizontal)
        yield f'<div class="view state" id="v{number}">'
        yield svg(network, picture, theme=theme, titled=False, prefix=f"v{number}-", anchors=anchors) + "</div>"


def _sections(network: Network, states: Iterable[frozenset[Part]]) -> list[tuple[Part, list[str]]]:
    """The parts that are closed somewhere, those that are equal inside together."""
    found: dict[object, tuple[Part, list[str]]] = {}
    todo = [part for opened in states for part in seen(network.root.parts, opened) if part.parts and part not in opened]
    known: set[Part] = set()
    while todo:
        part = todo.pop(0)
        if part in known:
            continue
        known.add(part)
        key = (part.block, form(part))
        if key not in found:
            found[key] = part, []
            inner = inside(network, part)
            todo += [
                each
                for each in seen(inner.root.parts, first_sight(inner))
                if each.parts and each not in first_sight(inner)
            ]
        found[key][1].append(part.path)
    return list(found.values())


def _section(
    network: Network, part: Part, paths: list[str], number: int, anchors: dict[str, str], horizontal: bool, theme: Theme
) -> Iterator[str]:
    inner = inside(network, part)
    picture = lay_out(inner, first_sight(inner), horizontal=horizontal)
    yield f'<section id="part{number}"><h2>{escaped(" ".join(filter(None, (part.path, part.block))))}</h2>'
    same = f"The same inside: {', '.join(paths[1:])}. " if len(paths) > 1 else ""
    yield f'<p>{escaped(same)}<a class="back" href="#top">Back to the network</a></p><div class="view">'
    yield svg(inner, picture, theme=theme, titled=False, prefix=f"p{number}-", anchors=anchors) + "</div></section>"
