"""What flows through a generated file that runs on stand-ins: one class for everything that a framework computes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

Axes = tuple[int, ...]


class Value:
    """The result of an expression, as the expression: `head` is what is done, `parts` to what.

    A tensor of the graph is a leaf, `head` "tensor": `parts` are the tensor, and the order of its axes.
    """

    def __init__(self, head: str, *parts: Any) -> None:
        self.head = head
        self.parts = parts

    def __call__(self, *args: Any, **kwargs: Any) -> Value:
        return Value("call", self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Value("attribute", self, name)

    def __getitem__(self, key: Any) -> Value:
        return Value("item", self, key)

    def __bool__(self) -> bool:
        raise TypeError(f"whether {self} is true is not known before the model runs")

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{self} cannot be unpacked: it is no step's value")

    def __repr__(self) -> str:
        return shown(self)

    __hash__ = object.__hash__

    def __neg__(self) -> Value:
        return Value("-", self)

    def __invert__(self) -> Value:
        return Value("~", self)

    def __eq__(self, other: object) -> Value:  # type: ignore[override]
        return Value("==", self, other)

    def __ne__(self, other: object) -> Value:  # type: ignore[override]
        return Value("!=", self, other)


def _operator(sign: str, swapped: bool) -> Any:
    def apply(self: Value, other: Any) -> Value:
        return Value(sign, other, self) if swapped else Value(sign, self, other)

    return apply


OPERATORS: Final = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "matmul": "@",
    "and": "&", "or": "|", "xor": "^",
}  # fmt: skip
for _name, _sign in OPERATORS.items():
    setattr(Value, f"__{_name}__", _operator(_sign, False))
    setattr(Value, f"__r{_name}__", _operator(_sign, True))
for _name, _sign in {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items():
    setattr(Value, f"__{_name}__", _operator(_sign, False))


class Leaf(Value):
    """A tensor of the graph, laid out in some order of axes."""

    def __init__(self, tensor: Any, axes: Axes, flattened: Axes = (), sizes: Callable[[Any], Any] = tuple) -> None:
        super().__init__("tensor", tensor, axes, flattened)
        self.tensor, self.axes, self.flattened, self.sizes = tensor, axes, flattened, sizes

    @property
    def shape(self) -> Any:
        """The sizes, in what the framework has them in: a tuple or a list."""
        return self.sizes(int(self.tensor.shape[axis]) for axis in self.axes)

    @property
    def ndim(self) -> int:
        return len(self.axes)

    def transposed(self, order: Iterable[int]) -> Leaf:
        return Leaf(self.tensor, tuple(self.axes[axis] for axis in order), self.flattened, self.sizes)


class Layer(Value):
    """What holds weights, or is called on values: a layer, or a parameter. `parts` is what it was made by."""

    def __init__(self, made: Value, name: str | None = None) -> None:
        super().__init__("layer", made)
        self.made, self.layer_name = made, name
        self.hook: Any = None
        """What is told about each of its results, and gives what stands for it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = Value("call", self, args, kwargs)
        return self.hook(result) if self.hook is not None else result

    def requires_grad_(self, learns: bool) -> Layer:
        """The layer itself, of which it is known whether it learns."""
        return Layer(Value("call", Value("attribute", self.made, "requires_grad_"), (learns,), {}))


def shown(value: Any) -> str:
    """A value as code, about."""
    match value:
        case Leaf():
            order = "" if value.axes == tuple(range(len(value.axes))) else f"^{value.axes}"
            return f"<{value.tensor.name}{order}>"
        case Layer():
            return f"{{{shown(value.made)}}}"
        case Value(head="name", parts=(name,)):
            return str(name)
        case Value(head="attribute", parts=(owner, name)):
            return f"{shown(owner)}.{name}"
        case Value(head="item", parts=(owner, key)):
            return f"{shown(owner)}[{shown(key)}]"
        case Value(head="call", parts=(target, args, kwargs)):
            inner = [*map(shown, args), *(f"{key}={shown(each)}" for key, each in kwargs.items())]
            return f"{shown(target)}({', '.join(inner)})"
        case Value():
            return f"({f' {value.head} '.join(map(shown, value.parts))})"
        case tuple() | list():
            return f"[{', '.join(map(shown, value))}]"
    return repr(value)


class Pairs:
    """Which layer of the code stands for which that was expected, one for one."""

    def __init__(self, fixed: Iterable[Layer] = ()) -> None:
        self.fixed = {id(layer) for layer in fixed}
        """Layers that are known already, and can be no others."""
        self.found: dict[int, tuple[Layer, Layer]] = {}
        self.taken: dict[int, Layer] = {}
        self.by_suffix: dict[str, Any] = {}
        """The layers of a step by their suffixes, once they are known."""

    def add(self, given: Layer, due: Layer) -> bool:
        known, owner = self.found.get(id(due)), self.taken.get(id(given))
        if known is not None or owner is not None:
            return known is not None and known[0] is given and owner is due
        self.found[id(due)] = (given, due)
        self.taken[id(given)] = due
        return True

    @property
    def given(self) -> list[Layer]:
        return [given for given, _ in self.found.values()]

    def given_for(self, due: Any) -> Any:
        """The layer of the code that stands for this one, if any."""
        return due if id(due) in self.fixed else self.found.get(id(due), (None,))[0]


def same(given: Any, due: Any, pairs: Pairs) -> bool:
    """Whether two values are one expression on the same tensors, with layers that are made alike."""
    if given is due:
        return True
    if isinstance(due, Leaf):
        return isinstance(given, Leaf) and (given.tensor is due.tensor and given.axes == due.axes
                                            and given.flattened == due.flattened)  # fmt: skip
    if isinstance(due, Layer):
        if id(due) in pairs.fixed or not isinstance(given, Layer):
            return False
        known = id(due) in pairs.found
        return pairs.add(given, due) and (known or same(given.made, due.made, pairs))
    if isinstance(due, Value):
        alike = isinstance(given, Value) and given.head == due.head and not isinstance(given, (Leaf, Layer))
        return alike and len(given.parts) == len(due.parts) and all(map_same(given.parts, due.parts, pairs))
    if isinstance(due, (tuple, list)):
        return type(given) is type(due) and len(given) == len(due) and all(map_same(given, due, pairs))
    if isinstance(due, Mapping):
        return (isinstance(given, Mapping) and list(given) == list(due)
                and all(map_same(given.values(), due.values(), pairs)))  # fmt: skip
    if isinstance(due, slice):
        return isinstance(given, slice) and same(_ends(given), _ends(due), pairs)
    if isinstance(due, float):
        number = isinstance(given, (int, float)) and not isinstance(given, bool)
        return number and (given == due or _single(given) == _single(due))
    return isinstance(given, type(due)) and isinstance(given, bool) == isinstance(due, bool) and bool(given == due)


def map_same(given: Iterable[Any], due: Iterable[Any], pairs: Pairs) -> Iterator[bool]:
    return (same(mine, yours, pairs) for mine, yours in zip(given, due, strict=True))


def _ends(value: slice) -> tuple[Any, Any, Any]:
    return value.start, value.stop, value.step


def _single(value: float) -> bytes:
    return struct.pack("f", value) if abs(value) < 3e38 or value != value else str(value).encode()


def parts(value: Any) -> Iterator[Value]:
    """All values that an expression consists of."""
    if isinstance(value, Value):
        yield value
        if not isinstance(value, Leaf):
            yield from parts(value.parts)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from parts(part)
    elif isinstance(value, Mapping):
        yield from parts(list(value.values()))
