"""One result, many views: JSON and its schema, JUnit, Markdown, and what is said of what differs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from archspec.backend import backends
from archspec.cli import app
from archspec.model import Model, Spec
from archspec.results.explain import likely
from archspec.results.junit import junit
from archspec.results.markdown import markdown
from archspec.results.result import Interrupted, Proof
from archspec.results.schema import schema
from archspec.verification.places import statement
from archspec.verification.report import Culprit, Finding, Outcome

from .commands import CliRunner
from .results import ABSENT, BROKEN, outcome, proof, report, rung

EVERYTHING = proof(
    report("good", pytorch="passed", keras="passed", paddle="missing"),
    report("bad", pytorch="passed", keras="failed", paddle="error"),
    refused=(BROKEN, ABSENT),
)


def test_results_have_the_form_of_the_schema() -> None:
    made = schema()
    Draft202012Validator.check_schema(made)
    text = json.dumps(EVERYTHING.to_json(), allow_nan=False)
    assert list(Draft202012Validator(made).iter_errors(json.loads(text))) == []
    for change in ({"format": 2}, {"more": 1}, {"exit_code": 7}):
        assert not Draft202012Validator(made).is_valid({**json.loads(text), **change})
    printed = CliRunner().invoke(app, ["schema", "result"]).stdout
    assert json.loads(printed) == made


def test_results_have_no_private_paths() -> None:
    options = replace(EVERYTHING.options, python={"keras": "/home/me/python"}, picture=Path("/home/me/photo.png"))
    assert "/home/me" not in json.dumps(replace(EVERYTHING, options=options).to_json())


def test_junit_has_a_case_for_each_network_and_framework() -> None:
    root = ElementTree.fromstring(junit(EVERYTHING).encode())
    (suite,) = root
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "8", "failures": "1", "errors": "3", "skipped": "1"}
    assert root.attrib.items() >= counts.items()
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    assert list(cases)[:4] == ["good [pytorch]", "good [keras]", "good [paddle]", "bad [pytorch]"]
    failure = cases["bad [keras]"].find("failure")
    assert failure is not None
    lines = (failure.text or "").splitlines()
    assert lines[:2] == [
        "keras: net.yaml:7:5: conv2d 'layer1': error 1.0e-03, bound 1.0e-10",
        "    generated line 41: x = self.conv(x)",
    ]
    at = lines.index("2 tensors differ, in the order of the network:")
    assert lines[at + 1 :] == [
        "    float64: layer1: error 1.0e-03, bound 1.0e-10",
        "    float64: layer3: error inf, bound 1.0e-10",
    ]
    broken = cases["bad.yaml"].find("error")
    assert broken is not None
    assert broken.get("message") == "bad.yaml:4:10: error: there is no operation 'rellu'"


def test_a_missing_framework_is_skipped_unless_it_is_required() -> None:
    missing = report("net", paddle="missing")
    assert ElementTree.fromstring(junit(proof(missing)).encode()).find(".//skipped") is not None
    required = ElementTree.fromstring(junit(proof(missing, required=("paddle",))).encode())
    assert required.find(".//skipped") is None
    assert required.find(".//error") is not None


def test_markdown_tells_the_worst_first_and_all_that_differs() -> None:
    lines = markdown(EVERYTHING).splitlines()
    assert lines[0] == "## archspec: 3 of 4 did not pass"
    rows = [line for line in lines if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows[:2]] == ["bad", "good"]
    assert rows[1] == "| `good` | ✅ passed 2.0e-15 | ✅ passed 2.0e-15 | ⚪ missing | 1,234 |"
    differing = [row for row in lines if row.startswith("| float64")]
    assert differing == [
        "| float64 | `layer1` | 1.0e-03 | 1.0e-10 |  |", "| float64 | `layer3` | inf | 1.0e-10 |  |",
    ]  # fmt: skip
    assert "````text" in lines, "the fence is longer than what is quoted"


def test_markdown_says_what_is_missing_and_that_nothing_passed() -> None:
    missing = report("net", paddle="missing")
    good = report("net", keras="passed", paddle="missing")
    for made, headline in (
        (proof(missing), "1 of 1 did not pass"), (proof(good), "passed"),
        (proof(good, required=("paddle",)), "1 of 1 did not pass"),
    ):  # fmt: skip
        text = markdown(made)
        assert text.startswith(f"## archspec: {headline}\n")
        assert text.count("- paddle is missing: ") == 1


@pytest.mark.slow
def test_markdown_of_thousands_of_networks_is_bounded() -> None:
    many = proof(*(report(f"net{number}", pytorch="failed", keras="error") for number in range(5000)))
    assert len(markdown(many).encode()) < 2**20


HINTS: list[tuple[dict[str, tuple[float, ...]], str]] = [
    ({"float64": (1e-15,), "float32": (1e-3,)}, "float64 agrees, float32 does not: look at constants and defaults"),
    ({"float64": (1e-3,), "float32": (1e-3,)}, ""),
    ({"float64": (1e-15,), "second": (1e-3,)}, "takes for granted"),
    ({"float64": (1e-15,), "edges": (1e-3,)}, "comparisons and limits"),
    ({"float64": (1e-15,), "vjp": (1e-3,), "slope": (1.0,)}, "gradients do not"),
    ({"float64": (1e-15,), "float32": (1e-15,)}, ""),
]


@pytest.mark.parametrize(("rungs", "hint"), HINTS, ids=str)
def test_hints_follow_from_what_agrees(rungs: dict[str, tuple[float, ...]], hint: str) -> None:
    made = Outcome("keras", rungs={name: rung(name, *errors) for name, errors in rungs.items()})
    assert hint in likely(made)
    assert bool(hint) == bool(likely(made))


def test_a_shape_is_hinted_at() -> None:
    finding = Finding("a", "conv2d", float("inf"), 1e-10, "shape (1, 2) instead of (2, 1)")
    assert "look at axes" in likely(Outcome("keras", culprit=Culprit("a", "conv2d", finding)))


# The command ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def _found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def verify(*_: str, each: Any, **__: Any) -> Proof:
        for found in (*EVERYTHING.reports, *EVERYTHING.refused):
            each(found)
        return EVERYTHING

    monkeypatch.setattr("archspec.proof.verify", verify)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_found")
def test_one_run_writes_all_files() -> None:
    command = "verify net.yaml --json -o out/x.json --junit out/x.xml --markdown out/x.md"
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 1
    assert json.loads(result.stdout) == json.loads(Path("out/x.json").read_text()) == EVERYTHING.to_json()
    assert Path("out/x.xml").read_text() == junit(EVERYTHING)
    assert Path("out/x.md").read_text() == markdown(EVERYTHING)
    assert sorted(path.name for path in Path("out").iterdir()) == ["x.json", "x.md", "x.xml"]


@pytest.mark.usefixtures("_found")
def test_a_file_that_cannot_be_written_is_told_before_anything_runs() -> None:
    Path("file").write_text("")
    Path("folder").mkdir()
    for path in ("file/x.xml", "folder"):
        result = CliRunner().invoke(app, ["verify", "net.yaml", "--junit", path])
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"archspec: error: cannot write {path}: ") or path in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_a_file_that_can_no_longer_be_written_loses_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fine = proof(report("good", pytorch="passed"))
    folder = tmp_path / "gone"

    def verify(*_: str, each: Any, **__: Any) -> Proof:
        each(fine.reports[0])
        folder.rename(tmp_path / "elsewhere")
        return fine

    monkeypatch.setattr("archspec.proof.verify", verify)
    kept = tmp_path / "x.json"
    command = ["verify", "net.yaml", "--junit", str(folder / "x.xml"), "-o", str(kept)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"archspec: error: cannot write {folder}")
    assert "good: 2 tensors compared" in result.stdout
    assert json.loads(kept.read_text()) == fine.to_json()


def test_who_interrupts_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fine = proof(report("good", pytorch="passed"))

    def verify(*_: str, **__: Any) -> Proof:
        raise Interrupted(fine)

    monkeypatch.setattr("archspec.proof.verify", verify)
    result = CliRunner().invoke(app, ["verify", "a.yaml", "b.yaml", "-o", str(tmp_path / "x.json")])
    assert result.exit_code != 0
    assert json.loads((tmp_path / "x.json").read_text()) == fine.to_json()


def test_all_tensors_that_differ_are_printed_in_the_order_of_the_network(capsys: pytest.CaptureFixture[str]) -> None:
    from archspec.cli.reports import print_report

    found = report("bad", keras="failed")
    found.outcomes["keras"].rungs["float64"] = rung("float64", *[1e-3, 0.0, 1e-2] * 10)
    print_report(found)
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("    20 tensors differ, in the order of the network:")
    named = [line.split()[1] for line in lines[at + 1 : at + 21]]
    assert named == [f"layer{number}" for number in range(30) if number % 3 != 1]
    found.outcomes["keras"].rungs["float64"] = rung("float64", *[1e-3] * 30)
    print_report(found)
    assert "and 10 more, which files of results have" in capsys.readouterr().out


@pytest.mark.parametrize("width", [60, 80, 120, 400])
def test_the_table_fits_into_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from archspec.cli.reports import print_report

    found = report("good", pytorch="passed", keras="passed", paddle="passed")
    names = ("float64", "float32", "edges", "gradient", "slope", "vjp")
    for each in found.outcomes.values():
        each.rungs = {name: rung(name, 1e-16) for name in names}
    print_report(found)
    whole = capsys.readouterr().out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    print_report(found)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    assert (shown == whole) == (width == 400)
    assert {word for word in whole.split() if set(word) != {"-"}} <= set(shown.split()), "nothing is left out"


def test_a_cached_report_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    from archspec.cli.reports import print_report

    found = report("good", pytorch="passed")
    found.cached = "2026-11-01T12:00:00Z"
    print_report(found)
    assert capsys.readouterr().out.splitlines()[0].endswith("seed 0, cached, 2026-11-01T12:00:00Z")
    assert markdown(proof(found)).startswith("## archspec: passed (1 cached)")


# Where a step stands in generated code -------------------------------------------------------------------------------

BLOCKS = """
    archspec: 1
    name: Net
    inputs: {x: [4, 8, 8]}
    blocks:
      Twice:
        params: {channels: int}
        layers:
          - {op: conv2d, name: conv, out_channels: channels, kernel_size: 3}
          - {op: tanh, name: act}
    layers:
      - {op: conv2d, name: conv, out_channels: 3, kernel_size: 1}
      - {block: Twice, name: twice, repeat: 2, channels: 3}
      - {op: exp, name: out}
"""


def _network() -> Model:
    return Spec.parse(dedent(BLOCKS)).network()


@pytest.mark.parametrize("backend", backends(), ids=lambda backend: backend.name)
def test_the_statement_that_makes_a_step_is_found(backend: Any) -> None:
    program = backend.generate(_network())
    lines = program.source.splitlines()
    for step, block in (("conv", ""), ("twice.0.conv", "Twice"), ("twice.1.act", "Twice"), ("out", "")):
        found = statement(program, step, block)
        number, text = found.removeprefix("line ").split(": ", 1)
        assert lines[int(number) - 1].strip()[:9] == text[:9]
    assert statement(program, "conv") != statement(program, "twice.0.conv", "Twice")
    assert statement(program, "nothing") == ""


def test_outcomes_of_every_status_can_be_shown() -> None:
    for status in ("passed", "failed", "error", "missing"):
        assert junit(proof(report("net", keras=outcome("keras", status).status)))
