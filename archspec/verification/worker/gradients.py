"""The gradients that a request wants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import Array, Moves, arrange, cast, load, restore
from .model import RunError

_NUMBERS = 2**25
"""How many numbers the steps read and give, at most, whose gradients come from one run: frameworks keep several times
as many until the way back is gone."""


class Gradients:
    """Those that a request wants: of projections of some values, each by inputs and weights.

    What is projected: the sum of all values' elements, each times that of a cotangent.
    """

    def __init__(
        self, request: Any, runner: Any, session: Any, forced: Mapping[str, Array], data: Mapping[str, Array]
    ) -> None:
        self._pulls, self._dtype = request["pulls"], request["dtype"]
        self._arrays = {**forced, **(load(**request["numbers"]) if request["numbers"] else {}), **data}
        self._runner, self._session = runner, session
        variables = session.variables()
        self._weights = {w: (variables[at], layout) for w, at, layout, *_ in request["weights"] if at in variables}

    def parts(self) -> Iterator[list[Any]]:
        """What is pulled in one run: as many as need not too much memory at once."""
        part: list[Any] = []
        size = 0
        for pull in self._pulls:
            needed = sum(self._arrays[cotangent].size for _, cotangent, _ in pull["values"])
            needed += sum(self._arrays[name].size for name, _ in pull["inputs"])
            if part and size + needed > _NUMBERS:
                yield part
                part, size = [], 0
            part.append(pull)
            size += needed
        yield part

    def variables(self, pulls: Sequence[Any]) -> list[Any]:
        """Those by which gradients are wanted."""
        names = [name for pull in pulls for name in pull["weights"] if name in self._weights]
        return list({id(variable): variable for variable, _ in map(self._weights.__getitem__, names)}.values())

    def pulled(
        self, pulls: Sequence[Any], values: dict[str, Any], inputs: Mapping[str, Any]
    ) -> Iterator[tuple[str, Array]]:
        """The gradients, in canonical layout; zeros where there is none."""
        for pull in pulls:
            shown = [values.pop(name) for name, *_ in pull["values"]]
            cotangents = [self._runner.from_numpy(self._cast(name, layout)) for _, name, layout in pull["values"]]
            wanted = [(name, inputs[name], layout) for name, layout in pull["inputs"]]
            wanted += [(name, *self._weights[name]) for name in pull["weights"] if name in self._weights]
            sources = {id(source): source for _, source, _ in wanted}
            found = list(self._session.pull(shown, cotangents, list(sources.values())))
            if len(found) != len(sources):
                raise RunError(f"the runner gives {len(found)} gradients, not {len(sources)}")
            # One after the other, from the end: all at once, in both forms, are much memory.
            for key in reversed(sources):
                gradient = found.pop()
                array = None if gradient is None else self._runner.to_numpy(gradient)
                for name, source, layout in wanted:
                    if id(source) == key:
                        yield from self._shown(name, pull, array, layout)

    def _cast(self, name: str, layout: Moves) -> Array:
        return cast(arrange(self._arrays[name], layout), self._dtype)

    def _shown(self, name: str, pull: Any, array: Array | None, layout: Moves) -> Iterator[tuple[str, Array]]:
        """A gradient; or its slope along a direction, if that is all that is wanted, and if there is one."""
        if pull["along"]:
            slope = 0.0 if array is None else np.vdot(array, self._cast(pull["along"][name], layout))
            yield f"slope {name}{pull['of']}", np.array(slope)
            if np.isfinite(slope):
                return
        shape = self._arrays[name].shape
        own = np.zeros(shape, self._dtype) if array is None else restore(array, layout, shape)
        yield f"gradient {name}{pull['of']}", np.ascontiguousarray(own)
