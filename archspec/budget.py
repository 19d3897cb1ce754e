"""Memory that networks share which are verified side by side."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator


class Budget:
    """So many bytes. Who needs more than there are has all to itself."""

    def __init__(self, total: float, clear: Callable[[], None] = lambda: None) -> None:
        """`clear` is called before somebody gets all."""
        self._total, self._clear = total, clear
        self._taken = self._users = 0
        self._waiting: deque[object] = deque()  # in order, or what is large would wait for ever
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def take(self, amount: int) -> Iterator[None]:
        """Waits for so many bytes, and gives them back."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            self._changed.wait_for(lambda: self._waiting[0] is ticket and self._fits(amount))
            self._waiting.popleft()
            self._taken += amount
            self._users += 1
            self._changed.notify_all()
        try:
            if amount > self._total:
                self._clear()
            yield
        finally:
            with self._changed:
                self._taken -= amount
                self._users -= 1
                self._changed.notify_all()

    def _fits(self, amount: int) -> bool:
        return not self._users or self._taken + amount <= self._total
