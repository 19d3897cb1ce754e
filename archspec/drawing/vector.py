"""A drawing as SVG that stands alone: no font, style sheet or script from elsewhere, and the same bytes each time.

Colours are attributes, which every program understands; a style for dark surroundings replaces them where it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal
from xml.sax.saxutils import quoteattr

from archspec.drawing.layout import HEADER, PAD, ROW, SIZE, SMALL, TIP, Box, Line, Picture, Row
from archspec.drawing.parts import Network
from archspec.drawing.text import count, cut, width
from archspec.drawing.theme import COLOURS, PLAIN, kind

Theme = Literal["auto", "light", "dark"]

FONT: Final = "Helvetica, Arial, 'Liberation Sans', sans-serif"
MARGIN: Final = 16.0
_TITLE: Final = 52.0
_CLASSES: Final = {name: f"k{index}" for index, name in enumerate(COLOURS)}
_FILLED: Final = {"frame": "frame", "closed": "closed", "head": "head", "badge": "badge", "tip": "line", "even": "even"}
_WRITTEN: Final = {"text": "text", "quiet": "quiet", "label": "label", "on-badge": "on-badge"}


def escaped(text: str) -> str:
    """A text in XML. What XML cannot hold, it has not."""
    kept = "".join(
        c for c in text if c in "\t\n" or (c >= " " and c not in "\ufffe\uffff" and not "\ud800" <= c <= "\udfff")
    )
    return kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def attribute(text: str) -> str:
    """A text as the value of an attribute, in quotes."""
    return quoteattr(escaped(text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def svg(
    network: Network, picture: Picture, *, theme: Theme = "auto", titled: bool = True, prefix: str = "",
    styled: bool = True, anchors: Mapping[str, str] = MappingProxyType({}),
) -> str:  # fmt: skip
    """The drawing as an SVG document. Of several in one page, `prefix` keeps the names apart, and where the page has
    the style for dark surroundings, none needs to be `styled`; `anchors` says by path where in the page the inside of
    closed parts is."""
    return _Printer(network, picture, theme, titled, prefix, styled, anchors).document()


class _Printer:
    def __init__(
        self, network: Network, picture: Picture, theme: Theme, titled: bool, prefix: str, styled: bool,
        anchors: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.styled = styled
        self.anchors = anchors
        self.network = network
        self.picture = picture
        self.theme: Theme = theme
        self.titled = titled
        self.prefix = prefix

    def document(self) -> str:
        legend = self._legend()
        top = MARGIN + (_TITLE if self.titled else 0.0)
        wide = max(self.picture.width, self._title_width() if self.titled else 0.0) + 2 * MARGIN
        rows = self._legend_rows(legend, wide - 2 * MARGIN)
        high = top + self.picture.height + MARGIN + (18.0 * len(rows) + 8.0 if rows else 0.0)
        left = MARGIN + (wide - 2 * MARGIN - self.picture.width) / 2
        role = "group" if self.anchors else "img"  # what is in an image cannot be reached
        ids = f"{self.prefix}title {self.prefix}desc"
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(wide)}" height="{_n(high)}" '
            f'viewBox="0 0 {_n(wide)} {_n(high)}" role="{role}" aria-labelledby="{ids}" font-family="{FONT}" '
            f'font-size="{_n(SIZE)}" class="text" fill="{PLAIN["text"][self._dark]}">',
            f'<title id="{self.prefix}title">{escaped(self.network.name)}</title>',
            f'<desc id="{self.prefix}desc">{escaped(self._description())}</desc>',
        ]
        if self.theme == "auto" and self.styled:
            lines.append(f"<style>@media (prefers-color-scheme: dark) {{ {dark_style()} }}</style>")
        elif self.theme != "auto":
            lines.append(f'<rect width="100%" height="100%" fill="{PLAIN["ground"][self._dark]}"/>')
        lines += self._heading() if self.titled else []
        lines.append(f'<g transform="translate({_n(left)} {_n(top)})">')
        lines += self._frames_and_lines()
        lines += [self._label(label.text, label.x, label.y) for label in self.picture.labels]
        lines.append("</g>")
        for number, row in enumerate(rows):
            lines += self._legend_row(row, high - MARGIN - 18.0 * (len(rows) - 1 - number))
        lines.append("</svg>")
        return "\n".join(filter(None, lines)) + "\n"

    @property
    def _dark(self) -> int:
        return int(self.theme == "dark")

    def _description(self) -> str:
        totals = self.network.totals
        inputs = ", ".join(f"{name} {shape}" for name, shape in totals.inputs.items())
        outputs = ", ".join(f"{name} {shape}" for name, shape in totals.outputs.items())
        return f"{self.network.summary} From {inputs} to {outputs}; {numbers(self.network)}."

    # Parts of the drawing -------------------------------------------------------------------------------------------

    def _title_width(self) -> float:
        return max(width(cut(self.network.name), 18, bold=True), width(numbers(self.network), SIZE))

    def _heading(self) -> Iterator[str]:
        yield self._text(cut(self.network.name), MARGIN, MARGIN + 16, 18.0, bold=True)
        yield self._text(numbers(self.network), MARGIN, MARGIN + 34, SIZE, "quiet")

    def _frames_and_lines(self) -> Iterator[str]:
        frames = [box for box in self.picture.boxes if box.is_open]
        for box in frames:
            yield from self._frame(box)
        for line in self.picture.lines:
            yield from self._line(line)
        for box in self.picture.boxes:
            if not box.is_open:
                yield from self._closed(box)

    def _frame(self, box: Box) -> Iterator[str]:
        yield f"<g data-part={attribute(box.part.path)}>{self._about(box)}"
        yield from self._behind(box)
        yield self._rect(box.x, box.y, box.width, box.height, "frame" if _depth(box) % 2 else "even", 8.0)
        path = _top(box.x, box.y, box.width, HEADER, 8.0)
        yield f'<path d="{path}" class="head" fill="{PLAIN["head"][self._dark]}"/>'
        yield self._outline(box, 8.0)
        yield from self._header(box)
        yield "</g>"

    def _closed(self, box: Box) -> Iterator[str]:
        anchor = self.anchors.get(box.part.path) if box.part.parts else None
        yield f'<a href="#{anchor}">' if anchor else ""
        yield f"<g data-part={attribute(box.part.path)}>{self._about(box)}"
        yield from self._behind(box)
        if box.part.tensor is not None:
            yield self._rect(box.x, box.y, box.width, box.height, "closed", box.height / 2)
            yield self._outline(box, box.height / 2)
            x = box.x + (box.width - width(box.title, SIZE, bold=True)) / 2
            yield self._text(box.title, x, box.y + 18, SIZE, bold=True)
        else:
            yield self._rect(box.x, box.y, box.width, box.height, "closed", 6.0)
            yield from self._rows(box)
            yield self._outline(box, 6.0)
            if box.part.name:
                yield from self._header(box)
        yield "</g></a>" if anchor else "</g>"

    def _rows(self, box: Box) -> Iterator[str]:
        top = box.y + (HEADER if box.part.name else 0.0)
        for index, row in enumerate(box.rows):
            y = top + ROW * index
            step = f"<g data-step={attribute(row.path)}>" if row.key and not self.styled else ""
            yield step
            if row.key:
                first, last = y == box.y, index == len(box.rows) - 1
                path = _rounded(box.x, y, box.width, ROW, 6.0 if first else 0.0, 6.0 if last else 0.0)
                colours = COLOURS[kind(row.key)]
                yield f'<path d="{path}" class="{_CLASSES[kind(row.key)]}" fill="{colours[2 * self._dark]}"/>'
            yield from self._row(row, box, y + 15)
            yield "</g>" if step else ""

    def _row(self, row: Row, box: Box, y: float) -> Iterator[str]:
        x = box.x + PAD
        if row.name:
            yield self._text(row.name, x, y, SIZE, bold=True)
            x += width(row.name, SIZE, bold=True) + 6
        yield self._text(row.text, x, y, SIZE, "text" if row.key else "quiet")
        if row.note:
            yield self._text(row.note, box.x + box.width - PAD - width(row.note, SMALL), y, SMALL, "quiet")

    def _header(self, box: Box) -> Iterator[str]:
        x, y = box.x + PAD, box.y + 17
        yield self._text(box.title, x, y, SIZE, bold=True)
        x += width(box.title, SIZE, bold=True) + 6
        if box.block:
            yield self._text(box.block, x, y, SIZE, "quiet")
            x += width(box.block, SIZE) + 6
        if box.badge:
            wide = width(box.badge, SMALL, bold=True) + 10
            yield self._rect(x, box.y + 5.5, wide, 15.0, "badge", 7.5)
            yield self._text(box.badge, x + 5, y - 0.5, SMALL, "on-badge", bold=True)
        if box.note:
            yield self._text(box.note, box.x + box.width - PAD - width(box.note, SMALL), y, SMALL, "quiet")

    def _behind(self, box: Box) -> Iterator[str]:
        for offset in (box.behind, box.behind / 2) if box.behind else ():
            yield (f'<rect x="{_n(box.x + offset)}" y="{_n(box.y + offset)}" width="{_n(box.width)}" '
                   f'height="{_n(box.height)}" rx="7" class="closed border" fill="{PLAIN["closed"][self._dark]}" '
                   f'stroke="{PLAIN["border"][self._dark]}"/>')  # fmt: skip

    def _about(self, box: Box) -> str:
        part = box.part
        if part.tensor is not None:
            return f"<title>{escaped(part.name)}</title>"
        costs = self.network.costs(part)
        path = part.path if not part.copies else f"{part.path} to {part.copies[-1].path}"
        text = f"{path}: {_steps(costs.steps)}, {costs.parameters:,} parameters, {costs.multiply_adds:,} multiply-adds"
        return f"<title>{escaped(text)}{'; only in training' if part.training else ''}</title>"

    def _line(self, line: Line) -> Iterator[str]:
        colour = PLAIN["line"][self._dark]
        dashes = ' stroke-dasharray="5 3"' if line.training else ""
        yield (f'<path d="{"".join(_pieces(line))}" class="line" fill="none" stroke="{colour}" '
               f'stroke-width="1.4"{dashes}/>')  # fmt: skip
        if line.tips:
            yield f'<path d="{"".join(self._tip(*tip) for tip in line.tips)}" class="tip" fill="{colour}"/>'

    def _tip(self, x: float, y: float) -> str:
        if self.picture.horizontal:
            return f"M{_n(x)} {_n(y)}l{_n(-TIP)} -4v8z"
        return f"M{_n(x)} {_n(y)}l-4 {_n(-TIP)}h8z"

    def _label(self, text: str, x: float, y: float) -> str:
        return self._text(text, x, y, SMALL, "label")

    # Legend ---------------------------------------------------------------------------------------------------------

    def _legend(self) -> list[str]:
        used = {kind(row.key) for box in self.picture.boxes for row in box.rows if row.key}
        found = [name for name in COLOURS if name in used]
        training = any(box.part.training for box in self.picture.boxes)
        return [*found, "only in training"] if training else found

    def _legend_rows(self, names: Iterable[str], room: float) -> list[list[tuple[str, float]]]:
        rows: list[list[tuple[str, float]]] = []
        x = room
        for name in names:
            wide = 18.0 + width(name, SMALL) + 14.0
            if not rows or x + wide > room:
                rows.append([])
                x = 0.0
            rows[-1].append((name, x))
            x += wide
        return rows

    def _legend_row(self, row: list[tuple[str, float]], y: float) -> Iterator[str]:
        for name, x in row:
            if name in COLOURS:
                fill, edge = COLOURS[name][2 * self._dark], COLOURS[name][2 * self._dark + 1]
                yield (f'<rect x="{_n(MARGIN + x)}" y="{_n(y - 10)}" width="12" height="12" rx="3" '
                       f'class="{_CLASSES[name]} e{_CLASSES[name]}" fill="{fill}" stroke="{edge}"/>')  # fmt: skip
            else:
                yield (f'<path d="M{_n(MARGIN + x)} {_n(y - 4)}h13" class="line" fill="none" '
                       f'stroke="{PLAIN["line"][self._dark]}" stroke-width="1.4" stroke-dasharray="5 3"/>')  # fmt: skip
            yield self._text(name, MARGIN + x + 18, y, SMALL, "quiet")

    # Elements -------------------------------------------------------------------------------------------------------

    def _text(self, text: str, x: float, y: float, size: float, kind: str = "text", *, bold: bool = False) -> str:
        wide = width(text, size, bold=bold)
        weight = ' font-weight="600"' if bold else ""
        sized = f' font-size="{_n(size)}"' if size != SIZE else ""
        colour = f' class="{kind}" fill="{PLAIN[kind][self._dark]}"' if kind != "text" else ""
        place = f'x="{_n(x)}" y="{_n(y)}"'
        return f'<text {place}{colour}{weight}{sized} textLength="{_n(wide)}">{escaped(text)}</text>'

    def _rect(self, x: float, y: float, wide: float, high: float, kind: str, radius: float) -> str:
        return (f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(wide)}" height="{_n(high)}" rx="{_n(radius)}" '
                f'class="{kind}" fill="{PLAIN[kind][self._dark]}"/>')  # fmt: skip

    def _outline(self, box: Box, radius: float) -> str:
        dashes = ' stroke-dasharray="5 3"' if box.part.training else ""
        colour = PLAIN["border"][self._dark]
        return (f'<rect x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}" '
                f'rx="{_n(radius)}" class="border" fill="none" stroke="{colour}"{dashes}/>')  # fmt: skip


def numbers(network: Network) -> str:
    """What a network takes, in a line."""
    totals = network.totals
    return (f"{count(totals.parameters)} parameters, {count(totals.multiply_adds)} multiply-adds, "
            f"{_steps(len(totals.rows))}")  # fmt: skip


def _steps(number: int) -> str:
    return f"{number} step{'s' if number != 1 else ''}"


def dark_style(under: str = "") -> str:
    """Rules that replace the light colours by the dark ones; `under` is a selector that they hold below."""
    under = f"{under} " if under else ""
    rules = [f"{under}.{name}{{fill:{PLAIN[colour][1]}}}" for name, colour in (_FILLED | _WRITTEN).items()]
    rules += [f"{under}.{name}{{stroke:{PLAIN[name][1]}}}" for name in ("border", "line")]
    for name, (_, _, fill, edge) in COLOURS.items():
        rules += [f"{under}.{_CLASSES[name]}{{fill:{fill}}}", f"{under}.e{_CLASSES[name]}{{stroke:{edge}}}"]
    return "".join(rules)


def _depth(box: Box) -> int:
    return box.part.path.count(".")


def _pieces(line: Line) -> Iterator[str]:
    here = None
    for piece in line.pieces:
        if piece[0] != here:
            yield f"M{_n(piece[0][0])} {_n(piece[0][1])}"
        points = " ".join(f"{_n(x)} {_n(y)}" for x, y in piece[1:])
        yield f"{'L' if len(piece) == 2 else 'C'}{points}"
        here = piece[-1]


def _top(x: float, y: float, wide: float, high: float, radius: float) -> str:
    return _rounded(x, y, wide, high, radius, 0.0)


def _rounded(x: float, y: float, wide: float, high: float, top: float, bottom: float) -> str:
    """A rectangle whose corners are round above, below, or both."""
    right, low = x + wide, y + high
    parts = [f"M{_n(x + top)} {_n(y)}H{_n(right - top)}"]
    if top:
        parts.append(f"Q{_n(right)} {_n(y)} {_n(right)} {_n(y + top)}")
    parts.append(f"V{_n(low - bottom)}")
    if bottom:
        parts.append(f"Q{_n(right)} {_n(low)} {_n(right - bottom)} {_n(low)}")
    parts.append(f"H{_n(x + bottom)}")
    if bottom:
        parts.append(f"Q{_n(x)} {_n(low)} {_n(x)} {_n(low - bottom)}")
    parts.append(f"V{_n(y + top)}")
    if top:
        parts.append(f"Q{_n(x)} {_n(y)} {_n(x + top)} {_n(y)}")
    return "".join(parts) + "Z"


def _n(number: float) -> str:
    """A number with at most one decimal."""
    return f"{number:.1f}".removesuffix(".0").replace("-0", "0", int(f"{number:.1f}" == "-0.0"))
