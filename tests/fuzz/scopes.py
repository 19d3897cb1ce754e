"""What has inputs of its own: the network declares them, a block has its caller give them."""

from __future__ import annotations

from math import prod
from typing import Any, Final

from .attributes import Sizes
from .builder import Builder, Drawing
from .expressions import expressed
from .interpret import Rejected, Value, random_value, sizes_of
from .operations import operation

MOST_INPUTS: Final = 6
SHAPES: Final[list[Sizes]] = [
    (7,),
    (12,),
    (5, 6),
    (6, 11),
    (7, 4),
    (6, 9, 7),
    (4, 6, 5),
    (3, 8, 10),
    (4, 5, 6, 4),
    (2, 3, 5, 4),
]


class Network(Builder):
    """The steps of the network itself."""

    def __init__(self, drawing: Drawing) -> None:
        super().__init__(drawing, 0)
        self.declared: dict[str, Any] = {}

    def begin(self) -> None:
        """The first input, and a first step that takes it."""
        name = self.fresh(self.random.choice(SHAPES))
        self.current = self.names[name]
        while not self.layers:
            try:
                operation(self)
            except Rejected:
                continue
        first = self.layers[0] if isinstance(self.layers[0], dict) else {"op": self.layers[0]}
        source = first["op"] in ("parameter", "constant", "range") and "axis" not in first  # which reads nothing
        if "from" not in first and not source:
            first = {**first, "from": name}  # all inputs would flow in
            self.read.add(name)
        self.layers[0] = first

    def fresh(self, sizes: Sizes, dtype: str = "float", limit: int | None = None) -> str:
        if len(self.declared) >= MOST_INPUTS or prod(sizes) > 1200 or not sizes:
            raise Rejected("enough inputs")
        names = {"float": ["image", "features", "in", "signal"], "int64": ["tokens", "codes"], "bool": ["mask", "bits"]}
        name = f"{self.random.choice(names[dtype])}{self.drawing.number()}"
        if dtype == "float":
            self.declared[name] = list(sizes)
        else:
            self.declared[name] = {"shape": list(sizes), "dtype": dtype}
            if dtype == "int64":
                self.declared[name]["below"] = limit or 2
        self.names[name] = (random_value(self.drawing.numbers, sizes, dtype, limit or 2),)
        return name

    def outputs(self) -> tuple[dict[str, Any], dict[str, list[int]]]:
        """References to what nothing reads, and to the last value; and their sizes."""
        if len(self.current) == 1:
            self.named()
        ends = [name for name, _ in self.values() if name not in self.read and name not in self.declared]
        ends = [name for name in ends if not any(other.startswith(f"{name}.") for other in ends)][-6:]
        if not ends:
            ends = [next(name for name, _ in self.values())]
        shown = {f"y{number}": name for number, name in enumerate(ends)}
        expected = {label: list(self.names[name][0].shape[1:]) for label, name in shown.items()}
        return dict(shown), expected


class Block(Builder):
    """The steps of a block, drawn while it is called for the first time."""

    def __init__(self, outer: Builder) -> None:
        super().__init__(outer.drawing, outer.depth + 1)
        self.outer = outer
        self.asked: list[str] = []
        """What the caller gives; empty: its current value."""

    def start(self, x: Value) -> None:
        self._input("x", x, "")
        self.current = (x,)

    def _input(self, name: str, value: Value, reference: str) -> str:
        self.names[name] = (value,)
        self.env[name] = sizes_of(value)
        self.asked.append(reference)
        return name

    def fresh(self, sizes: Sizes, dtype: str = "float", limit: int | None = None) -> str:
        if len(self.asked) > 2:
            raise Rejected("enough inputs")
        reference = self.outer.obtain(sizes, dtype, limit, False)
        return self._input(f"other{len(self.asked)}", self.outer.names[reference][0], reference)

    def arguments(self) -> dict[str, Any]:
        """Values for some of the params; the others keep their defaults."""
        found = {}
        for name, param in self.params.items():
            if self.random.random() < 0.6:
                value = param["default"]
                found[name] = value if param["type"] == "operation" else expressed(self.outer, value, name)
        return found

    def finish(self) -> dict[str, Any]:
        inputs = ["x", *(f"other{number}" for number in range(1, len(self.asked)))]
        if len(self.current) > 1 or self.random.random() < 0.25:
            if len(self.current) == 1:
                self.named()
            ends = [name for name, _ in self.values() if name not in self.read and name not in inputs][-3:]
            outputs: dict[str, str] | None = {f"out{number}": name for number, name in enumerate(ends)}
            if not ends:
                raise Rejected("no outputs")
        else:
            outputs = None
        return {"params": self.params, "inputs": inputs, "layers": self.layers, "outputs": outputs}
