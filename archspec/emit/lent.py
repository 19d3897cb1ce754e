"""Calls of blocks that use the layers of an earlier one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from archspec.emit.aligned import Body, MBranches, MCall, Merged, Wire, leaves
from archspec.emit.code import Call, Code, Global, Items, LayerName, Raw, Template, call, literal
from archspec.emit.context import Context
from archspec.emit.dialect import Functions
from archspec.emit.flow import Flow, Placed
from archspec.emit.layer_names import LayerNames
from archspec.emit.layouts import held
from archspec.emit.names import Scope
from archspec.emit.plan import Plan, Written
from archspec.emit.printing import Style, flat
from archspec.emit.statements import Assign, Statement
from archspec.emit.variables import Variables
from archspec.expressions import Const, Expr, evaluate
from archspec.graph import tree
from archspec.graph.tree import Module
from archspec.graph.tree import leaves as leaves_of
from archspec.spec.source import Path


class Writer(Protocol):
    """What writes the function that calls the models."""

    plan: Plan
    body: Body
    words: Functions
    layers: LayerNames
    scope: Scope
    variables: Variables
    statements: list[Statement]
    placed: dict[tuple[str, Path], Placed]

    def applied(self, made: Call, inputs: Sequence[Code], name: Code) -> Call:
        """A call of a block's function."""


def _constant(env: Mapping[str, Any], expr: Expr) -> Expr:
    return Const(evaluate(expr, env))


def unlike(context: Context, item: MCall, blocks: Mapping[MCall, Written[Any]], made: Mapping[MCall, Call]) -> str:
    """Why a call of a block cannot use the layers that another one has made; nothing if it can."""
    owner = item.owner
    assert owner is not None
    if blocks[item] is not blocks[owner]:
        return f"it uses the weights of '{owner.path}', and needs another form of the block"
    for key in item.calls:
        style = Style(names=partial(_constant, context.envs[key]))
        mine, yours = (flat(made[each], style) for each in (item, owner))
        if mine != yours:
            return f"it uses the weights of '{owner.path}', but its layers would be {mine}, and are {yours}"
    return ""


def measured(flow: Flow, mine: Module, there: Module) -> str:
    """A size of an input that the function of a block, or of one that it calls, computes with, and that differs between
    two instances; nothing if there is none."""
    for name in flow.reads if mine is not there else ():
        base, _, axis = name.partition(".")
        if axis and int(mine.inputs[base].shape[int(axis)]) != int(there.inputs[base].shape[int(axis)]):
            return flow.names_of(name)[0]
    for (path, one), (_, two) in zip(leaves_of(mine.items, ""), leaves_of(there.items, ""), strict=True):
        if isinstance(one, tree.Use) and isinstance(two, tree.Use):
            block = flow.placed[path, one.origin].block
            if block is not None and (found := measured(block.flow, one.module, two.module)):
                return found
    return ""


class LentModels:
    """Blocks of functions that are called several times with one set of weights: each is a model of its own, which is
    made where it is called first."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.order: list[LayerName] = []
        """The layers that keep calls in their order."""
        self._models: dict[MCall, str] = {}
        """By the call that has the weights: the variable of its model."""
        self._before: dict[MCall, Wire] = {}
        """What a call must wait for, since both change what the block keeps, and does not depend on."""
        items = [item for item in leaves(writer.body.items) if isinstance(item, MCall)]
        last: dict[MCall, MCall] = {}
        for item in items:
            owner = item.owner or item
            before = last.get(owner)
            last[owner] = item
            if before is None or not any(keeps_statistics(call.module) for call in item.calls.values()):
                continue
            if before.outputs[0] not in _sources(item, writer.body.items):
                self._before[item] = before.outputs[0]
        writer.variables.reserve(list(self._before.values()))

    def model(self, item: MCall, path: str, given: Sequence[Code]) -> Code:
        """The variable of a call's model, which is made by statements unless it is there."""
        writer, owner = self.writer, item.owner or item
        if item.owner is not None:
            writer.placed[item.key] = writer.placed[owner.key]
            return Raw(self._models[owner])
        writer.placed[item.key] = Placed(LayerName(path), block=writer.plan.blocks[item])
        writer.layers.models.add(LayerName(path))
        name = path.replace(".", "_")
        inputs: list[Code] = [self._input(item, number, code) for number, code in enumerate(given)]
        key = writer.scope.spell((item, "input"), f"{name}_inputs" if len(inputs) > 1 else f"{name}_input")
        entry = inputs[0] if len(inputs) == 1 else Items(tuple(inputs), "[]")
        writer.statements.append(Assign((Raw(key),), entry))
        passed = [Raw(key)] if len(inputs) == 1 else [Raw(f"*{key}")]
        made = writer.applied(writer.plan.calls[item], passed, LayerName(path))
        model = Call(Global(writer.words.model), (Raw(key), made), (("name", LayerName(path)),))
        self._models[owner] = writer.scope.spell((item, "model"), f"{name}_model")
        writer.statements.append(Assign((Raw(self._models[owner]),), model))
        return Raw(self._models[owner])

    def waits(self, item: MCall) -> bool:
        """Whether a call must wait for an earlier one."""
        return item in self._before

    def given(self, item: MCall, codes: list[Code]) -> tuple[list[Code], tuple[Wire, ...]]:
        """What a model is called on, which waits for an earlier call if both change what the block keeps."""
        before = self._before.get(item)
        if before is None:
            return codes, ()
        name = LayerName(item.path, "after")
        self.order.append(name)
        (other,), mentioned = self.writer.variables.read([before])
        made = Call(Global(self.writer.words.after), (), (("name", name),))
        return [Call(made, (Items((codes[0], other), "[]"),)), *codes[1:]], mentioned

    @staticmethod
    def call(model: Code, given: Sequence[Code]) -> Call:
        """A call of a model."""
        return Call(model, (given[0] if len(given) == 1 else Items(tuple(given), "[]"),))

    def _input(self, item: MCall, number: int, code: Code) -> Code:
        """An input for all calls of a model: sizes that differ between them are open."""
        wire = item.inputs[number]
        calls = [item, *item.users]
        dtype = next(iter(wire.values.values())).dtype
        kind = {} if dtype == "float" else {"dtype": literal(dtype)}
        axes = (self.writer.plan.wanted(item)[number] or held(wire)).axes
        shapes = [[each.calls[key].inputs[number].shape for each in calls if key in each.calls] for key in item.calls]
        differs = {axis for axis in axes if axis and any(len({int(s[axis]) for s in row}) > 1 for row in shapes)}
        if not differs:
            return call(self.writer.words.input, Template("{0}.shape[1:]", (code,)), **kind)
        places = [*range(1, len(axes) - 1), -1]
        sizes = [Raw("None") if axes[place] in differs else Template(f"{{0}}.shape[{place}]", (code,))
                 for place in places]  # fmt: skip
        return call(self.writer.words.input, Items(tuple(sizes)), **kind)


def _sources(item: Merged, items: list[Merged]) -> set[Wire]:
    """The values that a step depends on."""
    makers = {wire: leaf for leaf in leaves(items) for wire in leaf.outputs}
    found: set[Wire] = set()
    todo = [item]
    while todo:
        reads = todo.pop()
        for wire in reads.results if isinstance(reads, MBranches) else reads.inputs:
            if wire not in found:
                found.add(wire)
                todo += [makers[wire]] if wire in makers else []
    return found


def keeps_statistics(module: Module) -> bool:
    """Whether training changes what a block keeps of its inputs."""
    return any(
        keeps_statistics(item.module) if isinstance(item, tree.Use)
        else not all(each.trainable for each in item.op.parameters(*(x.shape for x in item.inputs)).values())
        for _, item in tree.leaves(module.items, "")
    )  # fmt: skip
