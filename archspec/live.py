"""Generated code as modules of this process, which have their source with them.

A module is called after its model and a digest of its source: the same source is the same module, and gives the same
classes. It lies in no file. Its loader knows the text, which is what tracebacks, debuggers and `inspect` ask. What is
pickled carries the text, too, so that another process needs no more than archspec and the framework.

Only the standard library is imported here, because a pickle may be read where nothing else of archspec is wanted.
"""

from __future__ import annotations

import copyreg
import hashlib
import sys
import threading
import traceback
from collections.abc import Callable
from importlib.abc import ExecutionLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

_LOCK: Final = threading.RLock()
_FOLDER: Final = Path(__file__).parent / "generated"
"""Where the modules seem to lie. There is no such folder; but nobody can put a file of that name into this one, and
tools ask no loader for the source of what is called `<...>`."""


class Carried:
    """A module as a pickle has it: before all that is found by its name."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source = name, source

    def __reduce__(self) -> tuple[Any, ...]:
        return _carried, (self.name, self.source)


class _Loader(ExecutionLoader):
    """The loader of one module."""

    def __init__(self, carried: Carried) -> None:
        self.carried = carried

    def get_source(self, fullname: str) -> str:
        return self.carried.source

    def get_filename(self, fullname: str) -> str:
        return str(_FOLDER / f"{fullname}.py")

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.carried.source, self.get_filename(fullname), "exec", dont_inherit=True)


def load(source: str, entry: str) -> ModuleType:
    """The module of a generated file that defines `entry`. Its imports are the framework's.

    Raises whatever the file raises, after which there is no such module.
    """
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    return _module(f"archspec_{entry.lower()}_{digest}", source)


def _module(name: str, source: str) -> ModuleType:
    with _LOCK:  # a second module of the same name would have other classes
        if name in sys.modules:
            return sys.modules[name]
        _shown()
        spec = spec_from_loader(name, _Loader(Carried(name, source)))
        assert spec is not None
        module = module_from_spec(spec)
        sys.modules[name] = module
        try:
            assert spec.loader is not None
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        for value in list(vars(module).values()):
            if isinstance(value, type) and value.__module__ == name:
                copyreg.pickle(value, _reduced)  # instances of this very class
        return module


def _shown() -> None:
    """Lets the message of an uncaught error have lines of source that a loader gives: before Python 3.13 the
    interpreter's own looks into files alone."""
    if sys.version_info < (3, 13) and sys.excepthook is sys.__excepthook__:
        sys.excepthook = traceback.print_exception


def carried(module: ModuleType) -> Carried:
    """What a pickle needs of a module of `load`."""
    loader = module.__loader__
    assert isinstance(loader, _Loader)
    return loader.carried


def _carried(name: str, source: str) -> Carried:
    return carried(_module(name, source))


def _reduced(thing: Any) -> tuple[Any, ...]:
    """How an instance of a generated class is pickled and copied: by its own way, after its module."""
    make, arguments, *state = thing.__reduce_ex__(4)
    return _made, (carried(sys.modules[type(thing).__module__]), make, arguments), *state


def _made(_: Carried, make: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return make(*arguments)
