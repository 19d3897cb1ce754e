"""What docs/versions.md says follows from what was found, and the lower bounds of pyproject.toml follow from that."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from .scripts import script

ROOT = Path(__file__).parent.parent
VERSIONS = script("versions")
KEPT = json.loads((ROOT / "docs" / "versions.json").read_text(encoding="utf-8"))
FRAMEWORKS = ("keras", "paddle")


@pytest.mark.slow
def test_the_page_says_what_was_found() -> None:
    assert (ROOT / "docs" / "versions.md").read_text(encoding="utf-8") == VERSIONS.page(KEPT)


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_lower_bounds_are_the_oldest_versions_in_which_all_pass(backend: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    bounds = {each.name: each.specifier for each in map(Requirement, extras[backend]) if each.specifier}
    passed = []
    for name in VERSIONS.ENVIRONMENTS[backend]:
        versions = dict(part.split("==") for part in name.split())
        if all(versions[each] in bound for each, bound in bounds.items()):
            statuses = {each["status"] for each in KEPT[backend].get(name, {}).values()}
            assert statuses <= {"passed"}, name
            passed += [versions] * bool(statuses)
    for each, bound in bounds.items():
        (least,) = (part.version for part in bound if part.operator == ">=")
        assert Version(least) == Version(passed[0][each])
