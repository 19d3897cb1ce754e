"""How weights begin, in classes: a loop over all layers at the end of the network's constructor, and what is said after
it of those that begin otherwise, as people write it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from archspec.emit.code import Call, Code, Global, Items, Raw, Template, call, expression, literal, number
from archspec.emit.dialect import Starts
from archspec.emit.filling import Branch
from archspec.emit.flow import Flow
from archspec.emit.printing import Style, flat
from archspec.expressions import Apply, Const, Expr, Name, evaluate, free_names, rename
from archspec.graph import tree
from archspec.graph.tree import Module, leaves
from archspec.ops.initializers import (
    Constant,
    Distribution,
    Fixed,
    Flat,
    Initializer,
    KaimingNormal,
    KaimingUniform,
    Normal,
    Truncated,
    TruncNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
)
from archspec.spec.initial import FANS, Initial

if TYPE_CHECKING:
    from archspec.emit.names import Scope


_FANNED: Final = (KaimingNormal, KaimingUniform, XavierNormal, XavierUniform)
"""The initializers whose functions ask a weight for its fans."""


@dataclass(frozen=True, slots=True)
class Begin:
    """A weight of the generated model, and how it begins."""

    layer: str
    """The path of its layer; of a bare weight its own."""
    kind: str
    """What made that layer: `nn.Conv2d`."""
    name: str
    """What the layer calls it; nothing for a bare weight."""
    part: int | None
    """Which of several equal parts of the layer's it is."""
    blocks: tuple[tuple[str, str], ...]
    """The blocks that it is in, from the innermost: the class, and the path of the instance."""
    initial: Initial

    @property
    def distribution(self) -> Distribution:
        return self.initial.distribution

    @property
    def start(self) -> Any:
        """The same for weights that begin alike in layers of one kind: those of all equal instances of a block."""
        return self.kind, self.part, id(self.initial)


@dataclass(frozen=True, slots=True)
class Fill:
    """What fills a weight."""

    code: list[Branch]
    name: str = ""
    maybe: bool = False
    """Whether there may be no such weight, or its type says so."""
    lacking: bool = False
    """Whether its layer then has no attribute for it, and else None."""


class Starter:
    """Finds what has to be said of how the weights of a network begin."""

    def __init__(self, starts: Starts, network: Flow, scope: Scope) -> None:
        self.starts = starts
        self.layer = scope.spell(("start", "layer"), starts.layer)
        self.scope = scope
        self.instances: Counter[str] = Counter()
        """How many instances of each class of blocks there are."""
        root = next(iter(network.context.modules.values()))
        self.found = list(self._walk(root, network, "", ()))

    def _walk(self, module: Module, flow: Flow, own: str, blocks: tuple[tuple[str, str], ...]) -> Iterator[Begin]:
        for path, item in leaves(module.items, ""):
            placed = flow.placed[path, item.origin]
            if isinstance(item, tree.Use):
                assert placed.block is not None
                if item.owner is not None:
                    continue
                inner = flow.below(own, placed.name)
                self.instances[placed.block.name] += 1
                yield from self._walk(item.module, placed.block.flow, inner, ((placed.block.name, inner), *blocks))
                continue
            for weight, initial in item.initial.items():
                if item.owner is not None or weight not in placed.weights:
                    continue
                place = placed.weights[weight]
                suffix, name, lay = place.layer, place.name, place.layout
                made = placed.made[suffix]
                assert isinstance(made, Call)
                kind = made.target.name if isinstance(made.target, Global) else ""
                layer = flow.below(own, placed.layers[suffix])
                pads = [move[1] for move in (lay(item) if lay is not None else ()) if move[0] == "pad"]
                part = None
                if pads:
                    before, after = pads[0]
                    part = before * (self.starts.packed - 1) // (before + after)
                yield Begin(layer, kind, name, part, blocks, initial)

    # What has to be said ---------------------------------------------------------------------------------------------

    def statements(self) -> list[Branch]:
        """The loops, and what follows them."""
        rest: list[Begin] = []
        branches = self._branches(rest)
        found = [Branch(self._loop(), branches, "for")] if branches else []
        again, alone = self._exceptions(rest)
        if again:
            found.append(Branch(self._loop(), again, "for"))
        return [*found, *alone]

    def _loop(self) -> Code:
        return Template(f"{self.layer} in {{0}}", (Raw(self.starts.layers),))

    def _branches(self, rest: list[Begin]) -> list[Branch]:
        """One for each kind of layer about which something has to be said; what begins otherwise goes to the rest."""
        kinds: dict[str, dict[str, list[Begin]]] = {}
        layers: dict[str, dict[str, set[str]]] = {}
        for begin in self.found:
            if not begin.name:
                if not isinstance(begin.distribution, Fixed):  # with which it is made
                    rest.append(begin)
                continue
            kind, name, layer = self._alike(begin)
            kinds.setdefault(kind, {}).setdefault(name, []).append(begin)
            layers.setdefault(kind, {}).setdefault(name, set()).add(layer)
        bodies: dict[str, list[Fill]] = {}
        for kind, names in kinds.items():
            count = len(set().union(*layers[kind].values()))
            lacking = kind in self.starts.lacking
            for name, begins in names.items():
                some = len(layers[kind][name]) < count
                if some and name[0].isdigit():  # of a layer inside, which others do not have
                    rest += begins
                elif said := self._common(kind, name, begins, rest):
                    maybe = some or name in self.starts.optional.get(kind, ())
                    bodies.setdefault(kind, []).append(Fill(said, name, maybe=maybe, lacking=lacking))
        return self._merged(bodies)

    def _merged(self, bodies: Mapping[str, list[Fill]]) -> list[Branch]:
        """One branch for all classes of which the same is said."""
        merged: list[tuple[list[str], list[list[Fill]]]] = []
        for kind, body in bodies.items():
            for known, same in merged:
                if [fill.code for fill in same[0]] == [fill.code for fill in body]:
                    known.append(kind)
                    same.append(body)
                    break
            else:
                merged.append(([kind], [body]))
        return [
            Branch(self._is(known), [line for fills in zip(*same, strict=True) for line in self._where(fills)])
            for known, same in merged
        ]

    def _where(self, fills: Sequence[Fill]) -> list[Branch]:
        """What fills a weight, if there is one."""
        first = fills[0]
        if not any(fill.maybe for fill in fills):
            return first.code
        if first.lacking:
            return [Branch(call("hasattr", Raw(self.layer), literal(first.name)), first.code)]
        return [Branch(Template(f"{self.layer}{_steps(first.name)} is not None", ()), first.code)]

    def _is(self, kinds: Sequence[str]) -> Code:
        classes = tuple(Global(kind) for kind in kinds)
        return call("isinstance", Raw(self.layer), Items(classes) if len(classes) > 1 else classes[0])

    def _alike(self, begin: Begin) -> tuple[str, str, str]:
        """The kind of the layer that a loop meets, what that calls the weight, and where it is."""
        inner, _, name = begin.name.rpartition(".")
        kind = self.starts.bases.get(begin.kind, begin.kind)
        if inner and kind in self.starts.inner:
            return self.starts.inner[kind], name, f"{begin.layer}.{inner}"
        return kind, begin.name, begin.layer

    def _common(self, kind: str, name: str, begins: list[Begin], rest: list[Begin]) -> list[Branch]:
        """What a loop says of the weights of one name that layers of a kind have: how most of them begin."""
        alike: dict[Any, list[Begin]] = {}
        for begin in begins:
            alike.setdefault(begin.start, []).append(begin)
        counts: Counter[Initializer] = Counter()
        for first, *others in alike.values():
            counts[first.initial.initializer] += 1 + len(others)
        usual = counts.most_common(1)[0][0]
        most = [first for first, *_ in alike.values() if first.initial.initializer == usual]
        said = not all(map(self._is_default, most))
        code: list[Branch] = []
        if said:
            spelled = self._spelled(usual, most, self.layer, name)
            if spelled is None:
                rest += begins
                return []
            code = spelled
        left = set()
        for start, (begin, *_) in alike.items():
            same = same_start(usual.distribution(begin.initial.fans), begin.distribution)
            if not (same if said else self._is_default(begin)):
                left.add(start)
        rest += [begin for begin in begins if begin.start in left]
        return code

    def _is_default(self, begin: Begin) -> bool:
        default = self.starts.default(self.starts.bases.get(begin.kind, begin.kind), begin.name)
        return default is not None and same_start(default.distribution(begin.initial.fans), begin.distribution)

    def _exceptions(self, rest: list[Begin]) -> tuple[list[Branch], list[Branch]]:
        """What is said of blocks in a second loop, and of single weights: of the innermost block in all of whose
        instances it holds."""
        again: dict[str, list[Fill]] = {}
        for depth in range(max((len(begin.blocks) for begin in rest), default=0)):
            rest = self._said_of_blocks(rest, depth, again)
        alone: list[Branch] = []
        for begin in rest:
            path = f"{begin.layer}.{begin.name}".strip(".")
            spelled = self._spelled(begin.initial.initializer, [begin], "self", path)
            alone += spelled or self._spelled(_numbered(begin), [begin], "self", path) or []
        return self._merged(again), alone

    def _said_of_blocks(self, rest: list[Begin], depth: int, again: dict[str, list[Fill]]) -> list[Begin]:
        """Adds what holds of all instances of the blocks that are so far around; gives the weights that remain."""
        left: list[Begin] = []
        rows: dict[tuple[str, str, Initializer], list[Begin]] = {}
        for begin in rest:
            if depth >= len(begin.blocks):
                left.append(begin)
                continue
            block, path = begin.blocks[depth]
            below = f"{begin.layer}.{begin.name}".strip(".").removeprefix(f"{path}.")
            rows.setdefault((block, below, begin.initial.initializer), []).append(begin)
        for (block, below, initializer), begins in rows.items():
            for same in self._whole_or_parts(begins, self.instances[block]):
                spelled = self._spelled_alike(initializer, same, below) if len(same) >= self.instances[block] else None
                if spelled is None:
                    left += same
                else:
                    again.setdefault(block, []).append(Fill(spelled))
        return left

    def _whole_or_parts(self, begins: list[Begin], instances: int) -> list[list[Begin]]:
        """Weights of all instances of a block: all parts together, if each begins alike in each; else part by part."""
        parts: dict[int | None, list[Begin]] = {}
        for begin in begins:
            parts.setdefault(begin.part, []).append(begin)
        whole = len(parts) in (1, self.starts.packed) and all(len(same) == instances for same in parts.values())
        return [begins] if whole else list(parts.values())

    def _spelled_alike(self, initializer: Initializer, begins: Sequence[Begin], path: str) -> list[Branch] | None:
        """What fills a weight in all instances of a block: by its formula, or by the number that is the same in all."""
        spelled = self._spelled(initializer, begins, self.layer, path)
        if spelled is not None or any(not same_start(each.distribution, begins[0].distribution) for each in begins):
            return spelled
        return self._spelled(_numbered(begins[0]), begins, self.layer, path)

    # Spellings --------------------------------------------------------------------------------------------------------

    def _spelled(self, initializer: Initializer, begins: Sequence[Begin], base: str, path: str) -> list[Branch] | None:
        """What fills the weights that are at a path from `base`; None if no code does that for all of them."""
        kind = self._alike(begins[0])[0]
        owner = _attribute(base, path.rpartition(".")[0])
        weight = _attribute(base, path)
        if self.starts.named and (path.count(".") > 1 or kind in self.starts.untyped):
            weight = Raw(self.starts.named.format(base, path))
        parts = {begin.part for begin in begins}
        if parts != {None}:
            count = self.starts.packed
            if len(parts) == count:
                variable = self.scope.spell(("start", "part"), "part")
                inner = self._filled(initializer, begins, Raw(variable), owner, kind)
                head = Template(f"{variable} in {{0}}", (self.starts.parts(weight),))
                return None if inner is None else [Branch(head, inner, "for")]
            if len(parts) > 1:
                return None
            weight = Template(f"{{0}}[{next(iter(parts))}]", (self.starts.parts(weight),))
        return self._filled(initializer, begins, weight, owner, kind)

    def _filled(
        self, initializer: Initializer, begins: Sequence[Begin], weight: Code, owner: Code, kind: str
    ) -> list[Branch] | None:
        native = self._native(initializer, begins, kind)
        if native is not None:
            return [Branch(Call(Global(self.starts.function.format(native[0])), (weight,), native[1]), word="")]
        expr, lines = initializer.number, []
        names: dict[str, str] = {
            name: self.scope.spell(("start", name), name) for name in FANS if name in free_names(expr)
        }
        if names:
            fans = self.starts.fans(kind)
            if fans is None:
                return None
            grouped = any(begin.initial.fans.groups > 1 for begin in begins)
            for name, spelled in list(names.items()):
                text = fans[name]
                if grouped and name == fans["divided"]:
                    text = f"{text} // {fans['groups']}"
                lines.append(Branch(Template(text, (owner,)), word=f"{spelled} ="))
            names["groups"] = flat(Template(str(fans["groups"]), (owner,)), Style())
            expr = rename(expr, lambda each: Name(names.get(each, each)))
        if isinstance(initializer, Normal) and begins[0].distribution.mean:
            mean = expression(Const(begins[0].distribution.mean))
            return [*lines, Branch(self._function("normal", weight, mean=mean, std=expression(expr)), word="")]
        return [*lines, *self._call(initializer.kind, expr, weight, named=bool(lines))]

    def _native(
        self, initializer: Initializer, begins: Sequence[Begin], kind: str
    ) -> tuple[str, tuple[tuple[str, Code], ...]] | None:
        """The function of this name and its arguments, if its own fans make the same of them."""
        if not isinstance(initializer, _FANNED) or not all(begin.name for begin in begins):
            return None
        expr = _ungrouped(initializer.number)
        swapped = next((swap for swap in (False, True) if all(self._agrees(expr, b, kind, swap) for b in begins)), None)
        if swapped is None:
            return None
        match initializer:
            case KaimingNormal(mode, nonlinearity, slope) | KaimingUniform(mode, nonlinearity, slope):
                told = {"fan_in": "fan_out", "fan_out": "fan_in"}[mode] if swapped else mode
                given = {"mode": f'"{told}"'} if told != "fan_in" else {}
                given["nonlinearity"] = f'"{nonlinearity}"'
                if nonlinearity == "leaky_relu":
                    given = {"a": _text(slope), **given}
                return initializer.key, tuple((key, Raw(text)) for key, text in given.items())
            case XavierNormal(gain) | XavierUniform(gain):
                return initializer.key, () if gain == Const(1.0) else (("gain", expression(gain)),)

    def _agrees(self, expr: Expr, begin: Begin, kind: str, swapped: bool) -> bool:
        """Whether a number over the fans is that of a weight for what a kind of layer takes for its fans."""
        seen = dict(zip(FANS, map(int, self.starts.seen(kind, begin.initial.fans)), strict=True))
        if swapped:
            seen = {"fan_in": seen["fan_out"], "fan_out": seen["fan_in"]}
        there = float(evaluate(expr, seen))
        return abs(there - begin.distribution.number) <= 1e-12 * there

    def _function(self, name: str, weight: Code, *args: Code, **kwargs: Code) -> Code:
        return call(self.starts.function.format(name), weight, *args, **kwargs)

    def _call(self, kind: type[Distribution], expr: Expr, weight: Code, named: bool) -> list[Branch]:
        def made(function: str, *args: Code, **kwargs: Code) -> list[Branch]:
            return [Branch(self._function(function, weight, *args, **kwargs), word="")]

        value = expression(expr)
        if kind is Fixed:
            plain = {Const(0.0): "zeros", Const(1.0): "ones"}.get(expr) if isinstance(expr, Const) else None
            return made(plain) if plain else made("constant", value)
        if kind.__name__ == "Gaussian":
            return made("normal", std=value)
        if kind.__name__ == "Rotation":
            return made("orthogonal", **({} if expr == Const(1.0) else {"gain": value}))
        if kind.__name__ == "Unit":
            return made("eye")
        lines: list[Branch] = []
        if named or not isinstance(expr, Const):
            word = "bound" if kind is Flat else "std"
            word = self.scope.spell(("start", word), word)
            lines, expr = [Branch(value, word=f"{word} =")], Name(word)
            value = expression(expr)
        if kind is Flat:
            return lines + made("uniform", _times(-1, expr), value)
        assert kind is Truncated
        return lines + made("trunc_normal", std=value, a=_times(-2, expr), b=_times(2, expr))


def same_start(one: Distribution, other: Distribution) -> bool:
    """Whether two distributions are one."""
    if type(one) is not type(other):
        return False
    return abs(one.number - other.number) <= 1e-12 * abs(one.number) and abs(one.mean - other.mean) <= 1e-12 * abs(
        one.mean
    )


def _numbered(begin: Begin) -> Initializer:
    """How one weight begins, with a number in place of what follows from its fans."""
    number = Const(begin.distribution.number)
    if begin.distribution.mean and type(begin.distribution).__name__ == "Gaussian":
        return Normal(number, Const(begin.distribution.mean))
    words: Mapping[str, type[Any]] = {"Gaussian": Normal, "Flat": Uniform, "Truncated": TruncNormal, "Fixed": Constant}
    found: Initializer = words[type(begin.distribution).__name__](number)
    return found


def _ungrouped(expr: Expr) -> Expr:
    """The number for a kernel whose fan_out counts all groups, if that is what it asks for."""
    match expr:
        case Apply("*", (fan, Name("groups"))):
            return fan
        case Apply(head, args):
            return Apply(head, tuple(map(_ungrouped, args)))
    return expr


def _times(factor: int, expr: Expr) -> Code:
    """A multiple of a number, or of a variable."""
    if isinstance(expr, Const):
        return expression(Const(factor * float(expr.value)))
    return Raw(f"-{expr}", 8) if factor == -1 else Raw(f"{factor} * {expr}", 7)


def _text(expr: Expr) -> str:
    return number(float(expr.value)) if isinstance(expr, Const) else str(expr)


def _attribute(owner: str, path: str) -> Code:
    """`self.stages[0].conv`."""
    return Raw(owner + _steps(path))


def _steps(path: str) -> str:
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path.split(".") if part)
