"""Blocks as functions of symbolic tensors that make and call named layers: the way of Keras' functional API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from archspec.emit.code import (
    INDEX,
    Call,
    Code,
    Global,
    Items,
    LayerName,
    Local,
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
    quote,
)
from archspec.emit.context import Context, Spelling, size_names
from archspec.emit.flow import Flow, Place
from archspec.emit.layer_names import LayerNames
from archspec.emit.layouts import Layout, arranged, held, physical_shape, wanted_by
from archspec.emit.loops import generalize
from archspec.emit.merge import Body, MBranches, MCall, Mergeable, MRepeat, MStep, MWhen, Wire, leaves, training_only
from archspec.emit.names import Scope
from archspec.emit.reads import check_reads, codes
from archspec.emit.statements import Assign, Carried, For, If, Return, Statement, print_statements, signature_lines
from archspec.errors import BackendError
from archspec.expressions import Expr, Name, expr_of, free_names, rename
from archspec.graph.tree import Path

if TYPE_CHECKING:
    from archspec.emit.program import Generator, Spelled, Written

WIDTH = 88


@dataclass(slots=True)
class Record:
    """How a step (by its path inside the block) is found in the generated model."""

    attribute: LayerName
    """Its layer's name in its block: `conv1` of `layer1_0_conv1`."""
    hooked: bool = False
    suffixes: dict[str, LayerName] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)
    layouts: tuple[Layout | None, ...] = ()
    inexact: float = 0.0
    inexact_gradient: float = 0.0
    child: Written | None = None
    """The function of a block, as it was written."""


class FunctionWriter(Flow):
    """Writes one block (or the network) as a function."""

    nest = False

    def __init__(self, generator: Generator, context: Context, body: Body, *, root: bool) -> None:
        scope = Scope(generator.file, () if root else ["name"])
        super().__init__(Style(names=self.names, layers=self.shown), scope, "y" if root and "x" in body.inputs else "x")
        self.generator = generator
        self.context = context
        self.body = body
        self.root = root
        self.records: dict[tuple[str, Path], Record] = {}
        self.spelled: dict[MStep, Spelled] = {}
        self.alone = len(body.inputs) == 1
        for param in next(iter(context.modules.values())).params:
            if param not in context.folded:
                self.argument(param)
        self.layers = LayerNames(inputs=tuple(body.inputs) if root else ())
        self.kept = self._kept_layers()
        if root:
            self.variables.reserve(list(body.inputs.values()))  # for `keras.Model`, at the end
        # Layers without inputs are called on the first input, which no other value may take the name of before.
        first = next(iter(body.inputs.values()))
        self.variables.reserve([first] * sum(isinstance(i, MStep) and not i.inputs for i in leaves(body.items)))
        self.bind_inputs(body.inputs)

    # Names ----------------------------------------------------------------------------------------------------------

    def names(self, expr: Expr) -> Expr:
        return rename(expr, lambda name: Name(self.argument(name)))

    def argument(self, name: str) -> str:
        """What a param is called, a size of an input, or the variable of a loop."""
        base, _, axis = name.partition(".")
        wanted = size_names(base, int(axis), self.body.inputs[base].rank, self.alone) if axis else (name.lstrip("#"),)
        return self.scope.spell(name, *wanted)

    def shown(self, name: LayerName) -> str:
        """The name of a layer, below that of the block that it is in, as it stands in the code."""
        text = self.layers[name] + (f"{{{self.argument(INDEX)}}}" if name.index else "")
        if self.root:
            return f'f"{text}"' if name.index else quote(text)
        return f'f"{{name}}_{text}"'

    def place(self, name: LayerName) -> str:
        """The name of a layer, without that of the block that it is in."""
        return self.layers[name]

    def comment(self, wire: Wire, inputs: Sequence[Wire]) -> str:
        if not self.root or (inputs and inputs[0].shape == wire.shape):
            return ""
        shape = self.context.shape(wire.values)
        return physical_shape(wire.layout, shape) if shape is not None else ""

    # Steps ----------------------------------------------------------------------------------------------------------

    def step(self, item: MStep, place: Place) -> None:
        site, lowered = self.lowered(item)
        own: dict[str, Code] = {}
        suffixes: dict[str, LayerName] = {}
        for suffix, made in lowered.layers.items() if item.owner is None else ():
            name = suffixes[suffix] = LayerName(item.path, suffix)
            assert isinstance(made, Call)
            own[suffix] = Call(made.target, made.args, (*made.kwargs, ("name", name)))
            if item.users:
                key = f"{self.kept[item]}_{suffix}" if suffix else self.kept[item]
                kept = Raw(self.scope.spell((item, suffix), key) if suffix else key)
                self.statements.append(Assign((kept,), own[suffix]))
                own[suffix] = kept
        self.spelled[item] = lowered, own
        layouts = lowered.layouts or (item.inputs[0].layout if item.inputs else None,) * len(item.outputs)
        for wire, layout in zip(item.outputs, layouts, strict=True):
            wire.layout = layout
        weights = lowered.weights if item.owner is None else {}
        self.records[item.key] = Record(LayerName(item.path), suffixes=suffixes, weights=weights,
                                         layouts=tuple(layouts), inexact=lowered.inexact,
                                         inexact_gradient=lowered.inexact_gradient)  # fmt: skip
        # Called on anything of the model, a layer without inputs has its place in it.
        codes, mentioned = self.variables.read(item.inputs or (next(iter(self.body.inputs.values())),))
        layers = own if item.owner is None else self.generator.lent(site, lowered, self.spelled)
        for first in lowered.first:
            codes, mentioned = self._first(first, lowered.condition, layers, codes, item, mentioned, place)
        value = Probe("", LayerName(item.path), lowered.apply(layers, codes))
        self.define(item.outputs, value, mentioned, place, item.inputs, item.path)

    def _kept_layers(self) -> dict[MStep, str]:
        """The variables of layers that are called more than once: named after their steps, unless values may be."""
        steps = list(leaves(self.body.items))
        taken = {"x", "y", *self.body.inputs}
        for item in steps:
            taken |= {wire.label for wire in item.outputs} | (set(item.names) if isinstance(item, MBranches) else set())
        found: dict[MStep, str] = {}
        for item in (each.join if isinstance(each, MBranches) else each for each in steps):
            if isinstance(item, MStep) and item.users:
                name = item.path.replace(".", "_")
                name = f"{name}_layer" if name in taken or self.scope.has(name) else name
                found[item] = self.scope.spell(item, name)
        return found

    def _first(
        self, first: Spelling, condition: Code | None, own: Mapping[str, Code], codes: list[Code], item: MStep,
        mentioned: tuple[Wire, ...], place: Place,
    ) -> tuple[list[Code], tuple[Wire, ...]]:  # fmt: skip
        """A layer of its own that comes before a step's last: padding."""
        result = Wire(item.inputs[0].values, uses=1)
        self.variables.release(mentioned)
        target = self._target(result, place, item.path, None)
        if condition is None:
            self.statements.append(Assign((target,), first(own, codes)))
            return [target], (result,)
        code = codes[0]
        same = isinstance(code, Local) and code.name == target.name
        plain = code if same and isinstance(code, Local) else Local(target.name, Wire(item.inputs[0].values))
        self.copy([(plain, code)])
        carried = Carried(target.name, plain.wire, result, result)
        self.statements.append(If(condition, [Assign((target,), first(own, [plain]))], (carried,)))
        return [target], (result,)

    def call(self, item: MCall, place: Place) -> None:
        made = self.generator.construct(self, item)
        codes, mentioned = self._given(item)
        self._set_layouts(item)
        value = self._applied(made, codes, LayerName(item.path))
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
        self.records[item.key] = Record(LayerName(item.path), child=child)
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
        prefix = prefixes.pop()
        self.layers.loops.update((inner.path, prefix) for inner in calls)
        self._loops(item, calls, prefix, firsts[0], place)

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
            self.variables.release(item.inputs)  # the calls that the loop stands for, which read them, are not written
            self._loop(item.inputs, item.outputs, general[0], prefix, call("range", count), place)
            return
        at = 0
        while at < len(made):
            run = 1
            while at + run < len(made) and made[at + run] == made[at]:
                run += 1
            here = calls[at : at + run]
            if run == 1:
                codes, mentioned = self._given(here[0])
                value = self._applied(made[at], codes, LayerName(here[0].path))
                inner_place = place if at + run == len(made) else Place(calls[at + 1], place.label)
                self.define(here[0].outputs, value, mentioned, inner_place, here[0].inputs, here[0].path)
            else:
                start, stop = first + at, first + at + run
                bounds = (literal(stop),) if start == 0 else (literal(start), literal(stop))
                self._loop(here[0].inputs, here[-1].outputs, made[at], prefix, call("range", *bounds), place)
            at += run

    def _loop(
        self, inputs: Sequence[Wire], outputs: Sequence[Wire], made: Call, prefix: str, numbers: Code, place: Place
    ) -> None:
        """A loop that calls a block's function on what it gave before."""
        carried = self.hand_on(inputs, outputs, place)
        given = [Local(each.name, each.before) for each in carried]
        taken = tuple(Local(each.name, each.after) for each in carried)
        value = self._applied(made, given, LayerName(prefix, index=True))
        self.statements.append(For(INDEX, numbers, [Assign(taken, value)], carried))

    def when(self, item: MWhen, place: Place) -> None:
        condition = self.context.condition(item.condition)
        target = self.open_when(item, place)
        outer, self.statements = self.statements, []
        self.run([item.item], Place(None, target.name))
        carried = self.close_when(item, target)
        before, after = held(item.inputs[0]), held(item.item.outputs[0])
        if len(after.axes) != len(before.axes) or after.flattened != before.flattened:
            raise BackendError("a condition that changes the order of axes")
        if after.axes != before.axes:
            result = Local(target.name, carried.within)
            self.statements.append(Assign((result,), arranged(result, after, before)))
        item.outputs[0].layout = before if after.nonnegative else before.plain()
        body, self.statements = self.statements, outer
        self.statements.append(If(condition, body, (carried,)))

    # The function ---------------------------------------------------------------------------------------------------

    def write(self, training: Mapping[str, Wire]) -> None:
        outputs = {name: wire for name, wire in self.body.outputs.items() if name not in training}
        if not self.root:
            self.run(self.body.items, Place(last=len(outputs) == 1))
            self.statements.append(self.returned(outputs))
        else:
            late = training_only(self.body.items, outputs) if training else set()
            self.run([item for item in self.body.items if id(item) not in late], Place())
            self._finish(outputs, [item for item in self.body.items if id(item) in late], training)
        self.layers.name_all(self._layer_names(), self.generator.inline(self) if self.root else frozenset())

    def _layer_names(self) -> Iterator[tuple[LayerName, LayerNames | None]]:
        """What the function makes, in order: layers, and calls of blocks with the names inside."""
        for record in self.records.values():
            writer = record.child.writer if record.child is not None else None
            yield record.attribute, writer.layers if isinstance(writer, FunctionWriter) else None
            for own in record.suffixes.values():
                yield own, None

    def _finish(self, outputs: Mapping[str, Wire], late: Sequence[Any], training: Mapping[str, Wire]) -> None:
        """The end of the network's function: auxiliary heads if they are wanted, and the model."""
        inputs = tuple(self.inputs.values())
        given = inputs[0] if len(inputs) == 1 else Items(inputs, "[]")
        codes, _ = self.variables.read(list(outputs.values()))
        result = codes[0] if len(codes) == 1 else Items(tuple(codes), "[]")
        name = ("name", literal(self.generator.entry))
        if not training:
            self.statements.append(Return(Call(Global("keras.Model"), (given, result), (name,))))
            return
        whole = Symbol(Name("#outputs"))
        self.argument("#outputs")
        self.statements.append(Assign((whole,), result))
        outer, self.statements = self.statements, []
        labels = {id(wire): label for label, wire in training.items()}
        for item in late:
            label = next((labels[id(wire)] for wire in item.outputs if id(wire) in labels), "")
            self.run([item], Place(label=label))
        heads, _ = self.variables.read(list(self.body.outputs.values()))
        inner = [*self.statements, Assign((whole,), Items(tuple(heads), "[]"))]
        self.statements = [*outer, If(Symbol(Name(TRAINING)), inner)]
        self.statements.append(Return(Call(Global("keras.Model"), (given, whole), (name,))))

    def check(self) -> None:
        """Raises Misread if a variable does not hold what is meant by it."""
        holds = dict(zip((i.name for i in self.inputs.values()), self.body.inputs.values(), strict=True))
        check_reads(holds, [*self._sizes(), *self.statements])

    def mentioned(self, defaults: Mapping[str, object]) -> Iterator[str]:
        """What the function needs of its file and of Python."""
        if self.root:
            yield "keras.Input"
        for code in codes(self.statements):
            yield from mentioned(code)

    def arguments(self, defaults: Mapping[str, object]) -> list[str]:
        used = self.reads
        order = [*next(iter(self.context.modules.values())).params, *self.context.extras]
        return sorted((name for name in order if name in used), key=lambda name: name in defaults)

    def lines(self, name: str, doc: str, defaults: Mapping[str, object], style: Style) -> list[str]:
        here = replace(style, names=self.names, layers=self.shown)
        parameters = [
            self.argument(key) + (f"={flat(exact(literal(defaults[key])), style)}" if key in defaults else "")
            for key in self.arguments(defaults)
        ]
        if self.root:
            shapes = [
                f"{self._shape_name(key)}={self._input_shape(wire)}"
                for key, wire in self.body.inputs.items() if self._resizable(wire)
            ]  # fmt: skip
            flags = [f"{self.argument(TRAINING)}=False"] if self.generator.training_outputs else []
            lines = signature_lines(name, [*parameters, *shapes, *flags], "", 0)
        else:
            inputs = [local.name for local in self.inputs.values()]
            lines = signature_lines(name, [*inputs, *parameters, "*", "name"], "", 0)
        if doc:
            lines.append(f"    {doc}")
        lines += print_statements([*self._opening(), *self._sizes(), *self.statements], here, 4)
        return lines

    def _shape_name(self, key: str) -> str:
        own = f"{key}_shape"
        return self.scope.spell(("shape", key), *(("input_shape", own) if self.alone else (own,)))

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
            made = call("keras.Input", Raw(shape), **kind, name=literal(self.layers.inputs[key]))
            lines.append(Assign((self.inputs[key],), made))
        return lines

    def _sizes(self) -> list[Statement]:
        used = self.reads
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
                        read = Template(f"{{0}}.shape[{shown}]", (self.inputs[base],))
                        lines.append(Assign((Symbol(Name(name)),), read))
        return lines


TRAINING: Final = "#training_outputs"
"""The argument of a network that has outputs only in training."""
