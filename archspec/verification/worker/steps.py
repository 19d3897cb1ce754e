"""Steps of training: the generated script's own functions, on the generated model, watched.

A backend's `training/runner.py` defines `Trainer(session, script)`, which builds the script's model in a session, with
`run(data, epochs, batch_size, seed, seen)`, which calls `seen(step, rate, loss)` after each step; of that step then
`gradient(variable)`, before anything was done to it, and `outputs()`; `state(variables)`, what the optimizer keeps now,
by slot and variable; `averages(variables)`, those that the script keeps of them; `mask(layer, factor)`, by which a
layer is to multiply in training; `idle(but)`, which takes the randomness out of all layers but these; and `divides`,
whether losses are divided of which gradients are added up.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from zlib import crc32

import numpy as np

from .arrays import Array, Writer, arrange, cast, load
from .model import fill, module, nearest

SAMPLE = 512
"""How many elements of a variable are looked at after each step: rules of updates are the same for all."""


def sample(name: str, array: Array) -> Array:
    """Some elements of a variable, always the same, or all if they are few; in one row."""
    flat = array.reshape(-1)
    if flat.size <= SAMPLE:
        return np.array(flat)
    chosen = np.random.default_rng(crc32(name.encode())).choice(flat.size, SAMPLE, replace=False)
    return np.array(flat[chosen])


def mask(seed: int, name: str, step: int, shape: tuple[int, ...], p: float) -> Array:
    """What dropout of a step multiplies with, in canonical order: zero or 1 / (1 - p)."""
    bits = np.random.Philox(key=[seed, crc32(name.encode())], counter=[0, 0, 0, step])
    return (np.random.Generator(bits).random(shape) >= p) / (1 - p)


@cache
def _trainer(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("archspec_trainer", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made.Trainer


def train(request: Mapping[str, Any], runner: Any, clock: Any, writer: Writer) -> dict[str, Any]:
    """Trains, and writes what is seen of it; gives losses and rates."""
    data = load(**request["data"])
    dtype = request["dtype"]
    session = runner.Session(dtype, lambda key, value, number=None: value)
    with clock.enter("build"), _modules(request) as script:
        trainer = _trainer(request["trainer"])(session, script)
        masks = {layer: dict(each) for layer, each in request["masks"].items()}
        if request["idle"]:
            trainer.idle(set(masks))
    with clock.enter("weights"):
        fill(session, request["weights"], data, dtype)
        variables = session.variables()
        names = list(dict.fromkeys(target for _, target, *_ in request["weights"]))
    seen: dict[str, list[Any]] = {"losses": [], "rates": [], "norms": [], "steps": []}
    accumulate = request["accumulate"]
    for layer, each in masks.items():
        trainer.mask(layer, _factor(each, request["seed"], seen["losses"], dtype))

    sums: dict[str, Array] = {}

    def shown(step: int, rate: float, loss: float) -> None:
        at = len(seen["losses"])
        if at >= request["batches"]:
            raise _Enough
        seen["steps"].append(int(step))
        seen["rates"].append(float(rate))
        seen["losses"].append(float(loss))
        for number, output in enumerate(trainer.outputs()):
            writer.add(f"output {at} {number}", np.array(runner.to_numpy(output)))
        for name in request["statistics"]:
            writer.add(f"statistic {at} {name}", sample(name, runner.to_numpy(variables[name])))
        for name in names:
            gradient = trainer.gradient(variables[name])
            if gradient is None or name in request["frozen"]:
                continue
            gradient = gradient * (accumulate if trainer.divides else 1)
            if not at:
                writer.add(f"gradient {name}", np.array(gradient))
            sums[name] = gradient / accumulate + sums.get(name, 0)
        if (at + 1) % accumulate:
            return
        update = at // accumulate
        seen["norms"].append(float(np.sqrt(sum(float(np.vdot(array, array)) for array in sums.values()))))
        for name, array in sums.items():
            writer.add(f"gradient {update} {name}", sample(name, array))
        for name in names:
            writer.add(f"weight {update} {name}", sample(name, runner.to_numpy(variables[name])))
        for name, array in trainer.averages({name: variables[name] for name in names}).items():
            writer.add(f"average {update} {name}", sample(name, array))
        sums.clear()

    arrays = {name: data[f"data {name}"] for name in request["arrays"]}
    with clock.enter("run"), contextlib.suppress(_Enough):
        trainer.run(arrays, 2, request["batch_size"], request["seed"], shown)
    for name in names:
        writer.add(f"weight {name}", np.array(runner.to_numpy(variables[name])))
    for name, array in trainer.averages({name: variables[name] for name in names}).items():
        writer.add(f"average {name}", np.array(array))
    for slot, found in trainer.state({name: variables[name] for name in names}).items():
        for name, array in found.items():
            writer.add(f"state {slot} {name}", np.array(array))
    return seen


class _Enough(Exception):
    """All steps were seen that are wanted."""


def _factor(each: Mapping[str, Any], seed: int, done: list[Any], dtype: str) -> Callable[[tuple[int, ...]], Array]:
    def factor(shape: tuple[int, ...]) -> Array:
        drawn = mask(seed, each["step"], len(done), tuple(each["mask"]), each["p"])
        found = arrange(np.broadcast_to(drawn, tuple(each["shape"])), each["layout"])
        if found.shape != tuple(shape):
            raise ValueError(f"the mask of {each['step']} is {found.shape}, and what it is for {tuple(shape)}")
        return cast(found, dtype)

    return factor


@contextlib.contextmanager
def _modules(request: Mapping[str, Any]) -> Any:
    """The script, loaded with the model's module beside it, and what scripts share."""
    with (
        module(request["source"]) as model,
        module(request["script"]) as script,
        module(request["common"]) as common,
    ):
        model.__dict__.update(probe=lambda *given: given[-1], nearest=nearest)
        exec(compile(request["source"], str(model.__file__), "exec"), model.__dict__)
        exec(compile(request["common"], str(common.__file__), "exec"), common.__dict__)
        sys.modules |= {request["module"]: model, "train_common": common}
        try:
            exec(compile(request["script"], str(script.__file__), "exec"), script.__dict__)
            yield _named(script)
        finally:
            del sys.modules[request["module"]], sys.modules["train_common"]


def _named(script: types.ModuleType) -> types.ModuleType:
    for name in ("lr", "make"):
        if not callable(getattr(script, name, None)):
            raise ValueError(f"the script has no function '{name}'")
    return script
