"""Private folders for arrays, and a small process that clears up after us, however we went."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from math import inf
from pathlib import Path
from typing import Any, Final

from archspec.errors import ArchspecError
from archspec.verification import worker
from archspec.verification.worker import Array


def physical_memory() -> float:
    """How many bytes the machine has, or the container; infinite where neither the system nor psutil tells."""
    found = inf
    try:
        pages = os.sysconf("SC_PHYS_PAGES")
        found = os.sysconf("SC_PAGE_SIZE") * pages if pages > 0 else inf
    except (AttributeError, ValueError, OSError):  # Windows has none
        with contextlib.suppress(ImportError):
            import psutil

            found = psutil.virtual_memory().total
    with contextlib.suppress(OSError, ValueError), open("/sys/fs/cgroup/memory.max") as limit:
        found = min(found, int(limit.read()))  # or `max`, for none
    return found


class Scratch:
    """Private folders for arrays: in memory where there is room, else, and for large ones, on disk.

    Raises ArchspecError if there is no folder for them.
    """

    def __init__(self) -> None:
        # Many systems keep /tmp in memory, but not /var/tmp.
        lasting = [] if "TMPDIR" in os.environ else ["/var/tmp"]
        try:
            disk = next((root for root in lasting if os.access(root, os.W_OK)), None) or tempfile.gettempdir()
            roots = [root for root in ("/dev/shm", disk) if os.access(root, os.W_OK)]
            self.folders = [Path(tempfile.mkdtemp(prefix="archspec-", dir=root)) for root in roots or [disk]]
        except OSError as error:
            raise ArchspecError(f"there is no folder for temporary files: {error.strerror or error}; TMPDIR names "
                                "another") from None  # fmt: skip
        self._numbers = itertools.count()
        self._promised: dict[Path, int] = {}
        # -I: what lies in the current folder is not ours to run.
        command = [sys.executable, "-I", "-S", "-c", _JANITOR, *map(str, self.folders)]
        self._janitor = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def file(self, size: int) -> Path:
        """A new name for a file of so many bytes."""
        folders = self.folders if size < physical_memory() / _SHARE else self.folders[-1:]
        roomy = (folder for folder in folders if self._free(folder) > size + _SPARE)
        path = next(roomy, self.folders[-1]) / f"{next(self._numbers)}.arrays"
        self._promised[path] = size
        return path

    def save(self, arrays: Mapping[str, Array] | Iterable[tuple[str, Array]], size: int = 0) -> dict[str, Any]:
        """Writes arrays into a new file; what `worker.load` finds them by. Those that come one by one need a guess of
        their bytes. Raises ArchspecError if there is no room."""
        path = self.file(sum(array.nbytes for array in arrays.values()) if isinstance(arrays, Mapping) else size)
        try:
            return worker.save(str(path), arrays)
        except OSError as error:
            self.remove(path)
            raise ArchspecError(str(error)) from None

    def _free(self, folder: Path) -> int:
        """The bytes that are left when all files are as large as they were said to become."""
        due = 0
        for path, size in list(self._promised.items()):
            if path.parent == folder:
                with contextlib.suppress(FileNotFoundError):  # or it was removed meanwhile
                    size -= path.stat().st_size
                due += max(0, size)
        return shutil.disk_usage(folder).free - due

    def remove(self, path: Path) -> None:
        self._promised.pop(path, None)
        with contextlib.suppress(OSError):
            path.unlink()

    def note(self, group: int, *, ended: bool = False) -> None:
        """Notes a group of processes that must end with us; or that it has ended."""
        assert self._janitor.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # somebody ended it, or it is closed
            os.write(self._janitor.stdin.fileno(), f"{'-' if ended else '+'}{group}\n".encode())

    def close(self) -> None:
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        self._janitor.communicate()


_JANITOR: Final = """
import os, shutil, signal, sys, time
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL) if hasattr(os, "killpg") else os.kill(group, signal.SIGTERM)
    except OSError:
        pass
for _ in range(50):  # a process that is being ended may still write
    for folder in sys.argv[1:]:
        shutil.rmtree(folder, True)
    if not any(map(os.path.exists, sys.argv[1:])):
        break
    time.sleep(0.1)
"""
"""Ends the processes and removes the folders when we are gone, however we went."""
_SPARE: Final = 1 << 28
_SHARE: Final = 32
"""The part of the machine's memory that a file in memory takes at most: six of them wait to be compared."""
