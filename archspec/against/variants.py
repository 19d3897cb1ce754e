"""What a person's model may have in place of an operation: the same with other attributes, and its relatives.

What an attribute may be, its type says, and which operations are alike, their families: so that a new operation needs
no list of its own. A recorded call's own arguments come first, since they are what the model was told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from archspec import ops
from archspec.graph.graph import float32_each
from archspec.ops.base import Operation

_NAMES = {
    "epsilon": ("eps", "epsilon", "variance_epsilon"), "negative_slope": ("negative_slope", "alpha", "slope"),
    "alpha": ("alpha", "value"), "padding": ("padding", "paddings", "pad"), "stride": ("stride", "strides"),
    "dilation": ("dilation", "dilation_rate", "dilations"), "groups": ("groups",),
    "kernel_size": ("kernel_size", "pool_size", "ksize"), "axis": ("axis", "dim", "axes", "begin_norm_axis"),
    "approximate": ("approximate",), "momentum": ("momentum",), "p": ("p", "rate", "dropout_prob", "dropout"),
    "causal": ("causal", "is_causal", "use_causal_mask"), "scale": ("scale", "scale_factor"),
    "ceil_mode": ("ceil_mode",), "count_include_pad": ("count_include_pad",), "num_groups": ("num_groups", "groups"),
    "num_heads": ("num_heads", "n_head"), "mode": ("mode", "interpolation"), "align_corners": ("align_corners",),
    "bias": ("use_bias", "bias"), "start_axis": ("start_dim", "start_axis"), "beta": ("beta",),
    "return_sequence": ("return_sequences",), "size": ("local_size", "size"), "keepdims": ("keepdim", "keepdims"),
}  # fmt: skip
"""What frameworks call an attribute."""

_NUMBERS = {
    "epsilon": (1e-3, 1e-5, 1e-6, 1e-12, 1e-8, 1e-7, 1e-4, 1e-2, 0.0),
    "negative_slope": (0.01, 0.1, 0.2, 0.3, 0.25, 0.05, 0.0),
    "alpha": (1.0, 0.5, 0.1, 2.0),
}
"""The values that numbers often have."""

_RELATIVES = {
    "relu": ("gelu", "silu", "leaky_relu", "elu", "relu6", "tanh", "sigmoid"),
    "mean": ("sum", "max"), "add": ("multiply", "subtract", "concat"), "batch_norm": ("layer_norm", "instance_norm"),
    "global_avg_pool2d": ("global_max_pool2d",),
}  # fmt: skip
"""Operations that are taken for one another; after them come all of the family."""


def told(op: Operation, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    """The operation with attributes as a call has them: each by itself, then all."""
    changed: dict[str, Any] = {}
    for name in type(op).model_fields:
        for alias in _NAMES.get(name, (name,)):
            if alias not in arguments:
                continue
            value = _spelled(name, arguments[alias])
            other = _with(op, {name: value})
            if other is not None and getattr(other, name) != getattr(op, name):
                changed[name] = value
                yield _words(op, other), other
            break
    if len(changed) > 1:
        other = _with(op, changed)
        if other is not None:
            yield _words(op, other), other


def _spelled(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return {"valid": 0, "VALID": 0, "SAME": "same", "True": True}.get(value, value)
    if name == "approximate":
        return {True: "tanh", False: "none"}.get(value, value)
    if isinstance(value, list) and len(value) > 1 and name in ("stride", "dilation", "kernel_size"):
        return value[1:-1] if len(value) == 4 else value  # TensorFlow names the batch and the channels, too
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    return value


def rounded(op: Operation) -> Operation:
    """An operation with its numbers as float32 has them, since frameworks keep many of them so."""
    floats = {name: float32_each(value) for name, value in op if isinstance(value, (float, tuple))}
    return op.model_copy(update=floats) if floats else op


def variants(op: Operation) -> Iterator[tuple[str, Operation]]:
    """The operation with one attribute that is another; with words for each."""
    for name, info in type(op).model_fields.items():
        for value in _values(name, getattr(op, name), info):
            other = _with(op, {name: value})
            if other is not None and getattr(other, name) != getattr(op, name):
                yield _words(op, other), other


def relatives(op: Operation, calls: Sequence[Mapping[str, Any]] = ()) -> Iterator[tuple[str, Operation]]:
    """Operations that are taken for one, with what they have in common, and with attributes as calls have them."""
    for key in _relatives(op.key):
        cls = ops.get(key)
        shared = {name: getattr(op, name) for name in type(op).model_fields if name in cls.model_fields}
        words = f"{key} in place of {op.key}"
        for fields in (shared, {}) if shared else ({},):
            other = _made(cls, fields)
            if other is None:
                continue
            yield words, other
            for arguments in calls:
                yield from ((f"{words}: {_own(each)}", each) for _, each in told(other, arguments))
            for name in (name for name, value in other if isinstance(value, bool)):
                flipped = _with(other, {name: not getattr(other, name)})
                if flipped is not None:
                    yield words, flipped
            for name in type(other).model_fields.keys() & _NUMBERS.keys():
                values = ((value, _with(other, {name: value})) for value in _NUMBERS[name])
                yield from ((f"{words}: {name} is {value:g}", each) for value, each in values if each is not None)


def _own(op: Operation) -> str:
    """What it says otherwise than by default: `negative_slope is 0.05`."""
    fields = type(op).model_fields
    return ", ".join(f"{name} is {_said(getattr(op, name))}" for name in fields
                     if getattr(op, name) != fields[name].default)  # fmt: skip


@cache
def _relatives(key: str) -> tuple[str, ...]:
    try:
        family = ops.family(key)
    except KeyError:
        return ()
    near = [name for name in _RELATIVES.get(key, ()) if name in ops.names()]
    return tuple(name for name in dict.fromkeys((*near, *ops.FAMILIES[family])) if name != key)


def _with(op: Operation, fields: Mapping[str, Any]) -> Operation | None:
    return _made(type(op), {**dict(op), **fields})


def _made(cls: type[Operation], fields: Mapping[str, Any]) -> Operation | None:
    try:
        return cls(**fields)
    except (ValidationError, ValueError, TypeError):
        return None


def _values(name: str, value: Any, info: FieldInfo) -> Iterator[Any]:
    """What an attribute may be, by what it is."""
    yield from (each for each in _options(info.annotation) if each != value)
    match value:
        case bool():
            yield not value
        case float():
            yield from _NUMBERS.get(name, ())
            yield from (value * 10, value / 10, value * 2, value / 2, 1 - value)
        case None:
            yield from (1.0, True)
        case int() if name in ("axis", "start_axis"):
            yield from (1, 2, 3, -1, -2)
        case int():
            yield from (value + 1, value - 1, value * 2, value // 2, 1)
        case tuple() if name == "padding":
            yield from _paddings(value)
        case "same" if name == "padding":
            yield from range(4)
        case tuple() if value and all(type(each) is int for each in value):
            if name == "axis":
                yield from (1, 2, 3, -1, -2, (1, 2), (2, 3))
            for change in (1, -1):
                yield tuple(each + change for each in value)
            yield from (tuple(2 * each for each in value), (1,) * len(value), value[::-1])


def _paddings(value: tuple[Any, ...]) -> Iterator[Any]:
    sizes = [sum(pair) for pair in value]
    yield from (0, "same", 1, 2, 3)
    yield tuple((0, size) for size in sizes)
    yield tuple((size, 0) for size in sizes)
    yield tuple((size // 2, size - size // 2) for size in sizes)


def _options(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(option for each in get_args(annotation) for option in _options(each))


def _words(op: Operation, other: Operation) -> str:
    """`epsilon is 0.001, not 1e-05`."""
    found = [
        f"{name} is {_said(getattr(other, name))}, not {_said(getattr(op, name))}"
        for name in type(op).model_fields if getattr(other, name) != getattr(op, name)
    ]  # fmt: skip
    return "; ".join(found)


def _said(value: Any) -> str:
    """A value as a spec has it: a tuple of equal numbers is one."""
    match value:
        case bool():
            return str(value).lower()
        case None:
            return "null"
        case float():
            return f"{value:g}"
        case tuple() if len(set(value)) == 1:
            return _said(value[0])
        case tuple():
            return f"[{', '.join(map(_said, value))}]"
    return str(value)
