"""An operation has all its parts: what is missing is named, with the file where it should be.

`docs/architecture.md` says how to add one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

from archspec import ops
from archspec.backend import backends
from archspec.emit.table import Table
from archspec.ops.base import Operation

from .cases import TABLE
from .operation_judges import JUDGES

PARTS: Final[dict[str, Collection[str]]] = {
    **{
        f"backends/{backend.name}/lowering/{{family}}.py: a row": frozenset(
            Table(f"archspec.backends.{backend.name}.lowering")
        )
        for backend in backends()
    },
    "tests/cases/{family}.py: rows of the table of tests": TABLE,
    "tests/operation_judges/: a judge in the file that has those of its kind": JUDGES,
    "docs/operations.md: its entry, which `make golden` writes": {
        line.removeprefix("### ").strip()
        for line in (Path(__file__).parent.parent / "docs" / "operations.md").read_text().splitlines()
        if line.startswith("### ")
    },
}
"""Where a part of an operation belongs, and the operations that have it."""


def missing(key: str, family: str, parts: Mapping[str, Collection[str]] = PARTS) -> list[str]:
    return [place.format(family=family) for place, there in parts.items() if key not in there]


@pytest.mark.parametrize("key", ops.names())
def test_every_part_is_there(key: str) -> None:
    lacks = missing(key, ops.family(key))
    if lacks:
        pytest.fail(f"{key} lacks\n" + "\n".join(lacks), pytrace=False)


def test_what_is_missing_is_named() -> None:
    assert missing("hard_mish", "activation") == [
        "backends/pytorch/lowering/activation.py: a row",
        "backends/keras/lowering/activation.py: a row",
        "backends/paddle/lowering/activation.py: a row",
        "tests/cases/activation.py: rows of the table of tests",
        "tests/operation_judges/: a judge in the file that has those of its kind",
        "docs/operations.md: its entry, which `make golden` writes",
    ]


def test_there_are_no_parts_of_what_is_no_operation() -> None:
    known = {*ops.names()}
    assert not {place: extra for place, there in PARTS.items() if (extra := {*there} - known)}


def test_the_names_are_those_of_the_classes() -> None:
    """They are read off the text of the modules."""
    assert {family: tuple(_defined(family)) for family in ops.FAMILIES} == ops.FAMILIES


def _defined(family: str) -> Iterator[str]:
    module: Any = import_module(f"archspec.ops.{family}")
    for name, member in vars(module).items():
        own = getattr(member, "__module__", "") == module.__name__
        if name[0] != "_" and own and isinstance(member, type) and issubclass(member, Operation):
            yield member.key


def test_modules_of_operations_are_families() -> None:
    files = {path.stem for path in Path(ops.__file__).parent.glob("*.py") if path.stem[0] != "_"}
    assert files - {"base", "initializers", "spans"} == {*ops.FAMILIES}, (
        "a family has a place in the order of archspec/ops/__init__.py"
    )
