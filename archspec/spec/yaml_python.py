"""PyYAML's parser in Python, for where its libyaml is missing, brought to take the language that libyaml takes.

By itself it ends a plain text in brackets at a question mark, as in `[a, b?]`, and takes no tabs between tokens; YAML
allows both.
"""

from __future__ import annotations

from typing import Any

import yaml
from yaml.scanner import ScannerError


class PythonParser(yaml.SafeLoader):
    """What the scanner sees is changed where it asks, for as long as it is in one of these methods."""

    _plain = False
    _between = False

    def scan_plain(self) -> Any:
        self._plain = True
        try:
            return super().scan_plain()
        finally:
            self._plain = False

    def scan_to_next_token(self) -> None:
        self._between = True
        try:
            super().scan_to_next_token()
        finally:
            self._between = False

    def scan_block_scalar_indentation(self) -> Any:
        found = super().scan_block_scalar_indentation()
        if self.peek() == "\t":
            raise ScannerError("while scanning a block scalar", None, "found a tab instead of a space", self.get_mark())
        return found

    def peek(self, index: int = 0) -> Any:
        """The character so far ahead. One that it takes for another is still read as what it is."""
        found = super().peek(index)
        if found == "?" and self._plain:
            return "x"
        if found == "\t" and self._separates(index):
            return " "
        return found

    def _separates(self, index: int) -> bool:
        """Whether a tab is like a space: wherever it does not indent."""
        if self._plain:
            return index > 0 or self.column > self.indent
        return self._between and bool(self.flow_level or not self.allow_simple_key)
