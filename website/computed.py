"""What is computed of a network for a page about it: its drawing, where parameters and work are, and its code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import indent

from archspec.backend import Backend
from archspec.drawing.parts import network
from archspec.model import Model
from archspec.report.charts import stages


def computed(model: Model, chosen: Sequence[Backend]) -> str:
    """The parts of the page, in Markdown."""
    return "\n".join(_lines(model, chosen))


def _lines(model: Model, chosen: Sequence[Backend]) -> Iterator[str]:
    name, totals = model.name, model.summary()
    yield f"![{name}]({name}.svg)"
    yield ""
    yield f"`{name}`: {totals.parameters:,} parameters, and {totals.multiply_adds:,} multiply-adds for one input."
    yield ""
    yield "| stage | output | parameters | share | multiply-adds | share |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    whole = network(model)
    for part in stages(whole):
        costs = whole.costs(part)
        if costs.parameters or costs.multiply_adds:
            sizes = "×".join(str(int(size)) for size in part.gives[-1].shape[1:]) if part.gives else ""
            yield (
                f"| {part.path} | {sizes} | {costs.parameters:,} | {_share(costs.parameters, totals.parameters)} "
                f"| {costs.multiply_adds:,} | {_share(costs.multiply_adds, totals.multiply_adds)} |"
            )
    yield ""
    for backend in chosen:
        yield f'=== "{backend.title}"'
        yield ""
        yield indent(f"```python\n{backend.write(model).rstrip()}\n```", "    ")
        yield ""


def _share(number: int, total: int) -> str:
    return f"{100 * number / total:.1f} %" if total else ""
