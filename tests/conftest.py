"""Options and fixtures of the whole suite."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from archspec.backend import backends
from archspec.spec.schema import schema
from archspec.verification.workers import Pool

os.environ["ARCHSPEC_NO_CACHE"] = "1"  # tests change what is verified in ways that no cache sees


def pytest_collection_finish() -> None:
    """What was collected stays, so the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing with them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Holds a text against a golden file, or writes the file with --update-golden."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.is_file(), f"{path} is missing; make golden"
        assert text == path.read_text(encoding="utf-8"), f"{path} is out of date; make golden, and look at the diff"

    return compare


@pytest.fixture(scope="session")
def language() -> Any:
    """The schema of the language, which takes long to make."""
    return schema()


@pytest.fixture(scope="session")
def validator(language: Any) -> Any:
    """Holds a spec against it."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(language)


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """A process for each framework, warm for all tests."""
    with Pool({backend.name: backend.runner for backend in backends()}) as made:
        yield made
