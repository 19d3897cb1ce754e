"""The steps of a module, of every form: from the document's to the tree's.

Every error is collected with its position. What depends on a failed step is looked at as far as that goes without its
shape, and passed over beyond, so that one mistake gives one message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from archspec import ops
from archspec.expressions import Const, Expr
from archspec.graph import tree
from archspec.graph.along import Along
from archspec.graph.calls import outer
from archspec.graph.frames import Enough, Evaluator, Failed, Findings, Frame
from archspec.graph.initial import Initials
from archspec.graph.lending import Lending, has_weights
from archspec.graph.naming import LeftOut, Named, Names, Scope, snake
from archspec.graph.operations import KEYS, Operations
from archspec.graph.references import Here, References, Values
from archspec.graph.tree import Item, Module, Value
from archspec.ops.base import Operation, Shape, describe
from archspec.spec.document import (
    Block,
    BlockStep,
    BranchesStep,
    BrokenStep,
    Document,
    OperationStep,
    SequenceStep,
    StepForm,
)
from archspec.spec.initial import Initial
from archspec.spec.source import Path, Source

MAX_STEPS: Final = 50_000
MAX_NESTING: Final = 60
MAX_INSTANCES: Final = 2000


class Steps:
    """Elaborates steps. `module` gives the module of a block that is used at a place, with these params and inputs;
    it raises Failed after an error."""

    def __init__(
        self, document: Document, source: Source,
        module: Callable[[BlockStep, str, Block, dict[str, Any], tuple[Value, ...], Here], Module],
    ) -> None:  # fmt: skip
        self.findings = Findings(source)
        self.evaluator = Evaluator(self.findings)
        self.references = References(self.findings)
        self.count = 0
        self.initials = Initials(self.findings)
        self.operations = Operations(document, self.findings, self.evaluator)
        self._lending = Lending(self.findings, self.references)
        self._lenders: dict[int, StepForm] = {}
        """id of a step that is repeated with one set of weights: how it is the first time, when it has them."""
        self._inner: dict[int, tuple[Scope, Item]] = {}
        """id of a named sequence: what is in it, by name, and itself, whose id nothing else can have then."""
        self._module = module
        self._depth = 0
        self._times = 1
        """How many times the steps around are repeated."""

    def layers(self, layers: list[Any], current: Values, here: Here) -> tuple[list[Item], Values]:
        """Steps in order, and what flows out of the last."""
        items: list[Item] = []
        self._depth += 1
        if self._depth > MAX_NESTING:
            self._depth -= 1
            self._error(here, f"steps and blocks are nested more than {MAX_NESTING} levels deep")
            return [], None
        for index, step in enumerate(layers):
            item, current = self._step(step, current, here.at(index))
            if item is not None:
                items.append(item)
            if self.findings.full:
                break
        self._depth -= 1
        return items, current

    def _step(self, step: StepForm | BrokenStep, current: Values, here: Here) -> tuple[Item | None, Values]:
        """One step of any form. After an error: no item, and None flows on."""
        if isinstance(step, BrokenStep):
            here.scope.fail(step)
            return None, None
        try:
            repeated = step.repeat is not None or step.each is not None
            if not repeated and step.when is not True:
                taken, condition = self._condition(step, here)
                if not taken:
                    passed = self._sources(step, current, here, left_out=True)
                    if passed is None:
                        raise Failed
                    item = self._left_out(step, condition, passed, here)
                    return item, item.outputs
            inputs = self._sources(step, current, here)
            if inputs == () and not self._may_begin(step, here.frame):
                return self._left_out(step, Const(False), (), here), ()
            item = self._repeat(step, inputs, here) if repeated else self._conditional(step, step.name, inputs, here)
        except Failed:
            self.findings.failures += 1
            here.names.reserve(step, here.frame.values)
            here.scope.fail(step)
            return None, None
        return item, item.outputs

    def _condition(self, step: StepForm, here: Here) -> tuple[bool, Expr]:
        return self.evaluator.truth(step.when, here.frame, (*here.path, "when"))

    def _sources(self, step: StepForm, current: Values, here: Here, left_out: bool = False) -> Values:
        """What flows into a step: nothing if all of it is absent. If it is `left_out`, what is not there either does
        not count."""
        if step.source is None:
            return current
        single = isinstance(step.source, str)
        found: list[Value] = []
        failed = unknown = gone = False
        for index, reference in enumerate([step.source] if isinstance(step.source, str) else step.source):
            try:
                path = (*here.path, "from") if single else (*here.path, "from", index)
                values = self.references.lookup(reference, here.scope, path, left_out)
            except LeftOut:
                gone = True
                continue
            except Failed:
                failed = True
                continue
            unknown |= values is None
            found.extend(values or ())
        if failed:
            raise Failed
        return None if unknown else current if gone and not found else tuple(found)

    def _may_begin(self, step: StepForm, frame: Frame) -> bool:
        """Whether a step may give something where nothing flows in: an array of the network's own, or a sequence whose
        steps say where they take from."""
        if not isinstance(step, OperationStep) or step.source is not None:
            return isinstance(step, SequenceStep) and step.source is None
        key = step.op if step.op in KEYS else str(frame.values.get(step.op))
        return key in KEYS and ops.get(key).arity[0] == 0

    def _repeat(self, step: StepForm, inputs: Values, here: Here) -> Item:
        if step.repeat is not None and step.each is not None:
            raise self.findings.error((*here.path, "each"), "a step has repeat or each, not both", key=True)
        rows, count = self._rows(step, here)
        inner = Names() if step.name else here.names
        iterations: list[Item] = []
        current = inputs
        lender: dict[str, Named] = {}
        alike = step.name is not None and getattr(step, "weights_of", None) == step.name
        times, self._times = self._times, self._times * max(1, len(rows))
        try:
            for index, row in enumerate(rows):
                bound = self._row(row, index, here.at("each", index))
                name = str(index) if step.name else None
                child = Scope(here.scope) if step.name else here.scope
                self.tally(1, here.path)
                each = Here(bound, child, inner, here.path)
                child.named.update(lender)
                form = self._lender(step) if alike and not lender else step
                item = self._conditional(form, name, current, each, numbered=bool(step.name))
                iterations.append(item)
                if form is not step and isinstance(made := _plainly(item), (tree.Step, tree.Use)):
                    lender[str(step.name)] = Named(made.outputs, step=made)
                if current is not None and len(item.outputs) != len(current) and index + 1 < len(rows):
                    message = "a repeated step gives as many values as it takes"
                    raise self._error(here, f"{message}; this one takes {len(current)} and gives {len(item.outputs)}")
                current = item.outputs
        finally:
            self._times = times
        if inputs is None or current is None:
            raise Failed
        current = current if iterations else _fresh(inputs)
        result = tree.Repeat(step.name or "", iterations, inputs, current, count, step.each is not None, here.path)
        if step.name:
            here.names.add(result, step.name, step.name)
            named = tuple(self._iteration(item, f"{step.name}_{index}") for index, item in enumerate(iterations))
            labels = _labels(iterations[-1]) if iterations else {}
            self.references.register(here, step.name, Named(current, labels, repeated=True, iterations=named))
        return result

    def _lender(self, step: StepForm) -> StepForm:
        """A step that uses its own weights each time, as it is the first time."""
        return self._lenders.setdefault(id(step), step.model_copy(update={"weights_of": None}))

    def _iteration(self, item: Item, label: str) -> Named:
        """One iteration of a repeated step, as references find it."""
        made = _plainly(item)
        step = made if isinstance(made, (tree.Step, tree.Use)) else None
        scope, _ = self._inner.get(id(made), (None, None))
        return Named(item.outputs, _labels(item), scope, step, left_out=made is None, label=label)

    def _rows(self, step: StepForm, here: Here) -> tuple[list[dict[str, Any]], Expr]:
        frame, path = here.frame, here.path
        if step.repeat is not None:
            value, expr = self.evaluator.whole(step.repeat, frame, (*path, "repeat"), "repeat", 0)
            if value * self._times > MAX_STEPS:
                raise self.too_many((*path, "repeat"))
            return [{}] * value, expr
        rows: Any = step.each
        if isinstance(rows, str):
            rows, _ = self.evaluator.value(rows, frame, (*path, "each"))
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.findings.error((*path, "each"), f"each must be a list of mappings, not {describe(rows)}")
        return rows, Const(len(rows))

    def _row(self, row: Mapping[str, Any], index: int, here: Here) -> Frame:
        bound = here.frame.bind(index, {})
        if not row:
            return bound
        return here.frame.bind(index, {key: self._cell(raw, bound, (*here.path, key)) for key, raw in row.items()})

    def _cell(self, raw: Any, frame: Frame, path: Path) -> Any:
        """A value where no type says whether a text is an expression: a word is one only if it is known."""
        if isinstance(raw, str) and raw.isidentifier() and raw not in frame.values:
            return raw
        return self.evaluator.value(raw, frame, path)[0]

    def _conditional(
        self, step: StepForm, name: str | None, inputs: Values, here: Here, numbered: bool = False
    ) -> Item:
        if step.when is True:
            return self._plain(step, name, inputs, here, numbered)
        taken, condition = self._condition(step, here)
        if not taken:
            if inputs is None:
                raise Failed
            return self._left_out(step, condition, inputs, here)
        item = self._plain(step, name, inputs, here, numbered)
        return tree.When(condition, True, item, item.inputs, item.outputs, here.path)

    def _left_out(self, step: StepForm, condition: Expr, inputs: tuple[Value, ...], here: Here) -> Item:
        if not here.frame.settled(step.when):
            here.names.reserve(step, here.frame.values)
        passed = _fresh(inputs)
        if isinstance(step, OperationStep) and len(passed) > 1:
            self.operations.passed.update(dict.fromkeys(map(id, passed), f"{step.op} '{step.name or step.op}'"))
        here.scope.leave_out(step, passed)
        return tree.When(condition, False, None, inputs, passed, here.path)

    def _plain(self, step: StepForm, name: str | None, inputs: Values, here: Here, numbered: bool) -> Item:
        if step.init is not None:
            single = isinstance(step, OperationStep)
            here = replace(here, frame=here.frame.begun(self.initials.rules(step.init, here.frame, here.path, single)))
        if step.frozen is not False:
            frozen, _ = self.evaluator.truth(step.frozen, here.frame, here.at("frozen").path)
            here = replace(here, frame=replace(here.frame, frozen=here.frame.frozen or frozen))
        match step:
            case OperationStep():
                made, wide = self._operation(step, name, inputs, here)
                if not wide:
                    return made
                return tree.Sequence("", [*wide.values(), made], inputs or (), made.outputs, made.origin)
            case BlockStep() if step.over is not None:
                return self._over(step, name, inputs, here)
            case BlockStep():
                return self._call(step, name, inputs, here)
            case BranchesStep():
                return self._branches(step, name, inputs, here, numbered)
            case SequenceStep():
                return self._sequence(step, name, inputs, here)

    def _sequence(self, step: SequenceStep, name: str | None, inputs: Values, here: Here) -> Item:
        child, inner = (Scope(here.scope), Names(positional=True)) if name else (here.scope, here.names)
        within = Here(here.frame, child, inner, here.path)
        items, current = self.layers(step.layers, inputs, within.at("layers"))
        if name:
            inner.close()
        if inputs is None or current is None:
            raise Failed
        result = tree.Sequence(name or "", items, inputs, current, here.path)
        if name:
            here.names.add(result, name, name)
            self._inner[id(result)] = child, result
            if name == step.name:
                self.references.register(here, name, Named(current, scope=child))
        return result

    def _branches(self, step: BranchesStep, name: str | None, inputs: Values, here: Here, numbered: bool) -> Item:
        inner = Names() if numbered else here.names
        within = replace(here, names=inner)
        bodies: list[list[Item]] = []
        results: list[Value] = []
        failed = inputs is None
        for label, layers in step.branches.items():
            branch = within.at("branches", label)
            items, current = self.layers(layers, inputs, branch)
            self.references.label(branch, label, current)
            bodies.append(items)
            if current is not None and len(current) != 1:
                message = f"branch '{label}' ends with {len(current)} values; a branch gives one"
                self._error(branch, message, key=True)
                failed = True
            failed |= current is None
            results.extend(current or ())
        joined = None if failed else tuple(results)
        made, wide = self._operation(step.joined, None if numbered else name, joined, within.at("join"), join=True)
        assert inputs is not None
        for number, each in wide.items():
            bodies[number].append(each)
            results[number] = each.outputs[0]
        result = tree.Branches(tuple(step.branches), bodies, results, made, inputs, made.outputs, here.path)
        if not numbered:
            return result
        inner.close()
        wrapped = tree.Sequence(name or "", [result], inputs, made.outputs, here.path)
        here.names.add(wrapped, name or "", name)
        return wrapped

    # Operations and calls -------------------------------------------------------------------------------------------

    def _operation(
        self, step: OperationStep, name: str | None, inputs: Values, here: Here, join: bool = False
    ) -> tuple[tree.Step, dict[int, tree.Step]]:
        """A step; and for inputs that are the same for all samples, by their numbers, the steps before it that give
        each sample its own, where it needs that."""
        frame, path = here.frame, here.path
        key = self.operations.key(step, frame, path)
        called = step.name or name
        shown = f"{key} '{called}'" if called else key
        op, exprs = self.operations.make(step, key, shown, frame, path)
        if op.accepts() == (0, 0) and step.source is None:
            inputs = ()
        if inputs is None:
            raise Failed
        wide = {
            number: self._for_each(inputs[number], like, here)
            for number, like in self.operations.stretched(op, inputs).items()
        }
        inputs = tuple(wide[n].outputs[0] if n in wide else value for n, value in enumerate(inputs))
        outputs = self.operations.outputs(op, shown, inputs, frame, path)
        owner = self._lending.step(step, op, shown, inputs, here)
        shapes = [value.shape for value in inputs]
        initial: Mapping[str, Initial] = owner.initial if owner else self.initials.of(op, shown, shapes, frame)
        self.tally(1, path)
        frozen = self._frozen(step, op, shown, shapes, owner, here)
        result = tree.Step("", op, inputs, outputs, exprs, path, owner, initial, frozen)
        here.names.add(result, key, name)
        if name is not None and (join or name == step.name):
            labels = {label: index for index, label in enumerate(op.gives[: len(outputs)])} if len(outputs) > 1 else {}
            place = replace(here, path=path[:-1]) if join else here
            self.references.register(place, name, Named(outputs, labels, step=result))
        return result, wide

    def _for_each(self, value: Value, like: Value, here: Here) -> tree.Step:
        """What gives each sample its own of a value that is the same for all."""
        self.tally(1, here.path)
        made = Value((like.shape[0], *value.shape[1:]), value.dtype, value.span)
        result = tree.Step("", ops.get("expand_batch")(), (value, like), (made,), {}, here.path)
        here.names.aside(result, "expand_batch")
        return result

    def _frozen(
        self, step: OperationStep, op: Operation, shown: str, inputs: list[Shape], owner: tree.Step | None, here: Here
    ) -> bool:  # fmt: skip
        """Whether training leaves the weights of an operation alone. Raises Failed if it is said of one without."""
        if step.frozen is not False and not op.parameters(*inputs):
            raise self._error(here.at("frozen"), f"{shown}: has no weights that could be frozen", key=True,
                              hint="stop_gradient lets no gradient through")  # fmt: skip
        if step.frozen is not False and owner is not None:
            message = f"{shown}: its weights are those of '{step.weights_of}'"
            raise self._error(here.at("frozen"), message, key=True, hint=f"freeze '{step.weights_of}'")
        return owner.frozen if owner is not None else here.frame.frozen and bool(op.parameters(*inputs))

    def _called(
        self, step: BlockStep, inputs: Values, here: Here
    ) -> tuple[str, Block, dict[str, Any], dict[str, Expr], tuple[Value, ...]]:
        """The block that a step calls, with what it passes. Raises Failed after an error."""
        called, block = self.operations.block(step, here.frame, here.path)
        params, arguments = self.operations.arguments(step, called, block, here.frame, here.path)
        around = here.frame.blocks
        if called in around:
            cycle = " -> ".join([*around[around.index(called) :], called])
            raise self._error(here.at("block"), f"block '{called}' contains itself: {cycle}")
        if inputs is None:
            raise Failed
        least, most = len(block.inputs) - len(block.optional), len(block.inputs)
        if not least <= len(inputs) <= most:
            count = f"{least} to {most}" if least < most else f"{most}"
            due = "one input" if most == 1 else f"{count} inputs ({', '.join(block.inputs)})"
            flow = "one flows in" if len(inputs) == 1 else f"{len(inputs)} flow in"
            hint = "say which with from: name, or from: [name, name]"
            raise self._error(here, f"block {called} takes {due}, but {flow}", hint=hint)
        return called, block, params, arguments, inputs

    def _over(self, step: BlockStep, name: str | None, inputs: Values, here: Here) -> Item:
        """A block that is called for each place along an axis."""
        if step.weights_of is not None:
            raise self._error(here.at("weights_of"), "a block along an axis has weights of its own", key=True)
        called, block, params, arguments, inputs = self._called(step, inputs, here)
        along = Along(self.findings, step, called, block, inputs, here)
        reverse, _ = self.evaluator.truth(step.reverse, here.frame, here.at("reverse").path)

        def call(
            number: int, given: tuple[Value, ...], known: tuple[Value, ...], owner: tree.Use | None
        ) -> tree.Use:  # fmt: skip
            self.tally(1, here.path)
            module = self._module(step, called, block, params, known, here)
            owner = owner if owner is not None and has_weights(module) else None
            gives = outer(module, given, arguments)
            return tree.Use(str(number), module, given, gives, arguments, here.path, owner=owner)

        result = along.sequence(call, reverse)
        here.names.add(result, snake(called), name)
        if name is not None and name == step.name:
            labels = {label: index for index, label in enumerate(along.outputs)}
            self.references.register(here, name, Named(result.outputs, labels=labels))
        return result

    def _call(self, step: BlockStep, name: str | None, inputs: Values, here: Here) -> Item:
        called, block, params, arguments, inputs = self._called(step, inputs, here)
        self.tally(1, here.path)
        shown = f"block {called} '{step.name}'" if step.name else f"block {called}"
        lender = self._lending.lender(step, shown, here)
        initial = here.frame.initial if lender is None or lender.initial is None else lender.initial
        module = self._module(step, called, block, params, inputs, replace(here, frame=here.frame.begun(initial)))
        outputs = outer(module, inputs, arguments)
        repeated = self.operations.repeated(step, block, here.frame)
        owner = self._lending.call(step, shown, module, lender, here) if lender is not None else None
        result = tree.Use("", module, inputs, outputs, arguments, here.path, repeated, owner)
        here.names.add(result, snake(called), name)
        if name is not None and name == step.name:
            labels = {label: index for index, label in enumerate(module.outputs)}
            self.references.register(here, name, Named(outputs, labels=labels, step=result, initial=initial))
        return result

    def _error(self, here: Here, message: str, *, hint: str = "", key: bool = False) -> Failed:
        """Records an error about the step at a place; see `Findings.error`."""
        return self.findings.error(here.path, message, hint=hint, key=key, frame=here.frame)

    def tally(self, steps: int, path: Path) -> None:
        self.count += steps
        if self.count > MAX_STEPS:
            self.too_many(path)
            raise Enough

    def too_many(self, path: Path, limit: int = MAX_STEPS, what: str = "steps") -> Failed:
        return self.findings.error(path, f"the network would have more than {limit:,} {what}, the limit")


def _labels(item: Item) -> dict[str, int]:
    """The names of the outputs of an iteration of a repeated block."""
    made = _plainly(item)
    return {label: index for index, label in enumerate(made.module.outputs)} if isinstance(made, tree.Use) else {}


def _plainly(item: Item) -> Item | None:
    """A step without the condition around it, and what gives each sample its inputs; None if the condition does not
    hold."""
    inner = item.item if isinstance(item, tree.When) else item
    if (
        isinstance(inner, tree.Sequence)
        and inner.over is None
        and inner.items
        and inner.items[-1].origin == inner.origin
    ):
        return inner.items[-1]
    return inner


def _fresh(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Values of their own for a step that passes its input through, so that instances of a block can be aligned."""
    return tuple(Value(value.shape, value.dtype, value.span) for value in values)
