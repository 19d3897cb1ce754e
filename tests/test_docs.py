"""Every example of the documentation is checked, and the page of operations is made from the operations."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import archspec
from archspec.errors import SpecError
from archspec.expressions import FUNCTIONS
from archspec.loading import variants
from archspec.model import Model, Spec
from archspec.spec.document import Document, OperationStep

from . import abilities_page
from .operations_page import page

DOCS = Path(__file__).parent.parent / "docs"
LANGUAGE = (DOCS / "language.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", LANGUAGE, re.DOTALL)
FRAME = "archspec: 1\nname: Example\ninputs: {image: [3, 64, 64]}\nlayers:\n"


def _whole(example: str) -> str:
    """An example as a document: steps stand in the network of an image."""
    return example if example.startswith("archspec:") else FRAME + re.sub("^", "  ", example, flags=re.MULTILINE)


@pytest.mark.xdist_group("schema")  # which is made once
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split("name: ")[-1].split()[0])
def test_examples_are_valid(example: str, validator: Draft202012Validator) -> None:
    spec = Spec.parse(_whole(example))
    for variant in variants(spec):
        assert spec.network(variant).check() == []
    assert list(validator.iter_errors(spec.source.data)) == []


@pytest.mark.parametrize("example", [text for text in EXAMPLES if "parameters:" in text], ids=len)
def test_their_expectations_are_confirmed(example: str) -> None:
    spec = Spec.parse(re.sub(r"(parameters|training): (\d+)", r"\1: 1\2", example))
    for variant in variants(spec):
        with pytest.raises(SpecError, match="parameters"):
            spec.network(variant).check()


def test_errors_look_as_shown() -> None:
    shown = LANGUAGE.partition("## Errors")[2].partition("```\n")[2].partition("```")[0]
    with pytest.raises(SpecError) as caught:
        Spec.parse(FRAME + "  - relu\n  - {op: linear, unit: 10}\n", "net.yaml").network().check()
    assert "".join(f"{each}\n" for each in caught.value.diagnostics) == shown


def test_every_key_is_described() -> None:
    for key in (*Document.model_fields, *OperationStep.model_fields, *FUNCTIONS):
        shown = {"source": "from"}.get(key, key)
        assert f"`{shown}" in LANGUAGE or f"`{key}" in LANGUAGE, key


PYTHON, LIVE = ("\n".join(re.findall(r"```python\n(.*?)```", part, re.DOTALL))
                for part in (DOCS / "python.md").read_text().split("## Live models"))  # fmt: skip


def _run(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_python_page(tmp_path: Path) -> None:
    shown = _run(PYTHON + "print(code)", tmp_path)
    assert shown.startswith("<Model resnet50, num_classes=10: image [batch, 3, 224, 224] -> logits [batch, 10], ")
    assert "networks come along" in shown
    assert "def Small(" in shown


@pytest.mark.frameworks
def test_live_models_of_the_python_page(tmp_path: Path) -> None:
    assert _run(LIVE + "print(wider)", tmp_path).count("out_features=100") == 1


def test_the_python_page_has_all_of_a_model() -> None:
    page = (DOCS / "python.md").read_text()
    internal = {"check", "others", "program", "renamed", "resized", "roots", "script_for", "sized",
                "graph_for"}  # fmt: skip
    for name, value in vars(Model).items():
        if callable(value) and not name.startswith("_") and name not in internal:
            assert f"| `{name}(" in page, name
    for name in archspec.__all__:
        if name not in ("Backend", "Diagnostic", "Report", "Script", "Summary", "__version__"):
            assert name in page, name


@pytest.mark.slow
@pytest.mark.golden
def test_page_of_what_can_be_said(golden: Callable[[Path, str], None]) -> None:
    golden(DOCS / "abilities.md", "\n".join(abilities_page.page()))


@pytest.mark.slow
@pytest.mark.golden
def test_operations_page(golden: Callable[[Path, str], None]) -> None:
    golden(DOCS / "operations.md", "\n".join(page()))
