"""What rows write: signatures, against those of the installed frameworks; code, as ruff would have it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from archspec.backend import backends
from archspec.emit import signature as module
from archspec.emit.code import Code, Items, Number, Raw
from archspec.errors import BackendError

from .cases import CASES
from .test_conformance import network

BACKENDS = {backend.name: backend for backend in backends()}
SCRIPT = Path(__file__).with_name("framework_signatures.py")


@cache
def written(name: str) -> tuple[dict[str, tuple[module.Signature, int]], dict[str, str]]:
    """The signatures that the rows of a backend use, by their text, with how many inputs they have, and a file
    for each case."""
    signatures: dict[str, tuple[module.Signature, int]] = {}
    sources: dict[str, str] = {}
    original = module.signature

    def record(text: str) -> module.Signature:
        signatures[text] = original(text), len(case.shapes)
        return signatures[text][0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "signature", record)
        for number, case in enumerate(CASES):
            try:
                sources[f"{case.op}_{number}"] = BACKENDS[name].generate(network({str(number): case})).source
            except BackendError:
                assert name in case.refused
    return signatures, sources


PARAMETERS = [pytest.param(name, marks=pytest.mark.xdist_group(f"rows of {name}")) for name in BACKENDS]
"""All is written once for the tests of a backend."""


def plain(code: Code) -> Any:
    """The value of a literal."""
    match code:
        case Number(value):
            return value
        case Items(items, _):
            return [plain(item) for item in items]
        case Raw(text):
            return {"None": None, "True": True, "False": False}.get(text, text.strip('"'))
    raise AssertionError(code)


@pytest.mark.frameworks
@pytest.mark.parametrize("name", PARAMETERS)
def test_signatures_of_rows_are_those_of_the_framework(name: str) -> None:
    signatures, _ = written(name)
    assert len(signatures) > 20
    rows = []
    for text, (form, inputs) in signatures.items():
        if "." not in form.target:  # stands at the top of the file itself
            continue
        defaults = {argument: _number(plain(code)) for argument, code in form.defaults.items()}
        row = {"text": text, "target": form.target, "positional": form.positional, "keyword": form.keyword,
               "inputs": inputs}  # fmt: skip
        rows.append(row | {"defaults": defaults})
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), name],
        input=json.dumps(rows),
        env={**os.environ, **quiet},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    problems = json.loads(done.stdout.splitlines()[-1])
    assert not problems, "\n".join(problems)


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value


@pytest.mark.slow
@pytest.mark.parametrize("name", PARAMETERS)
def test_generated_code_is_as_ruff_would_have_it(name: str, tmp_path: Path) -> None:
    _, sources = written(name)
    for stem, source in sources.items():
        (tmp_path / f"{stem}.py").write_text(source, encoding="utf-8")
    for command in (["check"], ["format", "--check", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--quiet", str(tmp_path)]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
