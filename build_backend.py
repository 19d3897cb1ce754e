"""Builds distributions by setuptools, of which those of sources are equal byte by byte, too, whoever makes them.

A time, owner and order of files would be those of the machine; SOURCE_DATE_EPOCH gives the time, in seconds.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403 (all other hooks)

_FIRST = 315532800  # 1980-01-01, the earliest time of wheels


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """The hook of PEP 517: makes the archive, and gives its name."""
    name: str = build_meta.build_sdist(sdist_directory, config_settings)
    _normalize(Path(sdist_directory) / name, int(os.environ.get("SOURCE_DATE_EPOCH", _FIRST)))
    return name


def _normalize(path: Path, time: int) -> None:
    packed = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            plain = tarfile.TarInfo(member.name)
            plain.type, plain.size, plain.mtime = member.type, member.size, time
            plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(plain, old.extractfile(member) if member.isfile() else None)
    path.write_bytes(gzip.compress(packed.getvalue(), mtime=time))
