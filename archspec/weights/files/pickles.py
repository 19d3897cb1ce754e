"""Pickles as data: read by a machine of our own, which knows a few constructors by name and calls nothing else.

It is bounded where Python's own is not: by the length of the text, whatever numbers and nested tuples that has.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pickletools import genops
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from archspec.weights.files.stored import CUT, Refused

if TYPE_CHECKING:
    from archspec.ops.base import Array

Maker = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Known:
    """A class or function that a pickle may name."""

    name: str
    make: Maker | None = None
    """What it gives for arguments; None if it is only named."""


class Kept:
    """Something made that takes a state later, of which nothing is kept."""

    def build(self, state: Any) -> None:
        pass


_PLAIN: Final = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES "
    "SHORT_BINBYTES BINBYTES8 UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8".split()
)
_FIXED: Final[dict[str, Callable[[], Any]]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list, "EMPTY_DICT": dict,
}  # fmt: skip
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK: Final = object()


def loads(data: bytes | IO[bytes], known: Mapping[str, Known], persistent: Maker | None = None) -> Any:
    """What a pickle holds. `known` are the classes and functions that it may name, by `module.name`, and `persistent`
    gives what stands outside of it. Of a stream the rest stays. Raises Refused."""
    machine = _Machine(known, persistent)
    try:
        for opcode, argument, _ in genops(data):
            if opcode.name == "STOP":
                return machine.stack.pop()
            machine.step(opcode.name, argument)
    except Refused:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, EOFError):
        pass  # what they say is about bytes
    raise Refused(CUT)


class _Machine:
    def __init__(self, known: Mapping[str, Known], persistent: Maker | None) -> None:
        self.known, self.persistent = known, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _PLAIN:
            stack.append(argument)
        elif name in _FIXED:
            stack.append(_FIXED[name]())
        elif name in _TUPLES:
            stack.append(tuple(self._last(_TUPLES[name])))
        elif name in ("PROTO", "FRAME"):
            pass
        elif name == "MARK":
            stack.append(_MARK)
        elif name in ("TUPLE", "LIST"):
            stack.append((tuple if name == "TUPLE" else list)(self._marked()))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memo[len(self.memo) if name == "MEMOIZE" else int(argument)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memo[int(argument)])
        elif name in ("APPEND", "APPENDS"):
            items = self._last(1) if name == "APPEND" else self._marked()
            self._as(list).extend(items)
        elif name in ("SETITEM", "SETITEMS", "DICT"):
            self._set(name)
        elif name in ("POP", "POP_MARK"):
            self._marked() if name == "POP_MARK" else stack.pop()
        else:
            self._call(name, argument)

    def _call(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in ("GLOBAL", "STACK_GLOBAL"):
            parts = argument.split(" ") if name == "GLOBAL" else self._last(2)
            wanted = ".".join(map(str, parts))
            if wanted not in self.known:
                raise Refused(f"it asks for {wanted!a:.100}, which is code and no weights")
            stack.append(self.known[wanted])
        elif name in ("REDUCE", "NEWOBJ"):
            function, arguments = self._last(2)
            if not isinstance(function, Known) or function.make is None or not isinstance(arguments, tuple):
                raise Refused("it calls what is no constructor of weights")
            stack.append(function.make(*arguments))
        elif name == "BUILD":
            state = stack.pop()
            if isinstance(stack[-1], dict):
                return  # the attributes of an ordered dictionary
            self._as(Kept).build(state)
        elif name == "BINPERSID" and self.persistent is not None:
            stack.append(self.persistent(stack.pop()))
        else:
            raise Refused(f"it has the instruction {name}, which weights do not need")

    def _last(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise Refused(CUT)
        found = self.stack[-count:]
        del self.stack[-count:]
        return found

    def _marked(self) -> list[Any]:
        found = []
        while (value := self.stack.pop()) is not _MARK:
            found.append(value)
        return found[::-1]

    def _set(self, name: str) -> None:
        items = self._last(2) if name == "SETITEM" else self._marked()
        if name == "DICT":
            self.stack.append({})
        target = self._as(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, (str, int, float, bool, type(None))):  # others may take long to hash
                raise Refused("a key of a dictionary is neither a text nor a number")
            if isinstance(key, str) and key in target:
                raise Refused(f"it has two values for '{key:.100}'")
            target[key] = value

    def _as(self, kind: type[Any]) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise Refused(f"it takes what is no {kind.__name__} for one")
        return self.stack[-1]


# NumPy's arrays -------------------------------------------------------------------------------------------------------


class _DType(Kept):
    def __init__(self, text: Any = "", *more: Any) -> None:
        if not isinstance(text, str) or not re.fullmatch(r"[<>|=]?[fiubc]\d{1,2}", text):
            raise Refused(f"it has arrays of {text!a:.50}")
        self.value = np.dtype(text)

    def build(self, state: Any) -> None:
        self.value = self.value.newbyteorder(">" if state[1] == ">" else "<" if state[1] == "<" else "=")


class Pickled(Kept):
    """An array of a pickle; `array` is None until it has its numbers."""

    array: Array | None = None

    def __init__(self, *arguments: Any) -> None:
        pass

    def build(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        self.array = _array(data, dtype, shape, "F" if fortran else "C")


def _array(data: Any, dtype: Any, shape: Any, order: Any = "C") -> Array:
    sizes = tuple(shape)
    if not isinstance(data, bytes) or not isinstance(dtype, _DType) or not all(isinstance(n, int) for n in sizes):
        raise Refused("it has an array without bytes, kind or shape")
    if math.prod(sizes) * dtype.value.itemsize != len(data) or min(sizes, default=0) < 0:
        raise Refused(f"it has an array of shape {list(sizes)} with {len(data)} bytes")
    return np.frombuffer(data, dtype.value).reshape(sizes, order="F" if order == "F" else "C")


def _scalar(dtype: Any, data: Any) -> Pickled:
    found = Pickled()
    found.array = _array(data, dtype, ())
    return found


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any = "C") -> Pickled:
    found = Pickled()
    found.array = _array(data, dtype, shape, order)
    return found


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise Refused(f"it has a text in {encoding!a:.50}")
    return text.encode("latin1")


def _ordered(items: Any = ()) -> dict[Any, Any]:
    found = {}
    for key, value in items:
        if not isinstance(key, str) or key in found:
            raise Refused("it has a dictionary of other keys than texts, or two of one")
        found[key] = value
    return found


HOLDERS: Final = ("state_dict", "model_state_dict", "model", "module", "net", "weights")
"""Under which of its keys a checkpoint of training holds the weights."""


def held(found: Any, kinds: tuple[type[Any], ...]) -> dict[str, Any]:
    """The values of these kinds in a dictionary; or in one of its dictionaries, if it has none of its own. Raises
    Refused."""
    for each in (found, *(found.get(key) for key in HOLDERS if isinstance(found, dict))):
        values = each.items() if isinstance(each, dict) else ()
        kept = {name: value for name, value in values if isinstance(name, str) and isinstance(value, kinds)}
        if kept:
            return kept
    raise Refused("it is no mapping of names to arrays")


COMMON: Final[dict[str, Known]] = {
    "collections.OrderedDict": Known("OrderedDict", _ordered),
    "_codecs.encode": Known("encode", _encoded),
    "numpy.ndarray": Known("ndarray"),
    "numpy.dtype": Known("dtype", _DType),
    **{
        f"numpy.{core}.{name}": Known(name, make)
        for core in ("core", "_core")
        for name, make in (
            ("multiarray._reconstruct", Pickled), ("multiarray.scalar", _scalar), ("numeric._frombuffer", _from_buffer),
        )
    },
}  # fmt: skip
"""What NumPy's arrays and dictionaries need."""
