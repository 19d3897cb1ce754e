"""The site: its commands are run, its pages are made of what there is, its links are checked."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import archspec
from archspec import ops
from archspec.backend import backends
from archspec.bench.found import Bench, Row
from archspec.cli import app
from archspec.spec.catalogue import files
from website.computed import computed
from website.links import broken
from website.pages import DOCS, HAND, linked, pictured

from .commands import CliRunner
from .results import proof, report

COMMAND = re.compile(r"^\$ (archspec .*)$", re.MULTILINE)
FILE = re.compile(r'```yaml title="([\w.]+)"\n(.*?)```', re.DOTALL)
PAGES = ("tutorial", "cookbook", "bench", "drawing", "report")


def _timed(*_: object, **__: object) -> Bench:
    row = Row("keras", "Keras", "inference", "eager", 1)
    row.add({"first": 1.0, "seconds": [1.0, 2.0], "memory": 2, "imported": 1})
    return Bench("lenet5", 1, 1, "", [row])


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_commands_of_a_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other in one folder; frameworks are not run: what verify and bench find is made up."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    commands = [part for line in COMMAND.findall(text) for part in line.split(" && ")]
    assert len(commands) >= 3
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("archspec.cli.timing.bench", _timed)
    for name, content in FILE.findall(text):
        Path(name).write_text(content)
    if page == "drawing":
        spec = "archspec: 1\nname: Net\nparams: {depth: 1}\ninputs: {x: [3]}\nlayers: [{op: relu, repeat: depth}]\n"
        Path("net.yaml").write_text(spec)
    if page in ("bench", "cookbook"):  # what a benchmark of other code found is refused
        monkeypatch.setattr("archspec.cli.reporting._read", lambda path: None)
    for command in commands:
        words = shlex.split(command.partition("  ")[0].partition(" > ")[0])[1:]
        name = words[1].partition(".")[0] if len(words) > 1 else ""
        monkeypatch.setattr("archspec.proof.verify", lambda *_, name=name, **__: proof(report(name, keras="passed")))
        if words[0] == "report" and "--result" in words:
            continue  # of a result that was made up
        result = CliRunner().invoke(app, words)
        expected = 1 if words[0] == "diff" else 0
        assert result.exit_code == expected, f"{command}\n{result.output}"
        if "-o" in words:
            assert Path(words[words.index("-o") + 1]).exists(), command


def test_the_mistake_of_the_tutorial_looks_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    ((name, content),) = FILE.findall(text)
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(content.replace("logits: fc", "logits: fd"))
    shown = re.findall(r"```text\n(.*?)```", text, re.DOTALL)[1]
    assert CliRunner().invoke(app, ["check", name]).stdout == shown


@pytest.mark.frameworks
@pytest.mark.long
def test_the_tutorial_proves_what_it_says(tmp_path: Path) -> None:
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    for name, content in FILE.findall(text):
        (tmp_path / name).write_text(content)
    for command in COMMAND.findall(text):
        words = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, env={**os.environ})
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        if words[3] == "verify":
            assert done.stdout.count("passed") == 2


def test_every_page_has_its_place() -> None:
    here = {str(path.relative_to(DOCS))[:-3] for path in DOCS.rglob("*.md") if path.parent.name != "classics"}
    assert here - {page for pages in HAND.values() for page in pages} == {"operations"}


@pytest.mark.slow
def test_classics_name_networks_and_have_an_exercise() -> None:
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "classics").glob("*.md")}
    named = re.findall(r"\]\((\w+)\.md\)", pages.pop("README"))
    assert sorted(named) == sorted(pages)
    for name, text in pages.items():
        assert "\n## Exercise\n" in text, name
        for network in re.findall(r"<!-- computed: (\S+) -->", text):
            assert archspec.load(network).name == network
        for command in re.findall(r"`archspec ([^`]*)`", text):
            if command.split()[0] in ("diff", "explain", "summary") and "net.yaml" not in command:
                assert CliRunner().invoke(app, shlex.split(command)).exit_code in (0, 1), command


def test_computed_parts_are_those_of_the_network() -> None:
    model = archspec.load("lenet5")
    text = computed(model, backends())
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| c")]
    assert [row[:3] for row in rows] == [
        ["c1", "6×28×28", "156"],
        ["c3", "16×10×10", "2,416"],
        ["c5", "120×1×1", "48,120"],
    ]
    assert "61,706 parameters" in text
    for backend in backends():
        assert f'=== "{backend.title}"' in text
    assert all(
        line in text
        for line in ("    class LeNet5(nn.Module):", "    def LeNet5(num_classes=10, input_shape=(32, 32, 1)):")
    )


def test_links_are_those_of_the_site() -> None:
    assert linked("[a](operations.md#conv2d)", "language") == "[a](operations/conv2d.md)"
    assert linked("[a](../operations.md#convolution)", "drawings/README") == "[a](../operations/index.md)"
    assert linked("[a](docs/faq.md#gpus) [b](specs) [c](https://x.y)", "index") == "[a](faq.md#gpus) b [c](https://x.y)"
    assert {*ops.names()} > {"conv2d"}


def test_the_zoo_is_shown_by_its_drawings() -> None:
    table = (DOCS / "drawings" / "README.md").read_text(encoding="utf-8")
    text = pictured(table)
    shown = re.findall(r"^!\[\w+\]\((\w+)\.svg\)\{ loading=lazy \}$", text, re.MULTILINE)
    assert sorted(shown) == sorted(path.stem for path in files())
    assert "\n## LeNet (`lenet5`)\n\nSmall convolutional network" in text


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<p id="here"><a href="b.html#there">b</a><a href="#here">a</a><img src="no.svg">')
    (tmp_path / "b.html").write_text('<h2 id="else"></h2><a href="a.html#here">a</a><a href="https://x.y/z#q">x</a>')
    assert broken(tmp_path) == ["a.html: b.html#there: no such part", "a.html: no.svg: no such file"]
