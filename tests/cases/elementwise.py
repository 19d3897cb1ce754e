"""Rows of the table of tests: elementwise."""

from __future__ import annotations

from typing import Final

from .common import IMAGE, LINE, VOLUME, Row, Table

WHOLE: Final = {"dtype": "int64", "below": 7}
TRUTH: Final = {"dtype": "bool"}
POSITIVE: Final = {"values": "positive"}
NEGATIVE: Final = {"values": "negative"}

REPEATED: Final[list[Row]] = [({}, IMAGE, IMAGE), ({}, (5,), (5,)), ({}, IMAGE, (6, 1, 1)), ({}, (1, 9, 7), IMAGE)]
UNARY: Final[list[Row]] = [({}, IMAGE), ({}, (5,)), ({}, LINE, NEGATIVE)]
SIGNED: Final[list[Row]] = [*UNARY, ({}, (5, 3), WHOLE)]
RIGHT_OF_ZERO: Final[list[Row]] = [({}, IMAGE, POSITIVE), ({}, (5,), POSITIVE), ({}, VOLUME, POSITIVE)]
INSIDE: Final[list[Row]] = [({}, shape, {"values": "unit"}) for shape in (IMAGE, (5,), VOLUME)]
CONSTANTS: Final[list[Row]] = [({"value": -0.75}, IMAGE), ({"value": 0.1}, (5,)), ({"value": 3}, LINE)]
FIRST: Final[list[Row]] = [({"value": 1, "value_first": True}, IMAGE), ({"value": 0.1, "value_first": True}, (5,))]
ALIKE: Final[list[Row]] = [
    ({}, (5, 1), (1, 5)), ({}, (5, 5), (5, 1)), ({}, (3, 3), (1, 1)), ({}, (3,), (1,)),
    ({}, (4, 3, 4), (1, 3, 1)), ({}, (1, 1), (4, 4), (4, 1)),
]  # fmt: skip
COUNTS: Final[list[Row]] = [({}, (5, 3), (5, 1), WHOLE), ({"value": 3}, (5, 3), WHOLE)]
COMPARED: Final[list[Row]] = [
    ({}, IMAGE, (6, 1, 1)),
    ({}, (5,), (5,)),
    *CONSTANTS,
    ({}, IMAGE, (1, 9, 7), WHOLE),
    ({"value": 3}, (5, 3), WHOLE),
]
LOGICAL: Final[list[Row]] = [
    ({}, IMAGE, IMAGE, TRUTH),
    ({}, (5,), (5,), TRUTH),
    ({}, IMAGE, (6, 1, 1), TRUTH),
    ({}, (1, 3), (5, 3), TRUTH),
]

TABLE: Final[Table] = {
    # One axis is longer than 1, and as long as another one, or as the batch of three.
    "add": [*REPEATED, ({}, (5, 3), (5, 3), (5, 1)), *ALIKE, *CONSTANTS, *COUNTS, ({}, (5,), (5,), (1,), WHOLE)],
    "subtract": [
        *REPEATED,
        ({}, (1,), (5,)),
        *CONSTANTS,
        *COUNTS,
        *FIRST,
        ({"value": 3, "value_first": True}, (5,), WHOLE),
    ],
    "multiply": [*REPEATED, ({}, (5, 3), (1, 3), (5, 1)), *CONSTANTS, *COUNTS, ({"value": -2}, (5,), WHOLE)],
    "divide": [*REPEATED, ({}, (5, 3), (1, 3)), *CONSTANTS, *((*row, POSITIVE) for row in FIRST)],
    "power": [
        ({}, IMAGE, (6, 1, 1), POSITIVE),
        ({}, (5,), (5,), POSITIVE),
        ({"value": 3}, IMAGE),
        ({"value": 2.0}, LINE, NEGATIVE),
        ({"value": -1}, (5,)),
        ({"value": 0.7}, (5, 3), POSITIVE),
        ({"value": -1.3}, (5, 3), POSITIVE),
    ],
    "mod": [
        *REPEATED,
        *CONSTANTS,
        ({"value": 0.75}, LINE, NEGATIVE),
        ({"value": 3}, (5, 3), WHOLE),
        ({"value": -4}, (5, 3), WHOLE),
    ],
    "maximum": [*REPEATED, *CONSTANTS, *COUNTS],
    "minimum": [*REPEATED, *CONSTANTS, *COUNTS],
    "clip": [
        ({"minimum": -0.5, "maximum": 0.1}, IMAGE),
        ({"minimum": 0.25}, LINE),
        ({"maximum": -1}, (5,)),
        ({"minimum": 0, "maximum": 6}, IMAGE),
        ({"minimum": 2, "maximum": 4}, (5, 3), WHOLE),
        ({"minimum": 2}, (5, 3), WHOLE),
        ({"maximum": 4}, (5, 3), WHOLE),
    ],
    "abs": SIGNED,
    "neg": SIGNED,
    "sign": SIGNED,
    "square": SIGNED,
    "sqrt": RIGHT_OF_ZERO,
    "rsqrt": RIGHT_OF_ZERO,
    "reciprocal": [*UNARY, *RIGHT_OF_ZERO],
    "exp": UNARY,
    "log": RIGHT_OF_ZERO,
    "log1p": [*RIGHT_OF_ZERO, ({}, LINE, {"values": "unit"})],
    "sin": UNARY,
    "cos": UNARY,
    "log2": RIGHT_OF_ZERO,
    "log10": RIGHT_OF_ZERO,
    "expm1": [*UNARY, ({}, LINE, {"values": "unit"})],
    "tan": [({}, IMAGE, {"values": "unit"}), ({}, (5,)), ({}, LINE, NEGATIVE)],
    "asin": INSIDE,
    "acos": INSIDE,
    "atan": UNARY,
    "sinh": UNARY,
    "cosh": UNARY,
    "asinh": UNARY,
    "atanh": INSIDE,
    "atan2": REPEATED,
    "logaddexp": [*REPEATED, ({}, (40,), (40,), {"values": "wide"})],
    "trunc": [*UNARY, ({}, (40,), {"values": "wide"})],
    "erf": [*UNARY, ({}, (40,), {"values": "wide"})],
    "floor": [*UNARY, ({}, (40,), {"values": "wide"})],
    "ceil": [*UNARY, ({}, (40,), {"values": "wide"})],
    "round": [*UNARY, ({}, (40,), {"values": "wide"})],
    "equal": COMPARED,
    "not_equal": COMPARED,
    "less": COMPARED,
    "less_equal": COMPARED,
    "greater": COMPARED,
    "greater_equal": COMPARED,
    "logical_and": LOGICAL,
    "logical_or": LOGICAL,
    "logical_xor": LOGICAL,
    "logical_not": [({}, IMAGE, TRUTH), ({}, (5,), TRUTH)],
    "where": [
        ({}, IMAGE, IMAGE, IMAGE, {"dtype": ("bool", "float", "float")}),
        ({}, (1, 9, 7), IMAGE, (6, 1, 1), {"dtype": ("bool", "float", "float")}),
        ({}, (5,), (5,), (1,), {"dtype": ("bool", "float", "float")}),
        ({}, (5, 1), (1, 3), (5, 3), {"dtype": ("bool", "int64", "int64"), "below": 7}),
    ],
}
