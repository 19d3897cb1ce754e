"""Modules that are loaded at their first use, because users feel import time."""

import importlib.util
import sys
from types import ModuleType


def lazy(name: str) -> ModuleType:
    """Returns the module `name`, which is executed when an attribute of it is first read.

    Raises ModuleNotFoundError if there is no such module.
    """
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(name)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
