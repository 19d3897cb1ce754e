"""The names that a framework shows for layers, which it takes only once each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import count

from archspec.emit.code import LayerName


class LayerNames:
    """What layers are called, all different, with those of blocks, which begin with the name of the call."""

    def __init__(self, inputs: Sequence[str]) -> None:
        self.inputs = dict.fromkeys(inputs, "")
        self.loops: dict[str, str] = {}
        """Path of a call in a loop: what stands before its number."""
        self.models: set[LayerName] = set()
        """The calls of blocks that are models of their own, which have a name, too."""
        self.names: set[str] = set()
        """All names, those inside of blocks included, below that of the block itself."""
        self._spellings: dict[LayerName, str] = {}

    def __getitem__(self, name: LayerName) -> str:
        return self._spellings[name]

    def name_all(self, layers: Iterable[tuple[LayerName, LayerNames | None]], taken: Collection[str]) -> None:
        """Gives every layer its name, and every call of a block, of which the names inside are given, too. What is not
        in a layer is called by its function, `add` and then `add_1`; `taken` are these functions."""
        for key in self.inputs:
            self.inputs[key] = self._name(key, ("",), taken)
        for name, inner in layers:
            if inner is not None:
                self._call(name, [f"_{own}" for own in inner.names] + [""] * (name in self.models), taken)
            elif name not in self._spellings:
                self._spellings[name] = self._name("_".join(filter(None, (name.path, name.suffix))), ("",), taken)

    def _call(self, name: LayerName, ends: Sequence[str], taken: Collection[str]) -> None:
        if name in self._spellings:  # its condition and that of another excluded each other
            self.names |= {self._spellings[name] + end for end in ends}
            return
        prefix = self.loops.get(name.path)
        if prefix is None:
            self._spellings[name] = self._name(name.path, ends, taken)
            return
        numbers = {path: path.removeprefix(prefix) for path, other in self.loops.items() if other == prefix}
        all_ends = [number + end for number in numbers.values() for end in ends]
        found = self._spellings[LayerName(prefix, index=True)] = self._name(prefix, all_ends, taken)
        self._spellings |= {LayerName(path): found + number for path, number in numbers.items()}

    def _name(self, wanted: str, ends: Collection[str], taken: Collection[str]) -> str:
        """A name like the wanted one with which, whatever follows it, there is no name twice."""
        wanted = wanted.replace(".", "_")
        for number in count():
            found = wanted + ("_" * number if number < 2 else f"_{number}_")
            names = {found + end for end in ends}
            if not names & self.names and not any(re.sub(r"_\d+$", "", name) in taken for name in names):
                self.names |= names
                return found
        raise AssertionError(wanted)
