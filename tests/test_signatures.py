"""The signatures that rows write down, against those of the installed frameworks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, module.Signature]]:
    """The signatures that are used, by their text."""
    texts: dict[str, module.Signature] = {}
    original = module.signature

    def record(text: str) -> module.Signature:
        texts[text] = original(text)
        return texts[text]

    with monkeypatch.context() as patch:
        patch.setattr(module, "signature", record)
        yield texts


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
@pytest.mark.parametrize("name", BACKENDS)
def test_signatures_of_rows_are_those_of_the_framework(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with recorded(monkeypatch) as texts:
        for case in CASES:
            try:
                BACKENDS[name].generate(network({"0": case}))
            except BackendError:
                assert name in case.refused
    assert len(texts) > 20
    rows = []
    for text, form in texts.items():
        if "." not in form.target:  # stands at the top of the file itself
            continue
        defaults = {argument: _number(plain(code)) for argument, code in form.defaults.items()}
        row = {"text": text, "target": form.target, "positional": form.positional, "keyword": form.keyword}
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
