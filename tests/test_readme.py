"""The README shows what is really generated."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import archspec

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "docs" / "example" / "tiny_resnet.yaml"


BLOCKS = re.compile(r"(```(?:yaml|python)\n).*?(```)", re.DOTALL)


@pytest.mark.golden
@pytest.mark.parametrize("page", ["README.md", "docs/generated.md"])
def test_the_example_is_what_archspec_makes_of_it(page: str, golden: Callable[[Path, str], None]) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    model = archspec.load(SPEC)
    made = iter([SPEC.read_text(encoding="utf-8"), *(model.compile(name) for name in ("pytorch", "keras", "paddle"))])
    count = 2 if page == "README.md" else 4
    golden(ROOT / page, BLOCKS.sub(lambda block: f"{block[1]}{next(made).rstrip()}\n{block[2]}", text, count=count))


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 200
