"""The networks that come along as one page, each family with its drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from archspec.drawing.folding import first_sight
from archspec.drawing.html import document
from archspec.drawing.layout import lay_out
from archspec.drawing.parts import network
from archspec.drawing.text import count
from archspec.drawing.vector import attribute, escaped, svg
from archspec.listing import Entry
from archspec.loading import load

_STYLE: Final = """\
details { border-top: 1px solid var(--border); padding: 8px 0; }
summary { cursor: pointer; } summary b { display: inline-block; min-width: 190px; }
summary .much { float: right; font-variant-numeric: tabular-nums; }
.both { display: flex; flex-wrap: wrap; gap: 12px 48px; align-items: flex-start; padding: 12px 0; }
.both table { max-width: 560px; font-size: 14px; }
"""


def gallery(found: Sequence[Entry]) -> str:
    """The page. Nothing in it is loaded from elsewhere; links lead to papers."""
    families = [list(each) for _, each in groupby(found, key=lambda entry: entry.spec)]
    body = [
        "<h1>Networks that come along</h1>",
        f'<p class="quiet">{len(found)} networks in {len(families)} families. Drawn is the first of each.</p>',
        *(line for number, entries in enumerate(families) for line in _family(number, entries)),
    ]
    return document("archspec: networks that come along", _STYLE, body)


def _family(number: int, entries: list[Entry]) -> Iterator[str]:
    first = entries[0]
    title, _, about = first.family.partition(": ") if first.family else (first.name, "", first.summary)
    counts = [entry.parameters for entry in entries]
    least, most = count(min(counts)), count(max(counts))
    much = least if least == most else f"{least} – {most}"
    yield f'<details id={attribute(first.spec)}><summary><b>{escaped(title)}</b> <span class="quiet">{escaped(about)}'
    yield f'</span><span class="quiet much">{much}</span></summary><div class="both">'
    drawn = network(load(first.name))
    picture = lay_out(drawn, first_sight(drawn))
    yield f'<div class="view">{svg(drawn, picture, styled=False, prefix=f"n{number}-")}</div>'
    yield '<table><tr><th>Name</th><th class="number">Parameters</th><th></th></tr>'
    for entry in entries:
        source = entry.source if entry.source.startswith(("https://", "http://")) else ""
        paper = f' <a href={attribute(source)} rel="noreferrer">source</a>' if source else ""
        yield f'<tr><td>{escaped(entry.name)}</td><td class="number">{entry.parameters:,}</td>'
        yield f"<td>{escaped(entry.summary)}{paper}</td></tr>"
    yield "</table></div></details>"
