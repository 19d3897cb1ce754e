"""What people, and exporters, write as several steps, as the operation that it is. Each is the same function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from math import isclose, sqrt
from typing import Final

from archspec.importing.tree import Frame, Origin, Step, Tensor
from archspec.ops.base import Shape


def recognized(root: Frame, kept: set[Tensor]) -> set[Step]:
    """Makes operations of what is written out, and gives the steps that are left over. `kept` are the outputs."""
    gone: set[Step] = set()
    while True:
        found = set(_found(root, kept, gone))
        if not found:
            return gone
        gone |= found


def _found(root: Frame, kept: set[Tensor], gone: set[Step]) -> Iterator[Step]:
    steps = [step for step in root.steps() if step not in gone]
    known = _Known(steps, kept)
    for step in steps:
        for idiom in IDIOMS.get(step.op, ()):
            left = idiom(step, known)
            if left:
                yield from left
                return  # who reads what is another one now


class _Known:
    """Who gives tensors that one step alone reads."""

    def __init__(self, steps: list[Step], kept: set[Tensor]) -> None:
        self._used = Counter(tensor for step in steps for tensor in step.inputs)
        self._kept = kept
        self._givers = {tensor: step for step in steps for tensor in step.outputs if len(step.outputs) == 1}

    def before(self, tensor: Tensor, op: str, reads: int = 1) -> Step | None:
        """The step that gives a tensor, if it is this operation and so many steps read the tensor, or one reads it so
        often."""
        step = self._givers.get(tensor)
        good = step is not None and step.op == op and self._used[tensor] == reads and tensor not in self._kept
        return step if good else None

    def with_value(self, tensor: Tensor, op: str, value: float) -> Step | None:
        """The same, of an operation with a number."""
        step = self.before(tensor, op)
        if step is None or len(step.inputs) != 1 or not isclose(step.attributes.get("value", 0), value, rel_tol=1e-6):
            return None
        return step


Idiom = Callable[[Step, _Known], list[Step]]
"""Makes a step the whole of an idiom that ends with it, and gives the steps before it that are no more; none if it is
not that."""


def _become(step: Step, op: str, x: Tensor, *gone: Step, **attributes: object) -> list[Step]:
    step.op, step.inputs, step.attributes = op, [x], dict(attributes)
    return list(gone)


def _gated(step: Step, known: _Known) -> list[Step]:
    """x sigmoid(x), x sigmoid(1.702 x), x hard_sigmoid(x)."""
    if len(step.inputs) != 2 or step.attributes:
        return []
    for x, gate in (step.inputs, step.inputs[::-1]):
        for inner, op in (("sigmoid", "silu"), ("hard_sigmoid", "hard_swish")):
            given = known.before(gate, inner)
            if given is not None and given.inputs == [x]:
                return _become(step, op, x, given)
        given = known.before(gate, "sigmoid")
        scaled = given and known.with_value(given.inputs[0], "multiply", 1.702)
        if given is not None and scaled is not None and scaled.inputs == [x]:
            return _become(step, "quick_gelu", x, given, scaled)
    return []


def _hard_sigmoid(step: Step, known: _Known) -> list[Step]:
    """relu6(x + 3) / 6"""
    sixth = 6.0 if step.op == "divide" else 1 / 6
    if len(step.inputs) != 1 or not isclose(step.attributes.get("value", 0), sixth, rel_tol=1e-6):
        return []
    bounded = known.before(step.inputs[0], "relu6")
    moved = bounded and known.with_value(bounded.inputs[0], "add", 3)
    if bounded is None or moved is None:
        return []
    return _become(step, "hard_sigmoid", moved.inputs[0], bounded, moved)


def _gelu(step: Step, known: _Known) -> list[Step]:
    """x (1 + erf(x / root of 2)) / 2, with the half at any place."""
    factors, half, gone = _factors(step, known)
    if len(factors) != 2 or not isclose(half, 0.5, rel_tol=1e-6):
        return []
    for x, other in (factors, factors[::-1]):
        one = known.with_value(other, "add", 1)
        erf = one and known.before(one.inputs[0], "erf")
        if one is None or erf is None:
            continue
        for op, value in (("divide", sqrt(2)), ("multiply", sqrt(0.5))):
            scaled = known.with_value(erf.inputs[0], op, value)
            if scaled is not None and scaled.inputs == [x]:
                return _become(step, "gelu", x, *gone, one, erf, scaled)
    return []


def _factors(step: Step, known: _Known) -> tuple[list[Tensor], float, list[Step]]:
    """What a product is of, and its number; with the steps that are part of it."""
    factors: list[Tensor] = []
    number, gone, todo = 1.0, list[Step](), [step]
    while todo:
        each = todo.pop()
        if len(each.inputs) == 1 and "value" in each.attributes:
            number *= each.attributes["value"] if each.op == "multiply" else 1 / each.attributes["value"]
        elif each.op == "divide":
            return [], 0.0, []
        for tensor in each.inputs:
            before = known.before(tensor, "multiply") or known.with_value(tensor, "divide", 2)
            if before is None:
                factors.append(tensor)
            else:
                todo.append(before)
                gone.append(before)
    return factors, number, gone


def _norm(step: Step, known: _Known) -> list[Step]:
    """(x - mean) / root of (mean of squares + epsilon)"""
    if len(step.inputs) != 2:
        return []
    root = known.before(step.inputs[1], "sqrt")
    moved = root and known.before(root.inputs[0], "add")
    if root is None or moved is None or len(moved.inputs) != 1 or "value" not in moved.attributes:
        return []
    mean = known.before(moved.inputs[0], "mean")
    square = mean and (known.before(mean.inputs[0], "square") or known.before(mean.inputs[0], "multiply"))
    if mean is None or square is None or set(square.inputs) != {step.inputs[0]} or "value" in square.attributes:
        return []
    axes, epsilon = mean.attributes["axis"], moved.attributes["value"]
    listed = axes if isinstance(axes, list) else [axes]
    if not mean.attributes.get("keepdims"):
        return []
    rank = len(step.outputs[0].shapes[0])
    axes = [axis - rank if axis > 0 else axis for axis in listed]
    axes = axes if len(axes) > 1 else axes[0]
    reads = 1 + len(square.inputs)
    centred = known.before(step.inputs[0], "subtract", reads)
    gone = [root, moved, mean, square]
    if centred is None or len(centred.inputs) != 2:
        said = {} if axes == -1 else {"axis": axes}
        return _become(step, "rms_norm", step.inputs[0], *gone, **said, epsilon=epsilon, affine=False)
    middle = known.before(centred.inputs[1], "mean")
    if middle is None or middle.inputs != [centred.inputs[0]] or middle.attributes != mean.attributes:
        return []
    said = {} if axes == -1 else {"axis": axes}
    return _become(step, "layer_norm", centred.inputs[0], *gone, centred, middle, **said, epsilon=epsilon, affine=False)


def _affine(step: Step, known: _Known) -> list[Step]:
    """A norm without weights, and its scale and shift."""
    for y, shift in (step.inputs, step.inputs[::-1]) if len(step.inputs) == 2 else ():
        weight, bias = None, known.before(shift, "parameter")
        scaled = known.before(y, "multiply") if step.op == "add" else step
        if scaled is None or len(scaled.inputs) != 2:
            continue
        for normed, scale in (scaled.inputs, scaled.inputs[::-1]):
            norm = known.before(normed, "layer_norm" if step.op == "add" else "rms_norm")
            weight = known.before(scale, "parameter")
            if norm is None or weight is None or norm.attributes.get("affine") is not False:
                continue
            if step.op == "add" and bias is None:
                continue
            mine = {"weight": weight} | ({"bias": bias} if step.op == "add" and bias is not None else {})
            if any(not _fits(each, norm) for each in mine.values()):
                continue
            gone = [norm, *mine.values(), *([scaled] if scaled is not step else [])]
            said = {name: value for name, value in norm.attributes.items() if name != "affine"}
            step.weights = {name: _reshaped(each, _shape(norm)) for name, each in mine.items()}
            step.name = norm.name
            return _become(step, norm.op, norm.inputs[0], *gone, **said)
    return []


def _reshaped(parameter: Step, shape: Shape) -> Origin:
    """Where the weight of a parameter is, as one of this shape."""
    origin, own = parameter.weights[""], tuple(parameter.attributes["shape"])
    return origin if own == shape else Origin(origin.weight, (("reshape", own), *origin.layout))


def _shape(norm: Step) -> Shape:
    """The shape of a norm's weights."""
    axes = norm.attributes.get("axis", -1)
    sizes = norm.inputs[0].shapes[0]
    return tuple(sizes[axis] for axis in sorted(axes if isinstance(axes, list) else [axes]))


def _fits(parameter: Step, norm: Step) -> bool:
    """Whether a parameter, without the batch axis, varies along the axes of a norm alone."""
    axes = norm.attributes.get("axis", -1)
    sizes = norm.inputs[0].shapes[0]
    listed = {axis % len(sizes) for axis in (axes if isinstance(axes, list) else [axes])}
    wanted = [size if axis in listed else 1 for axis, size in enumerate(sizes)][1:]
    found = parameter.attributes["shape"]
    return [1] * (len(wanted) - len(found)) + list(found) == wanted


def _shuffle(step: Step, known: _Known) -> list[Step]:
    """Channels cut into groups, these and their members changed for each other, and put together."""
    turned = known.before(step.inputs[0], "permute")
    cut = turned and known.before(turned.inputs[0], "reshape")
    if turned is None or cut is None:
        return []
    sizes, after = cut.outputs[0].shapes[0][1:], step.outputs[0].shapes
    if (
        len(sizes) < 3
        or turned.attributes["axes"] != [2, 1, *range(3, len(sizes) + 1)]
        or after != cut.inputs[0].shapes
    ):
        return []
    if after[0][1] != sizes[0] * sizes[1]:
        return []
    return _become(step, "channel_shuffle", cut.inputs[0], turned, cut, groups=sizes[0])


def _heads(step: Step, known: _Known) -> list[Step]:
    """Attention with projections of what goes in, whose features are those of all heads, and of what comes out."""
    flat = known.before(step.inputs[0], "flatten") or known.before(step.inputs[0], "reshape")
    turned = flat and known.before(flat.inputs[0], "permute")
    attention = turned and known.before(turned.inputs[0], "scaled_dot_product_attention")
    if flat is None or turned is None or attention is None or len(attention.inputs) != 3 or step.weights_of is not None:
        return []
    if turned.attributes != {"axes": [2, 1, 3]} or len(flat.outputs[0].shapes[0]) != 3:
        return []
    heads, features = attention.inputs[0].shapes[0][1], step.outputs[0].shapes[0][-1]
    parts = [_projected(tensor, known, heads) for tensor in attention.inputs]
    found = [part for part in parts if part is not None]
    if len(found) != 3 or "scale" in attention.attributes:
        return []
    given = [part[0].inputs[0] for part in found]
    linears = [*(part[0] for part in found), step]
    if any(tensor.shapes[0][-1] != features for tensor in (given[0], flat.outputs[0])):
        return []
    step.weights = {
        f"{name}_proj_{kind}": origin for name, linear in zip(("q", "k", "v", "out"), linears, strict=True)
        for kind, origin in linear.weights.items()
    }  # fmt: skip
    said = {"num_heads": heads} | attention.attributes
    biased = [
        name
        for name, linear in zip(("q", "k", "v", "out"), linears, strict=True)
        if linear.attributes.get("bias", True)
    ]
    if len(biased) < len(linears):
        said["bias"] = biased or False
    step.op, step.attributes, step.name = "multi_head_attention", said, "attention"
    step.inputs = given[:1] if len(set(given)) == 1 else given[:2] if given[1] is given[2] else given
    return [flat, turned, attention, *(each for part in found for each in part)]


def _projected(tensor: Tensor, known: _Known, heads: int) -> tuple[Step, Step, Step] | None:
    """The projection that a tensor of heads is of, and what makes these of it."""
    turned = known.before(tensor, "permute")
    cut = turned and known.before(turned.inputs[0], "reshape")
    linear = cut and known.before(cut.inputs[0], "linear")
    if turned is None or cut is None or linear is None or turned.attributes != {"axes": [2, 1, 3]}:
        return None
    if len(linear.outputs[0].shapes[0]) != 3 or cut.outputs[0].shapes[0][2] != heads or linear.weights_of is not None:
        return None
    return linear, cut, turned


IDIOMS: Final[dict[str, tuple[Idiom, ...]]] = {
    "multiply": (_gated, _hard_sigmoid, _gelu, _affine),
    "divide": (_hard_sigmoid, _gelu, _norm),
    "add": (_affine,),
    "flatten": (_shuffle,),
    "reshape": (_shuffle,),
    "linear": (_heads,),
}
"""By the operation of the last step."""
