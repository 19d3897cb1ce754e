"""The examples in docs/divergences.md print what stands behind them, each framework in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

PAGE: Final = Path(__file__).parent.parent / "docs" / "divergences.md"
BLOCKS: Final = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
FRAMEWORKS: Final = ("Keras", "PyTorch", "Paddle")
BEGINNINGS: Final = dict(zip(FRAMEWORKS, BLOCKS[:3], strict=True))

RUN: Final = """
import contextlib, io, json, sys
beginning, *examples = json.load(sys.stdin)
names = {}
exec(beginning, names)
for example in examples:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(example, dict(names))
    print(json.dumps(printed.getvalue().splitlines()))
"""


def test_every_example_names_its_framework() -> None:
    assert len(BLOCKS) > 70
    for block in BLOCKS[3:]:
        assert block.startswith(tuple(f"# {name}" for name in FRAMEWORKS)), block


@pytest.mark.frameworks
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_examples_print_what_they_say(framework: str) -> None:
    # One that crashes is the end of its process, and has nothing to print; what stands in memory is no rule.
    examples = [block for block in BLOCKS[3:] if re.match(f"# {framework}(?!.*(crashes|each time))", block)]
    command = [sys.executable, "-c", RUN]
    told = json.dumps([BEGINNINGS[framework], *examples])
    run = subprocess.run(command, input=told, capture_output=True, text=True, check=True, timeout=300)
    for example, line in zip(examples, run.stdout.splitlines(), strict=True):
        assert json.loads(line) == _expected(example), example
        assert json.loads(line), f"prints nothing: {example}"


def _expected(example: str) -> list[str]:
    """What comments behind `print` and on lines of their own say, but for the first."""
    _, body = example.split("\n", 1)
    comments = re.findall(r"^(?:.*print\(.*\)  )?# (.*)$", body, re.MULTILINE)
    return [part for comment in comments for part in comment.split(", then ")]
