"""Blocks as functions of symbolic tensors that make and call layers, which are found by their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from archspec.emit.aligned import MBranches, MCall, MRepeat, MSequence, MStep, MWhen, Wire, leaves
from archspec.emit.along import along
from archspec.emit.begun import begun
from archspec.emit.chains import Helper, shorter
from archspec.emit.code import (
    Call,
    Code,
    Global,
    Items,
    LayerName,
    Raw,
    Symbol,
    call,
    exact,
    literal,
    mentioned,
    quote,
)
from archspec.emit.context import Lowered
from archspec.emit.dialect import Dialect, Functions
from archspec.emit.flow import Flow, Placed
from archspec.emit.layer_names import LayerNames
from archspec.emit.layouts import held, physical_shape
from archspec.emit.lent import LentModels
from archspec.emit.loops import generalize, numbered, pieces
from archspec.emit.names import Scope, snake_case
from archspec.emit.plan import Plan
from archspec.emit.printing import Style, flat
from archspec.emit.reads import check_reads, codes
from archspec.emit.statements import Assign, For, If, Return, Statement, print_statements, signature_lines
from archspec.emit.table import needed
from archspec.emit.values import Cycle, Place
from archspec.errors import BackendError
from archspec.expressions import Const, Expr, Name, expr_of, free_names, rename
from archspec.graph.graph import unreachable
from archspec.graph.tree import INDEX


class FunctionWriter(Flow):
    """Writes one block (or the network) as a function."""

    nest = False
    lists = True
    join, separator, owner = "_", "/", ""

    def __init__(self, plan: Plan) -> None:
        root, inputs = plan.root, plan.body.inputs
        style = Style(names=self.names, layers=self.shown)
        scope = Scope(plan.generator.file, () if root else ["name"])
        super().__init__(plan, style, scope, "y" if root and "x" in inputs else "x")
        assert isinstance(self.dialect.blocks, Functions)
        self.words = self.dialect.blocks
        for param in self.params:
            if param not in self.context.folded:
                self.argument(param)
        self.layers = LayerNames(inputs=tuple(inputs) if root else ())
        self.kept = self._kept_layers()
        self.lent = LentModels(self)
        self.shorter: Sequence[Statement] = ()
        """The statements with calls of functions for chains of layers, if the file has such."""
        if root:
            self.variables.reserve(list(inputs.values()))  # for the model, at the end
        # Layers without inputs are called on the first input, which no other value may take the name of before.
        self.first_input = next(iter(inputs.values()))
        sources = sum(isinstance(item, MStep) and not item.inputs for item in leaves(self.body.items))
        self.variables.reserve([self.first_input] * sources)
        self.bind_inputs(inputs)

    @staticmethod
    def always(dialect: Dialect) -> frozenset[str]:
        return frozenset({"name"})

    @staticmethod
    def named(block: str) -> str:
        return snake_case(block)

    @property
    def maps(self) -> tuple[str, str]:
        return f"Returns a {self.dialect.title} model that maps", "with training_outputs"

    def unwritten(self) -> frozenset[str]:
        # A functional model consists of what its outputs depend on, and layers without inputs are called on some value.
        return unreachable(self.generator.model.graph, beside=True)

    def training_arguments(self) -> dict[str, Any]:
        return {self.argument(TRAINING): True} if self.generator.training_outputs else {}

    # Names ----------------------------------------------------------------------------------------------------------

    def names(self, expr: Expr) -> Expr:
        return rename(expr, lambda name: Name(self.argument(name)))

    def argument(self, name: str) -> str:
        return self.scope.spell(name, *self.names_of(name))

    def shown(self, name: LayerName) -> str:
        """The name of a layer, below that of the block that it is in, as it stands in the code."""
        text = self.layers[name] + (f"{{{self.argument(INDEX)}}}" if name.index else "")
        if self.root:
            return f'f"{text}"' if name.index else quote(text)
        return f'f"{{name}}_{text}"'

    def spelling(self, name: Any) -> str:
        return self.layers[name]

    def comment(self, wire: Wire, inputs: Sequence[Wire]) -> tuple[Expr, ...]:
        if not self.root or (inputs and inputs[0].shape == wire.shape):
            return ()
        shape = self.context.shape(wire.values)
        return physical_shape(wire.layout, shape) if shape is not None else ()

    # Steps ----------------------------------------------------------------------------------------------------------

    def sources(self, item: MStep) -> tuple[Wire, ...]:
        return item.inputs or (self.first_input,)  # called on anything of the model, a layer has its place in it

    def key(self, item: MStep) -> LayerName:
        return LayerName(item.path)

    def hold(self, item: MStep, lowered: Lowered) -> tuple[dict[str, Code], Placed]:
        own: dict[str, Code] = {}
        layers: dict[str, LayerName] = {}
        for suffix, made in self._begun(item, lowered).items() if item.owner is None else ():
            name = layers[suffix] = LayerName(item.path, suffix)
            if self.words.frozen and suffix in self.plan.frozen(item):
                made = self.words.frozen(made)
            assert isinstance(made, Call)
            own[suffix] = Call(made.target, made.args, (*made.kwargs, ("name", name)))
            if item.users:
                key = f"{self.kept[item]}_{suffix}" if suffix else self.kept[item]
                kept = Raw(self.scope.spell((item, suffix), key) if suffix else key)
                self.statements.append(Assign((kept,), own[suffix]))
                own[suffix] = kept
        name = LayerName(item.path)
        return own, Placed.step(item, lowered, name, name, layers=layers)

    def _begun(self, item: MStep, lowered: Lowered) -> Mapping[str, Code]:
        """The layers of a step, told how their weights begin."""
        site = self.plan.lowered[item][0]
        if self.words.given is None:
            return lowered.layers
        try:
            return begun(site, lowered, self.words.given)
        except BackendError as error:
            message = f"{self.dialect.title} cannot express this {site.op.key}: {error}"
            raise BackendError(self.generator.located(site, message)) from None

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

    def spelled_twice(self, wire: Wire) -> bool:
        # What makes a model of a block asks for the sizes of what the model is then called on.
        return any(isinstance(reader, MCall) and reader.users for reader in wire.consumers)

    def call(self, item: MCall, place: Place) -> None:
        codes, mentioned = self.given(item)
        if item.owner is not None or item.users:
            codes, more = self.lent.given(item, codes)
            value = self.lent.call(self.lent.model(item, item.path, codes), codes)
            self.define(item.outputs, value, (*mentioned, *more), place, item.inputs, item.path)
            return
        self._place(item)
        value = self.applied(self.plan.calls[item], codes, LayerName(item.path))
        self.define(item.outputs, value, mentioned, place, item.inputs, item.path)

    def _place(self, item: MCall) -> None:
        self.placed[item.key] = Placed(LayerName(item.path), block=self.plan.blocks[item])

    @staticmethod
    def applied(made: Call, inputs: Sequence[Code], name: Code) -> Call:
        return Call(made.target, (*inputs, *made.args), (*made.kwargs, ("name", name)))

    def _again(self, item: MRepeat, calls: Sequence[MCall], place: Place) -> None:
        """A block that is called several times with one set of weights: a loop."""
        codes, _ = self.given(calls[0])
        model = self.lent.model(calls[0], item.path, codes)
        for inner in calls[1:]:
            self.placed[inner.key] = self.placed[calls[0].key]
        unwritten = calls if item.varies else calls[1:]
        carried, given, body = self.cycle(calls, item.inputs, item.outputs, place, unwritten)
        self.statements.append(
            For(("_",), call("range", self.count(item)), [body(self.lent.call(model, given))], carried)
        )

    def callee(self, calls: Sequence[MCall], path: str, given: Sequence[Code]) -> Callable[[Sequence[Code]], Code]:
        model = self.lent.model(calls[0], path, given)
        for inner in calls[1:]:
            self.placed[inner.key] = self.placed[calls[0].key]
        return lambda codes: self.lent.call(model, codes)

    def in_turn(self, calls: Sequence[MCall]) -> bool:
        return not any(map(self.lent.waits, calls))

    def sequence(self, item: MSequence, place: Place) -> None:
        if item.over is None or not along(self, item, place):
            super().sequence(item, place)

    def repeat(self, item: MRepeat, place: Place) -> None:
        if again := self.plan.again(item):
            self._again(item, again, place)
            return
        calls = self.plan.chain(item) if len(item.iterations) > 1 else []
        numbers = [re.fullmatch(r"(.*?)(\d+)", inner.path) for inner in calls]
        prefixes = {match[1] if match else "" for match in numbers}
        firsts = [int(match[2]) if match else -1 for match in numbers]
        consecutive = firsts == list(range(firsts[0], firsts[0] + len(firsts))) if firsts else False
        if not calls or len(prefixes) > 1 or not consecutive:
            if item.varies:
                raise item.differs()
            self.run(item.iterations, place)
            return
        prefix = prefixes.pop()
        self.layers.loops.update((inner.path, prefix) for inner in calls)
        self._loops(item, calls, prefix, firsts[0], place)

    def _loops(self, item: MRepeat, calls: list[MCall], prefix: str, first: int, place: Place) -> None:
        """Blocks one after another: equal neighbours in a loop, with the number in the name."""
        made = [self.plan.calls[inner] for inner in calls]
        for inner in calls:
            self._place(inner)
        if item.varies:
            general = generalize(made)
            if general is None or not isinstance(general[0], Call):
                raise item.differs()
            cycle = self.cycle(calls, item.inputs, item.outputs, place, calls)
            self._loop(cycle, general[0], prefix, call("range", self.count(item)))
            return
        for piece in pieces(made):
            end = piece.start + piece.count
            here = calls[piece.start : end]
            assert isinstance(piece.code, Call)
            if piece.count == 1:
                codes, mentioned = self.given(here[0])
                value = self.applied(piece.code, codes, LayerName(here[0].path))
                inner_place = place if end == len(made) else Place(calls[end], place.label)
                self.define(here[0].outputs, value, mentioned, inner_place, here[0].inputs, here[0].path)
            else:
                code = numbered(piece.code, first)
                assert isinstance(code, Call)
                cycle = self.cycle(here, here[0].inputs, here[-1].flows, place, here[1:])
                self._loop(cycle, code, prefix, piece.numbers(first))

    def _loop(self, cycle: Cycle, made: Call, prefix: str, numbers: Code) -> None:
        """A loop that calls a block's function on what it gave before."""
        carried, given, body = cycle
        value = self.applied(made, given, LayerName(prefix, index=True))
        self.statements.append(For((INDEX,), numbers, [body(value)], carried))

    def when(self, item: MWhen, place: Place) -> None:
        condition = self.context.condition(item.condition)
        body, carried = self.optional(item, place)
        self.statements.append(If(condition, body, (carried,)))

    # The function ---------------------------------------------------------------------------------------------------

    def write(self, training: Mapping[str, Wire]) -> None:
        outputs = {name: wire for name, wire in self.body.outputs.items() if name not in training}
        if not self.root:
            self.run(self.body.items, Place(last=len(outputs) == 1))
            self.statements.append(self.returned(outputs))
        else:
            self.run(self.plan.main, Place())
            self._finish(outputs, self.plan.late, training)
        self.layers.name_all(self._layer_names(), self._unlayered() if self.root else frozenset())

    def _unlayered(self) -> frozenset[str]:
        """Names that the framework gives to operations outside of layers, which no layer of the network may have."""
        written = [*((block.flow, block.defaults) for block in self.generator.blocks), (self, {})]
        mentioned = {name for flow, defaults in written for name in flow.mentioned(defaults)}
        for definition in needed(self.generator.support, mentioned).values():
            mentioned |= definition.mentions
        return frozenset(filter(None, map(self.words.unlayered, mentioned)))

    def _layer_names(self) -> Iterator[tuple[LayerName, LayerNames | None]]:
        """What the function makes, in order: layers, and calls of blocks with the names inside."""
        for placed in {id(placed): placed for placed in self.placed.values()}.values():
            assert isinstance(placed.name, LayerName)
            inner = placed.block.flow if placed.block is not None else None
            yield placed.name, inner.layers if isinstance(inner, FunctionWriter) else None
            for own in placed.layers.values():
                yield own, None
        for own in self.lent.order:
            yield own, None

    def _finish(self, outputs: Mapping[str, Wire], late: Sequence[Any], training: Mapping[str, Wire]) -> None:
        """The end of the network's function: auxiliary heads if they are wanted, and the model."""
        inputs = tuple(self.inputs.values())
        given = inputs[0] if len(inputs) == 1 else Items(inputs, "[]")
        codes, _ = self.variables.read(list(outputs.values()))
        result = codes[0] if len(codes) == 1 else Items(tuple(codes), "[]")
        name = ("name", literal(self.generator.entry))
        if not training:
            self.statements.append(Return(Call(Global(self.words.model), (given, result), (name,))))
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
        self.statements.append(Return(Call(Global(self.words.model), (given, whole), (name,))))

    def mentioned(self, defaults: Mapping[str, object]) -> Iterator[str]:
        if self.root:
            yield self.words.input
        for code in codes(self.statements):
            yield from mentioned(code)

    def arguments(self, defaults: Mapping[str, object]) -> list[str]:
        used = self.reads
        return sorted((name for name in self.told if name in used), key=lambda name: name in defaults)

    def lines(self, name: str, doc: str, defaults: Mapping[str, object], style: Style) -> list[str]:
        here = self.printed(style)
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
        lines += print_statements([*self._opening(), *self.sizes(), *(self.shorter or self.statements)], here, 4)
        return lines

    def printed(self, style: Style) -> Style:
        """A style, with what names and sizes are called here."""
        return replace(style, told=self.context.told, names=self.names, layers=self.shown)

    def shorten(self, helpers: Sequence[Helper]) -> None:
        """Has such functions called."""
        self.shorter = shorter(self.statements, helpers, self.printed(Style()))
        self.check()

    def check(self) -> None:
        super().check()
        if self.shorter:
            inputs = {local.name: local.wire for local in self.inputs.values()}
            check_reads(inputs, [*self.sizes(), *self.shorter])

    def _shape_name(self, key: str) -> str:
        own = f"{key}_shape"
        return self.scope.spell(("shape", key), *(("input_shape", own) if self.alone else (own,)))

    def _resizable(self, wire: Wire) -> bool:
        """Whether the model takes inputs of other sizes than the spec's, which must be told; open ones are not."""
        inner = held(wire).axes[1:-1]
        return not self.generator.sized and any(not free_names(expr_of(wire.shape[axis])) for axis in inner)

    def _input_shape(self, wire: Wire) -> str:
        given = [self.context.told(size) for size in physical_shape(wire.layout, wire.shape)[1:]]
        sizes = [str(size.value) if isinstance(size, Const) else "None" for size in given]
        return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def _opening(self) -> list[Statement]:
        if not self.root:
            return []
        lines: list[Statement] = []
        for key, wire in self.body.inputs.items():
            value = next(iter(wire.values.values()))
            kind = {"int64": {"dtype": literal("int64")}, "bool": {"dtype": literal("bool")}}.get(value.dtype, {})
            shape = self._shape_name(key) if self._resizable(wire) else self._input_shape(wire)
            made = call(self.words.input, Raw(shape), **kind, name=literal(self.layers.inputs[key]))
            lines.append(Assign((self.inputs[key],), made))
        return lines

    def may_measure(self, name: str, axis: int) -> bool:
        if axis and any(name in module.open for module in self.context.modules.values()):
            raise BackendError(f"{self.dialect.title}: it computes with '{name}', a size that is open")
        return axis > 0


TRAINING: Final = "#training_outputs"
"""The argument of a network that has outputs only in training."""
