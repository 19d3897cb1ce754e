"""What was found before: recalled while nothing changes on which it depends, else not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.cli import app
from archspec.results import cache as caching
from archspec.results import environment
from archspec.results.cache import Cache
from archspec.results.options import Options
from archspec.results.reading import read, written
from archspec.verification.failure import Failure
from archspec.verification.report import Report

from .commands import CliRunner
from .results import report

SPEC = "archspec: 1\nname: Net\nparams: {n: 3}\nvariants: {a: {n: 1}, b: {n: 2}}\ninputs: {x: [n]}\nlayers: [relu]\n"
DATE = "2026-11-30T17:40:30Z"


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    return path


def _cache(folder: Path, **options: Any) -> Cache:
    return Cache(Options(**options), folder / "cache")


def _keep(cache: Cache, net: Path, *variants: str | None, found: Report | None = None) -> None:
    text = cache.text(net)
    assert text is not None
    cache.keep_variants(net, ["a", "b", None], text)
    for variant in variants:
        cache.keep(net, variant, text, DATE, [found or report(str(variant), keras="passed", paddle="failed")])


def _known(cache: Cache, net: Path) -> dict[str | None, list[str]] | None:
    known = cache.recall(net)
    return None if known is None else {variant: [r.model for r in found] for variant, found in known.reports.items()}


def test_reports_come_back_as_they_were() -> None:
    made = report("net", pytorch="passed", keras="failed", paddle="error", other="missing")
    assert read(written(made)) == made
    made.facts = None
    assert read(written(made)) == made


def test_what_was_kept_is_recalled_variant_by_variant(tmp_path: Path, net: Path) -> None:
    assert _known(_cache(tmp_path), net) is None
    _keep(_cache(tmp_path), net, "a", None)
    known = _cache(tmp_path).recall(net)
    assert known is not None
    assert known.variants == ("a", "b", None)
    assert {variant: [each.model for each in found] for variant, found in known.reports.items()} == {
        "a": ["a"], None: ["None"],
    }  # fmt: skip
    assert {each.cached for found in known.reports.values() for each in found} == {DATE}
    assert _known(_cache(tmp_path, variant="a"), net) == {"a": ["a"]}


OTHERS: list[dict[str, Any]] = [
    {"to": ("keras",)}, {"params": {"n": 4}}, {"gradients": True}, {"training": True}, {"steps": 2}, {"seed": 1},
    {"exact_statistics": True}, {"allow_unproven": True}, {"sizes": {"batch": 3}}, {"picture": Path(__file__)},
]  # fmt: skip


@pytest.mark.parametrize("options", OTHERS, ids=str)
def test_what_was_asked_otherwise_is_not_recalled(tmp_path: Path, net: Path, options: dict[str, Any]) -> None:
    _keep(_cache(tmp_path), net, "a")
    assert not _known(_cache(tmp_path, **options), net)
    _keep(_cache(tmp_path, **options), net, "a")
    assert _known(_cache(tmp_path, **options), net) == {"a": ["a"]}
    assert _known(_cache(tmp_path, **options, timeout=7.0), net) == {"a": ["a"]}


def test_a_spec_that_changes_is_another_one(tmp_path: Path, net: Path) -> None:
    _keep(_cache(tmp_path), net, "a")
    net.write_text(SPEC + "# a comment\n")
    assert _known(_cache(tmp_path), net) is None
    net.write_text(SPEC)
    assert _known(_cache(tmp_path), net) == {"a": ["a"]}
    text = _cache(tmp_path).text(net)
    assert text is not None
    net.write_text(SPEC + "# meanwhile\n")
    _cache(tmp_path).keep(net, "b", text, DATE, [report("b", keras="passed")])
    net.write_text(SPEC)
    assert _known(_cache(tmp_path), net) == {"a": ["a"]}, "what was read may have been the other text"


CHANGES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "archspec": lambda patch: patch.setattr(caching, "sources", lambda: "other"),
    "a distribution": lambda patch: patch.setattr(environment, "installed", lambda folders: ["keras-9.dist-info"]),
    "a setting": lambda patch: patch.setenv("TF_ENABLE_ONEDNN_OPTS", "7"),
    "the machine": lambda patch: patch.setattr("platform.machine", lambda: "vax"),
    "an environment that cannot be told": lambda patch: patch.setattr(caching, "surroundings", lambda backends: None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_environment_is_another_question(
    tmp_path: Path, net: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _keep(_cache(tmp_path), net, "a")
    CHANGES[change](monkeypatch)
    assert not _known(_cache(tmp_path), net)


def test_sources_are_all_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = environment.sources()
    environment.sources.cache_clear()
    assert environment.sources() == first
    package = tmp_path / "stranger"
    package.mkdir()
    monkeypatch.setattr(environment, "_strangers", lambda: [package])
    seen = {first}
    for name, text in (("a.py", "1"), ("a.py", "2"), ("b.jinja", "2")):
        (package / name).write_text(text)
        environment.sources.cache_clear()
        seen.add(environment.sources())
    environment.sources.cache_clear()
    assert len(seen) == 4


def test_interpreters_of_their_own_are_looked_into(tmp_path: Path, net: Path) -> None:
    """They may be scripts, and what is no interpreter is not kept for."""
    packages = tmp_path / "packages"
    packages.mkdir()
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={packages} exec {sys.executable} "$@"\n')
    script.chmod(0o755)
    options: dict[str, Any] = {"python": {"keras": str(script)}}
    _keep(_cache(tmp_path, **options), net, "a")
    assert _known(_cache(tmp_path, **options), net) == {"a": ["a"]}
    environment._elsewhere.cache_clear()
    (packages / "keras-3.9.dist-info").mkdir()
    assert not _known(_cache(tmp_path, **options), net)
    options = {"python": {"keras": "/no/such/python"}}
    _keep(_cache(tmp_path, **options), net, "a")
    assert not _known(_cache(tmp_path, **options), net)


@pytest.mark.parametrize("kind", ["timeout", "crashed", "memory", "import", "start"])
def test_what_another_run_may_not_find_is_not_kept(tmp_path: Path, net: Path, kind: Any) -> None:
    made = report("a", keras="passed", paddle="missing")
    made.outcomes["keras"].failure = Failure(kind, "no luck")
    _keep(_cache(tmp_path), net, "a", found=made)
    assert not _known(_cache(tmp_path), net)
    made.outcomes["keras"].failure = Failure("build", "raises")
    _keep(_cache(tmp_path), net, "a", found=made)
    assert _known(_cache(tmp_path), net) == {"a": ["a"]}


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda data: b"", lambda data: data[:-20], lambda data: data.replace(b"2e-15", b"1e-15"), lambda data: b"\xff\xfe",
    lambda data: data.partition(b"\n")[2], lambda data: data + b" ",
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_none_and_is_written_anew(
    tmp_path: Path, net: Path, damage: Callable[[bytes], bytes]
) -> None:
    _keep(_cache(tmp_path), net, "a")
    for path in (tmp_path / "cache").glob("*/*"):
        path.write_bytes(damage(path.read_bytes()))
    assert not _known(_cache(tmp_path), net)
    _keep(_cache(tmp_path), net, "a")
    assert _known(_cache(tmp_path), net) == {"a": ["a"]}


def test_an_entry_of_another_form_is_none(tmp_path: Path, net: Path) -> None:
    cache = _cache(tmp_path)
    _keep(cache, net, "a")
    text = cache.text(net)
    assert text is not None
    others: list[Any] = [[], {}, {"reports": [{}], "date": ""}, {"reports": [{"model": 1}]}, 3, {"reports": 7}]
    for data in others:
        cache._put(cache._key(text, str(net), "a"), data)
        assert cache.recall(net) is not None
        assert not _known(cache, net)


def test_its_size_is_bounded_and_what_is_used_stays(tmp_path: Path, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    big = report("big", keras="passed")
    big.remarks = ("x" * 10_000,)
    cache = _cache(tmp_path)
    for number in range(20):
        _keep(cache, net, f"v{number}", found=big)
    for number, path in enumerate(sorted((tmp_path / "cache").glob("*/*"))):
        os.utime(path, (number, number))
    monkeypatch.setattr(caching, "MOST_BYTES", 60_000)
    used = cache._key(str(cache.text(net)), str(net), "v7")
    assert cache._get(used) is not None
    cache.close()
    left = list((tmp_path / "cache").glob("*/*"))
    assert sum(path.stat().st_size for path in left) <= 60_000
    assert used in left


def test_several_at_once_do_no_harm(tmp_path: Path, net: Path) -> None:
    def work() -> None:
        for _ in range(15):
            cache = _cache(tmp_path)
            _keep(cache, net, "a", "b")
            known = _known(cache, net)
            assert known == {"a": ["a"], "b": ["b"]}
            cache.close()

    failed: list[BaseException] = []
    hook, threading.excepthook = threading.excepthook, lambda about: failed.append(about.exc_value or KeyError())
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        threading.excepthook = hook
    assert failed == []
    assert not list((tmp_path / "cache").glob("*/.*"))


def test_a_folder_that_cannot_be_written_is_no_cache(tmp_path: Path, net: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    _keep(_cache(tmp_path), net, "a")
    assert _known(_cache(tmp_path), net) is None


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ARCHSPEC_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert caching.folder() == tmp_path / "archspec-nn"
    monkeypatch.setenv("ARCHSPEC_CACHE_DIR", str(tmp_path / "own"))
    assert caching.folder() == tmp_path / "own"


# The command ---------------------------------------------------------------------------------------------------------


def test_what_is_known_loads_nothing(tmp_path: Path, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither frameworks nor NumPy, nor any of archspec that makes networks."""
    monkeypatch.setenv("ARCHSPEC_CACHE_DIR", str(tmp_path / "cache"))
    _keep(Cache(Options()), net, "a", "b", None)
    code = (
        "import sys\nfrom archspec.cli import app\n"
        f"app(['verify', {str(net)!r}, '--junit', {str(tmp_path / 'x.xml')!r}], standalone_mode=False)\n"
        "heavy = {'numpy', 'jinja2', 'yaml', 'rich', 'archspec.model', 'archspec.backend'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    environment_ = {name: value for name, value in os.environ.items() if name != "ARCHSPEC_NO_CACHE"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment_)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
    assert f"a: 4 tensors compared with the reference, seed 0, cached, {DATE}" in done.stdout


@pytest.mark.frameworks
def test_a_network_is_verified_once(tmp_path: Path, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHSPEC_CACHE_DIR", str(tmp_path / "cache"))
    first = archspec.verify(net, to="pytorch", variant="a", cache=True)
    assert [each.cached for each in first.reports] == [""]
    again = archspec.verify(net, to="pytorch", variant="a", cache=True)
    assert [each.cached for each in again.reports] == [first.date]
    assert {**written(again.reports[0]), "cached": ""} == written(first.reports[0])
    assert (again.exit_code, again.required) == (first.exit_code, first.required)
    command = ["verify", str(net), "--to", "pytorch", "--variant", "a"]
    result = CliRunner(env={"ARCHSPEC_NO_CACHE": None}).invoke(app, command)
    assert f"cached, {first.date}" in result.stdout
    result = CliRunner().invoke(app, [*command, "--no-cache"])
    assert "cached" not in result.stdout
    net.write_text(SPEC.replace("relu", "exp"))
    assert [each.cached for each in archspec.verify(net, to="pytorch", variant="a", cache=True).reports] == [""]
