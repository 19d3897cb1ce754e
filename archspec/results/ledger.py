"""What was found so far: told as it comes, kept in the order in which it was asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from archspec.errors import understood
from archspec.results.result import Refused
from archspec.verification.report import Report

Place = tuple[int, ...]
"""Where something stands among all that was asked for."""


class Ledger:
    """Takes what is found, from any thread."""

    def __init__(self, each: Callable[[Report | Refused], None] | None) -> None:
        self._each = each
        self._lock = threading.Lock()
        self._closed = False
        self._found: list[tuple[Place, Report | Refused]] = []

    @property
    def is_followed(self) -> bool:
        """Whether somebody is told of what cannot be verified; if not, it is raised."""
        return self._each is not None

    def add(self, place: Place, found: Report | Refused) -> None:
        """Takes one thing more, and tells of it."""
        with self._lock:
            if self._closed:
                return
            self._found.append((place, found))
            if self._each is not None:
                self._each(found)

    @contextmanager
    def guarded(self, place: Place, name: str) -> Iterator[None]:
        """What cannot be verified takes nothing else down, if there is somebody who is told."""
        try:
            yield
        except Exception as error:
            if not self.is_followed:
                raise
            self.add(place, Refused(name, understood(error)))

    def close(self) -> None:
        """What comes from now on is no longer taken."""
        with self._lock:
            self._closed = True

    @property
    def reports(self) -> tuple[Report, ...]:
        """In the order in which they were asked for."""
        return tuple(found for found in self._ordered() if isinstance(found, Report))

    @property
    def refused(self) -> tuple[Refused, ...]:
        """In the order in which they were asked for."""
        return tuple(found for found in self._ordered() if isinstance(found, Refused))

    def _ordered(self) -> list[Report | Refused]:
        return [found for _, found in sorted(self._found, key=lambda entry: entry[0])]
