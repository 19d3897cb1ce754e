"""The networks that come along: what `archspec.specs()` gives, and `archspec list` shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from archspec._columns import UNBOUNDED, html, lines, prose
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

    def about(self, words: Sequence[str]) -> Listing:
        """Those that have each of the words in their name, or in what is said of them and of their family."""
        wanted = [word.casefold() for word in words]
        return Listing(
            each
            for each in self
            if all(word in " ".join((each.name, each.spec, each.family, each.summary)).casefold() for word in wanted)
        )

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int = UNBOUNDED) -> str:
        """As lines of at most so many characters."""
        head, *body = lines(self._rows("  "), "<>w", width)
        shown = [head, "-" * min(width, max(map(len, "\n".join([head, *body]).splitlines())))]
        family = ""
        for entry, line in zip(self, body, strict=True):
            shown += [prose(entry.family, width)] if entry.family not in ("", family) else []
            shown.append(line)
            family = entry.family
        return "\n".join(shown)

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
