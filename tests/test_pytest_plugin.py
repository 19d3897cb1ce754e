"""The plugin of pytest: what is collected, what is said of it, and what is shared, each in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.slow  # as it starts processes

SPEC = """
    archspec: 1
    name: Net
    params: {width: 4}
    variants: {small: {width: 2}, large: {width: 8}}
    inputs: {image: [3, 8, 8]}
    layers:
      - {op: conv2d, name: conv1, out_channels: width, kernel_size: 3}
      - relu
"""
PLAIN = "archspec: 1\nname: %s\ninputs: {image: [3]}\nlayers: [%s]\n"
FAKES = """
    import archspec.testing
    from archspec.verification.failure import Failure
    from archspec.verification.report import Culprit, Finding, Outcome, Report, Rung

    class Pool:
        def __init__(self, runners):
            print("pool of", *runners)
        def __enter__(self):
            return self
        def __exit__(self, *_):
            print("pool closed")

    def outcome(name, network):
        finding = Finding("conv1", "conv2d", 1e-3 if (name, network) == ("keras", "large") else 1e-15, 1e-10)
        made = Outcome(name, rungs={"float64": Rung.of("float64", [finding], ())})
        if finding.wrong:
            made.culprit = Culprit("conv1", "conv2d", finding, True, "net.yaml:7:5", "line 9: x = self.conv1(x)")
        if name == "paddle":
            made = Outcome(name, failure=Failure("missing", "No module named 'paddle'"))
        return made

    def reports(model, chosen, pool, options, *, only, formats):
        chosen = [*chosen, *formats]
        print("verified", model.name, *(each.name for each in chosen), *only)
        yield Report(model.name, 0, {backend.name: outcome(backend.name, model.name) for backend in chosen})

    archspec.testing.Pool, archspec.testing.reports = Pool, reports
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "net.yaml").write_text(dedent(SPEC))
    (specs / "bad.yaml").write_text(PLAIN % ("Bad", "rellu"))
    (specs / "rules.yaml").write_text("names: {a: b}\n")
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n")
    (tmp_path / "conftest.py").write_text(dedent(FAKES))
    return tmp_path


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs pytest with no other plugin than this one, so that it begins at once."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "archspec.pytest_plugin", *arguments]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, env=environment)


def _pytest(folder: Path, *arguments: str) -> list[str]:
    return _run(folder, *arguments).stdout.splitlines()


def test_every_variant_mode_and_backend_is_a_test(folder: Path) -> None:
    modes = ("--archspec-mode", "evaluation", "--archspec-mode", "training")
    lines = _pytest(folder, "--archspec", "specs", *modes, "-sv")
    tests = {line.split(" ")[0].removeprefix("specs/net.yaml::"): line for line in lines if "::" in line}
    names = [f"{name}[{mode}-{backend}]" for name in ("small", "large", "net") for mode in ("evaluation", "training")
             for backend in ("pytorch", "keras", "paddle")]  # fmt: skip
    assert set(names) | {"specs/bad.yaml::check"} == {name for name in tests if not name.startswith(("FAILED", "="))}
    said = "\n".join(lines)
    assert said.count("verified ") == 6, "one verification answers for three frameworks"
    assert "verified large pytorch keras paddle evaluation auxiliary" in said
    assert "verified large pytorch keras paddle training" in said
    assert said.count("pool of pytorch keras paddle") == said.count("pool closed") == 1
    assert "3 failed, 10 passed, 6 skipped" in lines[-1]


def test_a_failure_reads_as_the_report_of_the_command(folder: Path) -> None:
    lines = _pytest(folder, "--archspec", "specs/net.yaml", "--archspec", "specs/bad.yaml", "-rs")
    at = lines.index("keras: net.yaml:7:5: conv2d 'conv1': error 1.0e-03, bound 1.0e-10")
    assert lines[at - 1] == "large"
    assert lines[at + 1 : at + 3] == [
        "    generated line 9: x = self.conv1(x)",
        "    this is the first step that differs; given the right inputs it is also wrong by itself",
    ]
    assert "specs/bad.yaml:4:10: error: there is no operation 'rellu'" in lines
    assert "    hint: did you mean 'relu'?" in lines
    assert any("PaddlePaddle is missing: No module named 'paddle'" in line for line in lines if "SKIPPED" in line)
    assert not any("Traceback" in line or "testing.py" in line for line in lines if "SKIPPED" not in line)


def test_selection_starts_only_what_is_needed(folder: Path) -> None:
    said = "\n".join(_pytest(folder, "--archspec", "specs", "-sv", "-m", "keras", "-k", "small or large"))
    assert "pool of keras\n" in said
    assert "verified small keras evaluation auxiliary" in said
    assert "1 failed, 1 passed" in said
    assert "pool of" not in "\n".join(_pytest(folder, "--archspec", "specs", "-sv", "-k", "bad"))


def test_files_are_tests_of_evaluation(folder: Path) -> None:
    modes = ("--archspec-mode", "evaluation", "--archspec-mode", "training")
    to = ("--archspec-to", "onnx", "--archspec-to", "keras")
    said = "\n".join(_pytest(folder, "--archspec", "specs/net.yaml", "-sv", *modes, *to))
    assert "specs/net.yaml::small[evaluation-onnx] " in said
    assert "[training-keras] " in said
    assert "[training-onnx]" not in said
    assert "pool of keras onnx" in said
    assert "verified small keras onnx evaluation auxiliary" in said
    assert "verified small keras training" in said
    assert "pool of onnx\n" in "\n".join(_pytest(folder, "--archspec", "specs/net.yaml", "-s", "--archspec-to", "onnx"))


def test_missing_frameworks_fail_if_they_are_required(folder: Path) -> None:
    command = ("--archspec", "specs/net.yaml", "--archspec-to", "paddle", "--archspec-require", "--junitxml", "x.xml")
    assert "3 failed" in _pytest(folder, *command)[-1]
    messages = [case.get("message", "") for case in ElementTree.parse(folder / "x.xml").iter("failure")]
    assert len(messages) == 3
    assert all("No module named 'paddle'" in message for message in messages)


@pytest.mark.parametrize(
    ("part", "names"),
    [("1/2", ["bad", "large"]), ("2/2", ["net", "small"]), ("4/4", ["net"]), ("5/5", [])],
)
def test_parts_are_those_of_the_networks(folder: Path, part: str, names: list[str]) -> None:
    """Own tests are in every part; and it does not matter what else is selected."""
    frameworks = ("--archspec-to", "keras", "--archspec-to", "paddle")
    lines = _pytest(folder, "--archspec", "specs", ".", "--collect-only", "-q", "--archspec-shard", part, *frameworks)
    assert "test_own.py::test_own" in lines
    found = [line.split("::")[1] for line in lines if line.startswith("specs/")]
    due = [name for name in ("small", "large", "net") if name in names]
    assert found == ["check"] * ("bad" in names) + [f"{n}[evaluation-{b}]" for n in due for b in ("keras", "paddle")]


def test_what_was_found_before_is_not_done_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHSPEC_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setenv("ARCHSPEC_NO_CACHE", "")
    command = ("--archspec", "specs/net.yaml", "--archspec-to", "pytorch", "--archspec-to", "keras", "-sv")
    first, second = ("\n".join(_pytest(folder, *command)) for _ in range(2))
    assert first.count("verified ") == 3
    assert "cached" not in first
    assert second.count("verified ") == second.count("pool of") == 0
    assert "archspec: 3 of 3 verifications were cached" in second
    for said in (first, second):
        assert "keras: net.yaml:7:5: conv2d 'conv1': error 1.0e-03" in said
        assert "1 failed, 5 passed" in said
    for more in (("--archspec-mode", "training"), ("--archspec-mode", "gradients"), ("--archspec-no-cache",)):
        assert "\n".join(_pytest(folder, *command, *more)).count("verified ") == 3
    (folder / "specs" / "net.yaml").write_text(dedent(SPEC).replace("width: 8", "width: 9"))
    assert "\n".join(_pytest(folder, *command)).count("verified ") == 3


def test_settings_collect_specs_beside_other_tests(folder: Path) -> None:
    (folder / "tests").mkdir()
    (folder / "test_own.py").rename(folder / "tests" / "test_own.py")
    settings = "[pytest]\ntestpaths = tests\narchspec_files = specs/n*.yaml\narchspec_modes = gradients\n"
    (folder / "pytest.ini").write_text(settings)
    command = ("--collect-only", "-q", "--archspec-to", "keras")
    own, specs = (
        "tests/test_own.py::test_own",
        [f"specs/net.yaml::{n}[gradients-keras]" for n in ("small", "large", "net")],
    )
    assert [line for line in _pytest(folder, *command) if "::" in line] == [own, *specs]
    assert [line for line in _pytest(folder, *command, "tests") if "::" in line] == [own]
    assert [line for line in _pytest(folder, *command, "--archspec", "specs/net.yaml") if "::" in line] == specs


def test_with_xdist_groups_stay_together(folder: Path) -> None:
    pytest.importorskip("xdist")
    distributed = ("-p", "xdist", "-n", "2", "--dist", "loadgroup")
    frameworks = ("--archspec-to", "pytorch", "--archspec-to", "keras")
    lines = _pytest(folder, "--archspec", "specs/net.yaml", *distributed, *frameworks, "-v")
    assert "1 failed, 5 passed" in lines[-1]
    ran = [line.split() for line in lines if line.startswith("[gw") and "::" in line]
    where: dict[str, set[str]] = {}
    for worker, *_, name in ran:
        where.setdefault(name.split("::")[-1].split("[")[0], set()).add(worker)
    assert where.keys() == {"small", "large", "net"}
    assert all(len(workers) == 1 for workers in where.values())


MISTAKES = [
    (("--archspec", "none.yaml"), "there is no such file or folder"),
    (("--archspec", "specs", "--archspec-mode", "train"), "there is no mode 'train'"),
    (("--archspec", "specs", "--archspec-shard", "3/2"), "--archspec-shard 3/2: give the number of a part"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=str)
def test_mistakes_are_told_in_a_line(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    result = _run(folder, *arguments)
    assert result.returncode == 4
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_it_costs_nothing_where_there_are_no_specs() -> None:
    code = "import sys, pytest; old = set(sys.modules); import archspec.pytest_plugin; print(*set(sys.modules) - old)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert sorted(loaded) == ["archspec", "archspec._version", "archspec.pytest_plugin"]


@pytest.mark.frameworks
def test_a_network_passes(folder: Path) -> None:
    (folder / "conftest.py").unlink()
    modes = [part for mode in ("evaluation", "gradients", "training") for part in ("--archspec-mode", mode)]
    lines = _pytest(folder, "--archspec", "specs/net.yaml", "--archspec-to", "pytorch", "-k", "small", *modes)
    assert "3 passed" in lines[-1], "\n".join(lines)
