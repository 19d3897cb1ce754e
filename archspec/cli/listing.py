"""What `archspec list` shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from archspec._columns import columns
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


def entries() -> list[Entry]:
    """The networks that come along: the variants of each spec, or its only network."""
    found = []
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


def table(found: Sequence[Entry]) -> str:
    """The networks in columns, those of one spec below what they have in common."""
    rows = [(f"{'  ' if entry.family else ''}{entry.name}", f"{entry.parameters:,}", entry.summary) for entry in found]
    head, rule, *body = columns([("Name", "Parameters", "Summary"), *rows], "<><").splitlines()
    lines = [head, rule]
    family = ""
    for entry, line in zip(found, body, strict=True):
        lines += [entry.family] if entry.family not in ("", family) else []
        lines.append(line)
        family = entry.family
    return "\n".join(lines)


def _parameters(model: Model) -> int:
    """What the spec expects, which `check` confirms; else counted."""
    document = model.spec.document
    expect = (document.variants[model.variant] if model.variant else document).expect.parameters
    if expect is None:
        return parameter_count(model.graph)
    return expect if isinstance(expect, int) else expect.training
