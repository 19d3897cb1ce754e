"""What moves, merges, splits, joins, cuts and resizes axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from archspec.importing.raising import Call, Refusal, Static, View
from archspec.importing.rows import numbers, shapes
from archspec.importing.trace import Size
from archspec.importing.tree import Origin

from .arithmetic import argument, listed, whole


def same(call: Call) -> None:
    known = call.raiser.known(call.event["args"][0])
    if isinstance(known, Static):
        call.raiser.keep(call.event["result"]["value"], known)
    else:
        numbers.same(call)


def order(call: Call, rank: int) -> list[int]:
    """Which axes are where."""
    found: list[int] = call.get("perm", default=list(range(rank))[::-1])
    return found


def unsqueeze(call: Call) -> None:
    known = call.raiser.known(call.event["args"][0])
    if isinstance(known, Static):
        shapes.reshaped(call)
        return
    axes = whole(call, "axes", 1)
    assert axes is not None
    view = known
    for axis in sorted(axis % (known.rank + len(axes)) for axis in axes):
        view = shapes.with_axis(call, view, axis)
    call.give(view)


def squeeze(call: Call) -> None:
    known = call.raiser.known(call.event["args"][0])
    if isinstance(known, Static):
        shapes.reshaped(call)
        return
    axes = whole(call, "axes", 1)
    if axes is None and known.shapes()[0][known.batch or 0] == 1:
        raise Refusal("it takes away whatever has one element")
    shapes.squeeze(call.said(call.event["args"][0], axes))


def concat(call: Call) -> None:
    shapes.joined("concat")(call.said(call.event["args"], call.get("axis")))


def split(call: Call) -> None:
    if isinstance(call.event["result"], list):
        shapes.pieces(call.said(call.event["args"][0], None, call.get("axis", default=0)))
    else:
        call.give(call.view())


def _bound(number: Any, sizes: tuple[int, int], step: int) -> Any:
    """An end of a slice; None if that is the end of the axis."""
    if isinstance(number, Size):
        if number.runs == sizes:
            return None
        rest = {one - size for one, size in zip(number.runs, sizes, strict=True)}
        if len(rest) == 1 and min(rest) < 0:
            return rest.pop()
        raise Refusal("it takes places that follow from the size of an input")
    if step < 0:
        return None if number < -max(sizes) else number
    return None if number >= max(sizes) and number > min(sizes) - 1 else number


def cut_out(call: Call) -> None:
    view = call.view()
    starts, ends = listed(call, "starts", 1), listed(call, "ends", 2)
    assert starts is not None
    assert ends is not None
    axes = whole(call, "axes", 3) or list(range(len(starts)))
    steps = whole(call, "steps", 4) or [1] * len(starts)
    tensor = view.tensor
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        one, two = (shape[axis] for shape in view.shapes())
        begin = _bound(start, (one, two), 1) if isinstance(start, Size) else start
        key = {
            "slice": [None if step < 0 and begin >= max(one, two) - 1 else begin, _bound(end, (one, two), step), step]
        }
        if axis % view.rank == view.batch:
            if key["slice"] in ([0, None, 1], [None, None, 1]):
                continue
            raise Refusal("it takes some of the samples")
        if step == -1 and key["slice"][1] is None and begin in (-1, None, max(one, two) - 1):
            (tensor,) = call.step("flip", tensor, axis=view.axis(axis))
        else:
            tensor = shapes.cut(call, tensor, view.axis(axis), key)
    call.give(View(tensor, view.batch))


def first_rows(call: Call) -> None:
    """The rows of a table of positions, as many as there are places."""
    known = call.raiser.static(call.event["args"][0])
    assert known is not None
    assert known.origin is not None
    kept = Static(call.result_shapes()[0], Origin(known.origin.weight, shapes.FIRST_ROWS))
    call.raiser.keep(call.event["result"]["value"], kept)


def gather(call: Call) -> None:
    data, places = call.event["args"][:2]
    known, axis = call.raiser.known(data), call.get("axis", default=0)
    if isinstance(known, Static) and call.is_tensor(places):
        if axis or known.origin is None or known.origin.layout or len(known.shape) != 2:
            raise Refusal("a look-up in something that is no table of rows")
        view = call.raiser.view(places)
        rows, size = known.shape
        (tensor,) = call.step(
            "embedding", view, weights={"weight": known.origin}, num_embeddings=rows, embedding_dim=size
        )
        call.give(View(tensor, view.batch))
        return
    if call.is_tensor(places) or isinstance(known, Static):
        raise Refusal("it looks places up by a tensor")
    axis %= known.rank
    if axis == known.batch:
        raise Refusal("it takes some of the samples")
    place, sizes = known.axis(axis), tuple(shape[axis] for shape in known.shapes())
    if isinstance(places, list):
        if any(isinstance(each, Size) for each in places):
            raise Refusal("it takes places that follow from the size of an input")
        indices = [int(each) for each in places]
        if min(sizes) != max(sizes) and min(indices) < 0:
            raise Refusal("it takes places from the end of an open axis")
        indices = [each % min(sizes) for each in indices]
        call.give(View(call.step("index_select", known, axis=place, indices=indices)[0], known.batch))
        return
    index = _bound(places, sizes, -1) if isinstance(places, Size) else places
    tensor = shapes.cut(call, known.tensor, place, index)
    (tensor,) = call.step("squeeze", tensor, axis=place)
    call.give(View(tensor, None if known.batch is None else known.batch - (axis < known.batch)))


def gather_elements(call: Call) -> None:
    view, index = (call.raiser.view(each) for each in call.event["args"])
    axis = view.axis(call.get("axis", default=0))
    if axis == 0 or view.batch != 0 or index.batch != 0:
        raise Refusal("it looks places up among the samples")
    call.give(*call.step("gather", view, index, axis=axis))


def tile(call: Call) -> None:
    view, repeats = call.view(), whole(call, "repeats", 1)
    if view.batch != 0 or repeats is None or repeats[0] != 1:
        raise Refusal("it repeats the samples")
    call.give(*call.step("tile", view, repeats=repeats[1:]))


_MODES = {"edge": "replicate", "wrap": "circular"}


def pad(call: Call) -> None:
    view, pads = call.view(), whole(call, "pads", 1)
    axes = whole(call, "axes", 3)
    if pads is None or view.batch != 0:
        raise Refusal("it pads the batch")
    count = len(pads) // 2
    pairs = {axis % view.rank: [pads[n], pads[n + count]] for n, axis in enumerate(axes or range(count))}
    found = [pairs.get(axis, [0, 0]) for axis in range(view.rank)]
    if any(found[0]):
        raise Refusal("it pads the batch")
    while len(found) > 1 and not any(found[0]):
        del found[0]
    mode, value = call.get("mode", default="constant"), call.get("value", default=argument(call, 2))
    attributes: dict[str, Any] = {"padding": found, "mode": _MODES.get(mode, mode)}
    if isinstance(value, dict) and "float" in value:
        value = float(value["float"])
    if value:
        attributes["value"] = float(value)
    call.give(*call.step("pad", view, **attributes))


def triangle(call: Call) -> None:
    shift = whole(call, "k", 1) or [0]
    call.simple("triu" if call.get("upper", default=1) else "tril", diagonal=shift[0])


def one_hot(call: Call) -> None:
    view, depth = call.view(), whole(call, "depth", 1)
    values = call.raiser.static(argument(call, 2))
    if depth is None or values is None or np.asarray(values.constant).tolist() != [0, 1]:
        raise Refusal("a one-hot vector of other numbers than 0 and 1")
    if call.get("axis", default=-1) not in (-1, view.rank):
        raise Refusal("one-hot vectors along another axis than the last")
    call.give(View(call.step("one_hot", view, num_classes=depth[0])[0], view.batch))


def resize(call: Call) -> None:
    view = call.view()
    one, two = call.result_shapes()
    if view.batch != 0 or one[1] != view.tensor.shapes[0][1]:
        raise Refusal("it resizes more than the axes of an image")
    mode, way = call.get("mode", default="nearest"), call.get("coordinate_transformation_mode", default="half_pixel")
    way = "asymmetric" if call.func == "Upsample" else way
    before, after = view.tensor.shapes[0][2:], one[2:]
    factors = [a // b if a % b == 0 else 0 for a, b in zip(after, before, strict=True)]
    attributes: dict[str, Any] = {"scale": factors} if all(factors) else {"size": list(after)}
    if one[2:] != two[2:] and not all(factors):
        raise Refusal("a size that follows from that of an input, and is no multiple of it")
    if mode == "nearest":
        rounding = call.get("nearest_mode", default="floor" if call.func == "Upsample" else "round_prefer_floor")
        plain = way == "asymmetric" and rounding == "floor"
        repeated = all(factors) and way == "half_pixel"
        exact = way == "half_pixel" and rounding in ("round_prefer_ceil", "round_prefer_floor")
        if not plain and not repeated and not exact:
            raise Refusal(f"nearest elements by {way} and {rounding}")
        attributes["mode"] = "nearest" if plain or repeated else "nearest_exact"
    else:
        names = {"linear": ("linear", "bilinear", "trilinear"), "cubic": ("", "bicubic", "")}
        attributes["mode"] = names.get(mode, ("", "", ""))[len(before) - 1]
        cubic = mode == "cubic" and call.get("cubic_coeff_a", default=-0.75) != -0.75
        sizes_are_one = any(size == 1 for size in after)
        if way == "align_corners":
            attributes["align_corners"] = True
        elif way != "half_pixel" and (way != "pytorch_half_pixel" or sizes_are_one):
            raise Refusal(f"a blend of elements by {way}")
        if (
            not attributes["mode"]
            or cubic
            or call.get("antialias", default=0)
            or call.get("exclude_outside", default=0)
        ):
            raise Refusal(f"a way to blend elements that is none of the spec's: {mode}")
    call.give(*call.step("upsample", view, **attributes))


def depth_to_space(call: Call) -> None:
    call.give(*call.step("depth_to_space", call.view(), block_size=call.get("blocksize"),
                         mode=call.get("mode", default="DCR")))  # fmt: skip


def space_to_depth(call: Call) -> None:
    call.give(*call.step("space_to_depth", call.view(), block_size=call.get("blocksize")))


def grid_sample(call: Call) -> None:
    mode = call.get("mode", default="linear")
    mode = {"linear": "bilinear"}.get(mode, mode)
    call.give(*call.step("grid_sample", *(call.raiser.view(each) for each in call.event["args"]), mode=mode,
                         padding_mode=call.get("padding_mode", default="zeros"),
                         align_corners=bool(call.get("align_corners", default=0))))  # fmt: skip
