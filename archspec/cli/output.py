"""How commands show what they found: plain text in files and pipes, colours and tables of rich on a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from archspec.errors import Diagnostic
    from archspec.summary import Summary

_COLOURS: Final = {"error": "31;1", "warning": "33;1"}
_MAX_RICH_ROWS: Final = 1000  # rich needs a millisecond for each


def print_json(value: Any) -> None:
    """Prints a value as JSON, for programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_findings(findings: Iterable[Diagnostic], file: TextIO) -> None:
    """Prints findings about a spec, in colours if that is a terminal."""
    colours = is_coloured(file)
    for finding in findings:
        text = str(finding)
        if colours:
            text = re.sub(
                r"^(.*?): (error|warning): (.*)",
                lambda m: f"\033[1m{m[1]}:\033[0m \033[{_COLOURS[m[2]]}m{m[2]}:\033[0m {m[3]}",
                text,
                count=1,
            )
        print(text, file=file)


def print_error(message: str) -> None:
    """Prints why the command cannot do what it was asked for."""
    print(f"archspec: error: {message}", file=sys.stderr)


def print_summary(summary: Summary) -> None:
    """Prints the table of a network's steps, and the totals."""
    if is_coloured(sys.stdout) and len(summary.rows) <= _MAX_RICH_ROWS:
        from rich.console import Console

        console, table = Console(), summary.table()
        if _width(console, table) <= console.width:  # else the terminal wraps better than rich cuts
            console.print(table)
            print(summary.totals)
            return
    print(summary)


def _width(console: Console, table: Table) -> int:
    return console.measure(table, options=console.options.update(width=1000)).maximum


def is_coloured(file: TextIO) -> bool:
    """Whether colours and boxes are welcome (https://no-color.org)."""
    return file.isatty() and "NO_COLOR" not in os.environ
