"""PyYAML without libyaml reads the same language: the same data, the same positions, the same refusals."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from archspec.errors import SpecError
from archspec.spec.catalogue import files
from archspec.spec.nodes import Mapping, Scalar, Sequence
from archspec.spec.source import Source

from .test_limits import BOMB

HERE: Final = Path(__file__).parent
FILES: Final = [*files(), *sorted(HERE.glob("networks/*.yaml")), *sorted(HERE.glob("broken/*.yaml"))]
PARTS: Final = (
    "a", "b: ", "- ", "1", "?", ":", ",", "[", "]", "{", "}", " ", "\n", "\n  ", " # c", "'", '"', "&x ", "*x", "-",
    "|\n", "\\", "\t", "é", ">\n", "%", "@", "a?", "? ", "~",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not hasattr(yaml, "CSafeLoader"), reason="libyaml is not there to compare with")


def read(text: str) -> Any:
    """What a text is, with the lines of all that is in it, or where it is refused."""
    try:
        source = Source(text, "net.yaml")
    except SpecError as error:
        return [(each.line, each.column) for each in error.diagnostics]
    return repr(source.data), list(_lines(source.root))


def _lines(node: Any) -> Iterator[int]:
    if not isinstance(node, Scalar) or node.value:  # a value that is left out stands nowhere
        yield node.start_mark.line
    parts = node.value if isinstance(node, Sequence) else [part for pair in node.value for part in pair]
    for part in parts if isinstance(node, Sequence | Mapping) else ():
        assert isinstance(part, Scalar | Sequence | Mapping)
        yield from _lines(part)


def without_libyaml(text: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(yaml, "CSafeLoader")
        return read(text)


@pytest.mark.slow
def test_every_file() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert without_libyaml(text) == read(text), path.name


def test_random_texts() -> None:
    drawn, valid = random.Random(0), 0
    for _ in range(2000):
        text = "k: " + "".join(drawn.choice(PARTS) for _ in range(drawn.randint(1, 12)))
        due, found = read(text), without_libyaml(text)
        valid += isinstance(due, tuple)
        assert (found == due) if isinstance(due, tuple) else isinstance(found, list), text
    assert valid > 300


@pytest.mark.slow
@pytest.mark.parametrize("text", [BOMB, "[" * 20_000, "- " * 20_000, "? " * 20_000], ids=["bomb", "[", "-", "?"])
def test_hostile_texts(text: str) -> None:
    assert without_libyaml(text) == read(text)
