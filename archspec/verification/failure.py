"""Why there is no result: what a framework's process could not do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FailureKind = Literal["refused", "memory", "missing", "start", "import", "crashed", "timeout", "build", "weights",
                      "run", "edges", "gradients", "shipped"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no result."""

    kind: FailureKind
    """`refused`: the backend cannot express the network; `memory`: the machine has too little of it; `missing`: the
    framework is not installed; `start`: the interpreter cannot be run, or is no Python; `import`: the framework is
    installed and broken; `crashed`, `timeout`: the process died, or was killed; `shipped`: the file itself, without
    probes, is not what was seen with them; else the stage that raised."""
    message: str
    detail: str = ""
    """The end of the traceback, or of what the process wrote to its standard error."""
    at: str = ""
    """For `crashed` and `timeout`: the last probe or stage that was reached; else the line of code that raised."""
