"""From a model to a program: which classes there are, what each is told, and where every weight and value is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archspec.backend import Network, Observed, Weight
from archspec.emit import windows
from archspec.emit.aligned import Body, Differs, Key, MCall, MStep
from archspec.emit.classes import ClassWriter
from archspec.emit.code import Call, Code, Global, Implied, Repeated, exact, literal
from archspec.emit.context import Context, Lowered, Lowering, Site, size_names
from archspec.emit.dialect import Classes, Dialect
from archspec.emit.docs import class_name
from archspec.emit.flow import Flow, Placed
from archspec.emit.functions import FunctionWriter
from archspec.emit.instances import called_again, names_of
from archspec.emit.lent import measured, unlike
from archspec.emit.names import PYTHON, Scope, pascal_case, snake_case
from archspec.emit.plan import Plan, Spelled, Written
from archspec.emit.printing import Style, flat
from archspec.emit.reads import Misread, said
from archspec.emit.sharing import Sharing
from archspec.errors import BackendError
from archspec.expressions import Const, Dim, Expr, Name, evaluate, expr_of, free_names, render, substitute
from archspec.graph import tree
from archspec.graph.graph import parameter_name
from archspec.graph.tree import Module, leaves
from archspec.spec.document import BranchesStep, Document, SequenceStep

LONGEST = 24
"""How long an expression in a param of the network may be; a number says more than a longer one."""

PROBES = frozenset({"nearest", "probe"})
"""What verification adds to a file."""


@dataclass(slots=True)
class Bindings:
    """Where the parts of the network are in the generated model."""

    weights: list[Weight] = field(default_factory=list)
    probes: dict[str, tuple[Observed, ...]] = field(default_factory=dict)
    hooks: dict[str, str] = field(default_factory=dict)
    inexact: dict[str, float] = field(default_factory=dict)
    inexact_gradients: dict[str, float] = field(default_factory=dict)
    random: dict[str, tuple[str, ...]] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)


class Generator:
    """Writes all blocks of one model for one backend.

    `table` maps operations to lowerings, `support` names to definitions that files get where code mentions them.
    """

    def __init__(
        self, model: Network, dialect: Dialect, table: Mapping[str, Lowering], support: Mapping[str, str]
    ) -> None:
        self.model = model
        self.dialect = dialect
        self.table = table
        self.support = support
        self.flow = ClassWriter if isinstance(dialect.blocks, Classes) else FunctionWriter
        self.blocks: list[Written[Flow]] = []
        self._written: dict[Any, Written[Flow]] = {}
        self.root: Written[Flow] | None = None
        self._taken = PYTHON | PROBES | {*dialect.imports, *support} | self.flow.always(dialect)
        self._declared = declared_names(model.spec.document)
        self.file = Scope(None, self._taken)
        """The names of the file."""
        name = class_name(model)
        self.entry = f"{name}Network" if name in self._taken else name
        self.free = model.free_params
        """The params that stay arguments of the network."""
        self._without: frozenset[str] = frozenset()
        self._lent: set[str] = set()
        """Steps whose weights others use that the model has."""
        self._drawing: dict[str, tuple[str, ...]] = {}
        """The layers of a step that draws random numbers in training, used by whatever step."""
        self.sized = False
        """Whether the code is right only for inputs of the sizes that the spec gives."""
        self.training_outputs: frozenset[str] = frozenset()
        self.again: set[int] = set()

    def run(self) -> None:
        """Writes the network and every block that it uses. Raises BackendError for what cannot be expressed."""
        self.file.spell(self.entry, self.entry)
        try:
            self._network()
        except Differs as error:
            if not self.free:
                raise BackendError(f"{self.dialect.title}: {self.model.name} cannot be written: {error}") from None
            # Blocks are others with other params of the network, as where an axis is a width: anew, with their values.
            self.free, self.blocks, self._written = frozenset(), [], {}
            self.file, self.sized = Scope(None, self._taken), False
            self.run()

    def _network(self) -> None:
        body = self._aligned()
        for block in self.sharing.instances:
            self._name_of(block)
        self.training_outputs = body.modules["main"].training_outputs
        for name, wire in body.outputs.items():
            wire.label = name if name != "output" else wire.label
        flow = self.flow(Plan(self, body, root=True))
        flow.write({name: body.outputs[name] for name in body.outputs if name in self.training_outputs})
        self._check(flow, self.entry)
        self._resolve(flow.context, said(flow.whole))
        defaults = {name: self.model.params[name] for name in self.model.spec.document.params if name in self.free}
        self.root = Written("", self.entry, body, flow, defaults, "")

    def _aligned(self) -> Body:
        """The network with several values of the params that stay arguments; with one, if its steps or blocks change
        with them. Raises Differs if they change with open sizes."""
        roots: dict[Key, Module] = dict(self.model.roots(self.free).items())
        self.sharing = Sharing(self.model.spec.document, roots.values())
        self.again = called_again(roots.values())
        body = self.sharing.network(roots)
        if isinstance(body, Body):
            return body
        if not self.free:
            raise Differs(body)
        self.free = frozenset()
        return self._aligned()

    def _resolve(self, context: Context, written: Iterable[Expr]) -> None:
        """What the network's code has no expression for becomes a number, and so do the params that it follows from,
        and those of which it would say what nobody reads: `(((stem + 192) // 2 + 384) // 2 + 768) // 2 + 512`. Raises
        BackendError if it follows from a size that is open."""
        for name, values in context.extras.items():
            if "main" not in values or values.get("sizes", values["main"]) != values["main"]:
                message = f"{self.dialect.title}: {self.model.name}: '{name}' differs where one value is due"
                raise BackendError(message)
            read = {each for item in context.readers[name] for each in names_of(item)}
            for param in read & self.free or self.free:
                context.resolved[param] = Const(self.model.params[param])
            context.resolved[name] = Const(values["main"])
        for expr in written:
            if len(render(expr)) > LONGEST:
                context.resolved |= {name: Const(self.model.params[name]) for name in free_names(expr) & self.free}
        self.free -= context.resolved.keys()

    def _name_of(self, block: str, body: Body | None = None) -> str:
        """The class or function of a block, or of another form of it: not what a variable would be called."""
        others = [other for other in self.blocks if other.block == block]
        if body is not None and others:
            plain, how = self._name_of(block), self._told_apart(block, body, [other.body for other in others])
            suffix = str(len(others) + 1)
            if how:
                suffix = f"_{how}" if plain.islower() else pascal_case(how)
            return self.file.spell(body, plain + suffix)
        own = self.flow.named(block)
        other = self.flow.named(f"{block}_block" if own.islower() else f"{block}Block")
        return self.file.spell((block, 1), *([other] if own in self._declared else [own, other]))

    def _told_apart(self, block: str, body: Body, others: Sequence[Body]) -> str:
        """How a form of a block differs from the forms before: in how many inputs it has, or in what it is told to use;
        nothing if in neither."""
        count = len(body.inputs)
        if all(len(other.inputs) != count for other in others):
            return f"of_{count}"
        for name, param in self.model.spec.document.blocks[block].params.items():
            here, *there = ({module.params[name] for module in each.modules.values()} for each in (body, *others))
            if param.type in ("operation", "block") and len(here) == 1 and not any(here & each for each in there):
                return f"with_{snake_case(here.pop())}"
        return ""

    def _check(self, flow: Flow, name: str) -> None:
        """Whether every variable that is read holds what is meant by it: if not, archspec is at fault."""
        try:
            flow.check()
        except Misread as error:
            raise AssertionError(f"{self.dialect.title}: {self.model.name}: in '{name}', {error}") from None

    def lower(self, site: Site) -> Lowered:
        """How the backend spells a step."""
        key = site.op.key
        try:
            row = self.table[key]
        except KeyError:
            message = f"{self.dialect.title} cannot express {key}: the backend has no row for it"
            raise BackendError(self.located(site, message)) from None
        try:
            if site.open and not site.every(lambda step: not windows.skips(step)):
                raise BackendError("its windows are smaller than its strides, and padded as same along an open size")
            lowered = row(site)
            if site.frozen:
                self._freeze(lowered)
            self.sized |= lowered.sized
            return lowered
        except BackendError as error:
            raise BackendError(self.located(site, f"{self.dialect.title} cannot express this {key}: {error}")) from None

    def _freeze(self, lowered: Lowered) -> None:
        """Raises BackendError if the layers of a step cannot be frozen."""
        if self.dialect.blocks.frozen is None:
            raise BackendError("the backend does not say how weights are frozen")
        for place in lowered.weights.values():
            self.dialect.blocks.frozen(lowered.layers[place.layer])

    def lent(self, site: Site, lowered: Lowered, spelled: Mapping[MStep, Spelled]) -> Mapping[str, Code]:
        """The layers of the step whose weights a step uses. Raises BackendError if its own would be others, or
        Differs if there are instances that do not use them, which may be the reason."""
        owner = site.step.owner
        assert owner is not None
        there, layers = spelled[owner]
        problem = ""
        for key in site.step.steps if lowered.layers else ():
            mine, yours = (_made(site.context, key, *each) for each in ((site.step, lowered), (owner, there)))
            if mine != yours:
                code = f"its layer would be {mine[0]}, and is {yours[0]}"
                code = code if mine[0] != yours[0] else "would have them in another order"
                problem = f"it uses the weights of '{owner.path}', but {code}"
        if not problem:
            return layers
        if len(site.step.steps) < len(site.context.modules):
            raise Differs(problem, {key: key in site.step.steps for key in site.context.modules})
        raise BackendError(self.located(site, f"{self.dialect.title} cannot express this {site.op.key}: {problem}"))

    def check_lent(self, context: Context, item: MCall, plan: Plan) -> None:
        """Raises BackendError if a call of a block cannot use the layers of another one: its own would be others."""
        assert item.owner is not None
        problem = unlike(context, item, plan.blocks, plan.calls)
        flow = plan.blocks[item].flow
        if not problem and isinstance(flow, FunctionWriter):
            pairs = ((call.module, there.owner.module) for call in item.calls.values() if (there := call).owner)
            size = next(filter(None, (measured(flow, *pair) for pair in pairs)), "")
            problem = f"its code computes with '{size}', which is another than for '{item.owner.path}'" * bool(size)
        if problem:
            origin = next(iter(item.calls.values())).origin
            message = f"{self.dialect.title} cannot express this block {item.block}: {problem} (step '{item.path}')"
            raise BackendError(str(self.model.spec.source.diagnostic(origin, message)))

    def located(self, site: Site, message: str) -> str:
        """A message about a step, with the step's position in the spec."""
        step = next(iter(site.step.steps.values()))
        return str(self.model.spec.source.diagnostic(step.origin, f"{message} (step '{site.path}')"))

    def construct(self, context: Context, item: MCall, written: Written[Flow]) -> Call:
        """The code that makes a block's layers (or calls its function), with its arguments."""
        child = written.flow
        args: list[Code] = []
        kwargs: list[tuple[str, Code]] = []
        for name in written.arguments:
            code = self._argument(name, item, child.context, context)
            repeated = item.repeated(name)
            shown = exact(code) if repeated is None else Repeated(exact(code), substitute(repeated, context.folded))
            if name not in written.defaults:
                args.append(shown)
            else:
                same = code == literal(written.defaults[name])
                kwargs.append((child.argument(name), Implied(shown) if same else shown))
        return Call(Global(written.name), tuple(args), (*kwargs, *self.flow.handed(self.dialect)))

    def _argument(self, name: str, item: MCall, inner: Context, outer: Context) -> Code:
        base, _, axis = name.partition(".")
        if axis:
            position = list(next(iter(item.calls.values())).module.inputs).index(base)
            sizes = {key: call.inputs[position].shape[int(axis)] for key, call in item.calls.items()}
            name = size_names(item.name, int(axis), item.inside[position], False)[0]
            return outer.unify(sizes, item, (), name)
        if name in inner.extras:
            values = {key: inner.extras[name][id(call.module)] for key, call in item.calls.items()}
            sources = inner.sources[name]
            exprs = [substitute(sources[id(call.module)], _outside(call))
                     for call in item.calls.values() if id(call.module) in sources]  # fmt: skip
            return outer.unify(values, item, exprs, name)
        values = {key: call.module.params[name] for key, call in item.calls.items()}
        exprs = [call.arguments[name] for call in item.calls.values()]
        if name in inner.choices:
            return outer.choose(values, exprs, inner.choices[name])
        return outer.unify(values, item, exprs, f"{item.name}_{name}" if item.name.isidentifier() else name)

    def written(self, item: MCall, layouts: tuple[Any, ...]) -> Written[Flow]:
        """The class or function of a block for inputs that are laid out so, written when it is first needed.

        Raises Differs if the instances that are called here need different ones.
        """
        for call in item.calls.values():
            if (id(call.module), layouts) not in self._written:
                for body in self.sharing.bodies(call.module):
                    self._write_body(item.block, body, layouts)
        found = {key: self._written[id(call.module), layouts] for key, call in item.calls.items()}
        first, *others = found.values()
        if any(other is not first for other in others):
            names = {key: written.name for key, written in found.items()}
            raise Differs(f"its instances need different forms of block {item.block}", names)
        return first

    def _write_body(self, block: str, body: Body, layouts: tuple[Any, ...]) -> None:
        """Writes a block once for these instances, or once for those of each kind, if its code tells them apart."""
        try:
            self._write_block(block, self.sharing.fresh(block, body), layouts)
        except Differs as found:
            for part in self.sharing.split(block, body, found.values):
                self._write_body(block, part, layouts)

    def _write_block(self, block: str, body: Body, layouts: tuple[Any, ...]) -> None:
        declared = self.model.spec.document.blocks[block]
        for wire, layout in zip(body.inputs.values(), layouts, strict=True):
            wire.layout = layout
        flow: Flow = self.flow(Plan(self, body, root=False))
        flow.write({})
        self._check(flow, block)
        self._check_choices(flow)
        name = self._name_of(block, body)
        kept = {k: p.default for k, p in declared.params.items() if not p.required and k not in body.folded}
        for param, spelled in flow.context.choices.items():
            if kept.get(param) in spelled:
                kept[param] = spelled[kept[param]]
            else:
                kept.pop(param, None)
        result = Written(block, name, body, flow, kept, declared.summary, tuple(flow.arguments(kept)))
        self.blocks.append(result)
        for key in body.modules:
            self._written[key, layouts] = result

    def _check_choices(self, flow: Flow) -> None:
        """A param that stands for a function in a block's code cannot be compared with a name there."""
        for param in flow.context.choices:
            if any(param in free_names(expr) and expr != Name(param) for expr in said(flow.whole)):
                values = {key: module.params[param] for key, module in flow.context.modules.items()}
                raise Differs(f"'{param}' is compared", values)

    # Bindings -------------------------------------------------------------------------------------------------------

    def bindings(self, without: frozenset[str] = frozenset()) -> Bindings:
        """Where every weight and every step's value is, but for the steps `without`."""
        assert self.root is not None
        found = Bindings()
        root = next(iter(self.root.flow.context.modules.values()))
        self._without = without
        self._lent = {node.owner for node in self.model.graph.nodes if node.path not in without}
        self._bind(root, self.root.flow, "", "", found)
        found.random = {
            node.path: self._drawing[node.owner or node.path]  # as random as the layers that it uses
            for node in self.model.graph.nodes
            if (node.owner or node.path) in self._drawing and node.path not in without
        }
        return found

    def _bind(
        self, module: Module, flow: Flow, canonical: str, own: str, found: Bindings, *, lent: bool = False
    ) -> None:  # fmt: skip
        """Notes where the parts of a module are; its weights, unless it is `lent` those of another."""
        for path, item in leaves(module.items, ""):
            placed = flow.placed.get((path, item.origin))
            if placed is None:
                raise AssertionError(f"{path} was not written")
            if isinstance(item, tree.Use):
                assert placed.block is not None
                inner = flow.below(own, placed.name)
                found.homes[canonical + path] = placed.block.name
                lent_inside = lent or item.owner is not None
                self._bind(item.module, placed.block.flow, f"{canonical}{path}.", inner, found, lent=lent_inside)
            else:
                self._bind_step(item, placed, flow, canonical + path, own, found, lent=lent)

    def _bind_step(
        self, step: tree.Step, placed: Placed, flow: Flow, canonical: str, own: str, found: Bindings, *, lent: bool
    ) -> None:  # fmt: skip
        unwritten = canonical in self._without
        if not lent and (not unwritten or canonical in self._lent):
            self._bind_weights(step, placed, flow, canonical, own, found)
            if step.op.draws(*(value.shape for value in step.inputs)):
                self._drawing[canonical] = tuple(flow.below(own, layer) for layer in placed.layers.values())
        if unwritten:
            return
        names = [canonical] if len(step.outputs) == 1 else [f"{canonical}.{i}" for i in range(len(step.outputs))]
        layouts = placed.layouts * len(names) if len(placed.layouts) == 1 else placed.layouts
        observed = tuple(Observed(name, lay.moves() if lay else ())
                         for name, lay in zip(names, layouts, strict=True))  # fmt: skip
        key = flow.below(own, placed.name if placed.hooked else placed.key)
        if placed.hooked:
            found.hooks[key] = key
        found.probes[key] = (*found.probes.get(key, ()), *observed)
        found.homes[canonical] = self._home(flow)
        if placed.inexact:
            found.inexact.update(dict.fromkeys(names, placed.inexact))
        if placed.inexact_gradient:
            found.inexact_gradients.update(dict.fromkeys(names, placed.inexact_gradient))

    def _home(self, flow: Flow) -> str:
        """The class or function that a flow has written."""
        return next((written.name for written in self.blocks if written.flow is flow), self.entry)

    def _bind_weights(
        self, step: tree.Step, placed: Placed, flow: Flow, canonical: str, own: str, found: Bindings
    ) -> None:  # fmt: skip
        places = Counter((place.layer, place.name) for place in placed.weights.values())
        there = step.op.parameters(*(value.shape for value in step.inputs))
        for parameter, place in placed.weights.items():
            if parameter not in there:
                continue  # another instance of the block has it
            layer = flow.below(own, placed.layers[place.layer])
            target = layer + flow.separator + place.name if place.name else layer
            shared = places[place.layer, place.name] > 1
            found.weights.append(Weight(parameter_name(canonical, parameter), target, place.moves(step), shared))


def _outside(call: tree.Use) -> dict[str, Expr]:
    """What the names of a block mean where it is called."""
    found: dict[str, Expr] = dict(call.arguments)
    for (name, inside), outside in zip(call.module.inputs.items(), call.inputs, strict=True):
        for axis, (size, there) in enumerate(zip(inside.shape, outside.shape, strict=True)):
            found[f"{name}.{axis}"] = expr_of(there)
            if isinstance(size, Dim) and isinstance(size.expr, Name):
                found[size.expr.id] = expr_of(there)
    return found


def _made(context: Context, key: Key, item: MStep, lowered: Lowered) -> tuple[str, dict[str, Any]]:
    """The layers of a step in one instance, with numbers for all names, and where its weights are, and how."""
    style = Style(names=lambda expr: Const(evaluate(expr, context.envs[key])))
    layers = ", ".join(f"{suffix} {flat(made, style)}".strip() for suffix, made in lowered.layers.items())
    weights = {
        parameter: (place.layer, place.name, place.moves(item.steps[key]))
        for parameter, place in lowered.weights.items()
    }
    return layers, weights


def declared_names(document: Document) -> frozenset[str]:
    """The names of all params, inputs, outputs, steps and branches: what may be a variable in generated code."""
    found = {*document.params, *document.inputs}
    found.update(document.outputs if isinstance(document.outputs, dict) else ())
    todo = list(document.layers)
    for block in document.blocks.values():
        found.update(block.params, block.inputs)
        todo += block.layers
    while todo:
        step = todo.pop()
        found.add(step.name or "")
        if isinstance(step, SequenceStep):
            todo += step.layers
        elif isinstance(step, BranchesStep):
            found.update(step.branches)
            todo += [inner for layers in step.branches.values() for inner in layers]
    return frozenset(found)
