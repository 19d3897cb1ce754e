"""What operations are called."""

from __future__ import annotations

import re


def key_of(name: str) -> str:
    """What a spec calls the operation whose class has this name: `conv2d`, `batch_norm`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
