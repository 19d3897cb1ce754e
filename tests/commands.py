"""Commands, run in this process as a process of their own has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
import typer.testing

from archspec.cli.called import called


class CliRunner(typer.testing.CliRunner):
    """Makes the command that is called, and not all of them."""

    def invoke(self, app: typer.Typer, args: Sequence[str] = (), **more: Any) -> typer.testing.Result:  # type: ignore[override]
        return super().invoke(called(app, args), args, **more)
