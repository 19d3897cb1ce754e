"""The networks that come along: what `archspec.specs()` gives, and `archspec list` shows."""

from __future__ import annotations

from typing import NamedTuple

from archspec._columns import columns, html
from archspec.expectations import parameter_count
from archspec.model import Model, Spec
from archspec.spec.catalogue import files, shown


class Entry(NamedTuple):
    """A network that comes along."""

    name: str
    spec: str
    """The spec that it is a variant of: `resnet`."""
    family: str
    """What the variants of that spec have in common; empty if it has none."""
    parameters: int
    """Trainable ones, auxiliary heads included."""
    summary: str
    source: str


class Listing(list[Entry]):
    """The networks that come along. `print` shows them in columns, and a notebook as a table."""

    def __str__(self) -> str:
        head, rule, *body = columns(self._rows("  "), "<><").splitlines()
        lines = [head, rule]
        family = ""
        for entry, line in zip(self, body, strict=True):
            lines += [entry.family] if entry.family not in ("", family) else []
            lines.append(line)
            family = entry.family
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return html(self._rows(), "<><", f"{len(self)} networks")

    def _rows(self, inset: str = "") -> list[tuple[str, ...]]:
        rows = ((inset * bool(each.family) + each.name, f"{each.parameters:,}", each.summary) for each in self)
        return [("Name", "Parameters", "Summary"), *rows]


def specs() -> Listing:
    """The networks that come along: the variants of each spec, or its only network. Each is loaded by its `name`."""
    found = Listing()
    for path in files():
        spec = Spec.read(path, shown(path))
        for variant in spec.document.variants or [None]:
            model = spec.network(variant)
            about = spec.document.variants[variant] if variant else spec.document
            found.append(
                Entry(
                    name=variant or path.stem,
                    spec=path.stem,
                    family=f"{spec.document.name}: {spec.document.summary}" if variant else "",
                    parameters=_parameters(model),
                    summary=about.summary or spec.document.summary,
                    source=about.source or spec.document.source,
                )
            )
    return found


def _parameters(model: Model) -> int:
    """What the spec expects, which `check` confirms; else counted."""
    document = model.spec.document
    expect = (document.variants[model.variant] if model.variant else document).expect.parameters
    if expect is None:
        return parameter_count(model.graph)
    return expect if isinstance(expect, int) else expect.training
