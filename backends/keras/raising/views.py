"""The order of axes: Keras has channels last, the spec second. A value keeps the order in which it is, until a call
needs another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from archspec.importing.raising import Call, Refusal, View
from archspec.importing.trace import values

Row = Callable[[Call], None]


def first(call: Call, view: View) -> View:
    """With channels second."""
    if view.last or view.rank < 3:
        return view
    axes = [view.rank - 1, *range(1, view.rank - 1)]
    return View(call.step("permute", view, axes=axes)[0], 0, last=True)


def plain(call: Call, view: View) -> View:
    """With all axes in the model's order."""
    if view.mixed:
        (image,) = call.step("reshape", view, shape=list(view.mixed))
        view = View(call.step("flatten", plain(call, View(image, last=True)))[0])
    if not view.last:
        return view
    axes = [*range(2, view.rank), 1]
    return View(call.step("permute", view, axes=axes)[0])


def image(call: Call, rank: int) -> View:
    """What is given, a batch of images with so many axes."""
    view = call.view()
    if view.rank != rank + 2 or view.batch != 0:
        raise Refusal("it is given something that is no batch of images")
    return first(call, view)


def plainly(row: Row) -> Row:
    """A row for which all tensors have their axes in the model's order."""

    def wrapped(call: Call) -> None:
        with _as(call, lambda number, view: plain(call, view)):
            row(call)

    return wrapped


def alike(row: Row) -> Row:
    """A row for which all tensors have their axes in one order: channels second, if one of the largest has that."""

    def wrapped(call: Call) -> None:
        views = [view for view in _views(call).values() if isinstance(view, View)]
        rank = max((view.rank for view in views), default=0)
        images = any(view.last for view in views if view.rank == rank)
        mixed = {view.mixed for view in views}

        def turned(number: int, view: View) -> View:
            if images and view.rank == rank:
                return first(call, view)
            return view if len(mixed) == 1 and not view.last else plain(call, view)

        with _as(call, turned):
            row(call)

    return wrapped


def _views(call: Call) -> Mapping[int, Any]:
    """What a call is given, by the numbers of the trace."""
    numbers = dict.fromkeys(values([call.event["args"], call.event["kwargs"]]))
    return {number: call.raiser.views[number] for number in numbers}


@contextmanager
def _as(call: Call, turned: Callable[[int, View], View]) -> Iterator[None]:
    before = _views(call)
    for number, view in before.items():
        if isinstance(view, View):
            call.raiser.views[number] = turned(number, view)
    try:
        yield
    finally:
        call.raiser.views.update(before)
