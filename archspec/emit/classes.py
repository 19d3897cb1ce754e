"""Blocks as classes that hold their layers and have a method that calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from archspec.emit.aligned import (
    MCall,
    Merged,
    MRepeat,
    MSequence,
    MStep,
    MWhen,
    Wire,
)
from archspec.emit.along import along
from archspec.emit.code import Call, Code, Global, Items, Own, Raw, Symbol, call, exact, literal, mentioned
from archspec.emit.containers import Containers, Element, move
from archspec.emit.context import Lowered, symbols
from archspec.emit.dialect import Classes, Dialect
from archspec.emit.filling import Branch, print_starts
from archspec.emit.filling import codes as starting
from archspec.emit.fixed import fixed, is_kept
from archspec.emit.flow import Flow, Placed
from archspec.emit.layouts import held, physical_shape
from archspec.emit.loops import fold
from archspec.emit.names import Scope, pascal_case
from archspec.emit.plan import Plan
from archspec.emit.printing import Style, flat
from archspec.emit.reads import check_reads, codes, names_read
from archspec.emit.refusal import refusal
from archspec.emit.repeated import print_shortened
from archspec.emit.statements import Assign, For, If, Statement, print_statements, signature_lines
from archspec.emit.values import Place
from archspec.emit.variables import Held, Variables
from archspec.errors import BackendError
from archspec.expressions import Expr, Name, rename
from archspec.spec.source import Path


class ClassWriter(Flow):
    """Writes one block (or the network) as a class."""

    join = separator = "."
    owner = "self"
    lists = False

    def __init__(self, plan: Plan) -> None:
        file = plan.generator.file
        super().__init__(plan, Style(names=self._method_names), Scope(file, ["self"]), "x")
        assert isinstance(self.dialect.blocks, Classes)
        self.words = self.dialect.blocks
        self.init: list[Statement] = []
        self.starts: list[Branch] = []
        """How weights begin, in the network's constructor."""
        self.constructor = Scope(file, ["self", *self.words.handed])
        self.attributes = Scope(Scope(None, self.words.reserved))
        again = not plan.generator.again.isdisjoint(map(id, self.context.modules.values()))
        self.fixed = fixed(plan.main) if self.words.buffer is not None and not again else {}
        self.containers = Containers(plan, self.words, self._unknown)
        self.making = Variables(self.constructor)
        """What variables of the constructor hold."""
        for param in self.params:
            self.argument(param)
        self.bind_inputs(self.body.inputs)

    @staticmethod
    def always(dialect: Dialect) -> frozenset[str]:
        return frozenset(dialect.blocks.handed) if isinstance(dialect.blocks, Classes) else frozenset()

    @staticmethod
    def handed(dialect: Dialect) -> tuple[tuple[str, Code], ...]:
        return tuple((name, Raw(name)) for name in sorted(ClassWriter.always(dialect)))

    @staticmethod
    def named(block: str) -> str:
        return pascal_case(block)

    # Names ----------------------------------------------------------------------------------------------------------

    def _method_names(self, expr: Expr) -> Expr:
        return rename(expr, partial(self._symbol, called=True))

    def _init_names(self, expr: Expr) -> Expr:
        return rename(expr, partial(self._symbol, called=False))

    def _symbol(self, name: str, called: bool) -> Expr:
        if called and (name in self.params or name in self.context.extras):
            return Name(f"self.{self._kept(name)}")
        return Name(self.scope.spell(name, *self.names_of(name)) if called else self.argument(name))

    def argument(self, name: str) -> str:
        return self.constructor.spell(name, *self.names_of(name))

    def _kept(self, name: str) -> str:
        """The attribute that holds an argument that the method reads: named after it, unless a layer is."""
        return self.attributes.spell(("argument", name), name)

    def attribute(self, path: str) -> str:
        """The attribute that holds the step at `path`, unlike all others."""
        return self.attributes.spell(object(), path)

    @property
    def maps(self) -> tuple[str, str]:
        return "Maps", "in training"

    def spelling(self, name: Any) -> str:
        return str(name)

    def comment(self, wire: Wire, inputs: Sequence[Wire]) -> tuple[Expr, ...]:
        shape = self.context.shape(wire.values) if self.root else None
        return physical_shape(wire.layout, shape) if shape is not None else ()

    # Steps ----------------------------------------------------------------------------------------------------------

    def key(self, item: MStep) -> str:
        return item.path

    def hold(self, item: MStep, lowered: Lowered) -> tuple[dict[str, Code], Placed]:
        own: dict[str, Code] = {}
        layers: dict[str, str] = {}
        single = list(lowered.layers) == [""]
        if lowered.array is not None and self.variables is self.making:
            return {"": lowered.array}, Placed.step(item, lowered, "", item.path)
        for suffix, made in lowered.layers.items() if item.owner is None else ():
            name = self.attribute(item.path if single else f"{item.path}_{suffix}")
            self.init.append(Assign((Own(name),), self.frozen(item, suffix, made)))
            own[suffix], layers[suffix] = Own(name), name
        return own, Placed.step(item, lowered, layers.get("", "") if single else "", item.path, layers=layers)

    def frozen(self, item: MStep, suffix: str, made: Code) -> Code:
        """The code for a layer of a step, frozen if its weights are."""
        return self.words.frozen(made) if self.words.frozen and suffix in self.plan.frozen(item) else made

    def step(self, item: MStep, place: Place) -> None:
        if item.outputs[0] not in self.fixed:
            super().step(item, place)
            return
        with self._in_constructor():
            super().step(item, Place(place.following))
        if is_kept(item.outputs[0], self.fixed) and self.words.buffer is not None:
            name = self.attribute(place.label or item.path)
            self.init.append(Assign((Own(name),), self.words.buffer(self.making.held[item.outputs[0]].code)))
            self.define(item.outputs, self.seen(item, Own(name)), (), place, (), item.path)

    @contextmanager
    def _in_constructor(self) -> Iterator[None]:
        """For statements that are run when the model is made."""
        outer = self.variables, self.statements
        self.variables, self.statements = self.making, self.init
        yield
        self.variables, self.statements = outer

    def _keeps(self, wire: Wire) -> bool:
        """Whether it is a value that the constructor computes for calls, which see it."""
        return self.variables is self.making and is_kept(wire, self.fixed)

    def seen(self, item: MStep, value: Code) -> Code:
        return value if self._keeps(item.outputs[0]) else super().seen(item, value)

    def define(
        self, outputs: Sequence[Wire], value: Code, mentioned: tuple[Wire, ...], place: Place,
        inputs: Sequence[Wire] = (), step: str = "",
    ) -> None:  # fmt: skip
        if self._keeps(outputs[0]):
            self.variables.release(mentioned)
            self.variables.held[outputs[0]] = Held(value)
        else:
            super().define(outputs, value, mentioned, place, inputs, step)

    def call(self, item: MCall, place: Place) -> None:
        if item.outputs[0] in self.fixed and self.variables is not self.making:
            with self._in_constructor():
                self.call(item, Place(place.following))
            return
        name = self._called(item, item.path)
        codes, mentioned = self.given(item)
        self.define(item.outputs, Call(Own(name), tuple(codes)), mentioned, place, item.inputs, item.path)

    def _called(self, item: MCall, path: str) -> str:
        """The attribute that holds the layers of a call: its own, or those of the call whose weights it uses."""
        if item.owner is not None:
            placed = self.placed[item.key] = self.placed[item.owner.key]
            return str(placed.name)
        name = self.attribute(path)
        self.init.append(Assign((Own(name),), self.plan.calls[item]))
        self.placed[item.key] = Placed(name, block=self.plan.blocks[item])
        return name

    def _again(self, item: MRepeat, calls: Sequence[MCall], place: Place) -> None:
        """A block that is called several times with one set of weights: a loop."""
        names = [self._called(inner, item.path) for inner in calls]
        unwritten = calls if item.varies else calls[1:]
        carried, given, body = self.cycle(calls, item.inputs, item.outputs, place, unwritten)
        numbers = call("range", self.count(item))
        self.statements.append(For(("_",), numbers, [body(Call(Own(names[0]), tuple(given)))], carried))

    def callee(self, calls: Sequence[MCall], path: str, given: Sequence[Code]) -> Callable[[Sequence[Code]], Code]:
        name, *_ = [self._called(inner, path) for inner in calls]
        return lambda codes: Call(Own(name), tuple(codes))

    def sequence(self, item: MSequence, place: Place) -> None:
        if item.over is not None:
            if not along(self, item, place):
                self.run(item.items, place)
            return
        made = self.containers.container(item) if item.name else None
        if made is None:
            self.run(item.items, place)
            return
        name = self._hold(item.path, made)
        codes, mentioned = self.variables.read(item.inputs)
        self.define(item.outputs, Call(Own(name), tuple(codes)), mentioned, place, item.inputs, item.path)

    def repeat(self, item: MRepeat, place: Place) -> None:
        if calls := self.plan.again(item):
            self._again(item, calls, place)
            return
        made = self.containers.container(item) if item.name or item.varies else None
        if item.varies:
            self.variables.release(item.inputs)  # the layers in the container, which read it too, are not written out
        if made is not None:
            name = self._hold(item.path or "layers", made)
            codes, mentioned = self.variables.read(item.inputs)
            self.define(item.outputs, Call(Own(name), tuple(codes)), mentioned, place, item.inputs, item.path)
        elif not self._loop(item, place):
            if item.varies:
                raise item.differs()
            self.run(item.iterations, place)

    def when(self, item: MWhen, place: Place) -> None:
        condition = self.context.condition(item.condition)
        inner = item.item
        made = self.containers.container(inner) if isinstance(inner, MSequence) and inner.name else None
        if made is None and isinstance(inner, (MCall, MStep)):
            made = self.containers.alone(inner)
        if made is not None and self._may_stand_in(item):
            name = self.attribute(inner.path)
            self.init.append(Assign((Own(name),), call(self.words.identity), kind=Global(self.words.base)))
            self.init.append(If(condition, [Assign((Own(name),), made.code)]))
            self._adopt(made.placed, name)
            self.variables.release(item.inputs)  # the layers in the container, which read it too, are not written out
            codes, mentioned = self.variables.read(item.inputs)
            self.define(item.outputs, Call(Own(name), tuple(codes)), mentioned, place, item.inputs, inner.path)
            return
        self._optional(item, condition, place)

    def _may_stand_in(self, item: MWhen) -> bool:
        """Whether a layer that does nothing may stand for an optional one, which keeps the order of axes."""
        before, after = held(item.inputs[0]), held(item.item.outputs[0])
        alone = len(item.inputs) == len(item.outputs) == 1
        return bool(self.words.identity) and alone and (before.axes, before.flattened) == (after.axes, after.flattened)

    def _optional(self, item: MWhen, condition: Code, place: Place) -> None:
        """A step in an `if`: in the constructor for its layers, in the method for its value."""
        if not symbols(condition).keys() <= self.params | self.context.extras.keys():
            flag = self.attribute(f"has_{item.path or 'step'}")  # sizes of inputs are known where layers are made
            self.init.append(Assign((Own(flag),), condition))
            condition = Own(flag)
        outer, self.init = self.init, []
        body, carried = self.optional(item, place)
        init, self.init = self.init, outer
        if init:
            self.init.append(If(condition, init))
        self.statements.append(If(condition, body, (carried,)))

    # Containers -----------------------------------------------------------------------------------------------------

    def _hold(self, path: str, made: Element) -> str:
        name = self.attribute(path)
        self.init.append(Assign((Own(name),), made.code))
        self._adopt(made.placed, name)
        return name

    def _adopt(self, placed: Mapping[tuple[str, Path], Placed], prefix: str) -> None:
        move(placed.values(), prefix)
        self.placed |= placed

    def _loop(self, item: MRepeat, place: Place) -> bool:
        """Blocks with several inputs and outputs, one after another: a list of layers and a loop."""
        if not item.name or len(item.inputs) < 2 or item.varies or not (calls := self.plan.chain(item)):
            return False
        made = [self.plan.calls[inner] for inner in calls]
        name = self.attribute(item.path)
        self.init.append(Assign((Own(name),), call(self.words.layer_list, Items(tuple(fold(made)), "[]"))))
        for index, inner in enumerate(calls):
            self.placed[inner.key] = Placed(f"{name}.{index}", block=self.plan.blocks[inner])
        carried, given, body = self.cycle(calls, item.inputs, item.outputs, place, calls[1:])
        self.statements.append(For(("#block",), Own(name), [body(Call(Symbol(Name("#block")), tuple(given)))], carried))
        return True

    # The class ------------------------------------------------------------------------------------------------------

    def write(self, training: Mapping[str, Wire]) -> None:
        outputs = {name: wire for name, wire in self.body.outputs.items() if name not in training}
        single = len(outputs) == 1 and not training
        for name in self.inputs if self.root and self.words.shape else ():
            if name in self.generator.model.one_size:
                self.statements.append(refusal(self.inputs[name], self.body.inputs[name], self.words.shape))
        self.run(self.plan.main, Place(last=single))
        if training:
            self._write_training(self.plan.late, training)
        self.statements.append(self.returned(outputs))
        self._check_init()

    def _write_training(self, late: Sequence[Merged], training: Mapping[str, Wire]) -> None:
        """What only training needs, and gives."""
        if not self.words.training:
            raise BackendError(f"{self.dialect.title}: its models cannot give outputs that only training has")
        outer, self.statements = self.statements, []
        names = {id(wire): name for name, wire in training.items()}
        for item in late:
            label = next((names[id(wire)] for wire in item.outputs if id(wire) in names), "")
            self.run([item], Place(label=label))
        inner, self.statements = [*self.statements, self.returned(self.body.outputs)], outer
        self.statements.append(If(Raw(self.words.training), inner))

    def _check_init(self) -> None:
        """Layers are made before an input is seen. Raises BackendError if one depends on a size that is left open."""
        unknown = self._unknown(self.init_reads)
        if unknown:
            raise BackendError(f"{self.dialect.title}: a layer depends on the open size '{min(unknown)}'")

    @cached_property
    def init_reads(self) -> dict[str, None]:
        """The names of params and sizes that the constructor reads, in order."""
        return names_read(self.init)

    def _unknown(self, names: Iterable[str]) -> set[str]:
        """Sizes that the network is to see only when it runs."""
        return set(names) - self.params - self.context.extras.keys() if self.root else set()

    def arguments(self, defaults: Mapping[str, object]) -> list[str]:
        used = {*self.init_reads, *self._stored()}
        order = [f"{name}.{axis}" for name, wire in self.body.inputs.items() for axis in range(1, wire.rank)]
        return sorted((name for name in (*order, *self.told) if name in used), key=lambda name: name in defaults)

    def _stored(self) -> list[str]:
        told = set(self.told)
        return [name for name in self.reads if name in told]

    def lines(self, name: str, doc: str, defaults: Mapping[str, object], style: Style) -> list[str]:
        words = self.words
        style = replace(style, told=self.context.told)
        init_style, called = replace(style, names=self._init_names), replace(style, names=self._method_names)
        parameters = [self._parameter(argument, defaults, style) for argument in self.arguments(defaults)]
        handed = ["*", *(f"{name}: {kind}" for name, kind in words.handed.items())] if words.handed else []
        stored = [Assign((Own(self._kept(item)),), Symbol(Name(item))) for item in self._stored()]
        inputs = [f"{self.inputs[item].name}: {words.tensor}" for item in self.body.inputs]
        lines = [f"class {name}({words.base}):", *([f"    {doc}", ""] if doc else [])]
        if stored or self.init or handed:
            lines += signature_lines("__init__", ["self", *parameters, *handed], "None")
            begin = words.begin or ("" if stored or self.init else "pass")
            lines += [f"        {begin}"] if begin else []
            lines += print_statements(stored, init_style, 8)
            if self.root:
                lines += print_statements(self.init, init_style, 8)
                lines += print_starts(self.starts, style, 8)
            else:
                lines += print_shortened(self.init, init_style, 8, self._short)
            lines += [""]
        lines += [*signature_lines(words.method, ["self", *inputs], self._returns())]
        lines += print_statements([*self.sizes(), *self.statements], called, 8)
        return lines

    def check(self) -> None:
        super().check()
        check_reads({}, self.init)

    @property
    def whole(self) -> list[Statement]:
        return [*self.init, *self.statements]

    def _short(self, expr: Expr) -> str:
        """The name of what the constructor says several times: mostly a number of channels inside the block."""
        return self.constructor.spell(("repeated", expr), "hidden")

    def mentioned(self, defaults: Mapping[str, object]) -> Iterator[str]:
        yield from (self.words.base, self.words.tensor, *self.words.handed.values())
        for name in self.arguments(defaults):
            yield self._kind(name).partition("[")[0]
        for code in [*codes(self.whole), *starting(self.starts)]:
            yield from mentioned(code)

    def _kind(self, name: str) -> str:
        """The type of an argument."""
        if name in self.context.choices:
            return f"Callable[..., {self.words.tensor}]"
        values = [env.get(name) for env in self.context.envs.values()]
        return _annotation(values)

    def _parameter(self, name: str, defaults: Mapping[str, object], style: Style) -> str:
        shown, kind = self.argument(name), self._kind(name)
        if name in defaults:
            return f"{shown}: {kind} = {flat(exact(literal(defaults[name])), style)}"
        return f"{shown}: {kind}"

    def _returns(self) -> str:
        tensor = self.words.tensor
        count = len(self.body.outputs)
        usual = count - (len(self.generator.training_outputs) if self.root else 0)
        kinds = [tensor if each == 1 else f"tuple[{', '.join([tensor] * each)}]" for each in (usual, count)]
        return " | ".join(dict.fromkeys(kinds))


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
