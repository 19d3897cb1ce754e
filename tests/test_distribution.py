"""What is installed, and what happens to it: the other distribution of the same name, metadata, versions."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import archspec

ROOT: Final = Path(__file__).parent.parent
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
THEIRS: Final = {
    "__init__.py": '"""Init file to avoid namespace packages"""\n\n__version__ = "0.2.7"\n',
    "__main__.py": "import sys\n\nfrom .cli import main\n\nsys.exit(main())\n",
    "cli.py": "def main():\n    print('theirs')\n",
}
"""What the other distribution writes over ours, as far as it matters."""


@pytest.fixture
def overwritten(tmp_path: Path) -> Path:
    """A folder with our package after the other distribution was installed."""
    package = tmp_path / "archspec"
    package.mkdir()
    for path in (ROOT / "archspec").iterdir():
        if path.name not in THEIRS:
            (package / path.name).symlink_to(path)
    for name, text in THEIRS.items():
        (package / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "start", [["-c", "from archspec.cli import main"], ["-m", "archspec"], ["-c", "import archspec.cli"]], ids=" ".join
)
def test_the_other_distribution_is_noticed(overwritten: Path, start: list[str]) -> None:
    done = subprocess.run([sys.executable, *start], cwd=overwritten, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "archspec: error: the distribution archspec 0.2.7 (names of CPUs) was installed over archspec-nn"
    )
    assert "pip install --force-reinstall --no-deps archspec-nn" in line


def test_the_version_is_the_same_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    changes = (ROOT / "CHANGELOG.md").read_text()
    latest = re.search(r"^## (\d\S*)$", changes, re.MULTILINE)
    assert latest is not None
    assert citation["version"] == archspec.__version__ == latest[1]
    assert citation["abstract"] == PROJECT["description"]
    assert citation["keywords"] == PROJECT["keywords"]
    assert citation["license"] == PROJECT["license"] == "Apache-2.0"


def test_the_licence_is_there() -> None:
    assert PROJECT["license-files"] == ["LICENSE"]
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert not [each for each in PROJECT["classifiers"] if each.startswith("License ::")]  # PEP 639 has it once


def test_forms_of_issues_are_complete() -> None:
    forms = [yaml.safe_load(path.read_text()) for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")]
    for form in forms:
        assert form.keys() == {"blank_issues_enabled"} or {"name", "description", "body"} <= form.keys()
        names = [part["id"] for part in form.get("body", ())]
        assert len(names) == len(set(names))
