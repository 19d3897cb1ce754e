"""The README shows what is really generated."""

from __future__ import annotations

import re
from pathlib import Path

import archspec

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "docs" / "example" / "tiny_resnet.yaml"


def test_the_example_is_what_archspec_makes_of_it() -> None:
    blocks = re.findall(r"```(?:yaml|python)\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    model = archspec.load(SPEC)
    for text in (SPEC.read_text(encoding="utf-8"), model.compile("pytorch"), model.compile("keras")):
        assert text.rstrip() + "\n" in blocks
