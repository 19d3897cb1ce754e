"""How weights begin: distributions, and the vocabulary of `init` that names them.

An initializer is a distribution whose one number follows from the fans of a kernel: how many numbers of the input a
number of the output is made of (fan_in), and how many numbers of the output one of the input goes into (fan_out).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from math import inf, prod, sqrt
from typing import TYPE_CHECKING, ClassVar, Final
from zlib import crc32

from archspec._lazy import lazy
from archspec.expressions import Apply, Const, Expr, Name, build, evaluate

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]
    Random = np.random.Generator
else:
    np = lazy("numpy")


@dataclass(frozen=True, slots=True)
class Fans:
    """How many numbers a kernel brings together. Each group of a grouped convolution is a kernel of its own."""

    fan_in: int
    fan_out: int
    groups: int = 1

    def values(self) -> dict[str, int]:
        return {"fan_in": self.fan_in, "fan_out": self.fan_out, "groups": self.groups}


# Distributions ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Distribution:
    """What numbers of a weight are drawn from; `number` tells it apart from others of its kind."""

    number: float

    kurtosis: ClassVar[float] = 3.0
    """The fourth moment by the square of the variance."""

    @property
    def std(self) -> float:
        """The standard deviation."""
        return self.number

    @property
    def mean(self) -> float:
        return 0.0

    @property
    def bound(self) -> float:
        """No number is farther from zero."""
        return inf

    def problem(self, shape: tuple[int, ...]) -> str:
        """Why no weight of this shape can begin so; empty if it can."""
        return "" if self.number > 0 else f"needs a number above zero, not {self.number:g}"

    def draw(self, random: Random, shape: tuple[int, ...]) -> Array:
        """Numbers of it, in float64."""
        raise NotImplementedError


class Fixed(Distribution):
    """One number."""

    kurtosis = 0.0

    @property
    def std(self) -> float:
        return 0.0

    @property
    def mean(self) -> float:
        return self.number

    def problem(self, shape: tuple[int, ...]) -> str:
        return ""

    def draw(self, random: Random, shape: tuple[int, ...]) -> Array:
        return np.full(shape, float(self.number))


@dataclass(frozen=True)
class Gaussian(Distribution):
    """Normal, of this standard deviation around a middle."""

    middle: float = 0.0

    @property
    def mean(self) -> float:
        return self.middle

    def draw(self, random: Random, shape: tuple[int, ...]) -> Array:
        return random.standard_normal(shape) * self.number + self.middle


class Flat(Distribution):
    """Uniform from minus this number up to it."""

    kurtosis = 9 / 5

    @property
    def std(self) -> float:
        return self.number / sqrt(3)

    @property
    def bound(self) -> float:
        return self.number

    def draw(self, random: Random, shape: tuple[int, ...]) -> Array:
        return random.uniform(-self.number, self.number, shape)


class Truncated(Distribution):
    """Normal, of this standard deviation before all is drawn again that is more than two of them from zero."""

    kurtosis = 2.3655367171296495  # by the moments of a normal distribution between -2 and 2
    share: ClassVar[float] = 0.8796256610342398

    @property
    def std(self) -> float:
        return self.share * self.number

    @property
    def bound(self) -> float:
        return 2 * self.number

    def draw(self, random: Random, shape: tuple[int, ...]) -> Array:
        found = random.standard_normal(prod(shape))
        while (again := np.flatnonzero(np.abs(found) > 2)).size:
            found[again] = random.standard_normal(again.size)
        return found.reshape(shape) * self.number


class Rotation(Distribution):
    """This number times a matrix whose rows (or columns, if those are fewer) are orthonormal, drawn evenly from all."""

    def problem(self, shape: tuple[int, ...]) -> str:
        return "needs a weight of two or more axes" if len(shape) < 2 else super().problem(shape)

    def draw(self, random: Random, shape: tuple[int, ...]) -> Array:
        rows, columns = shape[0], prod(shape[1:])
        q, r = np.linalg.qr(random.standard_normal((max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diagonal(r))
        found: Array = (q.T if rows < columns else q).reshape(shape) * self.number
        return found


class Unit(Distribution):
    """The unit matrix."""

    def problem(self, shape: tuple[int, ...]) -> str:
        square = len(shape) == 2 and shape[0] == shape[1]
        return "" if square else f"needs a square matrix, and this weight is {' x '.join(str(int(s)) for s in shape)}"

    def draw(self, random: Random, shape: tuple[int, ...]) -> Array:
        return np.eye(shape[0]) * self.number


# The vocabulary -----------------------------------------------------------------------------------------------------

FAN_IN, FAN_OUT, GROUPS = Name("fan_in"), Name("fan_out"), Name("groups")
_ZERO, _ONE, _SLOPE = Const(0.0), Const(1.0), Const(0.01)
_NONLINEARITIES: Final = ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu")


@dataclass(frozen=True)
class Initializer:
    """A word of the vocabulary with its arguments: expressions over `fan_in` and `fan_out`, or words."""

    key: ClassVar[str]
    kind: ClassVar[type[Distribution]]

    @property
    def number(self) -> Expr:
        """The number of the distribution, over `fan_in`, `fan_out` and `groups`."""
        first = getattr(self, fields(self)[0].name)
        assert isinstance(first, Expr)
        return first

    def problem(self) -> str:
        """What is wrong with its words; empty if nothing is."""
        return ""

    def distribution(self, fans: Fans) -> Distribution:
        """What a weight with these fans is drawn from. Raises ExpressionError if its number cannot be computed."""
        return _distribution(self, int(fans.fan_in), int(fans.fan_out), int(fans.groups))

    def __str__(self) -> str:
        given = [f"{f.name}={getattr(self, f.name)}" for f in fields(self) if getattr(self, f.name) != f.default]
        return self.key + (f"({', '.join(given)})" if given else "")


@lru_cache(maxsize=4096)
def _distribution(initializer: Initializer, fan_in: int, fan_out: int, groups: int) -> Distribution:
    names = {"fan_in": fan_in, "fan_out": fan_out, "groups": groups}
    return initializer.kind(float(evaluate(initializer.number, names)))


@dataclass(frozen=True)
class Zeros(Initializer):
    """w = 0."""

    key = "zeros"
    kind = Fixed

    @property
    def number(self) -> Expr:
        return Const(0.0)


@dataclass(frozen=True)
class Ones(Initializer):
    """w = 1."""

    key = "ones"
    kind = Fixed

    @property
    def number(self) -> Expr:
        return Const(1.0)


@dataclass(frozen=True)
class Constant(Initializer):
    """w = value."""

    key = "constant"
    kind = Fixed
    value: Expr


@dataclass(frozen=True)
class Normal(Initializer):
    """w ~ N(mean, std^2)."""

    key = "normal"
    kind = Gaussian
    std: Expr
    mean: Expr = _ZERO

    def distribution(self, fans: Fans) -> Distribution:
        return Gaussian(super().distribution(fans).number, float(evaluate(self.mean, fans.values())))


@dataclass(frozen=True)
class Uniform(Initializer):
    """w ~ U(-bound, bound)."""

    key = "uniform"
    kind = Flat
    bound: Expr


@dataclass(frozen=True)
class TruncNormal(Initializer):
    """w ~ N(0, std^2), drawn again beyond 2 std. Its standard deviation is 0.88 std: nothing is scaled up again."""

    key = "trunc_normal"
    kind = Truncated
    std: Expr


@dataclass(frozen=True)
class _Kaiming(Initializer):
    mode: str = "fan_in"
    nonlinearity: str = "relu"
    slope: Expr = _SLOPE
    groups: bool = True

    def problem(self) -> str:
        if self.mode not in ("fan_in", "fan_out"):
            return f"mode must be 'fan_in' or 'fan_out', not '{self.mode}'"
        if self.nonlinearity not in _NONLINEARITIES:
            return f"nonlinearity must be one of {', '.join(_NONLINEARITIES)}, not '{self.nonlinearity}'"
        return ""

    @property
    def fan(self) -> Expr:
        """The fan, or that of an ungrouped kernel of as many outputs."""
        fan = Name(self.mode)
        return fan if self.groups or self.mode == "fan_in" else Apply("*", (fan, GROUPS))

    @property
    def square(self) -> Expr:
        """The square of the gain, by which an activation makes a variance smaller."""
        match self.nonlinearity:
            case "relu":
                return Const(2)
            case "tanh":
                return Const(25 / 9)
            case "selu":
                return Const(9 / 16)
            case "leaky_relu":
                return build("/", (Const(2), build("+", (Const(1), build("**", (self.slope, Const(2)))))))
        return Const(1)


@dataclass(frozen=True)
class KaimingNormal(_Kaiming):
    """w ~ N(0, gain^2 / fan), gain^2 = 2 before relu; He et al., 2015, https://arxiv.org/abs/1502.01852."""

    key = "kaiming_normal"
    kind = Gaussian

    @property
    def number(self) -> Expr:
        return _root(Apply("/", (self.square, self.fan)))


@dataclass(frozen=True)
class KaimingUniform(_Kaiming):
    """w ~ U(-b, b), b^2 = 3 gain^2 / fan; He et al., 2015, https://arxiv.org/abs/1502.01852."""

    key = "kaiming_uniform"
    kind = Flat

    @property
    def number(self) -> Expr:
        return _root(Apply("/", (build("*", (Const(3), self.square)), self.fan)))


@dataclass(frozen=True)
class _Xavier(Initializer):
    gain: Expr = _ONE
    groups: bool = True

    def of(self, square: int) -> Expr:
        """gain sqrt(square / (fan_in + fan_out)), with the fan_out of an ungrouped kernel if it is told so."""
        out = FAN_OUT if self.groups else Apply("*", (FAN_OUT, GROUPS))
        root = _root(Apply("/", (Const(square), Apply("+", (FAN_IN, out)))))
        return root if self.gain == Const(1.0) else Apply("*", (self.gain, root))


@dataclass(frozen=True)
class XavierNormal(_Xavier):
    """w ~ N(0, 2 gain^2 / (fan_in + fan_out)); Glorot and Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a."""

    key = "xavier_normal"
    kind = Gaussian

    @property
    def number(self) -> Expr:
        return self.of(2)


@dataclass(frozen=True)
class XavierUniform(_Xavier):
    """w ~ U(-b, b), b^2 = 6 gain^2 / (fan_in + fan_out); Glorot and Bengio, 2010,
    https://proceedings.mlr.press/v9/glorot10a."""

    key = "xavier_uniform"
    kind = Flat

    @property
    def number(self) -> Expr:
        return self.of(6)


@dataclass(frozen=True)
class LecunNormal(Initializer):
    """w ~ N(0, 1 / fan_in); LeCun et al., Efficient BackProp, 1998."""

    key = "lecun_normal"
    kind = Gaussian

    @property
    def number(self) -> Expr:
        return _root(Apply("/", (Const(1), FAN_IN)))


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """w w^T = gain^2 1, of the weight as a matrix of its first axis by all others (or w^T w, if that is smaller); Saxe
    et al., 2014, https://arxiv.org/abs/1312.6120."""

    key = "orthogonal"
    kind = Rotation
    gain: Expr = _ONE


@dataclass(frozen=True)
class Identity(Initializer):
    """w = 1, for square matrices."""

    key = "identity"
    kind = Unit

    @property
    def number(self) -> Expr:
        return Const(1.0)


def _root(expr: Expr) -> Expr:
    return Apply("sqrt", (expr,))


VOCABULARY: Final[Mapping[str, type[Initializer]]] = {
    cls.key: cls
    for cls in (
        Zeros, Ones, Constant, Normal, Uniform, TruncNormal, KaimingNormal, KaimingUniform, XavierNormal,
        XavierUniform, LecunNormal, Orthogonal, Identity,
    )
}  # fmt: skip

DEFAULTS: Final[Mapping[str, Initializer]] = {
    "weight": XavierUniform(),
    "bias": Zeros(),
    "scale": Ones(),
    "table": Normal(Const(0.02)),
    "mean": Zeros(),
    "variance": Ones(),
}
"""How weights begin of which a spec says nothing, by their kind."""


def philox(seed: int, name: str) -> Random:
    """The random numbers of one weight, which no other weight moves."""
    return np.random.Generator(np.random.Philox(key=[seed, crc32(name.encode())]))
