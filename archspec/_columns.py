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


def folded(rows: Sequence[Sequence[str]], aligns: str, groups: Sequence[int], width: int) -> str:
    """The same in at most `width` characters: what does not fit beside the rest stands in a table below, which has the
    first column, too. `groups` are numbers of columns, after the first one, that stay together; one alone may be wider.
    """
    parts: list[list[int]] = [[0]]
    start = 1
    for count in groups:
        group = list(range(start, start + count))
        start += count
        lines = _part(rows, aligns, [*parts[-1], *group]).splitlines()
        if len(parts[-1]) > 1 and max(map(len, lines)) > width:
            parts.append([0])
        parts[-1] += group
    return "\n\n".join(_part(rows, aligns, part) for part in parts)


def _part(rows: Sequence[Sequence[str]], aligns: str, chosen: Sequence[int]) -> str:
    return columns([[row[index] for index in chosen] for row in rows], "".join(aligns[index] for index in chosen))


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
