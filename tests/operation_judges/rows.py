"""Rows that the table of tests does not need for the backends, and judges do for the reference."""

from __future__ import annotations

from typing import Final

from ..cases.common import Case

MORE: Final[list[Case]] = []
