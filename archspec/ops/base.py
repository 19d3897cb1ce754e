"""What an operation is: attributes, shape rule, parameters, cost and NumPy reference, in one class.

A subclass of `Operation` is a frozen Pydantic model whose fields are the spec's attributes. It defines

- `infer`: the shapes of its outputs from those of its inputs, in plain arithmetic, or a `ShapeError`;
- `parameters`: the shapes of its weights, by canonical (PyTorch's) names, if it has any;
- `cost`: how many multiply-adds one evaluation takes, if any;
- `reference`: its value in NumPy, in the dtype of its inputs; float64 is the definition of the right answer;
- `train`: what training makes of it, if that is something else, and `draws`: what is random there.

Shapes are in canonical order, with the batch axis first: `batch, channels, height, width`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from archspec.errors import ShapeError
from archspec.ops._names import key_of
from archspec.ops.initializers import Fans, Initializer
from archspec.ops.spans import Span, together

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

Shape = tuple[int, ...]
Sets = tuple[tuple[float, ...], ...]
"""Sets of numbers to try an operation with: parts of an input are filled from one set each, so that in the part of a
set of one number all are equal."""
DType = Literal["float", "int64", "bool"]
Wish = Literal["image", "features", "spec", "readers"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A weight of an operation: its canonical shape and how it is initialized.

    `trainable` is false for statistics (a batch norm's running mean) and for what a spec freezes, which gradients do
    not reach, and `frozen` is a row of a table that they do not reach.
    `kind` tells what values are plausible: `weight` (fan-in scaled), `bias`, `scale` (near one), `mean`, `variance`
    (positive) or `table` (rows of unit scale); and how it begins, unless the operation has an `initial` of its own or a
    spec says otherwise; the step's attributes may have `said` so. `groups` and `transposed` tell the fans of a kernel
    from its shape.
    """

    shape: Shape
    kind: Literal["weight", "bias", "scale", "mean", "variance", "table"] = "weight"
    trainable: bool = True
    frozen: int | None = None
    initial: Initializer | None = None
    said: bool = False
    groups: int = 1
    transposed: bool = False

    @property
    def statistic(self) -> bool:
        """Whether it is what a step has seen, and not learned."""
        return self.kind in ("mean", "variance")

    @property
    def fans(self) -> Fans:
        """How many numbers a kernel brings together, in each of its groups: `out, in / groups, *kernel`, or transposed
        `in, out / groups, *kernel`; of a table, the numbers of a row."""
        first, *others = self.shape if len(self.shape) > 1 else (self.shape * 2)
        fans = product(others), (first // self.groups) * product(others[1:])
        if self.transposed:
            fans = (first // self.groups) * product(others[1:]), product(others)
        return Fans(*fans, self.groups)


@dataclass(frozen=True, slots=True)
class Draw:
    """Random numbers that a step draws in training: their shape, which broadcasts to what they act on.

    They are truth values, true with probability `keep`; or, without it, normal numbers of mean 0 and variance 1.
    """

    shape: Shape
    keep: float | None = None


MIXED = (0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, 1e-30, -1e-30, 88.0, -88.0, 1e5, -1e5)
"""Halves are where rounding decides; e^88 is all that float32 holds, and -1e4 what some take for minus infinity."""
FAR = 2.0**100
"""Beyond any bound that somebody may have set: products of several are still finite. Beside it, nothing else is seen of
what depends on several numbers, so that only elementwise operations take it."""
TIES: Sets = ((0.0,), (1.0,), (-1e5,), (1e5,))
NEAR = 2.0**-20
MODERATE: Sets = ((0.0, 1.0, -1.0, 0.5, -0.5, 1e-30, -1e-30, 32.0, -32.0), (0.0,))
"""For what is `steep`."""


class Operation(BaseModel):
    """The base of all operations."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    key: ClassVar[str]
    """The operation's name in a spec, derived from the name of the class."""
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    """The least and the largest number of inputs; None: any number."""
    takes: ClassVar[tuple[DType, ...]] = ("float",)
    """The kinds of numbers that its inputs may have."""
    takes_each: ClassVar[tuple[tuple[DType, ...], ...]] = ()
    """The kinds of numbers of each input, where they are not the same for all."""
    gives: ClassVar[tuple[str, ...]] = ()
    """The names of its outputs, if it has several."""
    follows: ClassVar[bool] = False
    """Whether people write it on the line of the operation before it: activations, normalizations, dropout."""
    elementwise: ClassVar[bool] = False
    """Whether each output element depends only on the input elements at its own place, so that no axis matters."""
    wish: ClassVar[Wish | tuple[Wish, ...] | None] = None
    """The order of axes that it asks for where channels may stand last, of all inputs or of each: that of an `image`;
    that of `features`, which is an image's for images and else the spec's; the `spec`'s whatever comes; or, as no axis
    matters to it more than another, the order that the `readers` of what it gives ask for. None: any."""
    drops: ClassVar[bool] = False
    """Whether elements of its inputs may be missing in an output."""
    linear: ClassVar[bool] = False
    """Whether it is linear in each of its inputs but for a constant, or moves them only, so that it has no edges."""
    steep: ClassVar[bool] = False
    """Whether it may be ill-conditioned at numbers that are none of its edges: ties of others, or what is large."""
    keeps_sign: ClassVar[bool] = False
    """Whether nothing that it gives is below zero where nothing of its inputs is."""
    exact: ClassVar[bool] = False
    """Whether it gives numbers that are given to it, or fixed ones, so that it rounds nothing."""
    across: ClassVar[bool] = False
    """Whether it makes samples of what was on another axis, or puts samples on one, so that its sizes follow from the
    number of samples."""
    cuts: ClassVar[bool] = False
    """Whether no gradient flows through it."""
    borrows: ClassVar[tuple[str, ...]] = ()
    """The operations whose weights it may use besides those of its own kind."""
    any_rank: ClassVar[bool] = False
    """Whether the same weights do for inputs of any number of axes."""
    gain: ClassVar[tuple[str, ...]] = ()
    """The weights that multiply the output if all of them are multiplied: the layer's kernel and bias."""
    free: ClassVar[frozenset[str]] = frozenset()
    """The attributes on which the structure of no network depends: a param that stands alone for one may stay an
    argument of generated code."""

    at_open_sizes: ClassVar[Mapping[str, str]] = {}
    """What there is in place of attributes that would have to follow from a size that is open: a hint for each."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.key = key_of(cls.__name__)

    def accepts(self) -> tuple[int, int | None]:
        """The least and the largest number of inputs that it takes with these attributes. The default: `arity`."""
        return self.arity

    def kinds(self, *inputs: Shape) -> tuple[tuple[DType, ...], ...]:
        """The kinds of numbers that each input may have. The default: what the class takes."""
        return self.takes_each or (self.takes,) * len(inputs)

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        """The shapes of the outputs. The default: one output, of the shape of the only input."""
        return (inputs[0],)

    def result(self, *dtypes: DType) -> DType | tuple[DType, ...]:
        """The kind of number that comes out, for all outputs or for each. The default: that of the first input.

        Raises ShapeError if the inputs' kinds do not go together, or not with the attributes.
        """
        return dtypes[0]

    def indexes(self, *inputs: Shape) -> dict[int, tuple[int, str]]:
        """For each input that holds indices, by its number: how many things they count, and the attribute that says
        so. The default: none."""
        return {}

    def span(self, spans: Sequence[Span | None], inputs: Sequence[Shape]) -> Span | None:
        """How small and large the whole numbers are that come out, given that of those of each input; None: that is not
        known. The default: what takes numbers of all kinds moves them, and no more."""
        moved = together(spans) if set(self.takes) == {"float", "int64", "bool"} else None
        return moved if moved is None or moved.even or not self.drops else None

    def nonnegative(self, *inputs: bool) -> bool:
        """Whether nothing that it gives is below zero, given whether nothing of each input is."""
        return self.keeps_sign and all(inputs)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """The weights, by canonical name."""
        return {}

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        """Multiply-adds of one evaluation on inputs of these shapes."""
        return 0

    def reference(self, *inputs: Array, **parameters: Array) -> Array | tuple[Array, ...]:
        """The outputs, computed with NumPy in the dtype of the inputs."""
        raise NotImplementedError(f"{self.key} has no reference")

    def undefined(self, *inputs: Array) -> tuple[Array | None, ...]:
        """For each output which of its elements may be others as well, such as the places of equal elements; None, or
        nothing at all: none of them."""
        return ()

    def inner(self, *inputs: Array) -> Array | float:
        """How large the numbers are that are added up on the way to each output, where neither inputs nor outputs tell:
        one for log(1 + e^x), where x is far below zero. What rounding makes of an output is a share of it."""
        return 0.0

    def draws(self, *inputs: Shape) -> dict[str, Draw]:
        """What is random in training, by name. The default: nothing."""
        return {}

    def kinks(self) -> tuple[float, ...]:
        """The numbers, besides zero, at which it bends or jumps."""
        return ()

    def edges(self, *inputs: Shape) -> tuple[Sets, ...]:
        """The numbers at which each input is tried, besides those that are drawn; for an input of whole numbers those
        of them that are whole, and that it may have. The default: zero, halves, what is small or large, and the
        `kinks`; ties of them unless the operation is elementwise; nothing if it is `linear`."""
        if self.linear:
            return ((),) * len(inputs)
        far = (FAR, -FAR) if self.elementwise else ()
        near = (near for kink in self.kinks() for near in (kink, kink * (1 - NEAR), kink * (1 + NEAR)))
        mixed = (*MIXED, *far, *near)
        return ((tuple(dict.fromkeys(mixed)), *(() if self.elementwise else TIES)),) * len(inputs)

    def train(self, *inputs: Array, **parameters: Array) -> tuple[Any, dict[str, Array]]:
        """The outputs in training, and the new values of parameters that are statistics.

        What `draws` names may be given, too; what is not given is left out. The default: `reference`, with nothing new.
        """
        return self.reference(*inputs, **parameters), {}


# For each of its classes Pydantic evaluates the annotations of all bases, which are texts here. Of these only one thing
# matters to it: that they are no attributes.
Operation.__annotations__ = dict.fromkeys(Operation.__annotations__, ClassVar)


def check_rank(x: Shape, *ranks: int) -> None:
    """Raises ShapeError unless `x` has one of these numbers of axes, the batch axis counted."""
    if len(x) not in ranks:
        wanted = " or ".join(str(rank) for rank in ranks)
        raise ShapeError(f"needs an input with {wanted} axes (with the batch), not {show(x)}")


def show(shape: Shape) -> str:
    """A shape as people write it: `[batch, 64, 56, 56]`."""
    from archspec.expressions import expr_of

    return f"[{', '.join(str(expr_of(size)) for size in shape)}]"


def product(sizes: Sequence[int]) -> int:
    """The product, symbols kept."""
    total = 1
    for size in sizes:
        total = size * total
    return total


# Types of attributes. Integers keep the expression they came from (`archspec.expressions.Dim`), which Pydantic's own
# integers would not; hence the validators in plain Python.


def _whole(minimum: int) -> Any:
    def check(value: Any) -> Any:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"must be a whole number, not {describe(value)}")
        if value < minimum:
            raise ValueError(f"must be at least {minimum}, not {value}")
        return value

    return check


def describe(value: Any) -> str:
    """A value as an error message quotes it, with its kind where that is the surprise."""
    if isinstance(value, str):
        return f"the text '{value[:60]}'"
    if isinstance(value, bool):
        return "true" if value else "false"
    kind = "" if isinstance(value, (int, float, list, tuple, dict)) else f" ({type(value).__name__})"
    return "null" if value is None else f"{str(value)[:60]}{kind}"


def _integer(minimum: int) -> Any:
    schema: dict[str, Any] = {"type": "integer", "minimum": minimum}
    return Annotated[Any, BeforeValidator(_whole(minimum)), WithJsonSchema(schema)]


def _number(value: Any) -> Any:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError(f"must be a number, not {describe(value)}")
    return float(value)


def _constant(value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) else _number(value)


def _truth(value: Any) -> Any:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {describe(value)}")
    return value


if TYPE_CHECKING:
    Positive = int
    Natural = int
    Integer = int
    Real = float
    Constant = float
    Flag = bool
else:
    Positive = _integer(1)  # a count of channels, features, groups
    Natural = _integer(0)
    Integer = _integer(-(2**53))
    Real = Annotated[float, BeforeValidator(_number)]
    Constant = Annotated[Any, BeforeValidator(_constant), WithJsonSchema({"type": "number"})]  # 2 is not made 2.0
    Flag = Annotated[bool, BeforeValidator(_truth)]

Probability = Annotated[Real, Field(ge=0, lt=1)]
Epsilon = Annotated[Real, Field(ge=0)]


def per_axis(value: Any, rank: int, minimum: int) -> tuple[int, ...]:
    """One number, or one per axis, as a tuple of `rank` numbers."""
    values = list(value) if isinstance(value, (list, tuple)) else [value] * rank
    if len(values) != rank:
        raise ValueError(f"must be one number, or one for each of the {rank} axes, not a list of {len(values)}")
    return tuple(_whole(minimum)(v) for v in values)


def _window(rank: int, minimum: int) -> Any:
    item: dict[str, Any] = {"type": "integer", "minimum": minimum}
    many = {"type": "array", "items": item, "minItems": rank, "maxItems": rank}
    return Annotated[
        Any,
        AfterValidator(lambda value: per_axis(value, rank, minimum)),
        WithJsonSchema({"anyOf": [item, many]}),
    ]


_DEFAULT_TOO = Field(validate_default=True)

if TYPE_CHECKING:
    from typing import TypeAlias

    Window1d: TypeAlias = tuple[int, ...]
    Window2d: TypeAlias = Window1d
    Window3d: TypeAlias = Window1d
    Offset1d: TypeAlias = Window1d
    Offset2d: TypeAlias = Window1d
    Offset3d: TypeAlias = Window1d
    OptionalWindow1d: TypeAlias = Window1d | None
    OptionalWindow2d: TypeAlias = Window1d | None
    OptionalWindow3d: TypeAlias = Window1d | None
    Padding1d: TypeAlias = tuple[tuple[int, int], ...] | Literal["same"]
    Padding2d: TypeAlias = Padding1d
    Padding3d: TypeAlias = Padding1d
    CausalPadding1d: TypeAlias = Padding1d | Literal["causal"]
else:
    Window1d, Window2d, Window3d = (Annotated[_window(rank, 1), _DEFAULT_TOO] for rank in (1, 2, 3))
    Offset1d, Offset2d, Offset3d = (Annotated[_window(rank, 0), _DEFAULT_TOO] for rank in (1, 2, 3))
    OptionalWindow1d, OptionalWindow2d, OptionalWindow3d = (_window(rank, 1) | None for rank in (1, 2, 3))


def pads(value: Any, rank: int, words: tuple[str, ...] = ("same",)) -> tuple[tuple[int, int], ...] | str:
    """A number, one per axis, or `[before, after]` pairs, as pairs; or one of the words."""
    if isinstance(value, str) and value in words:
        return value
    natural = _whole(0)
    if not isinstance(value, (list, tuple)):
        if isinstance(value, str):
            allowed = f"a number, one per axis, [before, after] pairs, or {' or '.join(words)}"
            raise ValueError(f"must be {allowed}, not {describe(value)}")
        return ((natural(value), value),) * rank
    if len(value) != rank:
        raise ValueError(f"must have one item for each of the {rank} axes, not {len(value)}")
    pairs = []
    for item in value:
        pair = list(item) if isinstance(item, (list, tuple)) else [item, item]
        if len(pair) != 2:
            raise ValueError("must be a number or a [before, after] pair for each axis")
        pairs.append((natural(pair[0]), natural(pair[1])))
    return tuple(pairs)


def _padding(rank: int, *words: str) -> Any:
    item: dict[str, Any] = {"type": "integer", "minimum": 0}
    pair = {"type": "array", "items": item, "minItems": 2, "maxItems": 2}
    many = {"type": "array", "items": {"anyOf": [item, pair]}, "minItems": rank, "maxItems": rank}
    return Annotated[
        Any,
        AfterValidator(lambda value: pads(value, rank, words)),
        WithJsonSchema({"anyOf": [item, many, *({"const": word} for word in words)]}),
        _DEFAULT_TOO,
    ]


if not TYPE_CHECKING:
    Padding1d, Padding2d, Padding3d = (_padding(rank, "same") for rank in (1, 2, 3))
    CausalPadding1d = _padding(1, "same", "causal")

AXES: dict[int, dict[str, int]] = {
    1: {"batch": 0},
    2: {"batch": 0, "features": 1, "channels": 1},
    3: {"batch": 0, "channels": 1, "time": 1, "length": 2, "features": 2},
    4: {"batch": 0, "channels": 1, "height": 2, "width": 3},
    5: {"batch": 0, "channels": 1, "depth": 2, "height": 3, "width": 4},
}
"""The names of axes, by the number of axes (the batch counted)."""

AxisName = Literal["batch", "channels", "features", "time", "length", "depth", "height", "width"]


def _axis(value: Any) -> Any:
    names = AxisName.__args__  # type: ignore[attr-defined]
    if isinstance(value, str) and value not in names:
        raise ValueError(f"must be a number or one of {', '.join(names)}, not {describe(value)}")
    return value if isinstance(value, str) else _whole(-8)(value)


def _axes(value: Any) -> tuple[int | str, ...]:
    values = value if isinstance(value, (list, tuple)) else [value]
    if not values:
        raise ValueError("must name at least one axis")
    return tuple(_axis(v) for v in values)


_ONE_AXIS: list[dict[str, Any]] = [{"type": "integer"}, {"enum": list(AxisName.__args__)}]  # type: ignore[attr-defined]
_MANY_AXES = {"type": "array", "items": {"anyOf": _ONE_AXIS}, "minItems": 1}

if TYPE_CHECKING:
    Axis = int | str
    Axes = tuple[int | str, ...]
else:
    Axis = Annotated[Any, BeforeValidator(_axis), WithJsonSchema({"anyOf": _ONE_AXIS})]
    Axes = Annotated[Any, BeforeValidator(_axes), WithJsonSchema({"anyOf": [*_ONE_AXIS, _MANY_AXES]}), _DEFAULT_TOO]


def resolve_axis(axis: int | str, rank: int, attribute: str = "axis", of: str = "input") -> int:
    """The number of an axis, from 0, given its name or a number that may count from the end.

    Raises ShapeError if an input (or output: `of`) with `rank` axes has no such axis.
    """
    if isinstance(axis, str):
        names = AXES.get(rank, {})
        if axis not in names:
            raise ShapeError(
                f"an {of} with {rank} axes has no axis '{axis}'",
                attribute=attribute,
                hint=f"its axes are {', '.join(names)}" if names else "give the axis as a number",
            )
        return names[axis]
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {int(axis)} is out of range for an {of} with {rank} axes", attribute=attribute)
    return int(axis) % rank


def same_pads(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """The padding that `same` stands for on an axis (ONNX SAME_UPPER): the output has ceil(size / stride) elements,
    and an odd element of padding goes after."""
    total = (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size
    if total <= 0:
        return (0, 0)
    return (total // 2, total - total // 2)


def window_pads(
    padding: Any, sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """The padding per axis, `same` and `causal` resolved for inputs of these sizes."""
    if padding == "causal":
        return tuple(((k - 1) * d, 0) for k, d in zip(kernel, dilation, strict=True))
    if padding != "same":
        return tuple(padding)
    return tuple(same_pads(*axis) for axis in zip(sizes, kernel, stride, dilation, strict=True))
