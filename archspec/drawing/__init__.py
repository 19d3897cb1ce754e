"""Networks as pictures: the module tree with equal neighbours stacked, shapes beside lines, and what each part takes.

parts      a network as parts inside of parts
folding    which of them are open
layers     where boxes stand that are joined by lines
layout     all of it in pixels
svg, graphs, page     the views
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from archspec.errors import UsageError

if TYPE_CHECKING:
    from archspec.drawing.parts import Drawable
    from archspec.drawing.vector import Theme

FORMS: Final = {
    ".svg": "svg", ".html": "html", ".htm": "html", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid",
    ".mermaid": "mermaid", ".png": "png",
}  # fmt: skip
"""What is drawn into a file, by the end of its name."""

THEMES: Final[tuple[Theme, ...]] = ("auto", "light", "dark")


def theme_of(name: str) -> Theme:
    """The theme of this name. Raises UsageError if there is none."""
    for theme in THEMES:
        if theme == name:
            return theme
    raise UsageError(f"there is no theme '{name}'; there are: {', '.join(THEMES)}")


def svg(
    model: Drawable, *, unfold: Collection[str] = (), fold: Collection[str] = (), horizontal: bool = False,
    theme: Theme = "auto",
) -> str:  # fmt: skip
    """A network as an SVG document that stands alone.

    `unfold` and `fold` are paths of parts (`layer2.0`) or `all`; without them it shows what is seen at first sight, at
    most 40 boxes. With the theme `auto` it follows the reader's, light or dark. Raises SpecError if the spec is not
    valid, UsageError for a path of no part.
    """
    from archspec.drawing.folding import chosen
    from archspec.drawing.layout import lay_out
    from archspec.drawing.parts import network
    from archspec.drawing.vector import svg as printed

    found = network(model)
    return printed(found, lay_out(found, chosen(found, unfold, fold), horizontal=horizontal), theme=theme)


def draw(
    model: Drawable, form: str, *, unfold: Collection[str] = (), fold: Collection[str] = (), horizontal: bool = False,
    theme: Theme = "auto",
) -> str | bytes:  # fmt: skip
    """A network as `svg`, `png`, `html`, `dot` or `mermaid`; else as `svg`.

    Raises as `svg`, and UsageError for another form, or if what it needs is not installed.
    """
    from archspec.drawing.folding import chosen
    from archspec.drawing.parts import network

    if form == "svg" or form == "png":
        shown = "light" if form == "png" and theme == "auto" else theme
        text = svg(model, unfold=unfold, fold=fold, horizontal=horizontal, theme=shown)
        return text if form == "svg" else _png(text)
    found = network(model)
    opened = chosen(found, unfold, fold)
    if form == "html":
        from archspec.drawing.page import page

        return page(found, opened, horizontal=horizontal, theme=theme)
    from archspec.drawing import graphs

    if form == "dot":
        return graphs.dot(found, opened, horizontal=horizontal)
    if form == "mermaid":
        return graphs.mermaid(found, opened, horizontal=horizontal)
    raise UsageError(f"there is no drawing of the form '{form}'; there are: {', '.join(dict.fromkeys(FORMS.values()))}")


def _png(text: str) -> bytes:
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise UsageError("drawing .png needs resvg-py: pip install 'archspec-nn[png]', or write .svg") from None
    return bytes(svg_to_bytes(svg_string=text, zoom=2))
