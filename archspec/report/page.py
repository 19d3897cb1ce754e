"""A report as one page that loads nothing: the verdict, the drawing, code, charts, steps. Texts of specs stay texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archspec import __version__
from archspec.drawing.folding import first_sight, seen
from archspec.drawing.html import document
from archspec.drawing.page import STYLE, Atlas
from archspec.drawing.text import count
from archspec.drawing.vector import attribute, escaped
from archspec.report import charts
from archspec.report.errors import errors
from archspec.report.facts import Code, Facts, shape
from archspec.report.listing import listing
from archspec.report.times import Times
from archspec.report.verdict import Verdict

_HERE = Path(__file__).parent


def page(facts: Facts, found: Verdict, times: Times | None = None) -> str:
    """The page of a network and what was found about it."""
    network = facts.network
    atlas = Atlas(network, first_sight(network))
    body = [
        *_heading(facts),
        *_verdict(found),
        '<div class="work">',
        *_drawing(atlas, found),
        '<aside class="card box"><div class="scroll" id="details" tabindex="0" role="region" aria-label="Details">',
        "<p>What is selected in the drawing or in the table is explained here.</p></div></aside></div>",
        *_codes(facts),
        *_charts(facts, found),
        *(_speed(times) if times is not None else ()),
        *_errors(facts, found),
        *_compared(facts, found),
        *_steps(facts, found),
        f"<footer>Made by archspec {__version__} from {escaped(Path(_file(facts)).name)}. One file, nothing is loaded. "
        "Keys: <kbd>↑</kbd> <kbd>↓</kbd> next step, <kbd>/</kbd> find. The address names what is selected.</footer>",
        f'<script type="application/json" id="data">{_json(_data(facts, found))}</script>',
    ]
    style = STYLE + atlas.rules() + _read("page.css")
    return document(f"{network.name} · archspec", style, body, script=_read("page.js"))


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _json(value: Any) -> str:
    """JSON in which no text can end the element that it stands in."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _file(facts: Facts) -> str:
    return str(facts.model.spec.source.file)


def _data(facts: Facts, found: Verdict) -> dict[str, Any]:
    network = facts.network
    kinds: dict[str, int] = {}
    steps = {node.path: _short(facts.step(node), node.path, kinds) for node in network.graph.nodes}
    made = [json.loads(kind) for kind in kinds]
    groups = [part for part in network.root.walk() if part is not network.root and part.origin]
    opened = first_sight(network)
    open_blocks = [part for part in seen(network.root.parts, opened) if part.block and part in opened]
    first = open_blocks[0] if open_blocks else None
    return {
        "kinds": made,
        "steps": steps,
        "inputs": {name: shape(tensor.shape) for name, tensor in network.graph.inputs.items()},
        "parts": {part.path: facts.part(part) for part in groups if part.path not in steps},
        "totals": {"parameters": network.totals.parameters, "macs": network.totals.multiply_adds},
        "most": {key: max((each[key] for each in made), default=0) or 1 for key in ("parameters", "macs", "bytes")},
        "proof": {"wrong by itself": found.wrong, "given wrong input": found.spoiled},
        "titles": {each.backend: each.title for each in facts.codes},
        "file": Path(_file(facts)).name,
        "first": first.path if first is not None else next(iter(steps), ""),
    }


def _short(step: dict[str, Any], path: str, kinds: dict[str, int]) -> list[Any]:
    """A step by the number of its kind, with what only it has: what it reads, and what stands for it in drawings."""
    reads = [name for name, _ in step.pop("reads")]
    shown = step.pop("shown")
    step["weights"] = [[name.removeprefix(path), *more] for name, *more in step["weights"]]
    number = kinds.setdefault(json.dumps(step), len(kinds))
    return [number, reads, *([shown] if shown != path else [])]


def _heading(facts: Facts) -> Iterator[str]:
    document, model, totals = facts.model.spec.document, facts.model, facts.network.totals
    variant = document.variants[model.variant] if model.variant else None
    texts = [document.summary, variant.summary if variant else ""]
    source = (variant.source if variant else "") or document.source
    link = f'<a href={attribute(source)} rel="noreferrer">{escaped(source)}</a>'
    shown = link if source.startswith(("https://", "http://")) else escaped(source)
    yield f"<header><div><h1>{escaped(model.name)}</h1>"
    yield f'<p class="quiet">{escaped(" ".join(filter(None, texts)))} {shown}</p></div>'
    yield '<button id="theme" type="button">Light / dark</button></header>'
    parameters = count(totals.parameters)
    if totals.evaluation_parameters != totals.parameters:
        parameters += f" ({count(totals.evaluation_parameters)} in evaluation)"
    tiles = {
        "input": ", ".join(f"{name} {_plain(shape)}" for name, shape in totals.inputs.items()),
        "output": ", ".join(f"{name} {_plain(shape)}" for name, shape in totals.outputs.items()),
        "parameters": parameters,
        "multiply-adds": count(totals.multiply_adds),
        "activations": f"{totals.activation_bytes / 2**20:,.1f} MiB",
        "steps": f"{len(totals.rows):,}",
    }
    yield '<dl class="tiles">'
    yield from (f"<div><dt>{name}</dt><dd>{escaped(text)}</dd></div>" for name, text in tiles.items())
    yield "</dl>"


def _plain(shape: str) -> str:
    """`[batch, 3, 224, 224]` as `3×224×224`."""
    return "×".join(shape.strip("[]").split(", ")[1:]) or "1"


def _verdict(found: Verdict) -> Iterator[str]:
    yield f'<section class="card verdict {found.status}" aria-label="Verdict"><b>{escaped(found.sentence)}</b>'
    yield from (f"<p{' class=why' if found.status == 'failed' else ''}>{escaped(text)}</p>" for text in found.details)
    yield "</section>"


def _drawing(atlas: Atlas, found: Verdict) -> Iterator[str]:
    modes = {"operation": "operation", "parameters": "parameters", "macs": "multiply-adds", "bytes": "memory"}
    modes |= {"proof": "proof"} if found.reports else {}
    options = "".join(f'<option value="{value}">{text}</option>' for value, text in modes.items())
    yield '<section class="card box" aria-label="Drawing"><div class="bar">'
    yield f'<label for="colour">colour by</label><select id="colour">{options}</select>'
    yield '<input type="search" id="find" list="names" placeholder="find /" aria-label="Find a step">'
    yield '<datalist id="names"></datalist><span class="space"></span>'
    for name, text, label in (
        ("smaller", "&minus;", "Smaller"),
        ("normal", "100 %", ""),
        ("larger", "+", "Larger"),
    ):
        said = f' aria-label="{label}"' if label else ""
        yield f'<button type="button" id="{name}"{said}>{text}</button>'
    yield '</div><div class="scroll" id="drawing" tabindex="0" role="region" aria-label="Drawing of the network">'
    yield from atlas.states()
    yield '<div class="insides">'
    yield from atlas.insides()
    yield "</div></div></section>"


def _codes(facts: Facts) -> Iterator[str]:
    yield '<h2>Generated code</h2><div class="codes">'
    for each in facts.codes:
        yield from _code(each)
    spec = "".join(f"<li>{escaped(line)}</li>" for line in facts.model.spec.source.listing)
    name = escaped(Path(_file(facts)).name)
    yield f'</div><h2>Spec</h2><div class="codes"><figure class="card"><figcaption>{name}</figcaption>'
    yield f'<ol class="code" data-file="spec" tabindex="0" aria-label="Spec">{spec}</ol></figure></div>'


def _code(each: Code) -> Iterator[str]:
    number = len(each.text.splitlines())
    yield f'<figure class="card"><figcaption>{escaped(each.title)} <span>{number} lines</span></figcaption>'
    if each.problem:
        yield f'<p class="excerpt">{escaped(each.problem)}</p>'
    lines = "".join(f"<li>{line}</li>" for line in listing(each.text))
    yield f'<ol class="code" data-file={attribute(each.backend)} tabindex="0" aria-label={attribute(each.title)}>'
    yield f"{lines}</ol></figure>"


def _charts(facts: Facts, found: Verdict) -> Iterator[str]:
    yield '<h2>Where parameters and work are</h2><div class="charts"><section class="card">'
    yield from charts.work(facts.network)
    yield "</section>"
    if found.reports:
        yield '<section class="card"><h3>Time and memory of the comparison</h3>'
        yield from charts.effort(found.efforts)
        yield "</section>"
    yield "</div>"


def _speed(times: Times) -> Iterator[str]:
    yield f'<h2>Speed</h2><p class="quiet">{escaped(times.about)}</p><div class="charts wide">'
    for title, lines in times.charts:
        yield f'<section class="card"><h3>{escaped(title)}</h3>'
        yield from lines
        yield "</section>"
    yield "</div>"


def _errors(facts: Facts, found: Verdict) -> Iterator[str]:
    nodes = facts.network.graph.nodes
    places = {tensor.name: place for place, node in enumerate(nodes) for tensor in node.outputs}
    chart = [*errors(places, found.measured, {each.backend: each.title for each in facts.codes})]
    if chart:
        yield '<h2>Error of each step</h2><p class="quiet">Of whole runs: float32 is above float64, as a rule; '
        yield 'dashed is what is allowed. A click selects the step.</p><section class="card">'
        yield from chart
        yield "</section>"


def _compared(facts: Facts, found: Verdict) -> Iterator[str]:
    titles = {each.backend: each.title for each in facts.codes}
    if not found.rows:
        return
    yield '<h2>What was compared</h2><p class="quiet">The tensor that comes closest to what is allowed: its error, '
    yield 'of its bound.</p><div class="card wide"><table><thead><tr><th>Comparison</th>'
    yield "".join(f"<th>{escaped(title)}</th>" for title in titles.values()) + "</tr></thead><tbody>"
    for rung, texts in found.rows:
        cells = "".join(f"<td{_marked(text)}>{escaped(text)}</td>" for text in texts)
        yield f"<tr><td>{escaped(rung)}</td>{cells}</tr>"
    yield "</tbody></table></div>"


def _marked(text: str) -> str:
    return ' class="differs"' if " differ: " in text else ""


def _steps(facts: Facts, found: Verdict) -> Iterator[str]:
    rows = facts.network.totals.rows
    head = ["Step", "Operation", "Output", "Parameters", "Multiply-adds", "Memory"]
    head += ["Proof"] if found.reports else []
    wrong, spoiled = found.wrong, found.spoiled
    yield f'<h2>Steps</h2><details class="card wide"{" open" if len(rows) <= 40 else ""}>'
    yield f"<summary>All {len(rows)} steps</summary><table><thead><tr>"
    yield "".join(f"<th{_aligned(name)}>{name}</th>" for name in head) + "</tr></thead><tbody>"
    for row in rows:
        numbers = "".join(f'<td class="number">{text}</td>' for text in row.costs)
        told = wrong.get(row.path) or (spoiled.get(row.path) and f"given wrong input: {spoiled[row.path]}") or ""
        proof = f'<td class="differs">{escaped(told)}</td>' if found.reports else ""
        link = f"<a href={attribute('#' + row.path)}>{escaped(row.path)}</a>"
        output = "; ".join(map(_plain, row.shape.split("], [")))
        yield f"<tr data-row={attribute(row.path)}><td>{link}</td><td>{escaped(row.operation)}</td>"
        yield f"<td>{escaped(output)}</td>{numbers}{proof}</tr>"
    yield "</tbody></table></details>"


def _aligned(name: str) -> str:
    return ' class="number"' if name in ("Parameters", "Multiply-adds", "Memory") else ""
