"""Reports that were found before, and hold as long as nothing changes on which they depend.

Entries are found by a fingerprint of all that a verdict depends on: the text of the spec, what was asked for, the
sources of archspec, and what is installed. So nothing has to be generated, or imported, to find one, and none has to be
taken out when something changes. Each is a file that is written at once; one that is damaged is none.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from archspec._plugged import plugged
from archspec.errors import UsageError
from archspec.results.environment import sources, surroundings
from archspec.results.options import Options
from archspec.results.reading import read, written
from archspec.spec.catalogue import locate
from archspec.verification.report import Outcome, Report

MOST_BYTES: Final = 256 << 20
_CHANCE: Final = frozenset({"memory", "start", "import", "crashed", "timeout"})
"""Failures that another run may not have."""


def folder() -> Path:
    """Where the cache is: `ARCHSPEC_CACHE_DIR`, or below the user's own folder of caches."""
    own = os.environ.get("ARCHSPEC_CACHE_DIR")
    if own:
        return Path(own)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "archspec-nn"


@dataclass(frozen=True, slots=True)
class Known:
    """A spec, as far as the cache knows it."""

    variants: tuple[str | None, ...]
    """The networks that are asked for."""
    reports: Mapping[str | None, tuple[Report, ...]]
    """By variant, of those that are known."""


class Cache:
    """The reports that were found with these options, in a folder that many processes may use at once."""

    def __init__(self, options: Options, place: Path | None = None, *, only: Collection[str] = ()) -> None:
        """With `only`, reports of these modes of a network are kept, and not all."""
        self._options, self._only = options, sorted(only)
        self._folder = folder() if place is None else place
        self._written = False

    @cached_property
    def _asked(self) -> str | None:
        """All on which every verdict depends; None if that cannot be told."""
        options = self._options
        names = options.names(plugged("backends"))
        around = surroundings({name: options.python.get(name, "") for name in names})
        if around is None:
            return None
        asked = options.to_json() | {"python": None, "timeout": None, "variant": None, "to": names}
        asked |= {"only": self._only} if self._only else {}
        try:
            picture = sha256(options.picture.read_bytes()).hexdigest() if options.picture is not None else ""
        except OSError:
            return None
        return json.dumps([sources(), around, asked, picture], sort_keys=True, default=repr)

    def recall(self, network: str | Path) -> Known | None:
        """What is known of a spec; None if it is not even known which networks it has. Raises UsageError if there is no
        such spec."""
        path, named, shown = locate(network)
        text = _text(path)
        if text is None or self._asked is None:
            return None
        chosen = self._options.variant if self._options.variant is not None else named
        variants: tuple[str | None, ...] | None = (chosen,)
        if chosen is None:
            listed = self._get(self._key(text, shown, "variants"))
            variants = tuple(listed) if isinstance(listed, list) else None
        if variants is None:
            return None
        found = {variant: self._reports(text, shown, variant) for variant in variants}
        return Known(variants, {variant: reports for variant, reports in found.items() if reports is not None})

    def reports(self, network: str | Path, variant: str | None) -> tuple[Report, ...] | None:
        """What is known of one network of a spec; None if nothing is. Raises UsageError if there is no such spec."""
        path, _, shown = locate(network)
        text = _text(path)
        return self._reports(text, shown, variant) if text is not None and self._asked is not None else None

    def keep_variants(self, network: str | Path, variants: Sequence[str | None], text: str) -> None:
        """Keeps which networks a spec has."""
        path, _, shown = locate(network)
        if _text(path) == text and self._asked is not None:
            self._put(self._key(text, shown, "variants"), list(variants))

    def text(self, network: str | Path) -> str | None:
        """The fingerprint of the text of a spec as it is now; None if there is none. `keep` must be given the same."""
        with contextlib.suppress(UsageError):
            return _text(locate(network).path)
        return None

    def keep(self, network: str | Path, variant: str | None, text: str, date: str, reports: Sequence[Report]) -> None:
        """Keeps the reports about a network, if another run would find the same, and its text is still what it was."""
        path, _, shown = locate(network)
        if self._asked is None or _text(path) != text or not all(map(_lasts, reports)):
            return
        data = {"date": date, "reports": [written(report) for report in reports]}
        self._put(self._key(text, shown, variant or ""), data)

    def _reports(self, text: str, shown: str, variant: str | None) -> tuple[Report, ...] | None:
        data = self._get(self._key(text, shown, variant or ""))
        with contextlib.suppress(KeyError, TypeError, AttributeError, ValueError):
            found = tuple(map(read, data["reports"]))
            for report in found:
                report.cached = str(data["date"])
            return found or None
        return None

    def _key(self, text: str, shown: str, what: str) -> Path:
        name = sha256("\0".join((self._asked or "", text, shown, what)).encode()).hexdigest()
        return self._folder / name[:2] / f"{name[2:42]}.json"

    def _get(self, path: Path) -> Any:
        """What a file holds; None if it is not there, or damaged."""
        try:
            digest, _, body = path.read_text(encoding="utf-8").partition("\n")
            if digest == sha256(body.encode()).hexdigest():
                os.utime(path)  # what is used stays
                return json.loads(body)
        except (OSError, ValueError):
            pass
        return None

    def _put(self, path: Path, data: Any) -> None:
        """Writes a file at once; where that is not possible there is no cache."""
        body = json.dumps(data)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_text(f"{sha256(body.encode()).hexdigest()}\n{body}", encoding="utf-8")
                os.replace(temporary, path)
                self._written = True
            finally:
                temporary.unlink(missing_ok=True)

    def close(self) -> None:
        """Takes out what was not used for longest, if there is too much."""
        if not self._written:
            return
        files = sorted(self._files(), key=lambda file: -file[1].st_mtime)
        total = 0
        for path, about in files:
            total += about.st_size
            if total > MOST_BYTES:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._folder.glob("??/*.json"):
            with contextlib.suppress(OSError):  # another process took it out
                yield path, path.stat()


def _text(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _lasts(report: Report) -> bool:
    return all(map(_certain, report.outcomes.values()))


def _certain(outcome: Outcome) -> bool:
    """Whether another run would find the same."""
    return outcome.failure is None or outcome.failure.kind not in _CHANCE
