"""Expressions in place of attributes' values: of a block's params, the sizes of its inputs, and the index of a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isclose
from typing import Any

from .builder import Builder
from .interpret import evaluate


def expressed(builder: Builder, value: Any, name: str) -> Any:
    """An attribute's value, now and then by an expression."""
    random = builder.random
    if isinstance(value, list):
        if any(isinstance(item, str) for item in value):
            return value
        return [expressed(builder, item, name) for item in value]
    if isinstance(value, str) or value is None or random.random() < 0.55:
        return value
    ways = [text for text in _texts(builder.env, value) if _equal(evaluate(text, builder.env), value)]
    if ways and random.random() < 0.8:
        return random.choice(ways)
    if not builder.inner and random.random() < 0.5:
        param = f"{random.choice(['width', 'size', 'p', 'rate', 'count', name])}{builder.drawing.number()}"
        kind = {bool: "bool", int: "int", float: "float"}[type(value)]
        builder.params[param] = {"type": kind, "default": value}
        builder.env[param] = value
        return param
    return value


def _texts(env: Mapping[str, Any], value: Any) -> Iterator[str]:
    """Texts that may have this value."""
    for name, known in env.items():
        if isinstance(known, bool) or isinstance(value, bool):
            if isinstance(known, bool) and isinstance(value, bool):
                yield name
                yield f"not {name}"
            elif isinstance(value, bool) and isinstance(known, int):
                yield f"{name} > 2"
                yield f"{name} % 2 == 0"
            continue
        for text, number in _numbers(name, known):
            yield text
            if isinstance(value, float) and number and abs(value * number) < 2**50:  # expressions end at 2**53
                yield f"{value * number!r} / {text}"
                yield f"{value / number!r} * {text}"
                yield (
                    f"{value / abs(number) ** 0.5!r} * sqrt({text})" if number > 0 else f"{value + number!r} - {text}"
                )
            if isinstance(value, int) and isinstance(number, int):
                gap = value - number
                yield f"{text} + {gap}" if gap >= 0 else f"{text} - {-gap}"
                if number and value % number == 0:
                    yield f"{value // number} * {text}"
                if value > 0 and number >= value:
                    yield f"{text} // {number // value}"
                    yield f"min({text}, {value})"
                yield f"max({value}, {text} - 3) if {text} > 1 else {value}"


def _numbers(name: str, known: Any) -> Iterator[tuple[str, int | float]]:
    if isinstance(known, (int, float)):
        yield name, known
    elif hasattr(known, "__dict__"):
        for axis, size in vars(known).items():
            yield f"{name}.{axis}", size


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and (isclose(a, b) if isinstance(a, float) else a == b)
