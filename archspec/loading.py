"""From the name of a spec to its networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archspec.model import Model, Spec
from archspec.spec.catalogue import locate


def load(
    spec: str | Path, /, variant: str | None = None, params: Mapping[str, Any] | None = None, **more: Any
) -> Model:
    """One network: `load("resnet50", num_classes=10)`, `load("net.yaml", variant="small")`.

    `spec` is a path, or the name of a spec or variant that comes along; `params` takes those, too, that are called
    `variant` or `params`. Raises SpecError if the spec is not valid, UsageError if there is no such spec, variant or
    param.
    """
    document, chosen = open_spec(spec)
    return document.network(chosen if variant is None else variant, params, **more)


def open_spec(spec: str | Path) -> tuple[Spec, str | None]:
    """The spec, and the variant that `spec` names, if it names one. Raises as `load`."""
    path, variant, shown = locate(spec)
    return Spec.read(path, shown), variant


def variants(spec: Spec, variant: str | None = None, params: Mapping[str, Any] | None = None) -> list[str | None]:
    """The variant that was asked for; else all that a spec has, and None for the defaults if every param has one."""
    document = spec.document
    if variant is not None or not document.variants:
        return [variant]
    complete = all(not param.required or name in (params or {}) for name, param in document.params.items())
    defaults = {name: param.default for name, param in document.params.items()}
    repeated = any(defaults | each.values == defaults for each in document.variants.values())
    return [*document.variants, None] if complete and not repeated else list(document.variants)
