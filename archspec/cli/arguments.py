"""What the commands are given: SPEC, --variant and --set, as networks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from archspec.errors import SpecError, UsageError

if TYPE_CHECKING:
    from archspec.model import Model


def values(pairs: Iterable[str] | None, example: str = "--set num_classes=10") -> dict[str, Any]:
    """The values of `--set name=value`, read as YAML: numbers, truth values, texts, lists. Raises UsageError."""
    option = example.split()[0]
    if pairs:
        from archspec.spec.source import Source
    found: dict[str, Any] = {}
    for pair in pairs or ():
        name, sign, text = pair.partition("=")
        name = name.strip()
        if not sign or not name:
            raise UsageError(f"{option} {pair}: give a name and its value, as in {example}")
        if name in found:
            raise UsageError(f"{option} {pair}: {name} is given twice")
        try:
            found[name] = Source(text, option).data if text.strip() else ""
        except SpecError as error:
            raise UsageError(f"{option} {pair}: {error.diagnostics[0].message}") from None
    return found


def dimensions(pairs: Iterable[str] | None) -> dict[str, int]:
    """The values of `--size name=number`. Raises UsageError."""
    return values(pairs, "--size time=128")


def interpreters(pairs: Iterable[str] | None) -> dict[str, str]:
    """The values of `--python backend=path`. Raises UsageError."""
    found = {}
    for pair in pairs or ():
        name, _, path = pair.partition("=")
        if not path:
            raise UsageError(f"--python {pair}: give a backend and its interpreter, as in --python paddle=/path/python")
        found[name] = path
    return found


def one_network(spec: str, variant: str | None, pairs: Iterable[str] | None) -> Model:
    """The network for a command that takes a single one. Raises SpecError, UsageError."""
    from archspec.loading import open_spec

    document, chosen = open_spec(spec)
    return document.network(variant or chosen, values(pairs))
