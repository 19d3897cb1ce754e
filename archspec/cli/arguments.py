"""What the commands are given: SPEC, --variant and --set, as networks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archspec.errors import SpecError, UsageError
from archspec.loading import load, networks, open_spec
from archspec.model import Model
from archspec.spec.source import Source


def settings(pairs: Iterable[str]) -> dict[str, Any]:
    """The values of `--set name=value`, read as YAML: numbers, truth values, texts, lists. Raises UsageError."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name.strip():
            raise UsageError(f"--set {pair}: give a param and its value, as in --set num_classes=10")
        try:
            found[name.strip()] = Source(text, "--set").data if text.strip() else ""
        except SpecError as error:
            raise UsageError(f"--set {pair}: {error.diagnostics[0].message}") from None
    return found


def dimensions(pairs: Iterable[str]) -> dict[str, int]:
    """The values of `--size name=number`. Raises UsageError."""
    sizes = settings(pairs)
    for name, size in sizes.items():
        if type(size) is not int or size < 1:
            raise UsageError(f"--size {name}={size}: a size is a whole number from 1")
    return sizes


def one_network(spec: str, variant: str | None, pairs: Iterable[str]) -> Model:
    """The network that a command for a single one works with. Raises SpecError, UsageError."""
    return load(spec, variant, **settings(pairs))


def all_networks(spec: str, variant: str | None, pairs: Iterable[str]) -> list[Model]:
    """The networks that a command for all those of a spec works with. Raises SpecError, UsageError."""
    document, chosen = open_spec(spec)
    return networks(document, variant or chosen, settings(pairs))
