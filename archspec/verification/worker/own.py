"""A person's own model in a framework's process: made by their function, given random weights, and run with every call
recorded.

A backend's `recorder.py` defines `Own(session)`: the session, with `build(make, inputs, mode)` (a model that is ready
to be called), `variables()` (those that are weights: what training changes, and statistics), `run(inputs)`, and
`watch(calls)`, in which each call of the framework is told to `calls.note`; `is_tensor(value)`; and `opened(path)`, the
model that a file holds, where the framework saves whole models.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import prod, sqrt
from typing import Any
from zlib import crc32

import numpy as np

from .arrays import Array, Writer, arrange, cast, load
from .calls import Calls, is_theirs, kind
from .model import RunError


class OwnError(RunError):
    """Why a person's code gives no model that can be run."""


def own_session(request: Mapping[str, Any], runner: Any, see: Callable[[str, Any], Any]) -> Any:
    """A session whose model is a person's own, not built yet; its weights are those that are one."""
    session = runner.Session(request["dtype"], see)
    session.draws = True
    own = script(request["own"]["recorder"]).Own(session)
    own.unused = frozenset(request["own"].get("unused", ()))
    return own


def build(own: Any, request: Mapping[str, Any], inputs: Sequence[Any]) -> None:
    """Makes the model, in their code's own words of what is wrong. Raises OwnError."""
    with said(request["own"]):
        named = bool(request["own"]["name"])
        make = factory(request["own"]) if named else partial(own.opened, request["own"]["file"])
        own.build(make, inputs, request["mode"])
    for name, variable in own.variables().items():
        if kind(variable) != request["dtype"]:
            raise OwnError(f"its weight '{name}' stays {kind(variable)}")


def script(path: str) -> Any:
    """A backend's script as a module."""
    name = f"archspec_recorder_{crc32(path.encode())}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def factory(own: Mapping[str, Any]) -> Callable[[], Any]:
    """What makes the model. Raises OwnError if there is no such thing, or it needs arguments that are not given."""
    found: Any = _module(own["file"]) if own["file"] else importlib.import_module(own["module"])
    where = own["file"] or own["module"]
    for part in own["name"].split("."):
        if not hasattr(found, part):
            raise OwnError(f"{where} has no '{own['name']}'")
        found = getattr(found, part)
    if not callable(found):
        raise OwnError(f"'{own['name']}' of {where} cannot be called: it is {type(found).__name__}")
    if not (inspect.isfunction(found) or inspect.isclass(found) or inspect.isbuiltin(found)):
        return lambda: found  # a model that is there already
    try:
        inspect.signature(found).bind(**own["arguments"])
    except TypeError as error:
        hint = f"name a function that needs none, or give them: {own['name']}(num_classes=10)"
        raise OwnError(f"'{own['name']}' cannot be called like this: {error}; {hint}") from None
    except ValueError:  # it has no signature
        pass
    return partial(found, **own["arguments"])


def _module(file: str) -> Any:
    """The module of a file, loaded anew; its folder, where its siblings are, comes last of all places to look for
    modules, so that nothing there takes the place of a framework's."""
    folder, stem = os.path.dirname(file), os.path.splitext(os.path.basename(file))[0]
    if folder not in sys.path:
        sys.path.append(folder)
    for name, there in list(sys.modules.items()):
        if os.path.dirname(getattr(there, "__file__", None) or "") == folder:
            del sys.modules[name]  # of another request, perhaps of another text
    name = stem if stem not in sys.modules else f"own_{stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise OwnError(f"{file} is no file of Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def said(own: Mapping[str, Any]) -> Iterator[None]:
    """Errors of a person's code as OwnErrors that begin with the line of it that raised."""
    try:
        yield
    except OwnError:
        raise
    except (Exception, SystemExit) as error:
        at = [frame for frame in traceback.extract_tb(error.__traceback__) if is_theirs(own, frame.filename)]
        place = f"{os.path.basename(at[-1].filename)}:{at[-1].lineno}: {at[-1].line}: " if at else ""
        if isinstance(error, SyntaxError) and error.filename:
            place = f"{os.path.basename(error.filename)}:{error.lineno}: "
        text = " ".join(str(error).split())
        raise OwnError(f"{place}{type(error).__name__}: {text[:300]}") from (error if at else None)


@contextlib.contextmanager
def said_of_file() -> Iterator[None]:
    """Errors of somebody's file as OwnErrors, in the runtime's own words."""
    try:
        yield
    except Exception as error:
        raise OwnError(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}") from None


def record(request: Mapping[str, Any], runner: Any, clock: Any, writer: Writer) -> dict[str, Any]:
    """Records a run of a person's model with random weights; gives its calls. Those that are wanted `again` are
    computed for other numbers, too."""
    data = load(**request["data"])
    own = own_session(request, runner, lambda key, value: value)
    given = {name: cast(arrange(data[name], layout), request["dtype"]) for name, layout in request["inputs"].items()}
    inputs = [runner.from_numpy(array) for array in given.values()]
    with clock.enter("build"):
        build(own, request, inputs)
    variables = own.variables()
    with clock.enter("weights"):
        _fill(own, variables, request["stored"], runner)
        for name, variable in variables.items():
            writer.add(f"weight {name}", np.array(runner.to_numpy(variable)))
    calls = Calls(request["own"], variables, runner, own.is_tensor, writer)
    with clock.enter("run"), said(request["own"]):
        for name, value in zip(given, inputs, strict=True):
            calls.enter(name, value)
        with own.watch(calls):
            outputs = own.run(inputs)
    results = list(calls.tensors(outputs))
    if not results:
        raise OwnError(f"the model gives {type(outputs).__name__}, which has no tensor")
    for value in results:
        if "float" in kind(value) and kind(value) != request["dtype"]:
            raise OwnError(f"what it gives is {kind(value)}")
        if calls.known(value) is None:
            calls.note("the model", (), value)
    if request["again"]:
        numbers = load(**request["numbers"])
        with clock.enter("again"):
            for number, (at, to, other) in enumerate(request["again"]):
                found = calls.again(at, to, numbers[f"again {number}"], other)
                if found is not None:
                    writer.add(f"again {number}", found)
    names = list(outputs) if isinstance(outputs, Mapping) else []
    returned = [calls.known(value) for value in results]
    return {"records": calls.records, "looks": calls.looks, "returned": returned, "names": names}


def _fill(own: Any, variables: Mapping[str, Any], stored: Mapping[str, Any] | None, runner: Any) -> None:
    """Gives the model random weights, or those of a file. Raises OwnError for a file that does not have them."""
    if stored is not None and stored["arrays"] is None:
        try:
            own.restore(stored["path"])
        except Exception as error:
            text = " ".join(str(error).split())
            raise OwnError(f"{stored['path']} does not have its weights: {text[:300]}") from None
        return
    arrays = load(**stored["arrays"]) if stored is not None else {}
    for name, variable in variables.items():
        array = np.array(runner.to_numpy(variable))
        if stored is None:
            own.session.assign(variable, np.ascontiguousarray(drawn(name, array)))
        elif name not in arrays or arrays[name].shape != array.shape:
            size = f"has '{name}' with shape {arrays[name].shape}, not {array.shape}" if name in arrays else ""
            raise OwnError(stored["path"] + " " + (size or f"has no '{name}'"))
        else:
            own.session.assign(variable, np.ascontiguousarray(arrays[name].astype(array.dtype)))


def drawn(name: str, array: Array) -> Array:
    """Random numbers for a weight, of a kind that goes with those that it has: what is positive, as variances are,
    stays so, and scales stay near one."""
    random = np.random.default_rng(crc32(name.encode()))
    if array.dtype.kind != "f" or not array.size:
        return array
    numbers = np.asarray(random.random(array.shape, dtype=np.float32))
    if array.ndim < 2:
        numbers = numbers + np.float32(0.5 if float(array.min()) > 0 else -0.5)
    else:
        fan = prod(array.shape) / max(array.shape)
        numbers = np.asarray((numbers - np.float32(0.5)) * np.float32(2 * sqrt(3.0) / sqrt(max(1.0, fan))))
    return numbers.astype(array.dtype)
