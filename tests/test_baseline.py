"""Baselines: what is kept, what counts as worse, and what is told of files that are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archspec.cli import app
from archspec.errors import UsageError
from archspec.results.baseline import Baseline, Comparison, rounded
from archspec.results.junit import junit
from archspec.results.markdown import markdown
from archspec.results.result import Proof
from archspec.verification.report import Outcome, Report

from .commands import CliRunner
from .results import VERSIONS, outcome, proof, report, rung


def _baseline(*reports: Report, **versions: dict[str, str]) -> Baseline:
    return Baseline.of(reports, VERSIONS | versions)


def _net(**errors: float) -> Report:
    """A network of which Keras has these errors, by comparison."""
    made = report("net", keras="passed")
    made.outcomes["keras"] = Outcome("keras", rungs={name: rung(name, error) for name, error in errors.items()})
    return made


@pytest.mark.parametrize(
    ("error", "kept"),
    [(0.0, 1e-15), (3e-16, 1e-15), (1e-15, 1e-15), (1.1e-15, 2e-15), (2e-12, 2e-12), (2.1e-12, 5e-12), (7e-3, 1e-2),
     (9.99e-1, 1.0), (float("inf"), None), (float("nan"), None)],
)  # fmt: skip
def test_errors_are_rounded_up(error: float, kept: float | None) -> None:
    assert rounded(error) == kept


CHANGES: list[tuple[Report, Report, tuple[str, ...], tuple[str, ...]]] = [
    (_net(float64=1e-14), _net(float64=1e-14), (), ()),
    (_net(float64=1.2e-14), _net(float64=1.9e-14), (), ()),
    (_net(float64=1e-14), _net(float64=9e-14), (), ("net, keras: float64: the error was 1e-14 and is 1e-13",)),
    (_net(float64=1e-14), _net(float64=1.1e-13), ("net, keras: float64: the error was 1e-14 and is 2e-13",), ()),
    (_net(float64=2e-13), _net(float64=1e-14), (), ("net, keras: float64: the error was 2e-13 and is 1e-14",)),
    (_net(float64=0.0, float32=1e-9), _net(float64=4e-15, float32=5e-8), (),
     ("net, keras: float64: the error was 1e-15 and is 5e-15",)),
    (_net(float64=0.0, vjp=0.0), _net(float64=0.0), ("net, keras: vjp is no longer compared",), ()),
    (_net(float64=0.0), _net(float64=0.0, vjp=0.0), (), ("net, keras: vjp is compared, too",)),
    (_net(float64=0.0), _net(float64=0.0, alone=0.0), (), ()),
    (_net(float64=1.0), _net(float64=1e-15), (), ("net, keras: failed before, passed now",
                                                  "net, keras: float64: the error was 1e+00 and is 1e-15")),
]  # fmt: skip


@pytest.mark.parametrize(("before", "now", "worse", "changed"), CHANGES)
def test_what_is_worse(before: Report, now: Report, worse: tuple[str, ...], changed: tuple[str, ...]) -> None:
    found = _baseline(before).compare(_baseline(now))
    assert found == Comparison(
        tuple(f"specs/net.yaml: {text}" for text in worse), tuple(f"specs/net.yaml: {text}" for text in changed)
    )


def test_a_status_that_is_worse() -> None:
    passed, failed, missing = (report("net", keras=status) for status in ("passed", "failed", "missing"))
    (first, *_) = _baseline(passed).compare(_baseline(failed)).worse
    assert first == "specs/net.yaml: net, keras: passed before, failed now"
    for before, now in ((passed, missing), (missing, failed), (missing, passed)):
        found = _baseline(before).compare(_baseline(now))
        assert found.worse == ()
        assert len(found.changed) == 1


def test_what_changed_is_told() -> None:
    before, now = report("net", keras="passed", pytorch="passed"), report("net", keras="passed", pytorch="passed")
    assert now.facts is not None
    now.facts = type(now.facts)("specs/net.yaml", None, "evaluation", 1300, 5678, {"pytorch": "2" * 16})
    found = _baseline(before, other={"a": "1"}).compare(
        _baseline(now, report("new", keras="passed"), keras={"python": "3.12.1", "keras": "3.16"})
    )
    assert found.worse == ()
    assert found.changed == (
        "keras: keras 3.15.1, python 3.11.7 became keras 3.16, python 3.12.1",
        "specs/net.yaml: net: parameters were 1,234 and are 1,300",
        "specs/net.yaml: net, pytorch: other code is generated",
        "specs/new.yaml: new is new",
    )


def test_an_update_keeps_what_was_not_verified(tmp_path: Path) -> None:
    old = _baseline(report("a", keras="passed"), report("b", keras="passed"))
    gone = report("gone", keras="passed")
    assert gone.facts is not None
    gone.facts = type(gone.facts)("specs/b.yaml", "gone", "evaluation", 1, 1, {})
    old.networks |= _baseline(gone).networks
    new = old.updated(_baseline(report("b", keras="failed")))
    assert sorted(new.networks) == ["specs/a.yaml: a", "specs/b.yaml: b"]
    assert new.networks["specs/b.yaml: b"]["frameworks"]["keras"]["status"] == "failed"
    path = tmp_path / "parity.json"
    path.write_text(new.text())
    assert Baseline.read(path).text() == new.text()
    assert list(json.loads(new.text())["networks"]) == sorted(new.networks)
    assert old.text() != new.text()


DAMAGES: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda data: data | {"format": 2}, "is a baseline of form 2"),
    (lambda data: [], "is no baseline, or damaged"),
    (lambda data: {"format": 1}, "is no baseline, or damaged"),
    (lambda data: data | {"networks": {"net": {}}}, "is no baseline, or damaged"),
    (lambda data: data | {"networks": {"net": {"spec": "", "parameters": "1"}}}, "is no baseline, or damaged"),
    (lambda data: data | {"networks": [1]}, "is no baseline, or damaged"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_what_is_no_baseline_is_told_in_a_line(
    tmp_path: Path, damage: Callable[[dict[str, Any]], Any], message: str
) -> None:
    path = tmp_path / "parity.json"
    path.write_text(json.dumps(damage(json.loads(_baseline(report("net", keras="passed")).text()))))
    with pytest.raises(UsageError, match=message):
        Baseline.read(path)
    result = CliRunner().invoke(app, ["verify", "net.yaml", "--baseline", str(path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    path.write_text("{")
    with pytest.raises(UsageError, match="is no baseline, or damaged"):
        Baseline.read(path)
    with pytest.raises(UsageError, match="cannot read the baseline"):
        Baseline.read(tmp_path / "none.json")


def test_the_command_writes_compares_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Proof] = [proof(_net(float64=1e-14))]
    monkeypatch.setattr("archspec.proof.verify", lambda *_, **__: found[-1])
    path = tmp_path / "parity.json"

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["verify", "net.yaml", *arguments])

    assert run("--update-baseline", str(path)).exit_code == 0
    text = path.read_text()
    assert "1e-14" in text
    result = run("--baseline", str(path))
    assert (result.exit_code, result.stdout) == (0, "\nbaseline: 0 worse, 0 changed\n")
    found.append(proof(_net(float64=5e-12)))
    files = {"json": tmp_path / "x.json", "junit": tmp_path / "x.xml", "markdown": tmp_path / "x.md"}
    options = ("-o", str(files["json"]), "--junit", str(files["junit"]), "--markdown", str(files["markdown"]))
    result = run("--baseline", str(path), *options)
    assert result.exit_code == 1
    worse = "specs/net.yaml: net, keras: float64: the error was 1e-14 and is 5e-12"
    assert f"worse: {worse}" in result.stdout
    data = json.loads(files["json"].read_text())
    assert (data["exit_code"], data["baseline"]) == (1, {"worse": [worse], "changed": []})
    assert "<failure" in files["junit"].read_text()
    assert worse in files["markdown"].read_text()
    assert path.read_text() == text, "nothing is updated unless it is asked for"
    assert run("--baseline", str(path), "--update-baseline", str(path)).exit_code == 1
    assert run("--baseline", str(path)).exit_code == 0


def test_all_views_show_a_comparison_that_is_fine() -> None:
    made = proof(report("net", keras="passed"))
    fine = Proof(made.reports, made.required, comparison=Comparison((), ("a: b",)))
    assert 'name="baseline"' in junit(fine)
    assert "<failure" not in junit(fine)
    assert "changed: a: b" in markdown(fine)
    assert outcome("keras", "passed").status == "passed"
