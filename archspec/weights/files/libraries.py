"""Libraries that only files of weights need, imported when they are."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from archspec.errors import UsageError


def needs(name: str) -> Any:
    """A library that a format needs. Raises UsageError if it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        raise UsageError(f"this needs the package {name}: pip install 'archspec-nn[weights]'") from None
