"""The notebook of the documentation, executed as Jupyter does it: what models and summaries show there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parent.parent / "docs" / "example" / "notebook.ipynb"

EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
book = nbformat.read(sys.argv[1], 4)
NotebookClient(book, timeout=60, kernel_name="python3").execute()
nbformat.write(book, sys.argv[2])
"""


@pytest.mark.slow
def test_the_notebook(tmp_path: Path) -> None:
    done = tmp_path / "done.ipynb"
    command = [sys.executable, "-W", "ignore", "-c", EXECUTE, str(NOTEBOOK), str(done)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr[-2000:]
    cells = {cell["id"]: cell.get("outputs", []) for cell in json.loads(done.read_text())["cells"]}
    shown = _data(cells["model"])
    assert "".join(shown["image/svg+xml"]).startswith("<svg")
    assert "".join(shown["text/plain"]).startswith("<Model resnet18, num_classes=10")
    summary = _data(cells["summary"])
    assert "layer4" in "".join(summary["text/plain"])
    assert "".join(summary["text/html"]).startswith("<table>")
    assert "def ResNet18(" in "".join(cells["code"][0]["text"])
    assert "classes" in "".join(cells["wrong"][0]["text"])


def _data(outputs: list[dict[str, Any]]) -> dict[str, Any]:
    (output,) = outputs
    return dict(output["data"])
