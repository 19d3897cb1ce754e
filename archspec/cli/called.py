"""The one command that is called, in place of all."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import typer


def called(app: typer.Typer, arguments: Sequence[str]) -> typer.Typer:
    """The application with that command alone: to make commands of their functions takes a tenth of a small one's time.
    All of it for what names none, as a wrong name, which still finds all."""
    found = [
        each
        for each in app.registered_commands
        if (each.name or getattr(each.callback, "__name__", "")) in arguments[:1]
    ]
    if not found:
        return app
    small = copy.copy(app)
    small.registered_commands, small.registered_groups = found, []
    return small
