"""Steps of every form: single operations, those with steps inside, and calls of blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from archspec import ops
from archspec.ops.base import Operation

from .attributes import Attributes, named_axis
from .builder import OPS, Builder
from .expressions import expressed
from .interpret import Rejected, Step, Value, Wires
from .operations import STEADY, aliased, operation, optional, steady, tame
from .scopes import Block

NOT_LENT: Final = frozenset({"repeat", "each", "when", "weights_of"})


def extend(builder: Builder) -> None:
    """Adds some step, if one is found that fits."""
    forms = FORMS if builder.depth < 2 else INNER_FORMS
    form = builder.random.choices(list(forms), list(forms.values()))[0]
    if builder.drawing.along and builder.depth == 0 and builder.random.random() < 0.2:
        form = _along
    try:
        form(builder)
        tame(builder)
    except Rejected:
        return


# Steps inside a step ------------------------------------------------------------------------------------------------


def _list_of(builder: Builder, count: int, start: Wires, steadily: bool = False) -> list[Any]:
    """Steps from this value on, for a list inside a step."""
    inner = Builder(builder.drawing, builder.depth + 1)
    inner.inner = True
    inner.names, inner.env, inner.current = dict(builder.names), dict(builder.env), start
    for _ in range(count):
        if steadily:
            steady(inner)
        else:
            extend(inner)
    return inner.layers


def _branches(builder: Builder) -> None:
    random = builder.random
    x = builder.one()
    count = random.randint(2, 3)
    labels = [f"{random.choice(['main', 'left', 'side', 'way'])}{builder.drawing.number()}" for _ in range(count)]
    steadily = random.random() < 0.6
    bodies = {label: _list_of(builder, random.randint(0, 3), builder.current, steadily) for label in labels}
    axis = named_axis(random, len(x.shape), random.randint(1, max(1, len(x.shape) - 1)))
    joins = ["add", "multiply", "maximum", "concat", "stack", "subtract", "minimum", "less"]
    random.shuffle(joins)
    for join in joins:
        attributes: Attributes = {"axis": axis} if join in ("concat", "stack") and random.random() < 0.7 else {}
        step: Step = {"branches": bodies, "join": {"op": join, **attributes} if attributes else join}
        if random.random() < 0.5:
            step["name"] = builder.new_name("join")
        try:
            builder.add(step)
            return
        except Rejected:
            continue
    raise Rejected("no way to join")


def _sequence(builder: Builder) -> None:
    builder.one()
    step: Step = {"layers": _list_of(builder, builder.random.randint(1, 4), builder.current)}
    if not step["layers"]:
        raise Rejected("empty")
    if builder.random.random() < 0.8:
        step["name"] = f"stage{builder.drawing.number()}"
    builder.add(step)


def _repeat(builder: Builder) -> None:
    random = builder.random
    x = builder.one()
    count = random.randint(0, 3)
    step: Step
    builder.env["index"] = 0
    try:
        if random.random() < 0.4:
            step = {"layers": _list_of(builder, random.randint(1, 2), builder.current, steadily=True)}
        elif random.random() < 0.5 and len(x.shape) in (3, 4, 5) and x.shape[1] <= 12:
            step = {"op": f"conv{len(x.shape) - 2}d", "out_channels": f"{random.randint(1, 3)} * (index + 2)",
                    "kernel_size": 3, "padding": "index + 1", "dilation": "index + 1"}  # fmt: skip
        elif random.random() < 0.5:
            step = {"op": "linear", "out_features": f"{random.randint(2, 5)} + index"}
        else:
            step = {"op": random.choice(STEADY)}
    finally:
        del builder.env["index"]
    step["repeat"] = expressed(builder, count, "repeat")
    # Named steps inside would bring their names again with each repetition.
    step["name"] = f"body{builder.drawing.number()}"
    if random.random() < 0.25:
        step["when"] = f"index != {random.randint(0, 2)}"
    builder.add(step)


def _each(builder: Builder) -> None:
    random = builder.random
    x = builder.one()
    rows: list[dict[str, Any]]
    count = random.randint(1, 3)
    if x.dtype != "float":
        raise Rejected("no floats")
    if len(x.shape) in (3, 4, 5) and random.random() < 0.6:
        rows = [{"c": random.randint(1, 6), "k": random.choice([1, 3, 5]), "wide": random.random() < 0.5}
                for _ in range(count)]  # fmt: skip
        rank = len(x.shape) - 2
        layers: list[Any] = [
            {"op": f"conv{rank}d", "out_channels": "c", "kernel_size": "k", "padding": "k // 2"},
            {"op": f"max_pool{rank}d", "when": "wide", "kernel_size": "min(k, 2)", "padding": "same", "stride": 1},
        ]
    else:
        rows = [{"n": random.randint(2, 7), "bias": random.random() < 0.5} for _ in range(count)]
        layers = [{"op": "linear", "out_features": "n", "bias": "bias or index == 1"}, "tanh"]
    builder.add({"name": f"rows{builder.drawing.number()}", "each": rows, "layers": layers})


# Shared weights -----------------------------------------------------------------------------------------------------


def _shared(builder: Builder) -> None:
    """An operation once more, with the weights of the one that is there; or the table of an embedding."""
    known = [(layer, taken) for layer, taken in zip(builder.layers, builder.given, strict=True) if _lends(layer)]
    builder.random.shuffle(known)
    for layer, taken in known:
        try:
            return _again(builder, layer, taken)
        except Rejected:
            continue
    raise Rejected("no weights to share")


def _again(builder: Builder, layer: Step, taken: Wires) -> None:
    random = builder.random
    step: Step = {**layer, "name": builder.new_name(layer["op"]), "weights_of": layer["name"]}
    shapes = [wire.shape for wire in taken]
    kinds = [(wire.dtype, wire.limit) for wire in taken]
    if layer["op"] == "embedding" and "padding_index" not in layer and random.random() < 0.6:
        width = builder.names[layer["name"]][0].shape[-1]
        ends = [value.shape for _, value in builder.values() if len(value.shape) > 1 and value.shape[-1] == width]
        shapes, kinds = [random.choice(ends)], [("float", None)]
        step = {"op": "linear", "out_features": layer["num_embeddings"], "bias": False, "name": step["name"],
                "weights_of": layer["name"]}  # fmt: skip
    references = []
    for shape, (dtype, limit) in zip(shapes, kinds, strict=True):
        fits = [
            name
            for name, value in builder.values()
            if (value.shape, value.dtype) == (shape, dtype) and (limit is None or (value.limit or 2**60) <= limit)
        ]
        if not fits:
            raise Rejected("nothing of that kind")
        references.append(random.choice(fits))
    step["from"] = references[0] if len(references) == 1 else references
    builder.keep()
    builder.add(step)


def _lends(layer: Any) -> bool:
    """Whether a step has a name, and weights that another may use."""
    if not isinstance(layer, dict) or "name" not in layer or layer.get("op") not in OPS or layer.keys() & NOT_LENT:
        return False
    has_weights = ops.get(layer["op"]).parameters is not Operation.parameters
    return has_weights and layer["op"] not in ("batch_norm", "parameter")


# Blocks -------------------------------------------------------------------------------------------------------------


def _call(builder: Builder) -> None:
    """A step that calls a block, a new one or one that is there already."""
    drawing, random = builder.drawing, builder.random
    known = [name for name, block in drawing.blocks.items() if block["layers"]]
    if known and random.random() < 0.55:
        for _ in range(6):
            try:
                return _call_again(builder, random.choice(known))
            except Rejected:
                continue
    if builder.inner or builder.depth > 1:
        raise Rejected("no new block here")
    x = builder.one()
    name = f"{random.choice(['Cell', 'Basic', 'Unit', 'Mixer'])}{drawing.number()}"
    block = Block(builder)
    block.start(x)
    for _ in range(random.randint(1, 6)):
        extend(block)
    if not block.layers:
        raise Rejected("an empty block")
    drawing.blocks[name] = block.finish()
    step = {"block": name, **block.arguments()}
    if len(block.asked) > 1 or random.random() < 0.3:
        step["from"] = [reference or builder.named() for reference in block.asked]
        builder.keep()
    if len(step.get("from", ())) == 1:
        step["from"] = step["from"][0]
    if random.random() < 0.7 or len(drawing.blocks[name]["outputs"] or ()) > 1:
        step["name"] = builder.new_name("block")
    try:
        builder.add(step)
    except Rejected:
        del drawing.blocks[name]
        raise
    if random.random() < 0.6:
        _call_again(builder, name)


def _call_again(builder: Builder, name: str) -> None:
    """A known block with other params, and perhaps on another value."""
    random = builder.random
    block = builder.drawing.blocks[name]
    step: Step = {"block": name}
    for param, declared in block["params"].items():
        value = declared["default"]
        if random.random() < 0.5:
            continue
        if declared["type"] in ("int", "float") and random.random() < 0.7:
            value = max(0, value + random.randint(-1, 2)) if declared["type"] == "int" else round(value * 0.8, 3)
        elif declared["type"] == "bool":
            value = random.random() < 0.5
        elif declared["type"] == "operation":
            step[param] = random.choice(STEADY)
            continue
        step[param] = expressed(builder, value, param)
    if len(block["inputs"]) == 1 and len(builder.current) == 1:
        if random.random() < 0.3:
            builder.keep()
            step["from"] = random.choice([reference for reference, _ in builder.values()])
        elif random.random() < 0.3 and len(block["outputs"] or ()) < 2:
            step |= {"repeat": random.randint(1, 3), "name": f"blocks{builder.drawing.number()}"}
            if random.random() < 0.4:
                step["weights_of"] = step["name"]
    else:
        builder.keep()
        step["from"] = [random.choice([reference for reference, _ in builder.values()]) for _ in block["inputs"]]
    if len(block["outputs"] or ()) > 1:
        step["name"] = builder.new_name("block")
    builder.add(step)


def _lent_block(builder: Builder) -> None:
    """A call of a block once more, with its weights."""
    random = builder.random
    known = [layer for layer in builder.layers if isinstance(layer, dict) and "block" in layer and "name" in layer
             and not layer.keys() & {"repeat", "when", "over"}]  # fmt: skip
    random.shuffle(known)
    for layer in known:
        step = {**layer, "name": builder.new_name("block"), "weights_of": layer["name"]}
        for _ in range(4):
            references = [random.choice([reference for reference, _ in builder.values()])
                          for _ in builder.drawing.blocks[layer["block"]]["inputs"]]  # fmt: skip
            try:
                builder.keep()
                builder.add({**step, "from": references[0] if len(references) == 1 else references})
                return
            except Rejected:
                continue
    raise Rejected("no block to call again")


def _along(builder: Builder) -> None:
    """A new block that is called along an axis: a step or a few of the place, then one that joins them to the state."""
    drawing, random = builder.drawing, builder.random
    builder.keep()
    fits = [(name, value, axis) for name, value in builder.values() for axis in range(1, len(value.shape))
            if value.dtype == "float" and len(value.shape) > 2 and value.shape[0] > 1
            and value.shape[axis] <= 12]  # fmt: skip
    if not fits:
        raise Rejected("no sequence")
    whole, x, axis = random.choice(fits)
    cell = Block(builder)
    cell.start(Value(np.take(x.array, 0, axis)))
    cell.inner = True  # its params and inputs are those that are drawn here
    cell.add({"op": "linear", "from": "x", "out_features": random.randint(1, 6)})
    for _ in range(random.randint(0, 2)):
        extend(cell)
    place = cell.one()
    if place.dtype != "float" or place.shape[0] == 1:
        raise Rejected("no state of that kind")
    fresh = cell.named()
    start = builder.obtain(place.shape[1:], "float", None, alone=True)
    (begun,) = builder.names[start]
    cell.names["h"] = (begun if begun.shape == place.shape else Value(np.repeat(begun.array, place.shape[0], 0)),)
    cell.add({"op": random.choice(["add", "subtract", "maximum", "multiply"]), "name": "new", "from": [fresh, "h"]})
    if random.random() < 0.5:
        cell.add({"op": random.choice(["tanh", "sigmoid", "hard_tanh"]), "name": "end"})
    outputs = {"y": random.choice([fresh, "new"]), "h": "end" if "end" in cell.names else "new"}
    name = f"Cell{drawing.number()}"
    drawing.blocks[name] = {"params": {}, "inputs": ["x", "h"], "layers": cell.layers, "outputs": outputs}
    step: Step = {"block": name, "name": builder.new_name("block"), "from": [whole, start], "over": axis}
    if random.random() < 0.4:
        step["reverse"] = True
    try:
        builder.keep()
        builder.add(step)
    except Rejected:
        del drawing.blocks[name]
        raise
    builder.current = builder.names[f"{step['name']}.y"]
    builder.add({"op": "tanh", "from": f"{step['name']}.y"})


def _folded(builder: Builder) -> None:
    """A few steps for which places along an axis are samples."""
    random, x = builder.random, builder.one()
    axes = [axis for axis in range(1, len(x.shape)) if x.shape[axis] <= 6]
    if len(x.shape) < 3 or x.shape[0] == 1 or not axes:
        raise Rejected("no axis whose places could be samples")
    whole, axis = builder.named(), random.choice(axes)
    builder.add({"op": "merge_batch", "from": whole, "axis": named_axis(random, len(x.shape), axis)})
    for _ in range(random.randint(1, 3)):
        steady(builder)
    builder.add({"op": "split_batch", "from": [builder.named(), whole], "axis": axis})


Form = Callable[[Builder], None]
FORMS: Final[dict[Form, int]] = {
    operation: 60, _branches: 9, _call: 14, _sequence: 6, _repeat: 6, _each: 4, optional: 4, aliased: 2, _shared: 20,
    _lent_block: 12, _folded: 3,
}  # fmt: skip
"""How often each is tried."""
INNER_FORMS: Final[dict[Form, int]] = {operation: 60, _branches: 4, optional: 4, _repeat: 3, _shared: 12}
"""The same far inside other steps."""
