"""The README shows what is really generated."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import archspec

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "docs" / "example" / "tiny_resnet.yaml"


@pytest.mark.golden
def test_the_example_is_what_archspec_makes_of_it(golden: Callable[[Path, str], None]) -> None:
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    model = archspec.load(SPEC)
    made = iter([SPEC.read_text(encoding="utf-8"), model.compile("pytorch"), model.compile("keras")])
    blocks = re.compile(r"(```(?:yaml|python)\n).*?(```)", re.DOTALL)
    golden(readme, blocks.sub(lambda block: f"{block[1]}{next(made).rstrip()}\n{block[2]}", text, count=3))
