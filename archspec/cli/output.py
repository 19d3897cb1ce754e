"""How commands show what they found: plain text in files and pipes, colours and tables of rich on a terminal."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

from archspec._columns import UNBOUNDED
from archspec.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

    from archspec.errors import ArchspecError, Diagnostic
    from archspec.summary import Summary

COLOURS: Final = {"error": "31;1", "warning": "33;1", "failed": "31;1", "unproven": "33;1", "missing": "33;1",
                    "passed": "32;1"}  # fmt: skip
_MAX_RICH_ROWS: Final = 1000  # rich needs a millisecond for each


class Table(Protocol):
    """Something that is shown in columns."""

    def text(self, width: int = UNBOUNDED) -> str:
        """As lines of at most so many characters."""


def print_json(value: Any) -> None:
    """Prints a value as JSON, for programs."""
    print_text(json.dumps(value, indent=2, ensure_ascii=False), "\n")


def print_text(*texts: str) -> None:
    """Prints what is read by programs, Python among them: in UTF-8, whatever people's texts are in."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    print(*texts, sep="", end="")


def print_findings(findings: Iterable[Diagnostic], file: TextIO) -> None:
    """Prints findings about a spec, in colours if that is a terminal."""
    colours = is_coloured(file)
    for finding in findings:
        text = str(finding)
        if colours:
            text = re.sub(
                r"^(.*?): (error|warning): (.*)",
                lambda m: f"\033[1m{m[1]}:\033[0m \033[{COLOURS[m[2]]}m{m[2]}:\033[0m {m[3]}",
                text,
                count=1,
            )
        print(text, file=file)


def print_error(message: str) -> None:
    """Prints why the command cannot do what it was asked for; lines after the first show where in a spec."""
    print("archspec: error:", "\n".join(map(printable, message.split("\n"))), file=sys.stderr)


def print_failure(error: ArchspecError) -> None:
    """Prints why something could not be done."""
    print_findings(error.diagnostics, sys.stderr)
    if not error.diagnostics:
        print_error(str(error))


def width() -> int:
    """How many characters a line may have."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else UNBOUNDED


def print_table(table: Table, *, paged: bool = False) -> None:
    """Prints what is shown in columns, as wide as the terminal is; `paged`, through a pager where it is longer."""
    text = table.text(width())
    if paged and sys.stdout.isatty() and text.count("\n") >= shutil.get_terminal_size().lines:
        import pydoc

        pydoc.pager(text)
    else:
        print(text)


def print_summary(summary: Summary) -> None:
    """Prints the table of a network's steps, and the totals."""
    if is_coloured(sys.stdout) and len(summary.rows) <= _MAX_RICH_ROWS:
        from rich.console import Console

        console, table = Console(), summary.table()
        if _width(console, table) <= console.width:
            console.print(table)
            print(summary.totals)
            return
    print_table(summary)


def _width(console: Console, table: RichTable) -> int:
    return console.measure(table, options=console.options.update(width=1000)).maximum


def is_coloured(file: TextIO) -> bool:
    """Whether colours and boxes are welcome (https://no-color.org)."""
    return file.isatty() and "NO_COLOR" not in os.environ
