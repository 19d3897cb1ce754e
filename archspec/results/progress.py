"""What a verification is at, in a line."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

_INTERVAL: Final = 0.2


class Progress:
    """Says what is happening whenever that changes, and nothing if nobody looks."""

    def __init__(self, watch: Callable[[str], None] | None, doing: Callable[[], Sequence[Mapping[str, str]]]) -> None:
        """`watch` is told; `doing` says of each set of frameworks what those of them do that do something."""
        self._watch, self._doing = watch, doing
        self._stages: dict[str, str] = {}
        self._said = ""
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self, text: str) -> None:
        self._stages[""] = text
        if self._watch is not None:
            self._say()
            self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    @contextlib.contextmanager
    def about(self, title: str) -> Iterator[Callable[[str], None]]:
        """Gives a function that is told at which stage something is: a network, say."""

        def tell(stage: str) -> None:
            self._stages[title] = stage
            self._say()

        self._stages.pop("", None)
        try:
            yield tell
        finally:
            self._stages.pop(title, None)

    def _say(self) -> None:
        with self._lock:
            stages = [f"{title}: {stage}" if title else stage for title, stage in list(self._stages.items())]
            frameworks = [", ".join(f"{name} {what}" for name, what in each.items()) for each in self._doing()]
            text = " | ".join(stages) + "".join(f" · {each}" for each in frameworks if each)
            if self._watch is not None and text != self._said and stages:
                self._said = text
                self._watch(text)

    def _look(self) -> None:
        while not self._ended.wait(_INTERVAL):
            self._say()
