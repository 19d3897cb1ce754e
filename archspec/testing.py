"""Specs as tests of pytest: what is collected, and how a verification is shared by its tests."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from archspec._plugged import plugged
from archspec.backend import Backend, backends
from archspec.errors import ArchspecError, UsageError, understood
from archspec.formats import Format, formats, named
from archspec.graph.mode import Mode
from archspec.loading import variants
from archspec.model import Spec
from archspec.proving import reports
from archspec.results.cache import Cache
from archspec.results.explain import differing, reasons
from archspec.results.options import Options
from archspec.results.wanted import Shard
from archspec.spec.catalogue import SUFFIXES, shown
from archspec.verification.report import Outcome, Report
from archspec.verification.workers import Pool

_EVALUATED: Final = (Mode.EVALUATION, Mode.AUXILIARY)
MODES: Final = {
    "evaluation": (Options(), _EVALUATED),
    "gradients": (Options(gradients=True), _EVALUATED),
    "training": (Options(training=True), (Mode.TRAINING,)),
}
_MOST_DIFFERING: Final = 20


class Specs:
    """Finds specs, keeps the frameworks warm over the run, and verifies each network and mode once."""

    def __init__(self, config: pytest.Config) -> None:
        try:
            sources, files = named(config.getoption("--archspec-to"))
            self.backends = backends(sources) if sources or not files else []
            self.formats = formats(files) if files else []
        except ArchspecError as error:
            raise pytest.UsageError(str(error)) from None
        self.modes: list[str] = config.getoption("--archspec-mode") or config.getini("archspec_modes")
        for mode in self.modes:
            if mode not in MODES:
                raise pytest.UsageError(f"there is no mode '{mode}'; there are {', '.join(MODES)}")
        try:
            self._shard = Shard.parse(config.getoption("--archspec-shard") or "1/1")
        except UsageError as error:
            raise pytest.UsageError(str(error).replace("--shard", "--archspec-shard")) from None
        self._caches: dict[Any, Cache] | None = None if _uncached(config) else {}
        self._cached = 0
        self.require: bool = config.getoption("--archspec-require")
        self._named = [config.invocation_params.dir / path for path in config.getoption("--archspec")]
        for path in self._named:
            if not path.exists():
                raise pytest.UsageError(f"--archspec {path}: there is no such file or folder")
        patterns = config.getini("archspec_files")
        self._files = {path for pattern in patterns for path in config.rootpath.glob(pattern) if path.is_file()}
        _extend(config, self._named, self._files)
        self.is_distributed = config.pluginmanager.hasplugin("xdist")
        self._wanted: dict[Any, set[str]] = {}
        self._found: dict[Any, list[Report] | ArchspecError] = {}
        self._pool: Pool | None = None

    @property
    def subjects(self) -> list[Backend | Format]:
        """What networks are held against the reference in."""
        return [*self.backends, *self.formats]

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        named = file_path in self._files or file_path in self._named
        if named or (any(file_path.is_relative_to(path) for path in self._named) and _looks_like_a_spec(file_path)):
            return SpecFile.from_parent(parent, path=file_path, specs=self)
        return None

    @pytest.hookimpl(tryfirst=True)  # so that parts do not depend on what else is selected
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leaves this part of the networks, counted over all specs, and whatever else there is to test."""
        ours = [item for item in items if isinstance(item, (Parity, Broken))]
        order = {key: number for number, key in enumerate(dict.fromkeys(item.network for item in ours))}
        others = {id(i) for i in ours if order[i.network] % self._shard.of != self._shard.number - 1}
        if others:
            config.hook.pytest_deselected(items=[item for item in items if id(item) in others])
            items[:] = [item for item in items if id(item) not in others]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._cached:
            terminalreporter.write_line(f"archspec: {self._cached} of {len(self._found)} verifications were cached")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Only those frameworks are started that somebody asks for."""
        self._wanted.clear()
        for item in session.items:
            if isinstance(item, Parity):
                self._wanted.setdefault(item.key, set()).add(item.backend.name)

    def pytest_sessionfinish(self) -> None:
        if self._pool is not None:
            self._pool.__exit__()
            self._pool = None
        for cache in (self._caches or {}).values():
            cache.close()

    def reports(self, item: Parity) -> list[Report]:
        """What was found about a network in a mode, in all frameworks that have a test of it. Raises ArchspecError."""
        if item.key not in self._found:
            wanted = self._wanted.get(item.key, {item.backend.name})
            try:
                self._found[item.key] = self._verified(item, [each for each in self.subjects if each.name in wanted])
            except Exception as error:
                self._found[item.key] = understood(error)
        found = self._found[item.key]
        if isinstance(found, ArchspecError):
            raise found
        return found

    def _verified(self, item: Parity, chosen: list[Backend | Format]) -> list[Report]:
        """What is found, or was found before and holds."""
        cache = self._cache(item.mode, tuple(each.name for each in chosen))
        text = cache.text(item.path) if cache is not None else None
        if cache is None or text is None:
            return self._run(item, chosen)
        known = cache.reports(item.path, item.variant)
        if known is not None:
            self._cached += 1
            return list(known)
        found = self._run(item, chosen)
        cache.keep(item.path, item.variant, text, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), found)
        return found

    def _cache(self, mode: str, names: tuple[str, ...]) -> Cache | None:
        """What the command would know, who has no run of training alone."""
        if self._caches is None:
            return None
        if (mode, names) not in self._caches:
            every = plugged("backends").keys() == set(names)
            options, modes = MODES[mode]
            only = modes if modes != _EVALUATED else ()
            self._caches[mode, names] = Cache(replace(options, to=() if every else names), only=only)
        return self._caches[mode, names]

    def _run(self, item: Parity, chosen: list[Backend | Format]) -> list[Report]:
        if self._pool is None:
            names = set().union(*self._wanted.values()) or {each.name for each in chosen}
            self._pool = Pool({each.name: each.runner for each in self.subjects if each.name in names})
            self._pool.__enter__()
        model = item.spec.network(item.variant)
        model.check()
        options, modes = MODES[item.mode]
        sources = [each for each in chosen if isinstance(each, Backend)]
        files = [each for each in chosen if isinstance(each, Format)]
        return list(reports(model, sources, self._pool, options, only=modes, formats=files))


def _uncached(config: pytest.Config) -> bool:
    told = os.environ.get("ARCHSPEC_NO_CACHE", "").strip().lower()
    return bool(config.getoption("--archspec-no-cache")) or told in ("1", "true", "t", "yes", "y", "on")


def _extend(config: pytest.Config, named: Iterable[Path], files: Iterable[Path]) -> None:
    """Adds specs to what pytest looks at. Those that are named on the command line are alone there if nothing else is;
    those of the settings come with the folders of the settings."""
    chosen = config.args_source is config.ArgsSource.ARGS
    here = config.invocation_params.dir
    args = [] if named and not chosen else list(config.args)
    more = [*named, *(files if not chosen and not named else ())]
    known = [(here / arg.split("::")[0]).absolute() for arg in args]
    config.args = args + [str(path) for path in more if not any(path.is_relative_to(each) for each in known)]


def _looks_like_a_spec(path: Path) -> bool:
    if path.suffix.lower() not in SUFFIXES:
        return False
    return re.search(r"""^\s*["']?archspec["']?\s*:""", path.read_text(errors="replace"), re.MULTILINE) is not None


class SpecFile(pytest.File):
    """A spec; its tests are those of all its variants. If it is not valid it has one test, which says so."""

    def __init__(self, *, specs: Specs, **named: Any) -> None:
        super().__init__(**named)
        self.specs = specs

    def collect(self) -> Iterator[pytest.Item]:
        try:
            spec = Spec.read(self.path, shown(self.path))
            names = variants(spec)
            for number, variant in enumerate(names):
                model = spec.network(variant)
                if not number:
                    model.check()
        except Exception as error:
            yield Broken.from_parent(self, name="check", error=understood(error))
            return
        for variant in names:
            for mode in self.specs.modes:
                for backend in self.specs.subjects if mode == "evaluation" else self.specs.backends:
                    name = f"{variant or self.path.stem}[{mode}-{backend.name}]"
                    yield Parity.from_parent(self, name=name, spec=spec, variant=variant, mode=mode, backend=backend)


class Broken(pytest.Item):
    """A spec that is not valid."""

    def __init__(self, *, error: ArchspecError, **named: Any) -> None:
        super().__init__(**named)
        self.error = error
        self.add_marker(pytest.mark.archspec)

    @property
    def network(self) -> Any:
        """It counts as one."""
        return self.path, None

    def runtest(self) -> None:
        raise self.error

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return _said(excinfo) or super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


class Parity(pytest.Item):
    """A network in a mode in one framework, held against the reference."""

    parent: SpecFile

    def __init__(self, *, spec: Spec, variant: str | None, mode: str, backend: Backend | Format, **named: Any) -> None:
        super().__init__(**named)
        self.spec, self.variant, self.mode, self.backend = spec, variant, mode, backend
        for name in ("archspec", backend.name, mode):
            self.add_marker(getattr(pytest.mark, name) if name == "archspec" else _mark(self.config, name))
        if self.parent.specs.is_distributed:  # so that `--dist loadgroup` verifies each network once
            self.add_marker(pytest.mark.xdist_group(f"{self.path.name}-{variant}-{mode}"))

    @property
    def network(self) -> Any:
        return self.path, self.variant

    @property
    def key(self) -> Any:
        """Tests that one verification answers have the same."""
        return self.path, self.variant, self.mode

    def runtest(self) -> None:
        for report in self.parent.specs.reports(self):
            outcome = report.outcomes[self.backend.name]
            if outcome.status == "missing" and not self.parent.specs.require:
                pytest.skip(f"{self.backend.title} is missing: {outcome.message}")
            if outcome.status != "passed":
                raise Differs(report, outcome)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return _said(excinfo) or super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


def _mark(config: pytest.Config, name: str) -> pytest.MarkDecorator:
    config.addinivalue_line("markers", f"{name}: of specs that archspec verifies")
    mark: pytest.MarkDecorator = getattr(pytest.mark, name)
    return mark


class Differs(AssertionError):
    """A framework did not pass; its text is what the command says of it."""

    def __init__(self, report: Report, outcome: Outcome) -> None:
        lines = [report.model, *reasons(outcome)]
        found = differing(outcome)
        if len(found) > 1:
            lines.append(f"    {len(found)} tensors differ, in the order of the network:")
            lines += [f"      {rung}: {each.tensor}: {each}" for rung, each in found[:_MOST_DIFFERING]]
        super().__init__("\n".join(lines))


def _said(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    """What a failure says by itself, without a traceback."""
    return str(excinfo.value) if isinstance(excinfo.value, (ArchspecError, Differs)) else ""
