"""What moves, merges, splits, joins and cuts axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Final

from archspec.importing.raising import Call, Refusal, Static, View
from archspec.importing.trace import Size
from archspec.importing.tree import Origin, Tensor
from archspec.ops.base import Shape

Row = Callable[[Call], None]
FIRST_ROWS: Final = (("take", ()),)
"""Of a table the first rows, as many as there are places."""


def reshaped(call: Call) -> None:
    """`view`, `reshape`, `flatten`, `unflatten`: the shape is that of the result."""
    known = call.raiser.known(call.get("input", 0))
    one, two = call.result_shapes()
    if isinstance(known, Static):
        _move(call, known, ("reshape", one))
        return
    call.give(*shaped(call, known, one, two))


def shaped(call: Call, view: View, one: Shape, two: Shape) -> list[View]:
    if view.shapes() == (one, two):
        return [view]
    batches = tuple(shape[0] for shape in view.tensor.shapes)
    places = [axis for axis in range(len(one)) if (one[axis], two[axis]) == batches]
    if view.batch is None or not places:
        raise Refusal("it merges or splits the axis of samples")
    batch = places[0]
    rows = view.shapes()[0]
    if prod(one[:batch]) != prod(rows[: view.batch]):
        raise Refusal("it moves the axis of samples by merging axes")
    open_axes = [axis for axis in range(len(one)) if one[axis] != two[axis] and axis != batch]
    if len(open_axes) > 1:
        raise Refusal("it shapes a tensor with two sizes that follow from those of the input")
    shape = [-1 if axis in open_axes else size for axis, size in enumerate(one) if axis != batch]
    before = view.tensor.shapes[0][1:]
    after = tuple(size for axis, size in enumerate(one) if axis != batch)
    flat = _flattened(before, after)
    if flat is not None:
        first, last = flat
        attributes: dict[str, Any] = {"start_axis": first + 1}
        if last != len(before) - 1:
            attributes["end_axis"] = last + 1
        return [View(call.step("flatten", view, **attributes)[0], batch)]
    return [View(call.step("reshape", view, shape=shape)[0], batch)]


def _flattened(before: Shape, after: Shape) -> tuple[int, int] | None:
    """The axes that are merged, if that is all."""
    count = len(before) - len(after) + 1
    if count < 2:
        return None
    for first in range(len(after)):
        merged = (*before[:first], prod(before[first : first + count]), *before[first + count :])
        if merged == after:
            return first, first + count - 1
    return None


def _move(call: Call, known: Static, move: tuple[str, Shape]) -> None:
    """A weight or a constant that is moved, which makes it no step yet."""
    call.raiser.keep(call.event["result"]["value"], known.moved(move))


def permuted(axes: Callable[[Call, int], list[int]]) -> Row:
    def row(call: Call) -> None:
        known = call.raiser.known(call.get("input", 0))
        rank = len(known.shape) if isinstance(known, Static) else known.rank
        order = [axis % rank for axis in axes(call, rank)]
        if isinstance(known, Static):
            _move(call, known, ("transpose", tuple(order)))
            return
        spec = [known.axis(axis) for axis in order]
        if known.batch is None:
            call.give(View(call.step("permute", known, axes=spec)[0], None))
            return
        batch = spec.index(0)
        rest = [axis for axis in spec if axis != 0]
        tensor = known.tensor
        if rest != sorted(rest):
            (tensor,) = call.step("permute", known, axes=rest)
        call.give(View(tensor, batch))

    return row


def given_order(call: Call, rank: int) -> list[int]:
    return call.rest(1, "dims")


def transposed(call: Call, rank: int) -> list[int]:
    one, other = call.number("dim0", 1), call.number("dim1", 2)
    order = list(range(rank))
    order[one], order[other] = order[other], order[one]
    return order


def last_two(call: Call, rank: int) -> list[int]:
    return [*range(rank - 2), rank - 1, rank - 2] if call.func == "mT" else list(range(rank))[::-1]


def moved_axis(call: Call, rank: int) -> list[int]:
    source, target = call.number("source", 1), call.number("destination", 2)
    order = [axis for axis in range(rank) if axis != source % rank]
    order.insert(target % rank, source % rank)
    return order


def expanded(call: Call) -> None:
    known = call.raiser.known(call.get("input", 0))
    one, two = call.result_shapes()
    if isinstance(known, Static):
        shape = (1,) * (len(one) - len(known.shape)) + known.shape
        if one != two and shape[0] == 1 and one[1:] == shape[1:]:  # over the batch, as arithmetic does by itself
            view = View(call.raiser._source(known, shape[1:]), 0)
            call.raiser.views[call.event["result"]["value"]] = view
            return
        if one == known.shape:
            call.raiser.keep(call.event["result"]["value"], known)
            return
        raise Refusal("it repeats an array of its own along an axis")
    if known.shapes() == (one, two):
        call.give(known)
        return
    if known.batch != 0 or known.rank != len(one) or one[1:] != two[1:]:
        raise Refusal("it repeats a tensor along an axis")
    call.give(*call.step("expand", known, shape=list(one[1:])))


def unsqueeze(call: Call) -> None:
    known = call.raiser.known(call.get("input", 0))
    if isinstance(known, Static):
        _move(call, known, ("reshape", call.result_shapes()[0]))
        return
    call.give(with_axis(call, known, call.number("dim", 1) % (known.rank + 1)))


def with_axis(call: Call, view: View, axis: int) -> View:
    """A new axis of one."""
    if view.batch is None:
        return View(call.step("unsqueeze", view, axis=axis + 1)[0], None)
    batch = view.batch + (axis <= view.batch)
    return View(call.step("unsqueeze", view, axis=axis if axis > batch else axis + 1)[0], batch)


def squeeze(call: Call) -> None:
    known = call.raiser.known(call.get("input", 0))
    if isinstance(known, Static):
        _move(call, known, ("reshape", call.result_shapes()[0]))
        return
    said = call.number("dim", 1)
    axes = range(known.rank) if said is None else said if isinstance(said, list) else [said]
    there = [axis % known.rank for axis in axes if known.shapes()[0][axis] == 1]
    if known.batch in there:
        raise Refusal("it takes away the axis of samples")
    tensor, batch = known.tensor, known.batch
    for axis in sorted((known.axis(axis) for axis in there), reverse=True):
        (tensor,) = call.step("squeeze", tensor, axis=axis)
    if batch is not None:
        batch -= sum(axis < batch for axis in there)
    call.give(View(tensor, batch))


def joined(op: str) -> Row:
    def row(call: Call) -> None:
        given = call.get("tensors", 0)
        known = [call.raiser.known(each) for each in given]
        like = next((each for each in known if isinstance(each, View) and each.batch is not None), None)
        if like is None:
            raise Refusal(f"{call.func} of arrays of its own")
        axis = call.number("dim", 1, 0)
        rank = like.rank + (op == "stack")
        axis %= rank
        inputs = [call.operand(each, like) for each in given]
        assert like.batch is not None
        if op == "stack":
            batch = like.batch + (axis <= like.batch)
            place = axis if axis > batch else axis + 1
            call.give(View(call.step(op, *inputs, axis=place)[0], batch))
            return
        if axis == like.batch:
            raise Refusal("it joins batches")
        if len(inputs) == 1:
            call.give(like)
            return
        call.give(like.of(call.step(op, *inputs, axis=like.axis(axis))[0]))

    return row


def pieces(call: Call) -> None:
    """`chunk`, `split`, `tensor_split`: pieces as their sizes are."""
    view = call.view()
    axis = call.number("dim", 2, 0)
    if axis % view.rank == view.batch:
        raise Refusal("it splits the batch")
    place = view.axis(axis)
    count = len(call.event["result"])
    sizes = [call.result_shapes(number)[0][axis] for number in range(count)]
    if count == 1:
        call.give(view)
        return
    even = len(set(sizes)) == 1
    attributes: dict[str, Any] = {"sections": count} if even else {"sizes": sizes}
    call.give(*(View(each, view.batch) for each in call.step("split", view, axis=place, **attributes)))


def unbind(call: Call) -> None:
    view, axis = call.view(), call.number("dim", 1, 0)
    if axis % view.rank == view.batch:
        raise Refusal("it takes samples apart")
    place, count = view.axis(axis), len(call.event["result"])
    parts = call.step("split", view, axis=place, sections=count) if count > 1 else [view.tensor]
    batch = None if view.batch is None else view.batch - (axis % view.rank < view.batch)
    call.give(*(View(call.step("squeeze", part, axis=place)[0], batch) for part in parts))


WHOLE: Final = {"slice": [None, None, None]}


def item(call: Call) -> None:
    """`x[:, 0]`, `x[..., :3]`, `x[:, None]`."""
    known = call.raiser.known(call.get("input", 0))
    keys = _keys(call)
    if isinstance(known, Static):
        call.raiser.keep(call.event["result"]["value"], _part(call, known, keys))
        return
    filled = sum(key is not None and not _is_rest(key) for key in keys)
    keys = [each for key in keys for each in ([WHOLE] * (known.rank - filled) if _is_rest(key) else [key])]
    tensor, gone = known.tensor, []
    there = [key for key in keys if key is not None]
    for axis, key in enumerate(there):
        if isinstance(key, Size):
            raise Refusal("it takes a place that follows from the size of an input")
        if key != WHOLE and axis == known.batch:
            raise Refusal("it takes some of the samples")
        if key != WHOLE:
            tensor = cut(call, tensor, known.axis(axis), key)
        if isinstance(key, int):
            gone.append(axis)
    for place in sorted(map(known.axis, gone), reverse=True):
        (tensor,) = call.step("squeeze", tensor, axis=place)
    batch = None if known.batch is None else known.batch - sum(axis < known.batch for axis in gone)
    view = View(tensor, batch)
    left = [key for key in keys if not isinstance(key, int)]
    for axis, key in enumerate(left):
        if key is None:
            view = with_axis(call, view, axis)
    call.give(view)


def _keys(call: Call) -> list[Any]:
    said = call.get("item", 1)
    keys = said if isinstance(said, list) else [said]
    if any(call.is_tensor(key) or isinstance(key, list) for key in keys):
        raise Refusal("it looks places up by a tensor")
    for key in keys:
        numbers = key.get("slice", ()) if isinstance(key, dict) else (key,)
        if isinstance(key, bool) or any(not (each is None or type(each) in (int, Size)) for each in numbers):
            raise Refusal(f"{call.func} with {key}")
    return list(keys)


def _is_rest(key: Any) -> bool:
    return isinstance(key, dict) and "ellipsis" in key


def _part(call: Call, known: Static, keys: Sequence[Any]) -> Static:
    """A part of an array that no input has a part in."""
    shape = call.result_shapes()[0]
    if known.constant is not None:
        index = tuple(... if _is_rest(key) else slice(*key["slice"]) if isinstance(key, dict) else key for key in keys)
        return Static(shape, None, known.constant[index])
    if all(key is None or key == WHOLE or _is_rest(key) for key in keys):
        return known.moved(("reshape", shape))
    first = keys[0]
    assert known.origin is not None
    if len(keys) == 1 and isinstance(first, dict) and not known.origin.layout and not first["slice"][0]:
        return Static(shape, Origin(known.origin.weight, FIRST_ROWS))
    raise Refusal("it takes a part of a weight")


def cut(call: Call, tensor: Tensor, axis: int, key: Any) -> Tensor:
    """A slice, or one place, of an axis."""
    start, end, step = (key, None if key == -1 else key + 1, 1) if isinstance(key, int) else key["slice"]
    if any(isinstance(each, Size) for each in (start, end, step)):
        raise Refusal("it takes places that follow from the size of an input")
    end = None if end == tensor.shapes[0][axis] else end
    given: dict[str, Any] = {"start": start or 0, "end": end, "step": step or 1}
    given = {name: value for name, value in given.items() if (name, value) not in SLICE}
    return call.step("slice", tensor, axis=axis, **given)[0] if given else tensor


SLICE: Final = (("start", 0), ("end", None), ("step", 1))


MODES: Final = {"zero": "constant", "reflection": "reflect", "replication": "replicate"}


def padded(call: Call) -> None:
    view, module = call.view(), call.func.startswith("nn.")
    sizes = call.number("padding") if module else call.number("pad", 1)
    mode = call.func[3:].rpartition("Pad")[0].lower() if module else call.get("mode", 2, "constant")
    pairs = [list(pair) for pair in zip(sizes[::2], sizes[1::2], strict=True)][::-1]
    if view.batch is not None and view.batch >= view.rank - len(pairs):
        raise Refusal("it pads the batch")
    attributes: dict[str, Any] = {"padding": pairs}
    if (mode := MODES.get(mode, mode)) != "constant":
        attributes["mode"] = mode
    elif value := call.number("value", 3):
        attributes["value"] = float(value)
    call.give(View(call.step("pad", view, **attributes)[0], view.batch))
