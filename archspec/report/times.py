"""What a benchmark says of a network, by phase and batch: read from the JSON of `bench`, whenever that was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archspec.errors import UsageError
from archspec.model import Model
from archspec.report import charts
from archspec.report.facts import Code
from archspec.results.fingerprints import fingerprint


@dataclass(frozen=True, slots=True)
class Times:
    """A benchmark of one network."""

    about: str
    charts: tuple[tuple[str, tuple[str, ...]], ...]
    """By phase and batch, the lines of its chart."""

    @classmethod
    def of(cls, model: Model, found: Mapping[str, Any], codes: Sequence[Code]) -> Times:
        """Raises UsageError for what is no benchmark, or is about another network, or of other code."""
        if found.get("kind") != "bench" or found.get("format") != 1:
            raise UsageError("this is no result of archspec bench: they are written by bench -o FILE")
        try:
            if found["network"] != model.name:
                raise UsageError(f"the benchmark is not about {model.name}: it is about {found['network']}")
            known = found["fingerprints"]
            changed = [each.title for each in codes if known.get(each.backend, "") not in ("", fingerprint(each.text))]
            if changed:
                raise UsageError(f"the code for {' and '.join(changed)} is not the code that was timed: time it again")
            groups: dict[str, list[Mapping[str, Any]]] = {}
            for row in found["rows"]:
                groups.setdefault(f"{row['phase']}, batch {row['batch']}", []).append(row)
            return cls(
                " ".join(_about(found)), tuple((name, tuple(charts.speed(rows))) for name, rows in groups.items())
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise UsageError("this is no result of archspec bench: they are written by bench -o FILE") from None


def _about(found: Mapping[str, Any]) -> Iterator[str]:
    environment = found["environment"]
    versions = [f"{name} {text}" for each in environment["frameworks"].values() for name, text in each.items()]
    yield f"{found['rounds']} rounds of fresh processes that took turns, float32, {environment['threads']} threads:"
    yield f"{', '.join(versions)}; {found['date']}."
