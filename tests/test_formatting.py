"""`archspec fmt`: the style of the zoo, comments kept, the same meaning, nothing half written."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from archspec.cli import app
from archspec.errors import SpecError
from archspec.spec.formatting import formatted
from archspec.spec.source import Source

from .commands import CliRunner
from .test_limits import BOMB

ROOT: Final = Path(__file__).parent.parent
STYLED: Final = [*(ROOT / "specs").rglob("*.yaml"), *(ROOT / "tests/networks").glob("*.yaml"),
                 *(ROOT / "docs").rglob("*.yaml")]  # fmt: skip
PAIRS: Final = {
    "brackets": ("a: { b : 1,c:   [ 1 ,2,3 ], d: {} }\n", "a: {b: 1, c: [1, 2, 3], d: {}}\n"),
    "indentation": ("a:\n    b:\n     - c: 1\n       d: 2\n", "a:\n  b:\n    - c: 1\n      d: 2\n"),
    "dashes": ("a:\n- b\n-   c: 1\n    d: 2\ne: 3\n", "a:\n  - b\n  - c: 1\n    d: 2\ne: 3\n"),
    "quotes": ("a: 'b, c'\nd: 'say \"e\"'\nf: 'g\\h'\n", "a: \"b, c\"\nd: 'say \"e\"'\nf: 'g\\h'\n"),
    "blank lines": ("\n\na: 1   \n\n\n\nb: 2\n\n\n", "a: 1\n\nb: 2\n"),
    "comments": ("#top\na: 1 # one\nb: 2   #two\n# end", "# top\na: 1  # one\nb: 2   # two\n# end\n"),
    "comments of lists": (
        "a:\n# first\n- b  # it\n# second\n- c\n# of d\nd: 1\n",
        "a:\n  # first\n  - b  # it\n  # second\n  - c\n# of d\nd: 1\n",
    ),
    "comments in brackets": ("a: [1,   # one\n    # two\n    2]\n", "a: [1,   # one\n    # two\n    2]\n"),
    "lines in brackets": ("a:\n    - {op: b,\n       c: 1}\n", "a:\n  - {op: b,\n     c: 1}\n"),
    "a table": ("- {a: 1,   b: 2}\n- {a: 100, b: 3}\n", "- {a: 1,   b: 2}\n- {a: 100, b: 3}\n"),
    "no table": ("- {a: 1,   b: 2}\n- {a: 10, b: 3}\n", "- {a: 1, b: 2}\n- {a: 10, b: 3}\n"),
    "a block of text": ("a:\n    b: |\n        c\n          d\n    e: 1\n", "a:\n  b: |\n      c\n        d\n  e: 1\n"),
    "anchors": (
        "a:  &x   [1]\nb: *x\nc: {*x : 1, d: *x}\n".replace("{*x : 1, ", "{"),
        "a: &x [1]\nb: *x\nc: {d: *x}\n",
    ),
    "line ends": ("a:   1\r\nb: 2\r\n", "a: 1\r\nb: 2\r\n"),
    "JSON": ('{"a":1,"b":[2,3]}\n', '{"a": 1, "b": [2, 3]}\n'),
}
PARTS: Final = (
    "a", "b: ", "a: ", "c: ", "- ", "1", "?", ":", ",", ",  ", "[", "]", "{", "}", " ", "\n", "\n  ", "\n    ", "\n   ",
    "# c\n", " # c\n", "'x'", '"y"', "&x ", "*x", "|\n    q\n  ", "\t", "é", ">-\n   s\n", "a?", "~", "{a: 1,  b: 2}",
    "[x,y]", "- - ", "k:\n", "\n\n\n",
)  # fmt: skip


@pytest.mark.parametrize("case", PAIRS)
def test_style(case: str) -> None:
    text, due = PAIRS[case]
    assert formatted(text) == due
    assert formatted(due) == due


@pytest.mark.parametrize("path", STYLED, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_zoo_has_the_style(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(text, path.name) == text


def test_what_has_lost_its_style_gets_it_back() -> None:
    due = (ROOT / "specs/resnet.yaml").read_text(encoding="utf-8")
    lines = [" " * (len(line) - len(line.lstrip())) + re.sub("^- ", "-   ", line.lstrip()) for line in due.splitlines()]
    spoiled = "\n".join(" " * (len(line) - len(line.lstrip())) + line for line in lines).replace("\n\n", "\n\n\n\n")
    spoiled = spoiled.replace("{op:", "{  op :").replace("]}", " ] }")
    assert spoiled != due
    found = formatted(spoiled)
    assert Source(found).data == Source(due).data
    apart = [
        number for number, pair in enumerate(zip(found.splitlines(), due.splitlines(), strict=True)) if len({*pair}) > 1
    ]
    assert all(
        due.splitlines()[number].lstrip()[0] not in "-#" for number in apart
    )  # lines within brackets, and comments
    assert [line.split() for line in found.splitlines()] == [line.split() for line in due.splitlines()]


def test_random_texts() -> None:
    drawn, done = random.Random(0), 0
    for _ in range(4000):
        start = drawn.choice(["k: ", "- ", "a:\n"])
        text = start + "".join(drawn.choice(PARTS) for _ in range(drawn.randint(1, 14)))
        try:
            data, found = Source(text).data, formatted(text)
        except SpecError:
            continue
        done += 1
        assert Source(found).data == data, text
        assert formatted(found) == found, text
        assert found.count("# c") == text.count("# c"), text
    assert done > 400


@pytest.mark.parametrize("text", [BOMB, "[" * 20_000, "a: &a [*a]", "a: " + "[1, " * 70 + "]" * 70], ids=range(4))
def test_hostile_texts(text: str) -> None:
    with pytest.raises(SpecError):
        formatted(text)


def run(*arguments: str, **options: Any) -> Any:
    return CliRunner().invoke(app, ["fmt", *arguments], **options)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    for name, text in {"good": "a: 1\n", "bad": "a:   1\n", "deep/bad": "a: [ 1 ]\n", "broken": "a: [1\n"}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def test_files_and_folders(folder: Path) -> None:
    found = run(".", "--check")
    assert (found.exit_code, found.stdout.split()) == (2, ["bad.yaml", "deep/bad.yaml"])
    assert (folder / "bad.yaml").read_text() == "a:   1\n"
    assert run("good.yaml", "bad.yaml", "--check").exit_code == 1
    found = run("good.yaml", "bad.yaml", "deep", "broken.yaml")
    assert (found.exit_code, found.stdout.split()) == (2, ["bad.yaml", "deep/bad.yaml"])
    (line,) = found.stderr.splitlines()
    assert line.startswith("archspec: error: broken.yaml:2:1: error: not valid YAML: ")
    assert (folder / "broken.yaml").read_text() == "a: [1\n"
    assert (folder / "bad.yaml").read_text() == "a: 1\n"
    assert sorted(path.name for path in folder.iterdir()) == ["bad.yaml", "broken.yaml", "deep", "good.yaml"]
    found = run("good.yaml", "bad.yaml", "deep", "--json")
    assert (found.exit_code, json.loads(found.stdout)["ok"]) == (0, True)


def test_mistakes(folder: Path) -> None:
    (folder / "net.json").write_text("{}")
    (folder / "link.yaml").symlink_to("bad.yaml")
    (folder / "empty").mkdir()
    for arguments, code, message in [
        (["net.json"], 2, "net.json: only YAML is formatted"),
        (["empty"], 2, "empty: there is no .yaml file in this folder"),
        (["missing.yaml"], 2, "missing.yaml: error: the file cannot be read: No such file or directory"),
        (["link.yaml"], 2, "link.yaml is a symbolic link; what it points to is not replaced"),
        (["-", "--check"], 2, "- is formatted alone"),
    ]:
        found = run(*arguments)
        assert found.exit_code == code
        assert message in found.stderr
        assert len(found.stderr.splitlines()) == 1
    assert (folder / "bad.yaml").read_text() == "a:   1\n"


def test_standard_input() -> None:
    command: list[Any] = [Path(sys.executable).with_name("archspec"), "fmt", "-"]
    done = subprocess.run(command, input="é:   [1,2]\r\n".encode(), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "é: [1, 2]\r\n".encode(), b"")
