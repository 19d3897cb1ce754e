"""The table of tests: what every backend's spelling of every operation is held against.

One row per operation, attributes and shapes of the inputs (without the batch axis). Sizes are odd and unequal wherever
the operation lets them be, so that swapped axes and half-pixel errors show.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, Final

from archspec.model import Model, Spec
from archspec.ops import FAMILIES

from .common import Case, Table

__all__ = ["CASES", "TABLE", "Case", "alone"]


def alone(case: Case) -> Model:
    """A network of nothing but this case."""
    shapes = case.shapes or ((2,),)
    inputs: dict[str, Any] = {}
    names = list("xyzuvw"[: len(shapes)])
    for name, shape, dtype in zip(names, shapes, case.dtypes or ("float",), strict=True):
        inputs[name] = {"shape": list(shape), "dtype": dtype} | ({"below": case.below} if dtype == "int64" else {})
    own = case.made(names, inputs)
    step = {"op": case.op, **case.attributes} | ({"from": names} if case.shapes else {})
    document = {"archspec": 1, "name": "Alone", "inputs": inputs, "layers": [*own, step]}
    return _network(json.dumps(document))


@cache
def _network(text: str) -> Model:
    return Spec.parse(text).network()


def made() -> Iterator[Case]:
    for op, rows in TABLE.items():
        for attributes, *rest in rows:
            options = rest.pop() if rest and isinstance(rest[-1], dict) else {}
            yield Case(op, attributes, tuple(rest), **options)


TABLE: Final[Table] = {}
for _family in FAMILIES:
    TABLE.update(import_module(f"{__name__}.{_family}").TABLE)
CASES: Final = list(made())
