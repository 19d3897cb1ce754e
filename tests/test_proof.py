"""`archspec.verify` and the command: exit codes, what is shown of a difference, and a run of all frameworks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

import archspec
from archspec import proving
from archspec.cli import app
from archspec.cli.arguments import interpreters
from archspec.errors import UsageError
from archspec.model import Model, Spec
from archspec.ops.linear import Embedding
from archspec.pictures import as_input
from archspec.proof import Proof
from archspec.verification.failure import Failure
from archspec.verification.report import Culprit, Finding, Outcome, Report, Rung

from .commands import CliRunner


def _rung(name: str, error: float) -> Rung:
    finding = Finding("layer1.conv1", "conv2d", error, 1e-10)
    wrong = (finding,) if finding.wrong else ()
    return Rung(name, 20, (), finding, wrong, {"build": 0.25, "run": 0.5})


def _outcome(backend: str, status: str) -> Outcome:
    outcome = Outcome(backend, {"python": "3.11", backend: "1.0"}, memory=2**28)
    match status:
        case "passed":
            outcome.rungs = {"float64": _rung("float64", 1e-15), "float32": _rung("float32", 1e-11)}
        case "failed":
            outcome.rungs = {"float64": _rung("float64", 1e-3)}
            outcome.culprit = Culprit("layer1.conv1", "conv2d", outcome.rungs["float64"].wrong[0], True, "net.yaml:7:5")
        case "missing":
            outcome.failure = Failure("missing", "No module named 'paddle'")
        case "error":
            outcome.failure = Failure("crashed", "the process was ended by SIGSEGV", "stack\ntrace", "layer1.conv1")
    assert outcome.status == status
    return outcome


def _proof(*statuses: str, required: tuple[str, ...] = ()) -> Proof:
    names = ("pytorch", "keras", "paddle")
    outcomes = {name: _outcome(name, status) for name, status in zip(names, statuses, strict=False)}
    return Proof((Report("net", 0, outcomes, {"total": 1.5}),), frozenset(required))


EXIT_CODES: list[tuple[tuple[str, ...], tuple[str, ...], int]] = [
    (("passed", "passed"), (), 0),
    (("passed", "failed"), (), 1),
    (("passed", "error"), (), 1),
    (("passed", "missing"), (), 0),
    (("passed", "missing"), ("keras",), 3),
    (("passed", "missing"), ("pytorch",), 0),
    (("failed", "missing"), ("keras",), 1),
    (("missing", "missing"), (), 3),
]


@pytest.mark.parametrize(("statuses", "required", "code"), EXIT_CODES)
def test_exit_codes(statuses: tuple[str, ...], required: tuple[str, ...], code: int, monkeypatch: Any) -> None:
    proof = _proof(*statuses, required=required)
    assert (proof.exit_code, proof.ok) == (code, code == 0)
    monkeypatch.setattr("archspec.proof.verify", lambda *_, **__: proof)
    assert CliRunner().invoke(app, ["verify", "net.yaml"]).exit_code == code
    result = CliRunner().invoke(app, ["verify", "net.yaml", "--json"])
    assert (result.exit_code, json.loads(result.stdout)["exit_code"]) == (code, code)


def test_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def verify(*_: str, each: Any, **__: Any) -> Proof:
        proof = _proof("passed", "failed", "error")
        each(proof.reports[0])
        return proof

    monkeypatch.setattr("archspec.proof.verify", verify)
    lines = CliRunner().invoke(app, ["verify", "net.yaml"]).stdout.splitlines()
    assert lines[0] == "net: 20 tensors compared with the reference, seed 0, 1.5 s"
    passed, failed, error = (line.split() for line in lines[4:7])
    assert passed == "pytorch 1.0e-15 layer1.conv1 1.0e-11 layer1.conv1 40/40 1.50 s 256 MiB passed".split()
    assert failed == "keras 1.0e-03 layer1.conv1 - 19/20 0.75 s 256 MiB failed".split()
    assert error == "paddle - - - - 256 MiB error".split()
    assert "keras: net.yaml:7:5: conv2d 'layer1.conv1': error 1.0e-03, bound 1.0e-10" in lines
    assert "paddle: the process was ended by SIGSEGV (at layer1.conv1)" in lines
    assert "    trace" in lines
    assert lines[-1].startswith("pytorch: python 3.11, pytorch 1.0; keras: ")


def test_what_could_not_be_compared_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    proof = _proof("passed", "passed")
    (report,) = proof.reports
    report.remarks = ("no gradients were compared",)
    rungs = report.outcomes["keras"].rungs
    rungs["float64"] = replace(rungs["float64"], unseen=tuple("abcdefg"))

    def verify(*specs: str, each: Any, **options: Any) -> Proof:
        each(report)
        return proof

    monkeypatch.setattr("archspec.proof.verify", verify)
    lines = CliRunner().invoke(app, ["verify", "net.yaml"]).stdout.splitlines()
    assert "no gradients were compared" in lines
    assert "keras: not compared: a, b, c, d, e, and 2 more" in lines
    found = json.loads(CliRunner().invoke(app, ["verify", "net.yaml", "--json"]).stdout)["reports"][0]
    assert found["remarks"] == ["no gradients were compared"]


def test_options_reach_the_verifier(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def verify(*specs: str, **options: Any) -> Proof:
        given.update(options, specs=specs)
        return _proof("passed")

    monkeypatch.setattr("archspec.proof.verify", verify)
    command = (
        "verify a.yaml b.yaml --to keras --set width=3 --variant v --python keras=/py --require --seed 7 --timeout 9 "
        "--size batch=3 --gradients --training --steps 4 --exact-statistics --allow-unproven -j 2 --repro r "
        "--against own.py:f --weights w.pt --env keras==3.15 --executor dask://host:1"
    )
    assert CliRunner().invoke(app, [*command.split(), "--input", "photo.png"]).exit_code == 0
    del given["watch"], given["each"]
    assert given == {
        "specs": ("a.yaml", "b.yaml"), "to": ["keras"], "params": {"width": 3}, "variant": "v", "require": True,
        "python": {"keras": "/py"}, "seed": 7, "timeout": 9, "sizes": {"batch": 3}, "picture": Path("photo.png"),
        "gradients": True, "training": True, "steps": 4, "exact_statistics": True, "allow_unproven": True,
        "jobs": 2, "against": ["own.py:f"], "weights": Path("w.pt"), "shard": "", "env": ["keras==3.15"],
        "executor": "dask://host:1", "cache": False, "repro": Path("r"),
    }  # fmt: skip


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("resnet18", "--python", "paddle"), "--python paddle=/path/python"),
    (("resnet18", "--to", "pytorch", "--python", "torch=/py"), "no backend 'torch'"),
    (("resnet18", "--to", "torch"), "no backend 'torch'"),
    (("resnet0", "--to", "pytorch"), "no spec 'resnet0'"),
    (("resnet18", "--seed", "-1"), "--seed"),
    (("lenet5", "--steps", "2", "--gradients"), "steps of training are compared alone"),
    (("lenet5", "--steps", "2", "--training"), "steps of training are compared alone"),
    (("lenet5", "--steps", "2", "--input", "photo.png"), "steps of training are compared alone"),
    (("resnet18", "--size", "batch=0"), "a size is a whole number from 1"),
    (("resnet18", "--to", "pytorch", "--size", "time=9"), "no open dimension 'time'"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_usage(arguments: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(app, ["verify", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_interpreters() -> None:
    assert interpreters(["paddle=/a=b/python"]) == {"paddle": "/a=b/python"}
    assert interpreters(None) == {}


NETS = {
    "good.yaml": "archspec: 1\nname: Net\ninputs: {image: [3]}\nlayers: [relu]\n",
    "bad.yaml": "archspec: 1\nname: Net\ninputs: {image: [3]}\nlayers: [rellu]\n",
    "indices.yaml": """
        archspec: 1
        name: Net
        inputs: {tokens: {shape: [4], dtype: int64, below: 3}}
        layers: [{op: embedding, num_embeddings: 9, embedding_dim: 2}, {op: relu, name: last}]
    """,
}


@pytest.mark.frameworks
def test_what_cannot_be_verified_takes_nothing_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spec that is not valid, one that is not there, one that the reference cannot compute, and one that crashes us:
    each in a line, with its place, in the order in which they are met, and the others are verified."""
    monkeypatch.chdir(tmp_path)
    for name, text in NETS.items():
        Path(name).write_text(dedent(text))
    Path("crash.yaml").write_text(NETS["good.yaml"].replace("Net", "Crash"))
    real = proving.case  # type: ignore[attr-defined]

    def crash(model: Model, *arguments: Any, **options: Any) -> Any:
        return 1 / 0 if model.name == "crash" else real(model, *arguments, **options)

    def fail(self: Embedding, *_: Any, **__: Any) -> Any:
        return np.zeros(3)[[9]]

    monkeypatch.setattr("archspec.proving.case", crash)
    monkeypatch.setattr(Embedding, "reference", fail)
    command = ["verify", "bad.yaml", "none.yaml", "crash.yaml", "indices.yaml", "good.yaml", "--to", "pytorch"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert result.stdout.startswith("good: 2 tensors compared")
    lines = [line for line in result.stderr.splitlines() if "error: " in line]
    assert lines[:2] == [
        "bad.yaml:4:10: error: there is no operation 'rellu'", "archspec: error: there is no file none.yaml",
    ]  # fmt: skip
    assert "a fault of archspec itself: ZeroDivisionError: division by zero (" in lines[2]
    assert lines[3].startswith("indices.yaml:5:10: error: embedding 'embedding': the reference cannot compute this: I")
    result = CliRunner().invoke(app, [*command, "--json"])
    found = json.loads(result.stdout)
    assert (result.exit_code, found["exit_code"], [each["model"] for each in found["reports"]]) == (1, 1, ["good"])
    assert [each["network"] for each in found["refused"]] == ["bad.yaml", "none.yaml", "crash", "indices"]
    with pytest.raises(archspec.SpecError, match=r"indices.yaml:5:10: .* cannot compute"):
        archspec.verify("indices.yaml", to="pytorch")


@pytest.mark.parametrize("names", [["none.yaml"], ["none.yaml", "nor this"]])
def test_nothing_to_verify(names: list[str]) -> None:
    result = CliRunner().invoke(app, ["verify", *names, "--to", "pytorch", "--json"])
    assert (result.exit_code, json.loads(result.stdout)["exit_code"]) == (2, 2)


MISTAKES: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    ((), {}, "name at least one network"),
    (("lenet5",), {"to": "torch"}, "no backend 'torch'"),
    (("lenet5",), {"to": ["pytorch", "p"]}, "no backend 'p'"),
    (("lenet5",), {"seed": -1}, "a seed is a whole number from 0, not -1"),
    (("lenet5",), {"seed": "a"}, "a seed is a whole number from 0, not the text 'a'"),
    (("lenet5",), {"timeout": 0}, "a time limit is a number of seconds above 0, not 0"),
    (("lenet5",), {"timeout": float("nan")}, "a time limit is a number of seconds above 0, not nan"),
    (("lenet5",), {"variant": "small"}, "has no variant 'small'"),
    (("lenet5",), {"variant": ""}, "has no variant ''"),
    (("lenet5",), {"params": {"classes": 3}}, "has no param 'classes'"),
    (("lenet5",), {"sizes": {"batch": 0}}, "batch (=0): a size is a whole number from 1"),
    (("lenet5",), {"sizes": {"batch": "2"}}, "batch (=2): a size is a whole number from 1"),
    (("lenet5",), {"python": {"torch": "python"}}, "no backend 'torch' here"),
    ((3,), {}, "named by a text or a path, not by 3"),
    (("lenet5", archspec.load("lenet5")), {"variant": "a"}, "a Model has its variant and params already"),
    ((archspec.load("lenet5"),), {"params": {"num_classes": 3}}, "a Model has its variant and params already"),
]


@pytest.mark.parametrize(("networks", "options", "message"), MISTAKES, ids=str)
def test_mistakes_in_python(networks: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        archspec.verify(*networks, **{"to": "pytorch", **options})


@pytest.mark.frameworks
@pytest.mark.parametrize("seed", range(4))
def test_masks_that_hide_everything_are_not_drawn(seed: int) -> None:
    spec = """
        archspec: 1
        name: Padded
        inputs: {tokens: [2, 8], hidden: {shape: [1, 1, 2], dtype: bool}}
        layers:
          - {op: logical_not, name: shown, from: hidden}
          - {op: multi_head_attention, num_heads: 2, from: [tokens, tokens, tokens, shown]}
    """
    proof = archspec.verify(Spec.parse(dedent(spec)).network(), to=["pytorch"], seed=seed)
    assert proof.ok, proof.to_json()


def test_pictures(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:, :3] = (255, 0, 51)
    image.fromarray(pixels).save(tmp_path / "photo.png")
    batch = as_input(tmp_path / "photo.png", (2, 3, 4, 6))
    assert (batch.shape, batch.dtype.name) == ((2, 3, 4, 6), "float32")
    np.testing.assert_allclose(batch[0, :, 0, 0], [2, -2, -1.2], atol=1e-6)
    np.testing.assert_array_equal(batch[1], batch[0, :, :, ::-1])
    assert as_input(tmp_path / "photo.png", (3, 1, 8, 8)).shape == (3, 1, 8, 8)
    (tmp_path / "text.png").write_text("no picture")
    for name, shape, message in [
        ("text.png", (2, 3, 4, 6), "cannot read"),
        ("none.png", (2, 3, 4, 6), "cannot read"),
        ("photo.png", (2, 4, 4, 6), "1 or 3 channels"),
    ]:
        with pytest.raises(UsageError, match=message):
            as_input(tmp_path / name, shape)


@pytest.mark.frameworks
def test_every_framework() -> None:
    proof = archspec.verify("lenet5", require=True)
    assert proof.ok, proof.to_json()
    (report,) = proof.reports
    assert set(report.outcomes) == {"pytorch", "keras", "paddle"}


@pytest.mark.frameworks
def test_nan_proves_nothing() -> None:
    """15 of 18 values of the output are the root of a negative number, or a sum with one."""
    file = str(Path(__file__).parent / "miscompiled" / "nan.yaml")
    assert CliRunner().invoke(app, ["verify", file, "--to", "pytorch", "--allow-unproven"]).exit_code == 0
    result = CliRunner().invoke(app, ["verify", file, "--to", "pytorch"])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    about = "NaN, infinite, lost in rounding, or not defined"
    assert f"{about}, which proves nothing: 25 values of 2 tensors: s (10 of 24), linear (15 of 18)" in lines
    shares = "output output (15 of 18)"
    assert f"pytorch: values are {about}: no proof, unless --allow-unproven: {shares}" in lines
    (report,) = archspec.verify(file, to=["pytorch"]).reports
    assert report.outcomes["pytorch"].status == "unproven"
    unproven = report.to_json()["outcomes"]["pytorch"]["rungs"]["float32"]["unproven"]
    assert {found["tensor"]: (found["unproven"], found["size"]) for found in unproven} == {
        "s": (10, 24), "linear": (15, 18), "output output": (15, 18),
    }  # fmt: skip


@pytest.mark.frameworks
def test_an_interpreter_that_is_not_there_is_reported_and_the_others_count() -> None:
    proof = archspec.verify("lenet5", to=["pytorch", "paddle"], python={"paddle": "/no/such/python"})
    outcomes = proof.reports[0].outcomes
    assert outcomes["pytorch"].status == "passed"
    assert outcomes["paddle"].status == "error"
    assert "/no/such/python" in outcomes["paddle"].message
    assert proof.exit_code == 1


@pytest.mark.frameworks
@pytest.mark.parametrize(("kilobytes", "options", "who"), [(20, [], "archspec: error:"),
                                                           (5000, ["--size", "batch=64"], "pytorch:")])  # fmt: skip
def test_a_full_disk_is_told_in_a_line(kilobytes: int, options: list[str], who: str, tmp_path: Path) -> None:
    """Files that may not grow stand for it: here of what is given to the frameworks, and of what one computes."""
    command = f"ulimit -f {kilobytes}; exec {sys.executable} -m archspec verify lenet5 --to pytorch {' '.join(options)}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    (told,) = [line for line in (done.stdout + done.stderr).splitlines() if "File too large" in line]
    assert told.startswith(f"{who} cannot write to /")
    assert told.partition(" (at ")[0].endswith("File too large; TMPDIR names another folder for temporary files")
    assert "Traceback" not in done.stdout + done.stderr


def test_how_to_get_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for all networks; none for what lives in another environment."""
    from archspec import proof
    from archspec.cli import verifying

    found = _proof("passed", "missing", "missing")
    monkeypatch.setattr(proof, "verify", lambda *specs, **options: replace(found, reports=found.reports * 2))
    verifying.run(["net.yaml"], [])
    assert capsys.readouterr().err.splitlines() == [
        "hint: pip install 'archspec-nn[keras,paddle]' brings what is missing"
    ]
    verifying.run(["net.yaml"], [], python={"keras": "python", "paddle": "python"})
    assert capsys.readouterr().err == ""
