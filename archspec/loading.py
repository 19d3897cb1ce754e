"""From the name of a spec to its networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archspec.model import Model, Spec
from archspec.spec.catalogue import locate


def load(spec: str | Path, /, variant: str | None = None, **params: Any) -> Model:
    """One network: `load("resnet50", num_classes=10)`, `load("net.yaml", variant="small")`.

    `spec` is a path, or the name of a spec or variant that comes along. Raises SpecError if the spec is not valid,
    UsageError if there is no such spec, variant or param.
    """
    document, chosen = open_spec(spec)
    return document.network(variant or chosen, params)


def open_spec(spec: str | Path) -> tuple[Spec, str | None]:
    """The spec, and the variant that `spec` names, if it names one. Raises as `load`."""
    path, variant, shown = locate(spec)
    return Spec.read(path, shown), variant


def networks(spec: Spec, variant: str | None = None, params: Mapping[str, Any] | None = None) -> list[Model]:
    """The networks of a spec: that of the variant; else those of all variants, and of the defaults if there are any.

    Raises SpecError, UsageError.
    """
    document = spec.document
    if variant is not None or not document.variants:
        return [spec.network(variant, params)]
    found = [spec.network(name, params) for name in document.variants]
    if all(not param.required or name in (params or {}) for name, param in document.params.items()):
        found.append(spec.network(None, params))
    return found
