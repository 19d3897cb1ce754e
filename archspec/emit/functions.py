"""Blocks as functions of symbolic tensors that make and call named layers: the way of Keras' functional API."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from archspec.emit.classes import signature_lines
from archspec.emit.code import (
    Assign,
    Call,
    Code,
    For,
    If,
    Items,
    Line,
    Probe,
    Raw,
    Return,
    Statement,
    Style,
    Symbol,
    call,
    exact,
    flat,
    literal,
    print_statements,
    quote,
)
from archspec.emit.context import Context, Site, Spelling, size_name
from archspec.emit.flow import Flow, Place, safe
from archspec.emit.layouts import Layout, arranged, held, physical_shape, wanted_by
from archspec.emit.loops import generalize
from archspec.emit.merge import Body, MBranches, MCall, Mergeable, MRepeat, MStep, MWhen, Wire, leaves, training_only
from archspec.emit.statements import names_read
from archspec.errors import BackendError
from archspec.expressions import Expr, Name, expr_of, free_names, rename
from archspec.graph.tree import Path

if TYPE_CHECKING:
    from archspec.emit.program import Generator, Spelled

WIDTH = 88


@dataclass(slots=True)
class Record:
    """How a step (by its path inside the block) is found in the generated model."""

    attribute: str
    """The end of its layer's name: `conv1` of `layer1_0_conv1`."""
    hooked: bool = False
    suffixes: dict[str, str] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)
    layouts: tuple[Layout | None, ...] = ()
    inexact: float = 0.0
    inexact_gradient: float = 0.0
    child: object = None
    """The function of a block, as it was written."""


class FunctionWriter(Flow):
    """Writes one block (or the network) as a function."""

    nest = False

    def __init__(self, generator: Generator, context: Context, body: Body, *, root: bool) -> None:
        super().__init__(Style(names=self.names), "y" if root and "x" in body.inputs else "x")
        self.generator = generator
        self.context = context
        self.body = body
        self.root = root
        self.records: dict[tuple[str, Path], Record] = {}
        self.spelled: dict[MStep, Spelled] = {}
        self.alone = len(body.inputs) == 1
        self.variables.reserved |= {"name", "layers", "ops", "keras", "np"}
        params = set(next(iter(context.modules.values())).params) - set(context.folded)
        self.variables.reserved |= set(map(safe, params))
        sizes = [(name, axis) for name, wire in body.inputs.items() for axis in range(1, wire.rank)]
        self.variables.reserved |= {size_name(name, axis, body.inputs[name].rank, self.alone) for name, axis in sizes}
        self.kept = self._kept_layers()
        self.variables.reserved |= set(self.kept.values())
        if root:
            self.variables.reserved |= {"outputs", "training_outputs"} if generator.training_outputs else set()
            for wire in body.inputs.values():
                wire.uses += 1  # by `keras.Model`, at the end
        # Layers without inputs are called on the first input, which no other value may take the name of before.
        next(iter(body.inputs.values())).uses += sum(isinstance(i, MStep) and not i.inputs for i in leaves(body.items))
        self.bind_inputs(body.inputs)
        self.variables.reserved |= generator.called

    # Names ----------------------------------------------------------------------------------------------------------

    def names(self, expr: Expr) -> Expr:
        return rename(expr, self._symbol)

    def _symbol(self, name: str) -> Expr:
        base, _, axis = name.partition(".")
        if axis:
            return Name(size_name(base, int(axis), self.body.inputs[base].rank, self.alone))
        return Name(safe(name))

    def layer_name(self, path: str) -> Code:
        """The name of a layer, below that of the block that it is in."""
        own = self.own_name(path)
        return Raw(quote(own)) if self.root else Raw(f'f"{{name}}_{own}"')

    def own_name(self, path: str) -> str:
        """The name of a layer, as it is called in its block."""
        own = path.replace(".", "_")
        return f"{own}_" if self.root and re.sub(r"_\d+$", "", own) in self.generator.inline else own

    def comment(self, wire: Wire, inputs: Sequence[Wire]) -> str:
        if not self.root or (inputs and inputs[0].shape == wire.shape):
            return ""
        shape = self.context.shape(wire.values)
        return physical_shape(wire.layout, shape) if shape is not None else ""

    # Steps ----------------------------------------------------------------------------------------------------------

    def step(self, item: MStep, place: Place) -> None:
        site = Site(self.context, item, item.path)
        lowered = self.generator.lower(site)
        own: dict[str, Code] = {}
        suffixes: dict[str, str] = {}
        for suffix, made in lowered.layers.items() if item.owner is None else ():
            path = f"{item.path}_{suffix}" if suffix else item.path
            assert isinstance(made, Call)
            own[suffix] = Call(made.target, made.args, (*made.kwargs, ("name", self.layer_name(path))))
            suffixes[suffix] = self.own_name(path)
            if item.users:
                variable = f"{self.kept[item]}_{suffix}" if suffix else self.kept[item]
                self.statements.append(Assign((variable,), own[suffix]))
                own[suffix] = Raw(variable)
        self.spelled[item] = lowered, own
        layouts = lowered.layouts or (item.inputs[0].layout if item.inputs else None,) * len(item.outputs)
        for wire, layout in zip(item.outputs, layouts, strict=True):
            wire.layout = layout
        weights = lowered.weights if item.owner is None else {}
        self.records[item.key] = Record(self.own_name(item.path), suffixes=suffixes, weights=weights,
                                         layouts=tuple(layouts), inexact=lowered.inexact,
                                         inexact_gradient=lowered.inexact_gradient)  # fmt: skip
        # Called on anything of the model, a layer without inputs has its place in it.
        codes, mentioned = self.variables.read(item.inputs or (next(iter(self.body.inputs.values())),))
        layers = own if item.owner is None else self.generator.lent(site, lowered, self.spelled)
        for first in lowered.first:
            codes, mentioned = self._first(first, lowered.condition, layers, codes, item, mentioned, place)
        value = Probe("", self.layer_name(item.path), lowered.apply(layers, codes))
        self.define(item.outputs, value, mentioned, place, item.inputs, item.path)

    def _kept_layers(self) -> dict[MStep, str]:
        """The variables of layers that are called more than once: named after their steps, unless values may be."""
        steps = list(leaves(self.body.items))
        taken = {"x", "y", *self.body.inputs, *self.variables.reserved}
        for item in steps:
            taken |= {wire.label for wire in item.outputs} | (set(item.names) if isinstance(item, MBranches) else set())
        found: dict[MStep, str] = {}
        for item in (each.join if isinstance(each, MBranches) else each for each in steps):
            if isinstance(item, MStep) and item.users:
                name = item.path.replace(".", "_")
                name = f"{name}_layer" if name in taken or safe(name) != name else name
                while name in taken:
                    name += "_"
                found[item] = name
                taken.add(name)
        return found

    def _first(
        self, first: Spelling, condition: Code | None, own: Mapping[str, Code], codes: list[Code], item: MStep,
        mentioned: tuple[Wire, ...], place: Place,
    ) -> tuple[list[Code], tuple[Wire, ...]]:  # fmt: skip
        """A layer of its own that comes before a step's last: padding."""
        before = Wire(item.inputs[0].values, uses=1)
        self.variables.release(mentioned)
        name = self._name(before, item.inputs, place, item.path, None)
        if condition is None:
            self.statements.append(Assign((name,), first(own, codes)))
        else:
            if flat(codes[0], self.style) != name:
                self.statements.append(Assign((name,), codes[0]))
            self.statements.append(If(condition, [Assign((name,), first(own, [Raw(name)]))]))
        return [Raw(name)], (before,)

    def call(self, item: MCall, place: Place) -> None:
        made = self.generator.construct(self, item)
        codes, mentioned = self._given(item)
        self._set_layouts(item)
        value = self._applied(made, codes, self.layer_name(item.path))
        self.define(item.outputs, value, mentioned, place, item.inputs, item.path)

    def wanted(self, item: MCall) -> tuple[Layout, ...]:
        return tuple(wanted_by(item, wire) for wire in item.inputs)

    def _given(self, item: MCall) -> tuple[list[Code], tuple[Wire, ...]]:
        """A block's inputs in the order of axes that it wants."""
        codes, mentioned = self.variables.read(item.inputs)
        pairs = zip(codes, item.inputs, self.wanted(item), strict=True)
        return [arranged(code, held(wire), wanted) for code, wire, wanted in pairs], mentioned

    def _set_layouts(self, item: MCall) -> None:
        child = self.generator.written(item, self.wanted(item))
        self.records[item.key] = Record(self.own_name(item.path), child=child)
        for wire, inner in zip(item.outputs, child.writer.body.outputs.values(), strict=True):
            wire.layout = inner.layout

    @staticmethod
    def _applied(made: Call, inputs: Sequence[Code], name: Code) -> Call:
        return Call(made.target, (*inputs, *made.args), (*made.kwargs, ("name", name)))

    def repeat(self, item: MRepeat, place: Place) -> None:
        calls = [inner for inner in item.iterations if isinstance(inner, MCall)]
        chained = len(calls) == len(item.iterations) and len(calls) > 1
        current = item.inputs
        for inner in calls:
            chained &= inner.inputs == current
            current = inner.outputs
        if chained:
            wanted = self.wanted(calls[0])
            chained = all(held(wire).axes == axes.axes for wire, axes in zip(item.inputs, wanted, strict=True))
        numbers = [re.fullmatch(r"(.*?)(\d+)", inner.path) for inner in calls]
        prefixes = {match[1] if match else "" for match in numbers}
        firsts = [int(match[2]) if match else -1 for match in numbers]
        consecutive = firsts == list(range(firsts[0], firsts[0] + len(firsts))) if firsts else False
        if not chained or len(prefixes) > 1 or not consecutive:
            if item.varies:
                raise Mergeable(f"'{item.path}' is repeated differently")
            self.run(item.iterations, place)
            return
        self._loops(item, calls, prefixes.pop(), firsts[0], place)

    def _loops(self, item: MRepeat, calls: list[MCall], prefix: str, first: int, place: Place) -> None:
        """Blocks one after another: equal neighbours in a loop, with the number in the name."""
        made: list[Call] = []
        for inner in calls:
            made.append(self.generator.construct(self, inner))
            self._set_layouts(inner)
        for wire, last in zip(item.outputs, calls[-1].outputs, strict=True):
            wire.layout = last.layout
        if item.varies:
            general = generalize(made)
            if general is None or not isinstance(general[0], Call):
                raise Mergeable(f"'{item.path}' is repeated differently")
            count = self.context.condition(next(iter(item.repeats.values())).count)
            for wire in item.inputs:
                wire.uses -= 1  # the calls that the loop stands for, which read it too, are not written out
            targets = self._targets(item.inputs, item.outputs, place)
            inputs = [Raw(name) for name in targets]
            name = self.layer_name(f"{prefix}{{index}}")
            body = Assign(targets, self._applied(general[0], inputs, _formatted(name)))
            self.statements.append(For("index", call("range", count), [body]))
            return
        at = 0
        while at < len(made):
            run = 1
            while at + run < len(made) and made[at + run] == made[at]:
                run += 1
            here = calls[at : at + run]
            if run == 1:
                codes, mentioned = self._given(here[0])
                value = self._applied(made[at], codes, self.layer_name(here[0].path))
                inner_place = place if at + run == len(made) else Place(calls[at + 1], place.label)
                self.define(here[0].outputs, value, mentioned, inner_place, here[0].inputs, here[0].path)
            else:
                targets = self._targets(here[0].inputs, here[-1].outputs, place)
                for inner in here[:-1]:
                    for wire in inner.outputs:
                        wire.uses -= 1
                name = _formatted(self.layer_name(f"{prefix}{{index}}"))
                body = Assign(targets, self._applied(made[at], [Raw(t) for t in targets], name))
                start, stop = first + at, first + at + run
                bounds = (literal(stop),) if start == 0 else (literal(start), literal(stop))
                self.statements.append(For("index", call("range", *bounds), [body]))
            at += run

    def _targets(self, inputs: Sequence[Wire], outputs: Sequence[Wire], place: Place) -> tuple[str, ...]:
        """The variables that a loop reads and writes, holding its inputs."""
        codes, mentioned = self.variables.read(inputs)
        self.variables.release(mentioned)
        targets = []
        for code, wire, outer in zip(codes, outputs, inputs, strict=True):
            held = flat(code, self.style)
            keep = isinstance(code, Raw) and outer.uses <= 0 and (not place.label or held == place.label)
            name = self.variables.take(wire, held if keep and self.variables.free(held) else place.label or self.main)
            if name != held:
                self.statements.append(Assign((name,), code))
            targets.append(name)
        return tuple(targets)

    def when(self, item: MWhen, place: Place) -> None:
        condition = self.context.condition(item.condition)
        target = self.open_when(item, place)
        outer, self.statements = self.statements, []
        self.run([item.item], Place(None, target))
        self.close_when(item, target)
        before, after = held(item.inputs[0]), held(item.item.outputs[0])
        if len(after.axes) != len(before.axes) or after.flattened != before.flattened:
            raise BackendError("a condition that changes the order of axes")
        if after.axes != before.axes:
            self.statements.append(Assign((target,), arranged(Raw(target), after, before)))
        item.outputs[0].layout = before if after.nonnegative else before.plain()
        body, self.statements = self.statements, outer
        self.statements.append(If(condition, body))

    # The function ---------------------------------------------------------------------------------------------------

    def write(self, training: Mapping[str, Wire]) -> None:
        outputs = {name: wire for name, wire in self.body.outputs.items() if name not in training}
        if not self.root:
            self.run(self.body.items, Place(last=len(outputs) == 1))
            codes, _ = self.variables.read(list(outputs.values()))
            self.statements.append(Return(codes[0] if len(codes) == 1 else Items(tuple(codes), "")))
            return
        late = training_only(self.body.items, outputs) if training else set()
        self.run([item for item in self.body.items if id(item) not in late], Place())
        self._finish(outputs, [item for item in self.body.items if id(item) in late], training)

    def _finish(self, outputs: Mapping[str, Wire], late: Sequence[Any], training: Mapping[str, Wire]) -> None:
        """The end of the network's function: auxiliary heads if they are wanted, and the model."""
        inputs = tuple(Raw(safe(name)) for name in self.body.inputs)
        given = inputs[0] if len(inputs) == 1 else Items(inputs, "[]")
        codes, _ = self.variables.read(list(outputs.values()))
        result = codes[0] if len(codes) == 1 else Items(tuple(codes), "[]")
        name = ("name", literal(self.generator.entry))
        if not training:
            self.statements.append(Return(Call(Raw("keras.Model"), (given, result), (name,))))
            return
        self.statements.append(Assign(("outputs",), result))
        outer, self.statements = self.statements, []
        self.variables.reserved.add("outputs")
        labels = {id(wire): label for label, wire in training.items()}
        for item in late:
            label = next((labels[id(wire)] for wire in item.outputs if id(wire) in labels), "")
            self.run([item], Place(label=label))
        heads, _ = self.variables.read(list(self.body.outputs.values()))
        inner = [*self.statements, Assign(("outputs",), Items(tuple(heads), "[]"))]
        self.statements = [*outer, If(Raw("training_outputs"), inner)]
        self.statements.append(Return(Call(Raw("keras.Model"), (given, Raw("outputs")), (name,))))

    def arguments(self, defaults: Mapping[str, object]) -> list[str]:
        used: dict[str, None] = {}
        for statement in self.statements:
            used |= names_read(statement)
        order = [*next(iter(self.context.modules.values())).params, *self.context.extras]
        return sorted((name for name in order if name in used), key=lambda name: name in defaults)

    def lines(self, name: str, doc: str, defaults: Mapping[str, object], style: Style) -> list[str]:
        here = replace(style, names=self.names)
        parameters = [
            f"{safe(name)}={flat(exact(literal(defaults[name])), style)}" if name in defaults else safe(name)
            for name in self.arguments(defaults)
        ]
        if self.root:
            shapes = [
                f"{self._shape_name(key)}={self._input_shape(wire)}"
                for key, wire in self.body.inputs.items() if self._resizable(wire)
            ]  # fmt: skip
            flags = ["training_outputs=False"] if self.generator.training_outputs else []
            lines = signature_lines(name, [*parameters, *shapes, *flags], "", 0)
        else:
            inputs = [safe(key) for key in self.body.inputs]
            lines = signature_lines(name, [*inputs, *parameters, "*", "name"], "", 0)
        if doc:
            lines.append(f"    {doc}")
        lines += print_statements([*self._opening(), *self._sizes(), *self.statements], here, 4)
        return lines

    def _shape_name(self, key: str) -> str:
        return "input_shape" if self.alone else f"{key}_shape"

    def _resizable(self, wire: Wire) -> bool:
        """Whether the model takes inputs of other sizes than the spec's, which Keras must be told; open ones are not
        told."""
        inner = held(wire).axes[1:-1]
        return not self.generator.sized and any(not free_names(expr_of(wire.shape[axis])) for axis in inner)

    def _input_shape(self, wire: Wire) -> str:
        text = physical_shape(wire.layout, wire.shape)[1:-1].split(", ")[1:]
        sizes = [size if size.isdigit() else "None" for size in text]
        return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def _opening(self) -> list[Statement]:
        if not self.root:
            return []
        lines: list[Statement] = []
        for key, wire in self.body.inputs.items():
            value = next(iter(wire.values.values()))
            kind = {"int64": {"dtype": literal("int64")}, "bool": {"dtype": literal("bool")}}.get(value.dtype, {})
            shape = self._shape_name(key) if self._resizable(wire) else self._input_shape(wire)
            made = call("keras.Input", Raw(shape), **kind, name=literal(key))
            lines.append(Assign((safe(key),), made))
        return lines

    def _sizes(self) -> list[Statement]:
        used: dict[str, None] = {}
        for statement in self.statements:
            used |= names_read(statement)
        lines: list[Statement] = []
        for base, wire in self.body.inputs.items():
            for axis, size in enumerate(wire.shape):
                symbol = getattr(size, "expr", None)
                position = wire.layout.position(axis) if wire.layout is not None else axis
                shown = -1 if position == wire.rank - 1 else position
                for name in dict.fromkeys((symbol.id if isinstance(symbol, Name) else "", f"{base}.{axis}")):
                    if name in used and axis:
                        if any(name in module.open for module in self.context.modules.values()):
                            message = f"{self.generator.backend}: it computes with '{name}', a size that is open"
                            raise BackendError(message)
                        target = flat(Symbol(Name(name)), self.style)
                        lines.append(Line(f"{target} = {safe(base)}.shape[{shown}]"))
        return lines


def _formatted(name: Code) -> Code:
    """A layer's name that mentions the loop's variable, as an f-string."""
    assert isinstance(name, Raw)
    return name if name.text.startswith("f") else Raw(f"f{name.text}")
