"""What is shown on standard error while something runs."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from archspec.cli.output import is_coloured

if TYPE_CHECKING:
    from rich.spinner import Spinner


class Display(Protocol):
    """Shows the stage that something is at."""

    def show(self, stage: str) -> None: ...

    def aside(self) -> contextlib.AbstractContextManager[None]:
        """For a while, so that something else can be printed."""


class Lines:
    """A line for each new stage, with the seconds since the start; what frameworks do meanwhile is left out."""

    def __init__(self) -> None:
        self._started = monotonic()
        self._parts: set[str] = set()

    def show(self, stage: str) -> None:
        parts = stage.split(" · ")[0].split(" | ")
        for part in parts:
            if part not in self._parts:
                print(f"[{monotonic() - self._started:6.1f} s] {part}", file=sys.stderr, flush=True)
        self._parts = set(parts)

    def aside(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


class Spinning:
    """One line of a terminal, with the seconds since the start and since the stage began."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner

        self._started = self._since = monotonic()
        self._stage = ""
        self._spinner = Spinner("dots")
        self._lock = threading.Lock()
        self.live = Live(
            get_renderable=self._render, console=Console(stderr=True), refresh_per_second=5, transient=True
        )

    def _render(self) -> Spinner:
        now = monotonic()
        self._spinner.text = f"{self._stage} ({now - self._since:.0f} s of {now - self._started:.0f} s)"
        return self._spinner

    def show(self, stage: str) -> None:
        if stage.split(" · ")[0] != self._stage.split(" · ")[0]:
            self._since = monotonic()
        self._stage = stage

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        with self._lock:
            self.live.stop()
            try:
                yield
            finally:
                self.live.start()


@contextlib.contextmanager
def display() -> Iterator[Display]:
    """A line that changes if standard error is a terminal, else lines."""
    if not is_coloured(sys.stderr):
        yield Lines()
        return
    shown = Spinning()
    with shown.live:
        yield shown
