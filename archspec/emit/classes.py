"""Blocks as classes that hold their layers and have a `forward`: the way of PyTorch and Paddle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from archspec.emit.code import (
    Call,
    Code,
    Global,
    Items,
    Local,
    Loop,
    Own,
    Probe,
    Raw,
    Style,
    Symbol,
    Template,
    call,
    exact,
    flat,
    literal,
    mentioned,
)
from archspec.emit.context import Context, size_names, symbols
from archspec.emit.flow import Flow, Place
from archspec.emit.loops import fold, generalize
from archspec.emit.merge import Body, MCall, Mergeable, Merged, MRepeat, MSequence, MStep, MWhen, Wire, training_only
from archspec.emit.names import Scope
from archspec.emit.reads import check_reads, codes, names_read
from archspec.emit.statements import Assign, For, If, Statement, print_statements, signature_lines
from archspec.errors import BackendError
from archspec.expressions import Expr, Name, rename
from archspec.graph.tree import Path
from archspec.ops.base import show

if TYPE_CHECKING:
    from archspec.emit.program import Generator, Spelled, Written


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between the frameworks whose models are classes."""

    base: str  # nn.Module
    tensor: str  # Tensor
    sequential: str  # nn.Sequential
    layer_list: str  # nn.ModuleList
    identity: str  # nn.Identity
    imports: Mapping[str, str]
    """What files may import, by name: `from torch import nn`."""
    reserved: frozenset[str]
    """Attributes of the base class that a layer must not replace."""
    unbiased_variance: bool
    """Whether batch normalization keeps the unbiased variance of a batch."""
    keeps_old: bool
    """Whether the momentum of a normalization is the weight of the old statistics, not of the new."""
    ordered: bool
    """Whether a sequential container takes named elements as an OrderedDict (else as pairs)."""


@dataclass(slots=True)
class Record:
    """How a step (by its path inside the block) is found in the generated class."""

    attribute: str
    """`conv1`, `features.0`: the path of its layer, or of the block."""
    hooked: bool = False
    """Whether it runs inside a container, so that only a hook sees its value."""
    suffixes: dict[str, str] = field(default_factory=dict)
    """Suffix of a layer: the path of that layer, where a step holds several."""
    weights: Mapping[str, tuple[str, str, object]] = field(default_factory=dict)
    inexact: float = 0.0
    inexact_gradient: float = 0.0
    child: Written | None = None
    """The class of a block, as it was written."""


@dataclass(slots=True)
class Element:
    """One element of a sequential container."""

    name: str
    code: Code
    records: dict[tuple[str, Path], Record]


class ClassWriter(Flow):
    """Writes one block (or the network) as a class."""

    def __init__(self, generator: Generator, context: Context, body: Body, dialect: Dialect, *, root: bool) -> None:
        super().__init__(Style(names=self._forward_names), Scope(generator.file, ["self"]), "x")
        self.generator = generator
        self.context = context
        self.body = body
        self.dialect = dialect
        self.root = root
        self.init: list[Statement] = []
        self.records: dict[tuple[str, Path], Record] = {}
        self.constructor = Scope(generator.file, ["self"])
        self.attributes = Scope(Scope(None, dialect.reserved))
        self.spelled: dict[MStep, Spelled] = {}
        self.alone = len(body.inputs) == 1
        self.params = next(iter(context.modules.values())).params.keys()
        for param in self.params:
            self.argument(param)
        self.bind_inputs(body.inputs)

    # Names ----------------------------------------------------------------------------------------------------------

    def _forward_names(self, expr: Expr) -> Expr:
        return rename(expr, partial(self._symbol, forward=True))

    def _init_names(self, expr: Expr) -> Expr:
        return rename(expr, partial(self._symbol, forward=False))

    def _symbol(self, name: str, forward: bool) -> Expr:
        if forward and (name in self.params or name in self.context.extras):
            return Name(f"self.{self._kept(name)}")
        return Name(self.scope.spell(name, *self._wanted(name)) if forward else self.argument(name))

    def argument(self, name: str) -> str:
        """What an argument of the constructor is called: a param, a size of an input, or the variable of a loop."""
        return self.constructor.spell(name, *self._wanted(name))

    def _wanted(self, name: str) -> tuple[str, ...]:
        base, _, axis = name.partition(".")
        return size_names(base, int(axis), self.body.inputs[base].rank, self.alone) if axis else (name.lstrip("#"),)

    def _kept(self, name: str) -> str:
        """The attribute that holds an argument that `forward` reads: named after it, unless a layer is."""
        return self.attributes.spell(("argument", name), name)

    def attribute(self, path: str) -> str:
        """The attribute that holds the step at `path`, unlike all others."""
        return self.attributes.spell(object(), path)

    def place(self, name: str) -> str:
        """The path of a layer."""
        return name

    def comment(self, wire: Wire, inputs: Sequence[Wire]) -> str:
        shape = self.context.shape(wire.values) if self.root else None
        return show(shape) if shape is not None else ""

    # Steps ----------------------------------------------------------------------------------------------------------

    def step(self, item: MStep, place: Place) -> None:
        site, lowered = self.lowered(item)
        own: dict[str, Code] = {}
        attributes: dict[str, str] = {}
        single = list(lowered.layers) == [""]
        for suffix, made in lowered.layers.items() if item.owner is None else ():
            name = self.attribute(item.path if single else f"{item.path}_{suffix}")
            self.init.append(Assign((Own(name),), made))
            own[suffix], attributes[suffix] = Own(name), name
        self.spelled[item] = lowered, own
        base = attributes.get("", "") if single else ""
        weights = lowered.weights if item.owner is None else {}
        self.records[item.key] = Record(base, suffixes=attributes, weights=weights, inexact=lowered.inexact,
                                         inexact_gradient=lowered.inexact_gradient)  # fmt: skip
        layers = own if item.owner is None else self.generator.lent(site, lowered, self.spelled)
        codes, mentioned = self.variables.read(item.inputs)
        value = Probe("self", literal(item.path), lowered.apply(layers, codes))
        self.define(item.outputs, value, mentioned, place, item.inputs, item.path)

    def call(self, item: MCall, place: Place) -> None:
        made = self.generator.construct(self, item)
        name = self.attribute(item.path)
        self.init.append(Assign((Own(name),), made))
        self.records[item.key] = Record(name, child=self._child(item))
        codes, mentioned = self.variables.read(item.inputs)
        self.define(item.outputs, Call(Own(name), tuple(codes)), mentioned, place, item.inputs, item.path)

    def _child(self, item: MCall) -> Written:
        return self.generator.written(item, self.wanted(item))

    def sequence(self, item: MSequence, place: Place) -> None:
        made = self._container(item) if item.name else None
        if made is None:
            self.run(item.items, place)
            return
        name = self._hold(item.path, made)
        codes, mentioned = self.variables.read(item.inputs)
        self.define(item.outputs, Call(Own(name), tuple(codes)), mentioned, place, item.inputs, item.path)

    def repeat(self, item: MRepeat, place: Place) -> None:
        made = self._container(item) if item.name or item.varies else None
        if item.varies:
            self.variables.release(item.inputs)  # the layers in the container, which read it too, are not written out
        if made is not None:
            name = self._hold(item.path or "layers", made)
            codes, mentioned = self.variables.read(item.inputs)
            self.define(item.outputs, Call(Own(name), tuple(codes)), mentioned, place, item.inputs, item.path)
        elif not self._loop(item, place):
            if item.varies:
                raise Mergeable(f"'{item.path}' is repeated differently")
            self.run(item.iterations, place)

    def when(self, item: MWhen, place: Place) -> None:
        condition = self.context.condition(item.condition)
        inner = item.item
        made = self._container(inner) if isinstance(inner, MSequence) and inner.name else None
        if made is None and isinstance(inner, (MCall, MStep)):
            made = self._alone(inner)
        if made is not None and len(item.inputs) == 1 and len(item.outputs) == 1:
            name = self.attribute(inner.path)
            self.init.append(Assign((Own(name),), call(self.dialect.identity), kind=Global(self.dialect.base)))
            self.init.append(If(condition, [Assign((Own(name),), made.code)]))
            self._adopt(made.records, name)
            self.variables.release(item.inputs)  # the layers in the container, which read it too, are not written out
            codes, mentioned = self.variables.read(item.inputs)
            self.define(item.outputs, Call(Own(name), tuple(codes)), mentioned, place, item.inputs, inner.path)
            return
        self._optional(item, condition, place)

    def _optional(self, item: MWhen, condition: Code, place: Place) -> None:
        """A step in an `if`: in `__init__` for its layers, in `forward` for its value."""
        if not symbols(condition).keys() <= self.params | self.context.extras.keys():
            flag = self.attribute(f"has_{item.path or 'step'}")  # sizes of inputs are known where layers are made
            self.init.append(Assign((Own(flag),), condition))
            condition = Own(flag)
        target = self.open_when(item, place)
        outer_init, outer_statements = self.init, self.statements
        self.init, self.statements = [], []
        self.run([item.item], Place(None, target.name))
        carried = self.close_when(item, target)
        init, body = self.init, self.statements
        self.init, self.statements = outer_init, outer_statements
        if init:
            self.init.append(If(condition, init))
        self.statements.append(If(condition, body, (carried,)))

    # Containers -----------------------------------------------------------------------------------------------------

    def _hold(self, path: str, made: Element) -> str:
        name = self.attribute(path)
        self.init.append(Assign((Own(name),), made.code))
        self._adopt(made.records, name)
        return name

    def _adopt(self, records: dict[tuple[str, Path], Record], prefix: str) -> None:
        for key, record in records.items():
            record.attribute = f"{prefix}.{record.attribute}".rstrip(".")
            record.suffixes = {suffix: f"{prefix}.{inner}".rstrip(".") for suffix, inner in record.suffixes.items()}
            self.records[key] = record

    def _alone(self, item: MCall | MStep) -> Element | None:
        """A single step as a layer, if it is just one that takes one value and gives one."""
        if isinstance(item, MStep) and list(self.lowered(item)[1].layers) != [""]:
            return None
        elements = self._element(item) if len(item.inputs) == len(item.outputs) == 1 else None
        return elements[0] if elements else None

    def _container(self, item: Merged) -> Element | None:
        """A sequence or repeat as one sequential container, if it is a plain chain of layers."""
        elements = self._elements(item)
        if not elements or len({element.name for element in elements}) < len(elements):
            return None
        numbered = [element.name for element in elements] == [str(i) for i in range(len(elements))]
        if isinstance(item, MRepeat) and item.varies:
            loop = generalize([element.code for element in elements])
            if loop is None:
                return None
            count = self.context.condition(next(iter(item.repeats.values())).count)
            code: Code = call(self.dialect.sequential, Loop(loop[0], loop[1], call("range", count)))
        elif numbered:
            code = call(self.dialect.sequential, *fold([element.code for element in elements]))
        else:
            pairs = tuple(Items((literal(element.name), element.code)) for element in elements)
            code = (
                call(self.dialect.sequential, call("OrderedDict", Items(pairs, "[]")))
                if self.dialect.ordered
                else call(self.dialect.sequential, *pairs)
            )
        records: dict[tuple[str, Path], Record] = {}
        for element in elements:
            for key, record in element.records.items():
                record.attribute = f"{element.name}.{record.attribute}".rstrip(".")
                record.suffixes = {s: f"{element.name}.{inner}".rstrip(".") for s, inner in record.suffixes.items()}
                records[key] = record
        return Element(getattr(item, "name", ""), code, records)

    def _elements(self, item: Merged) -> list[Element] | None:
        items = item.items if isinstance(item, MSequence) else item.iterations if isinstance(item, MRepeat) else [item]
        elements: list[Element] = []
        current = item.inputs
        for inner in items:
            if inner.inputs != current or len(inner.inputs) != 1 or len(inner.outputs) != 1:
                return None
            last = inner is items[-1]
            if not last and (inner.outputs[0].uses != 1 or inner.outputs[0].label):
                return None
            made = self._element(inner)
            if made is None:
                return None
            elements += made
            current = inner.outputs
        return elements if item.outputs == current or (isinstance(item, MRepeat) and item.varies) else None

    def _element(self, item: Merged) -> list[Element] | None:
        match item:
            case MStep():
                lowered = self.lowered(item)[1]
                if item.owner is not None or item.users:  # what others use has a name of its own
                    return None
                if lowered.module is None or self._unknown(symbols(lowered.module)):
                    return None
                suffixes = {suffix: lowered.places.get(suffix, "") for suffix in lowered.layers}
                record = Record("", True, suffixes, lowered.weights, lowered.inexact, lowered.inexact_gradient)
                return [Element(item.name, lowered.module, {item.key: record})]
            case MCall():
                return [
                    Element(
                        item.name,
                        self.generator.construct(self, item),
                        {item.key: Record("", child=self._child(item))},
                    )
                ]
            case MSequence() | MRepeat():
                if not item.name:
                    return None if isinstance(item, MRepeat) and item.varies else self._elements(item)
                made = self._container(item)
                return [made] if made is not None else None
        return None

    def _loop(self, item: MRepeat, place: Place) -> bool:
        """Blocks with several inputs and outputs, one after another: a list of layers and a loop."""
        calls = [inner for inner in item.iterations if isinstance(inner, MCall)]
        current = item.inputs
        for inner in calls:
            if inner.inputs != current:
                return False
            current = inner.outputs
        if not item.name or len(calls) != len(item.iterations) or len(item.inputs) < 2 or item.varies:
            return False
        made = [self.generator.construct(self, inner) for inner in calls]
        name = self.attribute(item.path)
        self.init.append(Assign((Own(name),), call(self.dialect.layer_list, Items(tuple(fold(made)), "[]"))))
        for index, inner in enumerate(calls):
            self.records[inner.key] = Record(f"{name}.{index}", child=self._child(inner))
        carried = self.hand_on(item.inputs, item.outputs, place)
        given = tuple(Local(each.name, each.before) for each in carried)
        taken = tuple(Local(each.name, each.after) for each in carried)
        body: list[Statement] = [Assign(taken, Call(Symbol(Name("#block")), given))]
        self.statements.append(For("#block", Own(name), body, carried))
        return True

    # The class ------------------------------------------------------------------------------------------------------

    def write(self, training: Mapping[str, Wire]) -> None:
        """Writes the whole `forward`; `training` are the outputs that exist only in training."""
        outputs = {name: wire for name, wire in self.body.outputs.items() if name not in training}
        needed = training_only(self.body.items, outputs) if training else set()
        main = [item for item in self.body.items if id(item) not in needed]
        late = [item for item in self.body.items if id(item) in needed]
        single = len(outputs) == 1 and not training
        self.run(main, Place(last=single))
        if training:
            self._write_training(late, training)
        self.statements.append(self.returned(outputs))
        self._check_init()

    def _write_training(self, late: Sequence[Merged], training: Mapping[str, Wire]) -> None:
        """What only training needs, and gives."""
        outer, self.statements = self.statements, []
        names = {id(wire): name for name, wire in training.items()}
        for item in late:
            label = next((names[id(wire)] for wire in item.outputs if id(wire) in names), "")
            self.run([item], Place(label=label))
        inner, self.statements = [*self.statements, self.returned(self.body.outputs)], outer
        self.statements.append(If(Raw("self.training"), inner))

    def _check_init(self) -> None:
        """Layers are made before an input is seen. Raises BackendError if one depends on a size that is left open."""
        unknown = self._unknown(self.init_reads)
        if unknown:
            raise BackendError(f"{self.generator.backend}: a layer depends on the open size '{min(unknown)}'")

    @cached_property
    def init_reads(self) -> dict[str, None]:
        """The names of params and sizes that the constructor reads, in order."""
        return names_read(self.init)

    def _unknown(self, names: Iterable[str]) -> set[str]:
        """Sizes that the network is to see only when it runs."""
        return set(names) - self.params - self.context.extras.keys() if self.root else set()

    def arguments(self, defaults: Mapping[str, object]) -> list[str]:
        """What the class must be told: sizes of inputs, params, and what follows from neither."""
        used = {*self.init_reads, *self._stored()}
        order = [f"{name}.{axis}" for name, wire in self.body.inputs.items() for axis in range(1, wire.rank)]
        order += [*next(iter(self.context.modules.values())).params, *self.context.extras]
        return sorted((name for name in order if name in used), key=lambda name: name in defaults)

    def _stored(self) -> list[str]:
        return [name for name in self.reads if name in self.params or name in self.context.extras]

    def lines(self, name: str, doc: str, defaults: Mapping[str, object], style: Style) -> list[str]:
        """The class as text."""
        init_style, forward = replace(style, names=self._init_names), replace(style, names=self._forward_names)
        parameters = [self._parameter(argument, defaults, style) for argument in self.arguments(defaults)]
        stored = [Assign((Own(self._kept(item)),), Symbol(Name(item))) for item in self._stored()]
        inputs = [f"{self.inputs[item].name}: {self.dialect.tensor}" for item in self.body.inputs]
        lines = [f"class {name}({self.dialect.base}):", *([f"    {doc}", ""] if doc else [])]
        if stored or self.init:
            lines += signature_lines("__init__", ["self", *parameters], "None")
            lines += ["        super().__init__()"]
            lines += [*print_statements([*stored, *self.init], init_style, 8), ""]
        lines += [*signature_lines("forward", ["self", *inputs], self._returns())]
        lines += print_statements([*self._sizes(), *self.statements], forward, 8)
        return lines

    def check(self) -> None:
        """Raises Misread if a variable of `forward` does not hold what is meant by it."""
        check_reads(dict(zip((i.name for i in self.inputs.values()), self.body.inputs.values(), strict=True)),
                    [*self._sizes(), *self.statements])  # fmt: skip

    def mentioned(self, defaults: Mapping[str, object]) -> Iterator[str]:
        """What the class needs of its file and of Python."""
        yield self.dialect.base
        yield self.dialect.tensor
        for name in self.arguments(defaults):
            yield self._kind(name).partition("[")[0]
        for code in codes([*self.init, *self.statements]):
            yield from mentioned(code)

    def _sizes(self) -> list[Statement]:
        """The sizes that only the tensors themselves know, read at the top of `forward`."""
        used = self.reads
        lines: list[Statement] = []
        seen: set[str] = set()
        for base, wire in self.body.inputs.items():
            for axis, size in enumerate(wire.shape):
                symbol = getattr(size, "expr", None)
                for name in (symbol.id if isinstance(symbol, Name) else "", f"{base}.{axis}"):
                    if name in used and name not in seen:
                        seen.add(name)
                        read = Template(f"{{0}}.shape[{axis}]", (self.inputs[base],))
                        lines.append(Assign((Symbol(Name(name)),), read))
        return lines

    def _kind(self, name: str) -> str:
        """The type of an argument."""
        values = [env.get(name, self.context.extras.get(name, {}).get(key)) for key, env in self.context.envs.items()]
        return _annotation(values)

    def _parameter(self, name: str, defaults: Mapping[str, object], style: Style) -> str:
        shown, kind = self.argument(name), self._kind(name)
        if name in defaults:
            return f"{shown}: {kind} = {flat(exact(literal(defaults[name])), style)}"
        return f"{shown}: {kind}"

    def _returns(self) -> str:
        count = len(self.body.outputs)
        tensor = self.dialect.tensor
        many = f"tuple[{', '.join([tensor] * count)}]"
        if count == 1:
            return tensor
        training = self.generator.training_outputs if self.root else ()
        return f"{tensor} | {many}" if training else many


def _annotation(values: Sequence[object]) -> str:
    kinds = {type(value) for value in values}
    if kinds <= {int}:
        return "int"
    if kinds <= {bool}:
        return "bool"
    if kinds <= {int, float}:
        return "float"
    if kinds <= {str}:
        return "str"
    items = {type(item) for value in values if isinstance(value, (list, tuple)) for item in value}
    if kinds <= {list, tuple} and items <= {int}:
        return "Sequence[int]" if kinds == {list, tuple} else "list[int]" if kinds == {list} else "tuple[int, ...]"
    return "list" if kinds == {list} else "tuple"
