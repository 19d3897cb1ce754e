"""What a verdict depends on beside the spec: the sources of archspec, and what is installed where frameworks run.
Nothing is imported to know it."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from archspec._plugged import plugged

_SETTINGS: Final = ("CUDA_", "FLAGS_", "KERAS_", "MKL_", "OMP_", "OPENBLAS_", "PYTHONPATH", "PYTORCH_", "TF_", "TORCH_",
                    "XLA_")  # fmt: skip
"""How names of settings begin by which frameworks change what they do."""


_TELL: Final = "import json, sys; print(json.dumps([sys.version, sys.path]))"


@cache
def sources() -> str:
    """The fingerprint of archspec: of the text of all that runs, all backends' code among them."""
    package = Path(__file__).resolve().parents[1]
    inside = (package / "backends").is_dir()
    digest = sha256()
    for folder in (package, *([] if inside else [package.parent / "backends"]), *_strangers()):
        for name in _texts(str(folder)):
            digest.update(f"{os.path.relpath(name, folder)}\0".encode())
            with open(name, "rb") as file:
                digest.update(file.read() + b"\0")
    return digest.hexdigest()


def _texts(folder: str) -> list[str]:
    found: list[str] = []
    for root, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if each != "__pycache__"]
        found += [os.path.join(root, name) for name in files if name.endswith((".py", ".jinja"))]
    return sorted(found)


def _strangers() -> list[Path]:
    """The folders of backends of other distributions."""
    found = []
    for point in plugged("backends").values():
        root = point.value.split(":")[0].split(".")[0]
        if root != "archspec":
            about = find_spec(root)
            found += [Path(folder) for folder in (about.submodule_search_locations or ())] if about is not None else []
    return sorted(found)


def surroundings(backends: Mapping[str, str]) -> dict[str, Any] | None:
    """What is installed for backends, given with the interpreters of those that have one of their own; None if that
    cannot be told. Every installed distribution counts, as frameworks do not tell which of them they use."""
    here = installed(sys.path)
    found = {name: _elsewhere(python) if python else here for name, python in backends.items()}
    if None in found.values():
        return None
    settings = {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS)}
    return {
        "python": sys.version, "here": here, "backends": found, "settings": settings, "system": platform.system(),
        "machine": platform.machine(),
    }  # fmt: skip


def installed(folders: list[str]) -> list[str]:
    """The distributions in folders of modules, with their versions; but for archspec, whose sources count."""
    found = set()
    for folder in folders:
        if os.path.isdir(folder):
            found |= {name for name in os.listdir(folder) if name.endswith((".dist-info", ".egg-info"))}
    return sorted(name for name in found if not name.startswith(("archspec_nn-", "archspec_nn.")))


@cache
def _elsewhere(python: str) -> list[str] | None:
    """The same of another interpreter, which may be a script that starts one."""
    import shutil
    import subprocess

    command = [shutil.which(os.path.expanduser(python)) or python, "-c", _TELL]
    environment = os.environ | {"PYTHONSAFEPATH": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment)
        version, folders = json.loads(done.stdout)
        return [str(version), *installed([str(folder) for folder in folders])]
    except (OSError, ValueError, TypeError, subprocess.SubprocessError):
        return None
