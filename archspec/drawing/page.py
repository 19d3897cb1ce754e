"""A drawing as a page: the network folded, at first sight and unfolded, and what is inside of each part that is closed.

The page needs no script and loads nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from archspec.drawing.folding import chosen, first_sight, inside, seen
from archspec.drawing.html import document
from archspec.drawing.layout import lay_out
from archspec.drawing.parts import Network, Part, form
from archspec.drawing.vector import Theme, escaped, numbers, svg

MOST_UNFOLDED: Final = 150
"""Up to how many boxes a network is also shown with everything open."""

STYLE: Final = """\
.states label { margin-right: 16px; cursor: pointer; }
.state { display: none; } .back { font-size: 13px; }
.inside { margin-top: 36px; } .inside:target h2 { text-decoration: underline; text-underline-offset: 4px; }
.inside h2 { font-size: 15px; margin: 0; }
@media print { .states, .back { display: none; } .inside { break-inside: avoid; } }
"""


def page(network: Network, opened: Collection[Part], *, horizontal: bool = False, theme: Theme = "auto") -> str:
    """The page. `opened` are the parts that are open in the first of its drawings."""
    atlas = Atlas(network, opened, horizontal, theme)
    body = [
        f"<h1>{escaped(network.name)}</h1>",
        f'<p class="quiet">{escaped(network.summary)}<br>{numbers(network)}</p>',
        *atlas.states(),
        *atlas.insides(),
    ]
    return document(network.name, STYLE + atlas.rules(), body, theme=theme)


class Atlas:
    """A network's drawings for one page: the whole, in several states, and what is inside of parts that are closed."""

    def __init__(
        self, network: Network, opened: Collection[Part], horizontal: bool = False, theme: Theme = "auto"
    ) -> None:
        self.network = network
        self.horizontal = horizontal
        self.theme: Theme = theme
        self._opened = self._states(frozenset(opened))
        self._sections = self._closed()
        self._anchors = {path: f"part{n}" for n, (_, paths) in enumerate(self._sections, 1) for path in paths}

    def _states(self, opened: frozenset[Part]) -> dict[str, frozenset[Part]]:
        """The states that differ."""
        name = "First sight" if opened == first_sight(self.network) else "As chosen"
        found = {opened: name, chosen(self.network, fold=["all"]): "Folded"}
        everything = chosen(self.network, unfold=["all"])
        if len(seen(self.network.root.parts, everything)) <= MOST_UNFOLDED:
            found.setdefault(everything, "Unfolded")
        return {name: state for state, name in ({**found, opened: name}).items()}

    def _closed(self) -> list[tuple[Part, list[str]]]:
        """The parts that are closed somewhere, and the paths of all that are made like each, in whatever sizes."""
        found: dict[object, tuple[Part, list[str]]] = {}
        todo = [(self.network.root.parts, opened) for opened in self._opened.values()]
        known: set[Part] = set()
        for parts, opened in todo:
            for part in seen(parts, opened):
                if not part.parts or part in opened or part in known:
                    continue
                known.add(part)
                key = (part.block, form(part, sized=False))
                if key not in found:
                    inner = inside(self.network, part)
                    todo.append((inner.root.parts, first_sight(inner)))
                found.setdefault(key, (part, []))[1].append(part.path)
        return list(found.values())

    def rules(self) -> str:
        """The rules of style by which one of the states is seen."""
        return "".join(f"#s{n}:checked ~ #v{n}{{display:block}}" for n in range(len(self._opened))) + "\n"

    def states(self) -> Iterator[str]:
        """The whole network, in each state; radio buttons choose one."""
        yield '<div class="states" role="radiogroup" aria-label="Drawing">'
        for number, name in enumerate(self._opened):
            checked = " checked" if not number else ""
            yield f'<input type="radio" name="state" id="s{number}"{checked}> <label for="s{number}">{name}</label>'
        for number, opened in enumerate(self._opened.values()):
            drawn = self._drawn(self.network, frozenset(opened), f"v{number}-")
            yield f'<div class="view state" id="v{number}">{drawn}</div>'
        yield "</div>"

    def insides(self) -> Iterator[str]:
        """What is inside of each part that is closed somewhere."""
        for number, (part, paths) in enumerate(self._sections, 1):
            inner = inside(self.network, part)
            title = " ".join(filter(None, (part.path, part.block)))
            same = f"The same steps: {', '.join(paths[1:])}. " if len(paths) > 1 else ""
            yield f'<section class="inside" id="part{number}"><h2>{escaped(title)}</h2>'
            yield f'<p class="quiet">{escaped(same)}<a class="back" href="#s0">Back to the network</a></p>'
            yield f'<div class="view">{self._drawn(inner, first_sight(inner), f"p{number}-")}</div></section>'

    def _drawn(self, network: Network, opened: frozenset[Part], prefix: str) -> str:
        picture = lay_out(network, opened, horizontal=self.horizontal)
        return svg(network, picture, theme=self.theme, titled=False, styled=False, prefix=prefix, anchors=self._anchors)
