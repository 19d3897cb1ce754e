"""What must hold of every drawing, by numbers: texts lie in their boxes, boxes beside or inside of each other, and no
line runs through a box or a label."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.drawing.layout import PAD, SMALL, Box, Label, Line, Picture, Point, header_width, row_width
from archspec.drawing.text import width

Rectangle = tuple[float, float, float, float]


def faults(picture: Picture) -> list[str]:
    """What is wrong with a drawing, in words."""
    return [*_texts(picture), *_boxes(picture), *_labels(picture), *_lines(picture)]


def _outline(box: Box) -> Rectangle:
    return box.x, box.y, box.x + box.width, box.y + box.height


def _whole(box: Box) -> Rectangle:
    left, top, right, bottom = _outline(box)
    return left, top, right + box.behind, bottom + box.behind


def _texts(picture: Picture) -> Iterator[str]:
    for box in picture.boxes:
        taken = [row_width(row) for row in box.rows]
        if box.part.name:
            taken.append(header_width(box) if box.part.tensor is None else 2 * PAD)
        if max(taken, default=0.0) > box.width + 0.1:
            yield f"a text of {box.part.path} runs out of its box"


def _boxes(picture: Picture) -> Iterator[str]:
    owner = {box.part: box for box in picture.boxes}
    inside: dict[object, list[Box]] = {}
    for box in picture.boxes:
        for part in box.part.parts if box.is_open else ():
            inside.setdefault(box.part, []).append(owner[part])
            if not _within(_whole(owner[part]), _outline(box)):
                yield f"{part.path} is not inside of {box.part.path}"
        if not _within(_whole(box), (0.0, 0.0, picture.width, picture.height)):
            yield f"{box.part.path} is not inside of the drawing"
    nested = {part for box in picture.boxes if box.is_open for part in box.part.parts}
    inside[None] = [box for box in picture.boxes if box.part not in nested]
    for siblings in inside.values():
        for number, box in enumerate(siblings):
            for other in siblings[:number]:
                if _overlap(_whole(box), _whole(other)):
                    yield f"{box.part.path} and {other.part.path} overlap"


def _labels(picture: Picture) -> Iterator[str]:
    places = [(label, _area(label)) for label in picture.labels]
    for number, (label, area) in enumerate(places):
        for other, theirs in places[:number]:
            if _overlap(area, theirs):
                yield f"the labels {label.text} and {other.text} overlap"
        for box in picture.boxes:
            whole = _whole(box)
            if _overlap(area, whole) and not _within(area, _outline(box)):
                yield f"the label {label.text} runs over {box.part.path}"
            if not box.is_open and _overlap(area, whole):
                yield f"the label {label.text} is behind {box.part.path}"


def _lines(picture: Picture) -> Iterator[str]:
    closed = [(box, _outline(box)) for box in picture.boxes if not box.is_open]
    heads = [(box, (box.x, box.y, box.x + box.width, box.y + 26.0)) for box in picture.boxes if box.is_open]
    areas = [(label, _area(label)) for label in picture.labels]
    for line in picture.lines:
        points = list(_sampled(line))
        for box, area in (*closed, *heads):
            if any(_in(point, area, 1.0) for point in points):
                yield f"the line of {line.tensor.name} runs through {box.part.path}"
        for label, area in areas:
            if any(_in(point, area, 0.5) for point in points):
                yield f"the line of {line.tensor.name} runs through the label {label.text}"


def _area(label: Label) -> Rectangle:
    return label.x, label.y - 8.0, label.x + width(label.text, SMALL), label.y + 1.0


def _sampled(line: Line) -> Iterator[Point]:
    """Points of a line: straight pieces by their length, curves at 24 places."""
    for piece in line.pieces:
        if len(piece) == 2:
            (x, y), (u, v) = piece
            number = max(2, int((abs(u - x) + abs(v - y)) / 6))
            yield from ((x + (u - x) * i / number, y + (v - y) * i / number) for i in range(number + 1))
        else:
            a, b, c, d = piece
            for i in range(25):
                t = i / 24
                yield tuple((1 - t) ** 3 * a[k] + 3 * (1 - t) ** 2 * t * b[k] + 3 * (1 - t) * t**2 * c[k]
                            + t**3 * d[k] for k in (0, 1))  # type: ignore[misc]  # fmt: skip


def _in(point: Point, area: Rectangle, margin: float) -> bool:
    left, top, right, bottom = area
    return left + margin < point[0] < right - margin and top + margin < point[1] < bottom - margin


def _within(inner: Rectangle, outer: Rectangle) -> bool:
    slack = 0.2
    return inner[0] >= outer[0] - slack and inner[1] >= outer[1] - slack and inner[2] <= outer[2] + slack and (
        inner[3] <= outer[3] + slack
    )  # fmt: skip


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    slack = 0.2
    return one[0] < other[2] - slack and other[0] < one[2] - slack and one[1] < other[3] - slack and (
        other[1] < one[3] - slack
    )  # fmt: skip
