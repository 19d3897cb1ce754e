"""Every operation of the language: the public classes of the families' modules, by the names that a spec uses.

Those names are read off the modules' text. A module is loaded when one of its operations is asked for.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from archspec.ops._names import key_of

if TYPE_CHECKING:
    from archspec.ops.base import Operation

_ORDER: Final = (
    "convolution", "linear", "kernel", "attention", "pooling", "unpooling", "normalization", "activation",
    "elementwise", "joining", "shape", "selection", "image", "sampling", "spectral", "reduction", "recurrent", "source",
    "regularization",
)  # fmt: skip


def _keys(family: str) -> tuple[str, ...]:
    text = Path(__file__).with_name(f"{family}.py").read_text(encoding="utf-8")
    names = [text.partition("(")[0] for text in text.split("\nclass ")[1:]]
    return tuple(key_of(name) for name in names if name[0] != "_")


FAMILIES: Final[dict[str, tuple[str, ...]]] = {family: _keys(family) for family in _ORDER}
"""The keys that a spec uses, by family; a family's classes are in the module of that name."""

_FAMILY_OF: Final = {key: family for family, keys in FAMILIES.items() for key in keys}


def names() -> tuple[str, ...]:
    """The keys of all operations."""
    return tuple(_FAMILY_OF)


def family(key: str) -> str:
    """The family of an operation. Raises KeyError if there is none of that name."""
    return _FAMILY_OF[key]


@cache
def get(key: str) -> type[Operation]:
    """The class of an operation. Raises KeyError if there is none of that name."""
    module: Any = import_module(f"archspec.ops.{_FAMILY_OF[key]}")
    for name, member in vars(module).items():
        # Only what looks like a class is touched: to ask a lazy module anything would load it.
        # And what a module imports is none of its operations, though initializers have keys, too.
        own = name[:1].isupper() and getattr(member, "__module__", "") == module.__name__
        if own and getattr(member, "__dict__", {}).get("key") == key:
            return member  # type: ignore[no-any-return]
    raise LookupError(f"archspec.ops.{_FAMILY_OF[key]} does not define {key}")
