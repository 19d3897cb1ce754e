"""Tables, as text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def columns(rows: Sequence[Sequence[str]], aligns: str) -> str:
    """Rows of text in columns, aligned by `<` and `>`; the first row is the heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(f"{text:{a}{w}}" for text, a, w in zip(row, aligns, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def html(rows: Sequence[Sequence[str]], aligns: str, title: str, below: str = "") -> str:
    """The same as a table of HTML."""
    styles = ["text-align: left" if align == "<" else "text-align: right" for align in aligns]
    lines = [f"<table><caption>{escape(title)}</caption>"]
    for index, row in enumerate(rows):
        tag = "td" if index else "th"
        cells = zip(styles, row, strict=True)
        lines.append(
            "".join(["<tr>", *(f'<{tag} style="{style}">{escape(text)}</{tag}>' for style, text in cells), "</tr>"])
        )
    return "\n".join([*lines, "</table>", *(f"<div>{escape(line)}</div>" for line in below.splitlines())])
