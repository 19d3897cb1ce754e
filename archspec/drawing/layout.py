"""Sizes and places of all that is drawn: each open part is laid out by itself, from inside to outside."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from archspec.drawing.layers import Cell, Edge, Joint, arrange
from archspec.drawing.parts import Network, Part
from archspec.drawing.text import about, count, cut, own_name, sizes, width
from archspec.graph.graph import Tensor

SIZE: Final = 12.0
SMALL: Final = 10.5
ROW: Final = 22.0
HEADER: Final = 26.0
PAD: Final = 10.0
BEHIND: Final = 6.0
"""How far the boxes behind one that stands for several stand out."""
TIP: Final = 7.0
_LABEL: Final = 15.0
"""What a line's label takes along the line."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of text in a box: a step, or what a closed part takes."""

    text: str
    name: str
    note: str
    key: str
    """The operation."""
    path: str


@dataclass(eq=False, slots=True)
class Box:
    """A rectangle, with what is written in it."""

    part: Part
    is_open: bool
    title: str
    block: str
    note: str
    rows: tuple[Row, ...]
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    """Without what stands behind it."""

    @property
    def behind(self) -> float:
        return BEHIND if self.part.copies else 0.0

    @property
    def badge(self) -> str:
        return f"×{self.part.count}" if self.part.copies else ""


@dataclass(frozen=True, slots=True)
class Label:
    """A shape beside a line; `x` is where it begins, `y` its base line."""

    text: str
    x: float
    y: float


@dataclass(eq=False, slots=True)
class Line:
    """All pieces of lines of one tensor in one part: straight ones of two points, curves of four (Bézier)."""

    tensor: Tensor
    training: bool
    pieces: list[tuple[Point, ...]] = field(default_factory=list)
    tips: list[Point] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Picture:
    """A drawing: boxes from outside to inside, lines, labels. Lengths are pixels, from the upper left corner."""

    width: float
    height: float
    horizontal: bool
    boxes: list[Box]
    lines: list[Line]
    labels: list[Label]


@dataclass(eq=False, slots=True)
class _Frame:
    """A part laid out by itself. Places are (across, along) the lines; those inside are from its own corner."""

    box: Box
    across: float
    along: float
    ins: dict[Tensor, float]
    outs: dict[Tensor, float]
    inner: list[tuple[_Frame, float, float]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)

    @property
    def middle(self) -> float:
        return self.across / 2


def lay_out(network: Network, opened: Collection[Part], *, horizontal: bool = False) -> Picture:
    """A network with these parts open."""
    return _Layout(network, frozenset(opened), horizontal).picture()


class _Layout:
    def __init__(self, network: Network, opened: frozenset[Part], horizontal: bool) -> None:
        self.network = network
        self.opened = opened | {network.root}
        self.horizontal = horizontal

    def picture(self) -> Picture:
        root = self._body(self.network.root)
        boxes: list[Box] = []
        lines: list[Line] = []
        labels: list[Label] = []
        self._collect(root, 0.0, 0.0, boxes, lines, labels)
        across, along = root.across, root.along
        size = (along, across) if self.horizontal else (across, along)
        return Picture(*size, self.horizontal, boxes[1:], lines, labels)

    # Boxes ------------------------------------------------------------------------------------------------------------

    def _frame(self, part: Part) -> _Frame:
        if part in self.opened:
            return self._body(part)
        box = self._box(part)
        across, along = self._turned(box.width, box.height)
        middle = across / 2
        outs = {t: across * (i + 1) / (len(part.gives) + 1) for i, t in enumerate(part.gives)}
        return _Frame(box, across + box.behind, along + box.behind, dict.fromkeys(part.reads, middle), outs)

    def _box(self, part: Part) -> Box:
        is_open = part in self.opened
        costs = self.network.costs(part)
        parameters = count(costs.parameters) if costs.parameters else ""
        rows = []
        for node in part.rows:
            row = self.network.rows[node.path]
            name = own_name(node) if not part.name or len(part.rows) > 1 else ""
            note = count(row.parameters) if row.parameters else ""
            rows.append(Row(cut(about(node)), cut(name, 24), note, node.op.key, node.path))
        if part.parts and not is_open:
            of = f"{parameters} parameters" if parameters else "no parameters"
            rows.append(Row(f"{of} · {costs.steps} steps", "", "", "", part.path))
        note = parameters if is_open or len(part.rows) > 1 or (part.rows and part.copies) else ""
        box = Box(part, is_open, cut(part.title), cut(part.block), note if part.name else "", tuple(rows))
        if part.tensor is not None:
            box.width, box.height = max(64.0, width(box.title, SIZE, bold=True) + 28), 28.0
            return box
        head = header_width(box) if part.name else 0.0
        box.width = round(max(head, 60.0, *(row_width(row) for row in rows)), 1)
        box.height = (HEADER if part.name else 0.0) + ROW * len(rows)
        return box

    def _turned(self, first: float, second: float) -> tuple[float, float]:
        return (second, first) if self.horizontal else (first, second)

    # What is inside -----------------------------------------------------------------------------------------------

    def _body(self, part: Part) -> _Frame:
        frames = [self._frame(inner) for inner in part.parts]
        cells, edges = self._wired(part, frames)
        layers, routes = arrange([*cells.values()], [edge for edge, _ in edges])
        root = part is self.network.root
        head = 0.0 if root else HEADER
        across_start = PAD + (head if self.horizontal else 0.0)
        along_start = 0.0 if self.horizontal else head
        box = self._box(part)
        extent = max(cell.position + cell.after for layer in layers for cell in layer)
        spare = 0.0
        if not root and not self.horizontal:
            spare = max(0.0, header_width(box) - extent - 2 * PAD) / 2
        shift = round(across_start + spare, 1)
        for layer in layers:
            for cell in layer:
                cell.position = round(cell.position + shift, 1)
        owners = {cells[frame]: frame for frame in frames}
        standing = _Standing(owners, {cell: self._room(owners[cell], part) for cell in owners}, along_start)
        standing.place(layers)
        end = standing.end + (0.0 if root or part.gives else PAD)
        if self.horizontal and not root:
            end = max(end, header_width(box))
        across = extent + shift + PAD + spare
        box.width, box.height = self._turned(round(across, 1), round(end, 1))
        ins = {t: cells[t, "in"].position for t in part.reads if (t, "in") in cells}
        outs = {t: cells[t, "out"].position for t in part.gives if (t, "out") in cells}
        made = _Frame(box, box.behind + round(across, 1), box.behind + round(end, 1), ins, outs)
        for cell in cells.values():
            if cell.last:
                standing.top[cell] = round(end, 1) - (owners[cell].along if cell in owners else 0.0)
        self._lines(made, edges, routes, standing)
        for frame in frames:
            made.inner.append((frame, cells[frame].position - frame.middle, standing.top[cells[frame]]))
            made.labels += self._labels(frame, part, *made.inner[-1][1:])
        return made

    def _wired(self, part: Part, frames: list[_Frame]) -> tuple[dict[object, Cell], list[tuple[Edge, Tensor]]]:
        """A cell for each part inside, and for each tensor that comes in or goes out, and the lines between them."""
        cells: dict[object, Cell] = {}
        root = part is self.network.root
        sources: dict[Tensor, tuple[Cell, float]] = {}
        if not root:
            for tensor in part.reads:
                cells[tensor, "in"] = Cell(5.0, 5.0, first=True)
                sources[tensor] = cells[tensor, "in"], 0.0
        edges: list[tuple[Edge, Tensor]] = []
        for frame in frames:
            tensor_box = frame.box.part.tensor is not None
            cell = Cell(*self._extents(frame, part), late=not frame.box.part.reads and not tensor_box)
            cell.last = tensor_box and not frame.box.part.gives
            cell.first = root and tensor_box and not cell.last
            cells[frame] = cell
            for tensor, place in frame.ins.items():
                if tensor in sources:
                    source, leaves = sources[tensor]
                    edges.append((Edge(source, cell, tensor, leaves, place - frame.middle), tensor))
            for tensor, place in frame.outs.items():
                sources[tensor] = cell, place - frame.middle
        for tensor in part.gives if not root else ():
            if tensor in sources:
                cells[tensor, "out"] = Cell(5.0, 5.0, last=True)
                source, leaves = sources[tensor]
                edges.append((Edge(source, cells[tensor, "out"], tensor, leaves), tensor))
        return cells, edges

    def _extents(self, frame: _Frame, around: Part) -> tuple[float, float]:
        """How far a box reaches from its middle, with its labels."""
        before = after = frame.middle
        for label, place in self._said(frame, around):
            if self.horizontal:
                before = max(before, frame.middle - place + 14.0)
            else:
                after = max(after, place + 7.0 + width(label, SMALL) - frame.middle)
        return before, after

    def _said(self, frame: _Frame, around: Part) -> Iterator[tuple[str, float]]:
        """The shapes of what a box gives, where they are others than those of what it reads, and there is room; of what
        only leaves the part around, they stand outside."""
        part = frame.box.part
        known = {tensor.shape[1:] for tensor in part.reads[:1]}
        places = sorted(frame.outs.values())
        for tensor, place in frame.outs.items():
            label = sizes(tensor)
            sides = [place - p if self.horizontal else p - place for p in places]
            room = min((side for side in sides if side > 0), default=1e9)
            needed = 16.0 if self.horizontal else width(label, SMALL) + 12.0
            outside = tensor in around.gives and not any(tensor in inner.reads for inner in around.parts)
            if not outside and tensor.shape[1:] not in known and room > needed:
                yield label, place

    def _labels(self, frame: _Frame, around: Part, across: float, along: float) -> Iterator[Label]:
        for label, place in self._said(frame, around):
            middle, end = across + place, along + frame.along
            yield Label(label, end + 4.0, middle - 5.0) if self.horizontal else Label(label, middle + 5.0, end + 11.5)

    def _room(self, frame: _Frame, around: Part) -> float:
        """What the labels of a box take along the lines."""
        widths = [width(label, SMALL) + 6.0 for label, _ in self._said(frame, around)]
        return 0.0 if not widths else max(widths) if self.horizontal else _LABEL

    # Lines ------------------------------------------------------------------------------------------------------------

    def _lines(
        self, made: _Frame, edges: list[tuple[Edge, Tensor]], routes: dict[Edge, list[Cell]], standing: _Standing
    ) -> None:
        training = {t for node in made.box.part.nodes if node.training_only for t in node.outputs}
        found: dict[Tensor, Line] = {}
        for edge, tensor in edges:
            line = found.setdefault(tensor, Line(tensor, tensor in training))
            frame = standing.owners.get(edge.source)
            here = (edge.source.position + edge.leaves, standing.top[edge.source] + (frame.along if frame else 0.0))
            for lower in routes[edge][1:]:
                aim = lower.position + (edge.enters if lower is edge.target else 0.0)
                tip = TIP if lower in standing.owners else 0.0
                arrive = (aim, standing.top[lower] - tip)
                bent = gap(arrive[0] - here[0]) - TIP
                leave = (here[0], max(here[1], arrive[1] - bent))
                line.pieces += [piece for piece in ((here, leave), _curve(leave, arrive)) if piece[0] != piece[-1]]
                here = arrive
                if tip:
                    line.tips.append((aim, standing.top[lower]))
        for line in found.values():
            line.pieces = list(dict.fromkeys(line.pieces))
            line.tips = list(dict.fromkeys(line.tips))
        made.lines = list(found.values())

    # All together ---------------------------------------------------------------------------------------------------

    def _collect(
        self, frame: _Frame, across: float, along: float, boxes: list[Box], lines: list[Line], labels: list[Label]
    ) -> None:
        def placed(point: Point) -> Point:
            x, y = self._turned(across + point[0], along + point[1])
            return round(x, 1), round(y, 1)

        frame.box.x, frame.box.y = placed((0.0, 0.0))
        boxes.append(frame.box)
        for line in frame.lines:
            line.pieces = [tuple(map(placed, piece)) for piece in line.pieces]
            line.tips = [placed(tip) for tip in line.tips]
        lines += frame.lines
        x, y = self._turned(across, along)
        labels += [Label(label.text, round(x + label.x, 1), round(y + label.y, 1)) for label in frame.labels]
        for inner, there, then in frame.inner:
            self._collect(inner, across + there, along + then, boxes, lines, labels)


def gap(bend: float) -> float:
    """How much a line needs to go so far across, arrow head included."""
    return 16.0 + TIP + (min(34.0, 0.16 * abs(bend)) if abs(bend) > 1 else 0.0)


class _Standing:
    """How far along the lines everything stands: each box as near to what it reads as can be.

    A line first goes straight on, and then across just before it arrives, below everything there that stands in earlier
    layers and above all of its own, so that none runs behind a box.
    """

    def __init__(self, owners: dict[Cell, _Frame], labels: dict[Cell, float], start: float) -> None:
        self.owners = owners
        self.labels = labels
        self.start = start
        self.top: dict[Cell, float] = {}
        self._taken: list[tuple[float, float, float]] = []  # from, to (across), and how far along
        self.end = start

    def place(self, layers: list[list[Cell]]) -> None:
        for number, layer in enumerate(layers):
            least = {cell: self._least(cell, number) for cell in layer}
            self._agree(layer, least)
            for cell in layer:
                self.top[cell] = round(least[cell], 1)
                self._taken += [(*_span(joint), self.top[cell]) for joint in cell.ups]
                self._taken.append((cell.position - cell.before, cell.position + cell.after, self._bottom(cell)))
            self.end = max(self.end, *(self._bottom(cell) for cell in layer))

    def _bottom(self, cell: Cell) -> float:
        frame = self.owners.get(cell)
        return self.top[cell] + (frame.along + self.labels[cell] if frame else 0.0)

    def _least(self, cell: Cell, number: int) -> float:
        least = self.start + (gap(0.0) if number and not cell.ups and any(self._taken) else 0.0)
        reach = cell.position - cell.before, cell.position + cell.after
        room = 12.0 if cell in self.owners else 0.0
        least = max(least, self._below(*reach) + room if self._taken else least)
        for joint in cell.ups:
            needed = gap(joint.bend)
            above = self._below(*_span(joint)) if abs(joint.bend) > 1 else 0.0
            least = max(least, self._bottom(joint.upper) + needed, above + needed)
        return least

    def _below(self, start: float, end: float) -> float:
        return max((bottom for left, right, bottom in self._taken if left < end + 3 and start - 3 < right), default=0.0)

    def _agree(self, layer: list[Cell], least: dict[Cell, float]) -> None:
        """What a line passes on its way across stands no higher than what it leads to."""
        crossing = [
            (other, cell) for cell in layer for joint in cell.ups if abs(joint.bend) > 1 for other in layer
            if other is not cell and _span(joint)[0] < other.position + other.after + 3
            and other.position - other.before - 3 < _span(joint)[1]
        ]  # fmt: skip
        changed = True
        while changed:
            changed = False
            for other, cell in crossing:
                if least[other] < least[cell]:
                    least[other], changed = least[cell], True
        last = [cell for cell in layer if cell.last]
        for cell in last:
            least[cell] = max(least[each] for each in last)


def _span(joint: Joint) -> Point:
    ends = joint.upper.position + joint.leaves, joint.lower.position + joint.enters
    return min(ends), max(ends)


def _curve(start: Point, end: Point) -> tuple[Point, ...]:
    if start[0] == end[0]:
        return start, end
    middle = (start[1] + end[1]) / 2
    return start, (start[0], middle), (end[0], middle), end


def header_width(box: Box) -> float:
    """What a title takes: name, block, number of copies, parameters."""
    total = width(box.title, SIZE, bold=True) + 2 * PAD
    total += width(box.block, SIZE) + 6 if box.block else 0.0
    total += width(box.badge, SMALL, bold=True) + 18 if box.badge else 0.0
    total += width(box.note, SMALL) + 14 if box.note else 0.0
    return round(total, 1)


def row_width(row: Row) -> float:
    """What a row takes: name, operation, parameters."""
    total = width(row.text, SIZE) + 2 * PAD
    total += width(row.name, SIZE, bold=True) + 6 if row.name else 0.0
    total += width(row.note, SMALL) + 14 if row.note else 0.0
    return round(total, 1)
