"""A drawing as text for other programs, which place boxes themselves: Graphviz (DOT) and Mermaid."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from archspec.drawing.folding import joined, seen
from archspec.drawing.parts import Network, Part
from archspec.drawing.text import about, count, cut, own_name, sizes
from archspec.drawing.theme import COLOURS, kind
from archspec.errors import UsageError

_MOST_EDGES: Final = 500
_MOST_CHARACTERS: Final = 50_000
"""What Mermaid draws unless it is told otherwise."""

_DOT_FONT: Final = 'fontname="Helvetica"'


def dot(network: Network, opened: Collection[Part], *, horizontal: bool = False) -> str:
    """The drawing in DOT, the language of Graphviz."""
    names = _names(network, opened)
    lines = [
        f"digraph {_dot_text(network.name)} {{",
        f"  graph [rankdir={'LR' if horizontal else 'TB'}, {_DOT_FONT}, label={_dot_text(network.name)}, labelloc=t]",
        f'  node [shape=box, style="filled,rounded", fillcolor=white, color="#c4c9d0", {_DOT_FONT}, fontsize=11]',
        f'  edge [color="#8a929c", {_DOT_FONT}, fontsize=9, fontcolor="#4d555f"]',
        *_dot_parts(network, network.root.parts, opened, names, "  "),
    ]
    for source, target, tensor in joined(network.root.parts, opened):
        dashed = ", style=dashed" if target.training or source.training else ""
        lines.append(f"  {names[source]} -> {names[target]} [label={_dot_text(sizes(tensor))}{dashed}]")
    return "\n".join([*lines, "}"]) + "\n"


def _dot_parts(
    network: Network, parts: Iterable[Part], opened: Collection[Part], names: dict[Part, str], indent: str
) -> Iterator[str]:
    for part in parts:
        if part in opened:
            label = " ".join(filter(None, (cut(part.title), cut(part.block), _times(part))))
            yield f"{indent}subgraph cluster_{names[part]} {{"
            yield f'{indent}  graph [label={_dot_text(label)}, labelloc=t, style=rounded, color="#c4c9d0"]'
            yield from _dot_parts(network, part.parts, opened, names, indent + "  ")
            yield f"{indent}}}"
        else:
            shape = ", shape=oval" if part.tensor is not None else ""
            colour = COLOURS[kind(part.rows[0].op.key)][0] if part.rows else "white"
            label = _dot_text("\n".join(_lines(network, part)))
            yield f'{indent}{names[part]} [label={label}, fillcolor="{colour}"{shape}]'


def mermaid(network: Network, opened: Collection[Part], *, horizontal: bool = False) -> str:
    """The drawing as a flowchart in Mermaid, as Markdown in many places shows it.

    Raises UsageError if Mermaid would refuse it, because it is too large.
    """
    names = _names(network, opened)
    edges = joined(network.root.parts, opened)
    lines = [f"flowchart {'LR' if horizontal else 'TD'}"]
    lines += _mermaid_parts(network, network.root.parts, opened, names, "  ")
    for source, target, tensor in edges:
        arrow = "-.->" if target.training or source.training else "-->"
        lines.append(f'  {names[source]} {arrow}|"{_mermaid_text(sizes(tensor))}"| {names[target]}')
    for number, (name, (fill, edge, _, _)) in enumerate(COLOURS.items()):
        members = [names[p] for p in seen(network.root.parts, opened) if p.rows and kind(p.rows[0].op.key) == name]
        if members:
            lines.append(f"  classDef k{number} fill:{fill},stroke:{edge},color:#1f2328")
            lines.append(f"  class {','.join(members)} k{number}")
    text = "\n".join(lines) + "\n"
    if len(edges) > _MOST_EDGES or len(text) > _MOST_CHARACTERS:
        raise UsageError(
            f"Mermaid draws at most {_MOST_EDGES} lines of {_MOST_CHARACTERS:,} characters, and these are {len(edges)} "
            f"of {len(text):,}: unfold less, or write .svg"
        )
    return text


def _mermaid_parts(
    network: Network, parts: Iterable[Part], opened: Collection[Part], names: dict[Part, str], indent: str
) -> Iterator[str]:
    for part in parts:
        if part in opened:
            label = " ".join(filter(None, (cut(part.title), cut(part.block), _times(part))))
            yield f'{indent}subgraph {names[part]}["{_mermaid_text(label)}"]'
            yield from _mermaid_parts(network, part.parts, opened, names, indent + "  ")
            yield f"{indent}end"
        else:
            text = "<br>".join(map(_mermaid_text, _lines(network, part)))
            left, right = ("([", "])") if part.tensor is not None else ("[", "]")
            yield f'{indent}{names[part]}{left}"{text}"{right}'


def _names(network: Network, opened: Collection[Part]) -> dict[Part, str]:
    return {part: f"n{number}" for number, part in enumerate(seen(network.root.parts, opened))}


def _lines(network: Network, part: Part) -> list[str]:
    """What stands in a box."""
    title = " ".join(filter(None, (cut(part.title), cut(part.block), _times(part))))
    lines = [title] if part.name else []
    for node in part.rows:
        name = own_name(node) if not part.name or len(part.rows) > 1 else ""
        parameters = network.rows[node.path].parameters
        lines.append(
            " ".join(filter(None, (cut(name), cut(about(node)), f"({count(parameters)})" if parameters else "")))
        )
    if part.parts:
        costs = network.costs(part)
        lines.append(f"{count(costs.parameters)} parameters, {costs.steps} steps")
    return lines


def _times(part: Part) -> str:
    return f"×{part.count}" if part.copies else ""


def _dot_text(text: str) -> str:
    """A text in quotes. A backslash is one, and no more."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _mermaid_text(text: str) -> str:
    """A text that stands between quotes: what has a meaning there is written by number."""
    return "".join(c if c.isalnum() or c in " _.,:/×–=+-()…" else f"#{ord(c)};" for c in text)
