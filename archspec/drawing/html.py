"""What all pages are made of: one file that loads nothing, in light and dark, on a screen and on paper."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from archspec.drawing.theme import PLAIN
from archspec.drawing.vector import Theme, dark_style, escaped

_STYLE: Final = """\
body { margin: 0; font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif;
  background: var(--ground); color: var(--text); }
main { max-width: 1280px; margin: 0 auto; padding: 24px 20px 60px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0; } h2 { font-size: 18px; margin: 40px 0 6px; }
p { margin: 2px 0 12px; } .quiet { color: var(--quiet); } a { color: var(--link); }
.view { overflow-x: auto; } .view svg { display: block; max-width: none; }
svg a:hover .border, svg a:focus .border { stroke: var(--link); stroke-width: 2; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 4px; }
table { border-collapse: collapse; } th, td { text-align: left; padding: 3px 12px 3px 0; vertical-align: top; }
th { font-weight: 600; } .number { text-align: right; font-variant-numeric: tabular-nums; }
@media print { .view svg { max-width: 100%; height: auto; } }
"""


def document(
    title: str, style: str, body: Iterable[str], *, theme: Theme = "auto", script: str = "", attributes: str = ""
) -> str:
    """A page. `style` and `script` are our own; what the body holds of others is escaped already."""
    source = f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" if script else "'none'"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {source}; base-uri 'none'; form-action 'none'"
    return "\n".join([
        "<!DOCTYPE html>",
        f'<html lang="en"{attributes}><head><meta charset="utf-8"><title>{escaped(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f"<style>\n{_colours(theme)}{_STYLE}{style}</style>",
        "</head><body><main>",
        *body,
        "</main>",
        *([f"<script>{script}</script>"] if script else []),
        "</body></html>",
    ]) + "\n"  # fmt: skip


def _colours(theme: Theme) -> str:
    """Colours by name; those of dark surroundings hold unless the page says that it is light."""
    light, dark = _named(0), _named(1)
    if theme != "auto":
        return f":root{{color-scheme:{theme};{dark if theme == 'dark' else light}}}\n"
    system, chosen = ":root:not([data-theme=light])", ":root[data-theme=dark]"
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media screen and (prefers-color-scheme: dark){{{system}{{color-scheme:dark;{dark}}}{dark_style(system)}}}\n"
        f"@media screen{{{chosen}{{color-scheme:dark;{dark}}}{dark_style(chosen)}}}\n"
    )


def _named(dark: int) -> str:
    return "".join(f"--{name}:{colours[dark]};" for name, colours in PLAIN.items())
