"""An attribute that changes nothing in the generated code is a bug."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from archspec import ops
from archspec.backend import backends
from archspec.errors import BackendError, SpecError

from .cases import CASES, Case, alone

BACKENDS: Final = {backend.name: backend for backend in backends()}
ATTRIBUTES: Final = [(key, name) for key in ops.names() for name in ops.get(key).model_fields]


def flipped(key: str, name: str) -> Iterator[tuple[Case, Case]]:
    """Rows of the table, each with itself but for one attribute: without it, or with what another row gives it."""
    rows = [case for case in CASES if case.op == key]
    others = [case.attributes[name] for case in rows if name in case.attributes]
    for case in rows:
        if name in case.attributes:
            rest = {key: value for key, value in case.attributes.items() if key != name}
            yield case, replace(case, attributes=rest)
            for other in others:
                if other != case.attributes[name]:
                    yield case, replace(case, attributes={**rest, name: other})
            if case.shared:  # weights that flow in have other sizes if it is another one
                yield from ((case, row) for row in rows if row.attributes == rest)


_CODE: dict[tuple[str, str], str | None] = {}


def code(backend: str, case: Case) -> str | None:
    """The code of a case, without comments and docstrings, which tell shapes; None if it is not valid, or refused."""
    key = (backend, repr(case))
    if key not in _CODE:
        try:
            source = BACKENDS[backend].write(alone(case))
            _CODE[key] = re.sub(r'"""[\s\S]*?"""|  # .*', "", source)
        except (SpecError, BackendError):
            _CODE[key] = None
    return _CODE[key]


def laid_out(backend: str, case: Case) -> Any:
    """How the outputs are laid out: in Keras permuting axes is no work at all."""
    return BACKENDS[backend].generate(alone(case)).outputs


def _rows() -> list[Any]:
    """What concerns one operation runs in one process, which makes its networks once."""
    return [
        pytest.param(key, name, marks=pytest.mark.xdist_group(f"attributes of {key}"), id=f"{key}.{name}")
        for key, name in ATTRIBUTES
    ]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("key", "name"), _rows())
def test_an_attribute_changes_the_code(key: str, name: str, backend: str) -> None:
    pairs: list[tuple[Any, Any]] = []
    for case, other in flipped(key, name):
        before, after = code(backend, case), code(backend, other)
        if before is not None and after is not None:
            if case.shapes != other.shapes:
                before, after = (re.sub(r"\d+", "0", text) for text in (before, after))
            pairs.append((before, after))
            if before != after or laid_out(backend, case) != laid_out(backend, other):
                return
    assert pairs, f"no two rows of {key} differ in {name} alone"
    pytest.fail(f"{name} of {key} changes nothing in the code for {backend}")
