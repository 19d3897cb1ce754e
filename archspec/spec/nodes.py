"""What YAML and JSON text becomes first: scalars, lists and mappings that know where they stand.

They are the events of PyYAML's parser, those that begin a list or a mapping with its items (or pairs) as their `value`.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

# Any, because PyYAML's types know neither this `value` nor that a tag may be missing.
Scalar: Any = yaml.ScalarEvent
Sequence: Any = yaml.SequenceStartEvent
Mapping: Any = yaml.MappingStartEvent
Mark: Any = yaml.Mark

MAX_VALUES: Final = 500_000
MAX_DEPTH: Final = 64
TOO_MANY: Final = f"the file holds more than {MAX_VALUES:,} values, the limit; an alias counts each time"
TOO_DEEP: Final = f"the file is nested more than {MAX_DEPTH} levels deep, the limit"


class TextError(ValueError):
    """A text is not YAML or JSON, or is beyond the limits; line and column count from 0."""

    def __init__(self, message: str, line: int = 0, column: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint


def error_at(node: Any, message: str) -> TextError:
    """An error at the place where a node begins."""
    return TextError(message, node.start_mark.line, node.start_mark.column)
