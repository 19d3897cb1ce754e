"""The commands: what they print, what they write, and their exit codes."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import archspec
from archspec.cli import app
from archspec.errors import BackendError
from archspec.model import Model

from .commands import CliRunner

VALID = """\
archspec: 1
name: Tiny
params: {width: 4}
inputs: {image: [3, 8, 8]}
layers:
  - {op: conv2d, name: conv1, out_channels: width, kernel_size: 3}
  - relu
"""
VARIANTS = """\
archspec: 1
name: Family
params: {width: int, groups: 1}
variants:
  small: {width: 4}
  odd: {width: 5, groups: 2}
  large: {width: 8}
inputs: {image: [3, 8, 8]}
layers:
  - {op: conv2d, out_channels: width, kernel_size: 3}
  - {op: conv2d, out_channels: width, kernel_size: 3, groups: groups}
"""
WARNED = VALID.replace("{width: 4}", "{width: 4, depth: 3}")
WRONG = VALID.replace("kernel_size: 3", "kernel_size: 3, stirde: 2").replace("relu", "rellu")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {"tiny": VALID, "family": VARIANTS, "warned": WARNED, "wrong": WRONG}.items():
        Path(f"{name}.yaml").write_text(text)


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


# check --------------------------------------------------------------------------------------------------------------


def test_check_valid() -> None:
    result = run("check", "tiny.yaml")
    assert (result.exit_code, result.output) == (0, "tiny.yaml: valid\n")


def test_check_from_standard_input() -> None:
    result = CliRunner().invoke(app, ["check", "-"], input=VALID)
    assert (result.exit_code, result.output) == (0, "<stdin>: valid\n")
    result = CliRunner().invoke(app, ["check", "-"], input=WRONG)
    assert result.exit_code == 1
    assert "<stdin>:6:68: error: conv2d: unknown attribute 'stirde'" in result.stdout
    result = CliRunner().invoke(app, ["check", "-"], input=b"name: \xff")
    assert "<stdin>:1:7: error: the file is not UTF-8" in result.stdout


def test_a_first_spec_is_right_as_it_is() -> None:
    result = run("new", "my-net.yaml")
    assert result.exit_code == 0
    assert result.stdout.startswith("my-net.yaml\nnext:\n  archspec check my-net.yaml\n  archspec draw my-net.yaml -o")
    assert run("check", "my-net.yaml").stdout == "my-net.yaml: valid\n"
    assert run("fmt", "my-net.yaml", "--check").exit_code == 0
    assert "class MyNet(nn.Module):" in run("compile", "my-net.yaml", "--to", "pytorch").stdout
    text = Path("my-net.yaml").read_text(encoding="utf-8")
    again = CliRunner().invoke(app, ["new", "my-net.yaml", "--like", "resnet"])
    assert again.exit_code == 2
    assert "is there already; nothing is written over it" in again.output
    assert Path("my-net.yaml").read_text(encoding="utf-8") == text
    assert run("new", "copy.yaml", "--like", "lenet").exit_code == 0
    assert run("check", "copy.yaml").exit_code == 0
    for name, said in (("3d.yaml", ""), ("net.json", "ends in .yaml"), ("net", "ends in .yaml")):
        made = CliRunner().invoke(app, ["new", name])
        assert (made.exit_code, said in made.output) == ((2, True) if said else (0, True))
    assert run("check", "3d.yaml").exit_code == 0
    assert not Path("net").exists()


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        (("picture", "1,28,20", "7"), "  image: [1, 28, 20]"),
        (("series", "4", ""), "  series: [4, time]"),
        (("text", "", "2"), "  vocabulary: 10000"),
    ],
    ids=["picture", "series", "text"],
)
def test_a_first_spec_is_made_of_answers(answers: tuple[str, ...], line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = iter(answers)
    monkeypatch.setattr("archspec.cli.starting._asked", lambda question, offered: next(given) or offered)
    assert run("new", "net.yaml").exit_code == 0
    text = Path("net.yaml").read_text(encoding="utf-8")
    assert line in text
    assert f"  num_classes: {answers[2] or 10}" in text
    assert run("check", "net.yaml").stdout == "net.yaml: valid\n"
    assert run("fmt", "net.yaml", "--check").exit_code == 0


def test_answers_that_make_no_network() -> None:
    for options, said in (
        (("--reads", "sound"), "a network reads a picture, a series, a text, not 'sound'"),
        (("--shape", "3,4"), "'3,4' does not say channels, height and width of a picture, as 3,32,32 does"),
        (("--reads", "text", "--shape", "0"), "'0' does not say how many tokens there are of a text, as 10000 does"),
        (("--like", "resnet", "--classes", "3"), "--like resnet is a copy"),
    ):
        made = CliRunner().invoke(app, ["new", "net.yaml", *options])
        assert made.exit_code == 2
        assert said in made.output.replace("\n", " ")
        assert not Path("net.yaml").exists()


def test_check_every_variant_and_each_error_once() -> None:
    text = Path("family.yaml").read_text().replace("kernel_size: 3, groups", "kernel_size: 30, groups")
    Path("family.yaml").write_text(text)
    result = run("check", "family.yaml")
    assert result.exit_code == 1
    assert result.stdout.count("family.yaml:11:") == 1
    assert result.stdout.endswith("family.yaml: 1 error\n")


def test_check_names_the_variant_that_is_wrong() -> None:
    result = run("check", "family.yaml", "--json")
    assert result.exit_code == 1
    (found,) = json.loads(result.stdout)["specs"]
    assert found["networks"] == ["small", "large"]  # the defaults lack a width, so they are no network
    assert [(each["line"], each["severity"]) for each in found["findings"]] == [(11, "error")]
    assert run("check", "family.yaml", "--variant", "small").exit_code == 0
    assert run("check", "family.yaml", "--variant", "odd").exit_code == 1


def test_check_defaults_too_if_every_param_has_one() -> None:
    Path("family.yaml").write_text(
        VARIANTS.replace("width: int", "width: 3").replace("odd: {width: 5", "odd: {width: 6")
    )
    found = json.loads(run("check", "family.yaml", "--json").stdout)["specs"][0]
    assert found == {"file": "family.yaml", "ok": True, "networks": ["small", "odd", "large", "family"], "findings": []}


def test_check_shows_all_errors_at_once() -> None:
    result = run("check", "wrong.yaml", "tiny.yaml")
    assert result.exit_code == 1
    assert "wrong.yaml:6:68: error: conv2d: unknown attribute 'stirde'" in result.stdout
    assert "did you mean 'stride'?" in result.stdout
    assert "wrong.yaml:7:5: error: there is no operation 'rellu'" in result.stdout
    assert result.stdout.endswith("wrong.yaml: 2 errors\ntiny.yaml: valid\n")


def test_check_warnings_are_no_errors() -> None:
    result = run("check", "warned.yaml")
    assert result.exit_code == 0
    assert "warned.yaml:3:20: warning: param 'depth' is not used" in result.stdout


def test_check_json() -> None:
    data = json.loads(run("check", "wrong.yaml", "tiny.yaml", "--json").stdout)
    assert data["ok"] is False
    assert [spec["ok"] for spec in data["specs"]] == [False, True]
    assert data["specs"][0]["findings"][0]["message"].startswith("conv2d: unknown attribute")
    assert data["specs"][1] == {"file": "tiny.yaml", "ok": True, "networks": ["tiny"], "findings": []}


def test_check_with_a_setting() -> None:
    assert run("check", "tiny.yaml", "--set", "width=7").exit_code == 0
    assert run("check", "family.yaml", "--set", "groups=1").exit_code == 0
    assert run("check", "family.yaml", "--variant", "small", "--set", "groups=3").exit_code == 1


def test_check_what_comes_along() -> None:
    result = run("check", "resnet50", "--json")
    found = json.loads(result.stdout)["specs"][0]
    assert found["networks"] == ["resnet50"]
    assert found["file"].endswith("resnet.yaml")


def test_check_of_several_files_handles_all() -> None:
    result = run("check", "wrong.yaml", "missing.yaml", "tiny.yaml")
    assert result.exit_code == 1
    assert result.stdout.endswith("wrong.yaml: 2 errors\ntiny.yaml: valid\n")
    assert result.stderr == "archspec: error: there is no file missing.yaml\n"
    assert run("check", "missing.yaml", "tiny.yaml").exit_code == 2
    result = run("check", "wrong.yaml", "missing.yaml", "tiny.yaml", "--json")
    found = json.loads(result.stdout)["specs"]
    assert [(each["file"], each["ok"]) for each in found] == [
        ("wrong.yaml", False), ("missing.yaml", False), ("tiny.yaml", True),
    ]  # fmt: skip
    assert found[1]["findings"][0]["message"] == "there is no file missing.yaml"


def test_a_fault_of_our_own_takes_nothing_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Model) -> list[Any]:
        if self.spec.document.name == "Family":
            raise KeyError("oh")
        return []

    monkeypatch.setattr(Model, "check", fail)
    result = run("check", "family.yaml", "tiny.yaml")
    assert (result.exit_code, result.stdout) == (1, "tiny.yaml: valid\n")
    assert result.stderr.startswith("archspec: error: this is a fault of archspec itself: KeyError: 'oh' (")
    assert f"{Path(__file__).name}:" in result.stderr
    assert [each["ok"] for each in json.loads(run("check", "family.yaml", "tiny.yaml", "--json").stdout)["specs"]] == [
        False, True,
    ]  # fmt: skip


# Wrong usage --------------------------------------------------------------------------------------------------------

USAGE = [
    (["check"], "Missing argument"),
    (["chek"], "No such command"),
    (["check", "missing.yaml"], "there is no file missing.yaml"),
    (["check", "."], "is a folder"),
    (["check", "resnet5"], "did you mean 'resnet50'"),
    (["check", "xyzzy"], "archspec list"),
    (["check", "tiny.yaml", "--variant", "small"], "Tiny has no variant 'small'"),
    (["check", "family.yaml", "--variant", "smal"], "did you mean 'small'"),
    (["check", "tiny.yaml", "--set", "with=3"], "did you mean 'width'"),
    (["check", "tiny.yaml", "--set", "width"], "--set num_classes=10"),
    (["check", "tiny.yaml", "--set", "=3"], "--set num_classes=10"),
    (["check", "tiny.yaml", "--set", "width=[3"], "not valid YAML"),
    (["check", "tiny.yaml", "--set", "width=wide"], "must be a whole number"),
    (["check", "tiny.yaml", "--set", "width="], "must be a whole number"),
    (["check", "tiny.yaml", "--set", "width=4", "--set", "width=5"], "width is given twice"),
    (["summary", "tiny.yaml", "--size", "time=0"], "a size is a whole number from 1"),
    (["summary", "tiny.yaml", "--size", "time=3"], "no open dimension 'time'"),
    (["summary", "tiny.yaml", "--depth", "0"], "--depth"),
    (["compile", "tiny.yaml", "--to", "torch"], "there is no backend 'torch'"),
    (["compile", "tiny.yaml"], "give -o DIR"),
    (["compile", "tiny.yaml", "--to", "pytorch", "-o", "tiny.yaml"], "cannot write"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=str)
def test_wrong_usage(arguments: list[str], message: str, backends: dict[str, Any]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("command", [["bench"], ["report", "-o", "x.html"], ["watch"]])
def test_a_format_where_a_backend_is_due(command: list[str]) -> None:
    result = run(command[0], "tiny.yaml", *command[1:], "--to", "onnx")
    assert result.exit_code == 2
    assert (
        result.stderr == "archspec: error: 'onnx' is a format of files; this takes backends: pytorch, keras, paddle\n"
    )


def test_invalid_specs_are_reported_by_every_command(backends: dict[str, Any]) -> None:
    for command in (["summary"], ["compile", "--to", "pytorch"]):
        result = run(*command, "wrong.yaml")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "wrong.yaml:6:68: error:" in result.stderr
        found = json.loads(run(*command, "wrong.yaml", "--json").stdout)
        assert (found["ok"], found["findings"][0]["line"]) == (False, 6)
        found = json.loads(run(*command, "missing.yaml", "--json").stdout)
        assert found == {"ok": False, "message": "there is no file missing.yaml", "findings": []}


# list, summary, schema ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_list_of_some() -> None:
    assert [line.split()[0] for line in run("list", "gpt2", "large").stdout.splitlines() if line.startswith("  ")] == [
        "gpt2_large", "gpt2_xl"
    ]  # fmt: skip
    assert "archspec: error: no network that comes along says gpt2 and vision" in run("list", "gpt2", "vision").stderr


@pytest.mark.slow
def test_list() -> None:
    lines = run("list").stdout.splitlines()
    assert any(line.split()[:2] == ["resnet50", "25,557,032"] for line in lines)
    entries = {entry["name"]: entry for entry in json.loads(run("list", "--json").stdout)}
    assert entries["resnet18"]["parameters"] == 11_689_512
    assert entries["resnet18"]["spec"] == "resnet"
    for name in entries:
        assert archspec.load(name).name == name


def test_summary() -> None:
    result = run("summary", "tiny.yaml", "--set", "width=5")
    assert "conv1  conv2d     [batch, 5, 6, 6]" in result.stdout
    assert result.stdout.splitlines()[-2] == "140 parameters"
    data = json.loads(run("summary", "resnet18", "--json").stdout)
    assert data["parameters"] == 11_689_512
    assert len(data["rows"]) == 68
    assert len(json.loads(run("summary", "resnet18", "--json", "--depth", "1").stdout)["rows"]) == 10


def test_schema() -> None:
    assert json.loads(run("schema").stdout)["$schema"].startswith("https://json-schema.org/draft/2020-12")


# compile ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two backends that make one line of code; a test may replace what they do."""

    def line(model: Any, name: str) -> str:
        assert model.graph.nodes
        return f"# {model.name} for {name}, {model.params}\n"

    made: dict[str, Any] = {name: partial(line, name=name) for name in ("pytorch", "keras")}

    def find(names: Any = ()) -> list[Any]:
        if unknown := set(names) - set(made):
            raise archspec.UsageError(f"there is no backend '{unknown.pop()}'")
        return [SimpleNamespace(name=n, write=lambda model, n=n: made[n](model)) for n in dict.fromkeys(names or made)]

    monkeypatch.setattr("archspec.backend.backends", find)
    return made


def test_compile_one_to_standard_output(backends: dict[str, Any]) -> None:
    result = run("compile", "tiny.yaml", "--to", "keras", "--set", "width=6")
    assert (result.exit_code, result.stdout) == (0, "# tiny for keras, {'width': 6}\n")


def test_compile_all_into_a_folder(backends: dict[str, Any]) -> None:
    result = run("compile", "family.yaml", "--variant", "large", "-o", "made/models")
    assert result.stdout.split() == ["made/models/large_pytorch.py", "made/models/large_keras.py"]
    assert sorted(os.listdir("made/models")) == ["large_keras.py", "large_pytorch.py"]
    assert Path("made/models/large_keras.py").read_text() == "# large for keras, {'width': 8, 'groups': 1}\n"


def test_compile_json(backends: dict[str, Any]) -> None:
    data = json.loads(run("compile", "tiny.yaml", "--json").stdout)
    assert data["network"] == "tiny"
    assert data["written"] == []
    assert [each["file"] for each in data["files"]] == ["tiny_pytorch.py", "tiny_keras.py"]
    assert data["files"][1]["source"].startswith("# tiny for keras")


def _refuse(model: Any) -> str:
    raise BackendError("tiny.yaml:7:5: relu: keras has no such thing")


def test_a_refusal_shows_its_place() -> None:
    conv = "{op: conv2d, out_channels: 3, kernel_size: 3, stride: 2, padding: 1"
    step = f"- {conv}, weights_of: a}}"
    layers = f"- {conv}, name: a}}\n- {{op: pad, padding: [[1, 0], [1, 0]]}}\n{step}\n"
    Path("shared.yaml").write_text(f"archspec: 1\nname: N\ninputs: {{image: [3, 8, 8]}}\nlayers:\n{layers}", "utf-8")
    result = run("compile", "shared.yaml", "--to", "keras")
    assert result.exit_code == 1
    said, line, mark = result.stderr.splitlines()
    assert said.startswith("archspec: error: shared.yaml:7:3: error: Keras cannot express this conv2d: ")
    assert (line.strip(), mark.strip()) == (step, "^")


def test_compile_writes_nothing_if_a_backend_refuses(backends: dict[str, Any]) -> None:
    backends["keras"] = _refuse
    result = run("compile", "tiny.yaml", "-o", "made")
    assert result.exit_code == 1
    assert result.stderr == "archspec: error: tiny.yaml:7:5: relu: keras has no such thing\n"
    assert not Path("made").exists()


def test_compile_replaces_a_file_and_keeps_it_if_that_fails(
    backends: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("made").mkdir()
    Path("made/tiny_pytorch.py").write_text("old")
    monkeypatch.setattr("os.fdopen", _full_disk)
    result = run("compile", "tiny.yaml", "-o", "made")
    assert (result.exit_code, Path("made/tiny_pytorch.py").read_text()) == (2, "old")
    assert "No space left" in result.stderr
    assert os.listdir("made") == ["tiny_pytorch.py"]
    monkeypatch.undo()


def _full_disk(descriptor: int, *_: Any, **__: Any) -> Any:
    os.close(descriptor)
    raise OSError(28, "No space left on device", "made")


def test_compile_replaces_a_file(backends: dict[str, Any]) -> None:
    Path("made").mkdir()
    Path("made/tiny_pytorch.py").write_text("old")
    assert run("compile", "tiny.yaml", "-o", "made").exit_code == 0
    assert Path("made/tiny_pytorch.py").read_text().startswith("# tiny for pytorch")


@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "temporary"])
def test_compile_does_not_write_through_what_is_there(kind: str, backends: dict[str, Any]) -> None:
    Path("made").mkdir()
    Path("precious").write_text("precious")
    target = Path("made/tiny_keras.py")
    match kind:
        case "link":
            target.symlink_to("../precious")
        case "dangling":
            target.symlink_to("../elsewhere")
        case "folder":
            target.mkdir()
        case "temporary":
            Path(f"made/.tiny_keras.py.{os.getpid()}.tmp").symlink_to("../precious")
    result = run("compile", "tiny.yaml", "-o", "made")
    assert result.exit_code == 2
    assert Path("precious").read_text() == "precious"
    assert not Path("elsewhere").exists()
    assert not Path("made/tiny_pytorch.py").exists()  # all or nothing


@pytest.mark.parametrize("name", ["../evil", "a/b", ".hidden", "-o", ""])
def test_file_names(name: str, tmp_path: Path) -> None:
    from archspec.cli.files import write_all

    with pytest.raises(archspec.UsageError, match="cannot be the name of a file"):
        write_all(tmp_path / "made", {name: "text"})
    assert not (tmp_path / "made").exists()


# The process --------------------------------------------------------------------------------------------------------


def _process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "archspec", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_process_has_all_commands_unless_one_is_called() -> None:
    assert "list" in _process("-h").stdout
    assert "Did you mean 'check'" in _process("chek").stderr
    assert _process("list", "--json").returncode == 0
    assert _process("weights", "-h").returncode == 0
    assert _process("fmt", "-h").stdout.startswith("Usage: archspec fmt ")


def test_version() -> None:
    for arguments in (["--version"], ["--version", "list"]):
        result = _process(*arguments)
        assert (result.returncode, result.stdout) == (0, f"archspec {archspec.__version__}\n")


def test_help_explains_by_example() -> None:
    for command in ("check", "list", "summary", "compile", "verify", "schema"):
        assert f"archspec {command}" in run(command, "-h").stdout


@pytest.mark.slow
def test_exit_codes_of_the_process() -> None:
    codes = {arguments: _process(*arguments).returncode
             for arguments in [("check", "tiny.yaml"), ("check", "wrong.yaml"), ("check", "missing.yaml")]}  # fmt: skip
    assert list(codes.values()) == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize(("unbuffered", "arguments"), [("1", "--version"), ("", "check tiny.yaml")])
def test_output_that_cannot_be_written(unbuffered: str, arguments: str) -> None:
    """To a full device, to a closed descriptor, and to somebody who reads no more."""
    command = f"PYTHONUNBUFFERED={unbuffered} {sys.executable} -m archspec {arguments}"
    for target, reason in {">/dev/full": "No space left on device", ">&-": "it is closed"}.items():
        done = subprocess.run(f"{command} {target}", shell=True, capture_output=True, text=True)
        told = f"archspec: error: cannot write to standard output: {reason}\n"
        assert (done.returncode, done.stderr) == (2, told)
    done = subprocess.run(f"{command} >/dev/full 2>&-", shell=True, capture_output=True, text=True)
    assert done.returncode == 2
    done = subprocess.run(f"{command} | exec 0<&-", shell=True, capture_output=True, text=True)
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_output_in_any_encoding(encoding: str) -> None:
    text = VALID.replace("name: Tiny", 'name: Tiny\nsummary: "Grüße, 名, \\U0001F600."').replace("conv1", "con")
    Path("tiny.yaml").write_text(text, encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}

    def output(*arguments: str) -> bytes:
        command = [sys.executable, "-m", "archspec", *arguments]
        return subprocess.run(command, capture_output=True, check=True, env=environment).stdout

    source = output("compile", "tiny.yaml", "--to", "keras")
    assert "Grüße, 名, 😀." in str(ast.get_docstring(ast.parse(source)))
    Path("名.yaml").write_text(text, encoding="utf-8")
    assert output("check", "名.yaml").decode(encoding).endswith(".yaml: valid\n")


@pytest.mark.parametrize("name", [b"n\xfft.yaml", b"n\nt.yaml", b'n"""t.yaml', b"n\\t.yaml", "ü名.yaml".encode()])
def test_files_with_any_name(name: bytes) -> None:
    path = Path(os.fsdecode(name))
    path.write_text(VALID)
    assert run("check", str(path)).exit_code == 0
    (made,) = run("compile", str(path), "--to", "pytorch", "-o", "made").stdout.split()
    ast.parse(Path(made).read_bytes())


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("link", "net.yaml is a symbolic link to nothing"),
        ("loop", "net.yaml cannot be read: Too many levels of symbolic links"),
        ("folder", "net.yaml is a folder"),
        ("long", "cannot be read: File name too long"),
        ("below a file", "there is no file tiny.yaml/net.yaml"),
        ("nul", "there is no file"),
    ],
)
def test_what_is_no_file(kind: str, message: str) -> None:
    name = {"long": f"{'n' * 5000}.yaml", "below a file": "tiny.yaml/net.yaml", "nul": "n\0.yaml"}.get(kind, "net.yaml")
    if kind in ("link", "loop"):
        Path(name).symlink_to("nothing" if kind == "link" else name)
    if kind == "folder":
        Path(name).mkdir()
    for command in ("check", "summary", "compile"):
        result = run(command, name, *(["-o", "made"] if command == "compile" else []))
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
        assert result.stderr.count("\n") == 1


def test_output_is_plain_in_pipes_and_coloured_on_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    from archspec.cli import output
    from archspec.errors import Diagnostic

    class Terminal(SimpleNamespace):
        def isatty(self) -> bool:
            return True

    written: list[str] = []
    terminal: Any = Terminal(write=written.append, flush=lambda: None)
    finding = Diagnostic("no: good", "net.yaml", 1, 2, "text", severity="warning")
    monkeypatch.delenv("NO_COLOR", raising=False)
    output.print_findings([finding], terminal)
    assert "\033[33;1mwarning:\033[0m no: good" in "".join(written)
    monkeypatch.setenv("NO_COLOR", "1")
    written.clear()
    output.print_findings([finding], terminal)
    assert "".join(written) == f"{finding}\n"


def test_an_operation_is_shown() -> None:
    shown = run("op", "conv2d").stdout
    assert "batch, channels, height, width" in shown
    assert re.search(r"kernel_size +.*\(required\)", shown)
    assert {each["name"] for each in json.loads(run("op", "relu6", "--json").stdout)["attributes"]} == set()
    assert "convolution: conv1d" in run("op").stdout
    unknown = run("op", "nms")
    assert unknown.exit_code == 2
    assert "not supported" in unknown.stderr
