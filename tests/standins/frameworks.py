"""Stand-ins for what generated files import. Modules and containers are small real classes; all else is a `Value`."""

from __future__ import annotations

import builtins
import math
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from .values import Layer, Leaf, Value


class Name(Value):
    """Something of a framework by its dotted name; what begins with a capital in `layered` makes a layer."""

    def __init__(self, name: str, layered: bool = False, known: Mapping[str, Any] | None = None) -> None:
        super().__init__("name", name)
        self.name, self.layered = name, layered
        self.__dict__.update(known or {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        capital = self.layered and name[:1].isupper()
        found = self.__dict__[name] = Maker(f"{self.name}.{name}") if capital else Name(f"{self.name}.{name}")
        return found


class Maker(Name):
    """A class of layers."""

    def __call__(self, *args: Any, **kwargs: Any) -> Layer:
        return Layer(Value("call", Value("name", self.name), args, kwargs))


# Frameworks whose models are classes ----------------------------------------------------------------------------------


class Module:
    """The base of models and blocks."""

    hook: Any = None
    training = False

    def __call__(self, *args: Any) -> Any:
        result = self.forward(*args)  # type: ignore[attr-defined]
        return self.hook(result) if self.hook is not None else result

    def modules(self) -> tuple[()]:
        """What a loop fills has no effect on what is computed; how weights begin is compared where there are some."""
        return ()

    sublayers = modules

    def get_parameter(self, path: str) -> Any:
        found: Any = self
        for part in path.split("."):
            found = found[int(part)] if part.isdigit() else getattr(found, part)
        return found

    def create_parameter(self, *args: Any, **kwargs: Any) -> Layer:
        return Layer(Value("call", Value("name", "create_parameter"), args, kwargs))


class Chain(Module):
    """Layers one after the other: given one by one, as pairs with names, or as an ordered mapping of names."""

    def __init__(self, *given: Any) -> None:
        mapping = len(given) == 1 and isinstance(given[0], OrderedDict)
        pairs = given[0].items() if mapping else [each if isinstance(each, tuple) else (str(i), each)
                                                  for i, each in enumerate(given)]  # fmt: skip
        self.layers = dict(pairs)

    def forward(self, x: Any) -> Any:
        for layer in self.layers.values():
            x = layer(x)
        return x

    def __getitem__(self, index: int) -> Any:
        return list(self.layers.values())[index]


class Rows(Module):
    """A list of layers."""

    def __init__(self, given: Sequence[Any]) -> None:
        self.layers = {str(i): each for i, each in enumerate(given)}

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers.values())


class Identity(Module):
    def forward(self, x: Any) -> Any:
        return x


def paths(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Everything that a model holds, by its path."""
    yield prefix, model
    inner = model.layers if isinstance(model, (Chain, Rows)) else vars(model) if isinstance(model, Module) else {}
    for name, value in inner.items():
        if isinstance(value, (Module, Layer)):
            yield from paths(value, f"{prefix}.{name}" if prefix else name)


def with_classes(framework: str) -> dict[str, Any]:
    """The modules of PyTorch or Paddle, by the names by which they are imported."""
    known = {"Module": Module, "Layer": Module, "Sequential": Chain, "ModuleList": Rows, "LayerList": Rows,
             "Identity": Identity, "initializer": Name("nn.initializer"), "init": Name("nn.init"),
             "functional": Name("F")}  # fmt: skip
    nn = Name("nn", True, known)
    return {framework: Name(framework, known={"nn": nn, "Tensor": Name("Tensor")}), f"{framework}.nn": nn}


# Keras ----------------------------------------------------------------------------------------------------------------


def with_functions(made: Callable[[Layer], None], known: Mapping[str, Any]) -> dict[str, Any]:
    """The modules of Keras; `made` is told about each layer, and `known` are functions of Keras' own."""
    layers = _Layers("layers", True, {"made": made})
    return {
        "keras": Name("keras", known={"layers": layers, "ops": Operations("ops"), **known}),
        "numpy": Name("np"),
    }


class _Layers(Name):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = self.__dict__[name] = named_maker(f"layers.{name}", self.__dict__["made"])
        return found


def named_maker(target: str, made: Callable[[Layer], None]) -> Callable[..., Layer]:
    """A class of Keras layers, among whose arguments names do not count, nor how weights begin, nor the padding that
    they have by themselves, nor which of those with a name comes first."""

    def make(*args: Any, **kwargs: Any) -> Layer:
        name = kwargs.pop("name", None)
        kwargs = {key: value for key, value in sorted(kwargs.items())
                  if not key.endswith("initializer") and (key, value) != ("padding", "valid")}  # fmt: skip
        layer = Layer(Value("call", Value("name", target), args, kwargs), name)
        made(layer)
        return layer

    return make


class Operations(Name):
    """`keras.ops`. To transpose a tensor of the graph gives that tensor in another order of axes."""

    def transpose(self, x: Any, axes: Sequence[int]) -> Value:
        if isinstance(x, Leaf) and not x.flattened and len(axes) == x.ndim:
            return x.transposed(axes)
        return Value("call", Value("name", "ops.transpose"), (x, axes), {})


OPERATORS: Final = {
    "+": "add", "-": "subtract", "*": "multiply", "/": "divide", "//": "floor_divide", "%": "mod", "**": "power",
    "@": "matmul", "&": "logical_and", "|": "logical_or", "^": "logical_xor", "~": "logical_not", "<": "less",
    "<=": "less_equal", ">": "greater", ">=": "greater_equal", "==": "equal", "!=": "not_equal", "item": "get_item",
}  # fmt: skip


def operation(value: Value) -> str:
    """What Keras calls an operation outside of layers, the first of its kind; nothing for what is none."""
    match value:
        case Value(head="call", parts=(Value(head="name", parts=(str(name),)), _, _)) if name.startswith("ops."):
            return called(name.removeprefix("ops."))
        case Value(head="-", parts=(_,)):
            return "negative"
    return OPERATORS.get(value.head, "")


def called(function: str) -> str:
    """What Keras calls an operation that a function of `keras.ops` is."""
    return {"abs": "absolute", "rms_normalization": "rms_norm"}.get(function, function)


# Running a file -------------------------------------------------------------------------------------------------------

HIDDEN: Final = frozenset({"open", "exec", "eval", "compile", "input", "breakpoint", "help", "exit", "quit"})
"""What generated code never needs, and what must not happen if a spec should get at it."""


def namespace(modules: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The globals in which a file runs: it can import these modules, and knows these names without."""

    def load(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        try:
            return modules[name]
        except KeyError:
            raise ImportError(f"generated code imports {name}") from None

    plain = {name: value for name, value in vars(builtins).items() if name not in HIDDEN}
    return {**known, "__builtins__": {**plain, "__import__": load}, "__name__": "generated"}


COLLECTIONS: Final = {"OrderedDict": OrderedDict, "Sequence": Sequence}
PLAIN: Final[dict[str, Any]] = {
    "math": math,
    "collections": types.SimpleNamespace(OrderedDict=OrderedDict),
    "collections.abc": types.SimpleNamespace(Sequence=Sequence, Callable=Callable),
}
