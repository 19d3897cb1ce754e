"""From a document and values of its params to a tree of modules in which every size is known.

Every error is collected with its position; what depends on a failed step is passed over, so that one mistake gives one
message. Equal instances of a block are elaborated once, so the cost grows with what is different, not with repeats.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from archspec import ops
from archspec.errors import Diagnostic, ShapeError, SpecError
from archspec.expressions import Apply, Const, Dim, Expr, ExpressionError, Name, dim, evaluate, free_names, nearest, parse, substitute
from archspec.graph import tree
from archspec.graph.naming import Names, Scope, Wire
from archspec.graph.tree import Item, Module, Path, Value
from archspec.ops.base import AXES, Operation, Shape, describe, show
from archspec.spec.document import (
    Block,
    BlockStep,
    BranchesStep,
    Document,
    OperationStep,
    SequenceStep,
    Step,
)
from archspec.spec.lint import attribute_value, literal_texts
from archspec.spec.source import Source

MAX_STEPS: Final = 100_000

Wires = tuple[Value, ...] | None
"""What flows from one step to the next; None after a step that failed."""


class _Failed(Exception):
    """A step could not be elaborated; its diagnostic is recorded."""


@dataclass(slots=True)
class _Frame:
    """What names mean inside one module, at one place."""

    values: dict[str, Any]
    """The values of params, of `index` and a row's keys, and of `x.channels` under that text."""
    exprs: dict[str, Expr]
    """What each of these is called in generated code; constants for a row's keys."""
    iteration: dict[str, Expr] = field(default_factory=dict)
    """`index` as the number it is here."""
    context: str = ""
    network: bool = False
    """Whether this is the network itself, of which there is one, and not a block."""
    bound: frozenset[str] = frozenset()
    """The names that `repeat` and `each` bind."""

    def bind(self, values: Mapping[str, Any], exprs: Mapping[str, Expr], iteration: Mapping[str, Expr]) -> _Frame:
        return _Frame({**self.values, **values}, {**self.exprs, **exprs}, {**self.iteration, **iteration}, self.context,
                      self.network, self.bound | values.keys())  # fmt: skip


class Elaborator:
    """Elaborates the networks of one document.

    `params` are values for all of the document's params; `free` those that stay arguments of generated code; `sizes`
    are numbers for open dimensions (and for `batch`).
    """

    def __init__(
        self, document: Document, source: Source, params: Mapping[str, Any], free: frozenset[str] = frozenset(),
        sizes: Mapping[str, int] | None = None, modules: dict[str, tuple[Module, int] | None] | None = None,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:  # fmt: skip
        self.document = document
        self.source = source
        self.params = dict(params)
        self.free = free
        self.sizes = {"batch": 2, **(sizes or {})}
        self.diagnostics: dict[Diagnostic, None] = {}
        self.limits: dict[str, int] = {}
        self.open_sizes: dict[str, int] = {}
        self.shapes = shapes or {}
        self._modules = {} if modules is None else modules
        self._stack: list[str] = []
        self._constants: dict[int, Operation] = {}
        self._count = 0

    # The network and its blocks ------------------------------------------------------------------------------------

    def network(self) -> Module:
        """The network. Raises SpecError with everything that is wrong."""
        exprs: dict[str, Expr] = {k: Name(k) if k in self.free else Const(v) for k, v in self.params.items()}
        frame = _Frame(dict(self.params), exprs, network=True)
        inputs = {name: self._input(name, frame) for name in self.document.inputs}
        module = Module("", self.params, {k: v for k, v in inputs.items() if v is not None})
        if len(module.inputs) == len(inputs):
            self._body(module, self.document.layers, frame, ("layers",), self._root_outputs)
        if any(d.severity == "error" for d in self.diagnostics):
            raise SpecError(list(self.diagnostics))
        return module

    def _input(self, name: str, frame: _Frame) -> Value | None:
        declared = self.document.inputs[name]
        sizes: list[int] = [Dim(self.sizes["batch"], Name("batch"))]
        path: Path = ("inputs", name) if isinstance(self.source.data["inputs"][name], list) else ("inputs", name, "shape")
        try:
            for index, size in enumerate(self.shapes.get(name, declared.shape)):
                if isinstance(size, str) and size.isidentifier() and size not in frame.values:
                    number = self.open_sizes.setdefault(size, self.sizes.get(size, _hint(size)))
                    sizes.append(Dim(number, Name(size)))
                    continue
                value = self._number(size, frame, (*path, index))
                if not 1 <= value <= 2**31:
                    raise self._error((*path, index), f"a size must be at least 1, not {value}")
                sizes.append(value)
            if declared.below is not None:
                self.limits[name] = self._number(declared.below, frame, ("inputs", name, "below"))
        except _Failed:
            return None
        return Value(tuple(sizes), declared.dtype)

    def _number(self, raw: int | str, frame: _Frame, path: Path) -> int:
        value, _ = self._evaluate(raw, frame, path)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._error(path, f"must be a whole number, not {describe(value)}")
        return value

    def _module(self, block: str, params: dict[str, Any], inputs: tuple[Value, ...], path: Path) -> Module:
        """The module of a block, shared by equal instances."""
        shapes = [[int(size) for size in value.shape] + [value.dtype] for value in inputs]
        key = json.dumps([block, params, shapes], default=str)
        if key not in self._modules:
            self._modules[key] = None
            before, self._count = self._count, 0
            self._stack.append(block)
            self._modules[key] = (self._instance(block, params, inputs), self._count)
            self._stack.pop()
            self._count = before
        entry = self._modules[key]
        if entry is None:
            raise _Failed
        module, size = entry
        self._tally(size, path)
        if not module.outputs:
            raise _Failed
        return module

    def _instance(self, block: str, params: dict[str, Any], inputs: tuple[Value, ...]) -> Module:
        declared = self.document.blocks[block]
        module = Module(block, params, {})
        values, exprs = dict(params), {name: Name(name) for name in params}
        for name, outer in zip(declared.inputs, inputs, strict=True):
            symbols = [Name("batch"), *(Name(f"{name}.{axis}") for axis in range(1, len(outer.shape)))]
            sizes = tuple(Dim(int(size), symbol) for size, symbol in zip(outer.shape, symbols, strict=True))
            module.inputs[name] = Value(sizes, outer.dtype)
            for axis, number in AXES.get(len(sizes), {}).items():
                if number:
                    values[f"{name}.{axis}"], exprs[f"{name}.{axis}"] = int(sizes[number]), symbols[number]
        given = ", ".join(f"{k}={describe(v)}" for k, v in params.items())
        frame = _Frame(values, dict(exprs), context=f"in block {block} with {given}" if given else f"in block {block}")
        self._body(module, declared.layers, frame, ("blocks", block, "layers"), self._block_outputs)
        return module

    def _body(self, module: Module, layers: list[Any], frame: _Frame, path: Path, outputs: Any) -> None:
        scope, names = Scope(), Names()
        for name, value in module.inputs.items():
            scope.wires[name] = Wire((value,))
        first = next(iter(module.inputs.values()))
        current: Wires = (first,) if module.block == "" and len(module.inputs) > 1 else tuple(module.inputs.values())
        if module.block and len(module.inputs) > 1:
            current = (first,)
        module.items, current = self._steps(layers, current, frame, scope, names, path)
        self._close(names)
        module.outputs = outputs(module, current, scope) or {}
        module.labels = scope.labels
        if module.outputs:
            self._warn_unused(module)

    def _root_outputs(self, module: Module, current: Wires, scope: Scope) -> dict[str, Value] | None:
        declared = self.document.outputs
        if declared is None:
            return self._default_outputs(current, "output", ("layers",))
        if isinstance(declared, str):
            references: dict[str, tuple[str, Path]] = {"output": (declared, ("outputs",))}
        else:
            raw = self.source.data["outputs"]
            references = {
                name: (o.source, ("outputs", name) if isinstance(raw[name], str) else ("outputs", name, "from"))
                for name, o in declared.items()
            }
            module.training_outputs = frozenset(name for name, o in declared.items() if o.when == "training")
            if len(module.training_outputs) == len(declared):
                self._error(("outputs",), "at least one output must exist outside training")
                return None
        return self._referenced(references, scope)

    def _block_outputs(self, module: Module, current: Wires, scope: Scope) -> dict[str, Value] | None:
        declared = self.document.blocks[module.block].outputs
        path: Path = ("blocks", module.block, "outputs")
        if declared is None:
            return self._default_outputs(current, "output", ("blocks", module.block, "layers"))
        if isinstance(declared, str):
            return self._referenced({"output": (declared, path)}, scope)
        return self._referenced({name: (ref, (*path, name)) for name, ref in declared.items()}, scope)

    def _default_outputs(self, current: Wires, name: str, path: Path) -> dict[str, Value] | None:
        if current is None:
            return None
        if len(current) == 1:
            return {name: current[0]}
        return {str(index): value for index, value in enumerate(current)}

    def _referenced(self, references: Mapping[str, tuple[str, Path]], scope: Scope) -> dict[str, Value] | None:
        found: dict[str, Value] = {}
        for name, (reference, path) in references.items():
            try:
                wires = self._lookup(reference, scope, path)
            except _Failed:
                continue
            if wires is not None and len(wires) != 1:
                self._error(path, f"'{reference}' has {len(wires)} outputs; an output needs one",
                            hint=f"write {reference}.0")  # fmt: skip
            elif wires is not None:
                found[name] = wires[0]
        return found if len(found) == len(references) else None

    # Steps ---------------------------------------------------------------------------------------------------------

    def _steps(
        self, layers: list[Any], current: Wires, frame: _Frame, scope: Scope, names: Names, path: Path
    ) -> tuple[list[Item], Wires]:
        items: list[Item] = []
        for index, step in enumerate(layers):
            item, current = self._step(step, current, frame, scope, names, (*path, index))
            if item is not None:
                items.append(item)
        return items, current

    def _step(
        self, step: Step, current: Wires, frame: _Frame, scope: Scope, names: Names, path: Path
    ) -> tuple[Item | None, Wires]:
        """One step of any form. After an error: no item, and None flows on."""
        try:
            inputs = self._sources(step, current, scope, path)
            if inputs is None:
                raise _Failed
            if step.repeat is not None or step.each is not None:
                item = self._repeat(step, inputs, frame, scope, names, path)
            else:
                item = self._conditional(step, step.name, inputs, frame, scope, names, path)
        except _Failed:
            names.reserve(step)
            if step.name is not None:
                scope.wires.setdefault(step.name, Wire(None))
            for label in step.branches if isinstance(step, BranchesStep) else ():
                scope.wires.setdefault(label, Wire(None))
            return None, None
        return item, item.outputs

    def _sources(self, step: Step, current: Wires, scope: Scope, path: Path) -> Wires:
        if step.source is None:
            return current
        if isinstance(step.source, str):
            return self._lookup(step.source, scope, (*path, "from"))
        found: list[Value] = []
        for index, reference in enumerate(step.source):
            wires = self._lookup(reference, scope, (*path, "from", index))
            if wires is None:
                return None
            found.extend(wires)
        return tuple(found)

    def _lookup(self, reference: str, scope: Scope, path: Path) -> Wires:
        wire = scope.find(reference)
        if wire is None:
            known = nearest(reference, scope.known())
            raise self._error(path, f"'{reference}' is not the name of an input, a branch or an earlier step here",
                              hint=known)  # fmt: skip
        if wire.values is not None:
            for value in wire.values:
                scope.label(value, reference)
        return wire.values

    def _repeat(
        self, step: Step, inputs: tuple[Value, ...], frame: _Frame, scope: Scope, names: Names, path: Path
    ) -> Item:
        if step.repeat is not None and step.each is not None:
            raise self._error((*path, "each"), "a step has repeat or each, not both", key=True)
        rows, count = self._rows(step, frame, path)
        inner, numbering = (names.open(positional=False), True) if step.name else (names, False)
        iterations: list[Item] = []
        current = inputs
        for index, row in enumerate(rows):
            bound = self._row(row, index, frame, (*path, "each", index))
            name = str(index) if numbering else None
            child = Scope(scope) if step.name else scope
            item = self._conditional(step, name, current, bound, child, inner, path, numbered=numbering)
            iterations.append(item)
            if len(item.outputs) != len(current) and index + 1 < len(rows):
                raise self._error(path, f"a repeated step gives as many values as it takes; this one takes "
                                        f"{len(current)} and gives {len(item.outputs)}")  # fmt: skip
            current = item.outputs
        current = current if iterations else _fresh(inputs)
        result = tree.Repeat(step.name or "", iterations, inputs, current, count, step.each is not None, path)
        if step.name:
            names.add(result, step.name, step.name)
            scope.wires[step.name] = Wire(current)
        return result

    def _rows(self, step: Step, frame: _Frame, path: Path) -> tuple[list[dict[str, Any]], Expr]:
        if step.each is None:
            assert step.repeat is not None
            raw = step.repeat
            value, expr = self._evaluate(raw, frame, (*path, "repeat"))
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise self._error((*path, "repeat"), f"repeat must be a whole number from 0, not {describe(value)}")
            self._tally(value, (*path, "repeat"))
            self._count -= value
            return [{}] * value, expr
        rows = step.each
        if isinstance(rows, str):
            rows, _ = self._evaluate(rows, frame, (*path, "each"))
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._error((*path, "each"), "each must be a list of mappings")
        return rows, Const(len(rows))

    def _row(self, row: dict[str, Any], index: int, frame: _Frame, path: Path) -> _Frame:
        values: dict[str, Any] = {"index": index}
        exprs: dict[str, Expr] = {"index": Name("index")}
        bound = frame.bind(values, exprs, {"index": Const(index)})
        for key, raw in row.items():
            value = self._free_value(raw, bound, (*path, key))
            values[key], exprs[key] = value, Const(value)
        return frame.bind(values, exprs, {"index": Const(index)})

    def _free_value(self, raw: Any, frame: _Frame, path: Path) -> Any:
        """A value where no type says whether a text is an expression: it is one if its names are known."""
        if isinstance(raw, str) and raw.isidentifier() and raw not in frame.values:
            return raw
        return self._evaluate(raw, frame, path)[0]

    def _conditional(
        self, step: Step, name: str | None, inputs: tuple[Value, ...], frame: _Frame, scope: Scope, names: Names,
        path: Path, numbered: bool = False,
    ) -> Item:  # fmt: skip
        if step.when is True:
            return self._plain(step, name, inputs, frame, scope, names, path, numbered)
        taken, condition = self._evaluate(step.when, frame, (*path, "when"))
        if not isinstance(taken, bool):
            raise self._error((*path, "when"), f"a condition must be true or false, not {describe(taken)}")
        if not taken:
            if not self._settled(step.when, frame):
                names.reserve(step)
            passed = _fresh(inputs)
            if step.name:
                scope.wires.setdefault(step.name, Wire(passed))
            for label in step.branches if isinstance(step, BranchesStep) else ():
                scope.wires.setdefault(label, Wire(passed))
            return tree.When(condition, False, None, inputs, passed, path)
        item = self._plain(step, name, inputs, frame, scope, names, path, numbered)
        return tree.When(condition, True, item, inputs, item.outputs, path)

    def _settled(self, condition: Any, frame: _Frame) -> bool:
        """Whether the network's params alone decide a condition, so that the step is the same wherever it stands."""
        if not isinstance(condition, str):
            return True
        return frame.network and free_names(parse(condition)) <= set(self.params) - frame.bound

    def _plain(
        self, step: Step, name: str | None, inputs: tuple[Value, ...], frame: _Frame, scope: Scope, names: Names,
        path: Path, numbered: bool,
    ) -> Item:  # fmt: skip
        match step:
            case OperationStep():
                return self._operation(step, name, inputs, frame, scope, names, path)
            case BlockStep():
                return self._call(step, name, inputs, frame, scope, names, path)
            case BranchesStep():
                return self._branches(step, name, inputs, frame, scope, names, path, numbered)
            case SequenceStep():
                return self._sequence(step, name, inputs, frame, scope, names, path)

    def _sequence(
        self, step: SequenceStep, name: str | None, inputs: tuple[Value, ...], frame: _Frame, scope: Scope,
        names: Names, path: Path,
    ) -> Item:  # fmt: skip
        child, inner = (Scope(scope), names.open(positional=True)) if name else (scope, names)
        items, current = self._steps(step.layers, inputs, frame, child, inner, (*path, "layers"))
        if name:
            self._close(inner)
        if current is None:
            raise _Failed
        result = tree.Sequence(name or "", items, inputs, current, path)
        if name:
            names.add(result, name, name)
            self._register(scope, name, Wire(current, scope=child), path, declared=step.name == name)
        return result

    def _branches(
        self, step: BranchesStep, name: str | None, inputs: tuple[Value, ...], frame: _Frame, scope: Scope,
        names: Names, path: Path, numbered: bool,
    ) -> Item:  # fmt: skip
        inner = names.open(positional=False) if numbered else names
        bodies: list[list[Item]] = []
        results: list[Value] = []
        failed = False
        for label, layers in step.branches.items():
            where = (*path, "branches", label)
            items, current = self._steps(layers, inputs, frame, scope, inner, where)
            last = scope.wires.get(label)
            if last is None or last.values != current:  # a branch may be called after its last step
                self._register(scope, label, Wire(current), where, key=True)
            bodies.append(items)
            failed |= current is None
            if current is not None and len(current) != 1:
                raise self._error(where, f"branch '{label}' ends with {len(current)} values; a branch gives one")
            results.extend(current or ())
        if failed:
            raise _Failed
        join = {"op": step.join} if isinstance(step.join, str) else dict(step.join)
        joined = OperationStep.model_validate(join)
        where = (*path, "join")
        made = self._operation(joined, None if numbered else name, tuple(results), frame, scope, inner, where)
        assert isinstance(made, tree.Step)
        result = tree.Branches(tuple(step.branches), bodies, results, made, inputs, made.outputs, path)
        if not numbered:
            return result
        self._close(inner)
        wrapped = tree.Sequence(name or "", [result], inputs, made.outputs, path)
        names.add(wrapped, name or "", name)
        return wrapped

    # Operations and calls -------------------------------------------------------------------------------------------

    def _operation(
        self, step: OperationStep, name: str | None, inputs: tuple[Value, ...], frame: _Frame, scope: Scope,
        names: Names, path: Path,
    ) -> Item:  # fmt: skip
        key = frame.values.get(step.op, step.op) if step.op not in ops.names() else step.op
        if key not in ops.names():
            where = (*path, "op") if isinstance(self._raw(path), dict) else path
            raise self._error(where, f"there is no operation '{key}'", hint=nearest(str(key), ops.names()))
        shown = f"{key} '{name or step.name}'" if name or step.name else key
        op, exprs = self._instantiate(step, ops.get(key), shown, frame, path)
        shapes = self._infer(op, shown, inputs, frame, path)
        dtype = op.result(*(value.dtype for value in inputs))
        outputs = tuple(Value(shape, dtype) for shape in shapes)
        self._tally(1, path)
        result = tree.Step("", op, inputs, outputs, exprs, path)
        names.add(result, key, name)
        if name is not None and name == step.name or path[-1:] == ("join",) and name:
            self._register(scope, name, Wire(outputs), path)
        return result

    def _instantiate(
        self, step: OperationStep, cls: type[Operation], shown: str, frame: _Frame, path: Path
    ) -> tuple[Operation, dict[str, Expr]]:
        if id(step) in self._constants:
            return self._constants[id(step)], {}
        extra = step.__pydantic_extra__ or {}
        values: dict[str, Any] = {}
        exprs: dict[str, Expr] = {}
        constant = step.op in ops.names() and path[-1:] != ("join",)
        for attribute, raw in extra.items():
            if attribute not in cls.model_fields:
                raise self._error((*path, attribute), f"{cls.key}: unknown attribute '{attribute}'", key=True,
                                  hint=nearest(attribute, cls.model_fields))  # fmt: skip
            value, expr = self._evaluate(raw, frame, (*path, attribute), literal_texts(cls, attribute))
            constant &= expr is None or isinstance(raw, (int, float, bool))
            values[attribute] = value
            if not isinstance(expr, Const):
                exprs[attribute] = expr
        try:
            op = cls.model_validate(values)
        except ValidationError as error:
            for detail in error.errors():
                message = detail["msg"].removeprefix("Value error, ")
                where = detail["loc"][0] if detail["loc"] else ""
                if detail["type"] == "missing":
                    self._error(path, f"{shown}: missing attribute '{where}'", frame=frame)
                else:
                    given = values.get(str(where))
                    self._error((*path, *detail["loc"]), f"{shown}: {where} {_lower(message)}"
                                if where else f"{shown}: {_lower(message)}", frame=frame,
                                hint="" if given is None else "")  # fmt: skip
            raise _Failed from None
        if constant and not exprs:
            self._constants[id(step)] = op
        return op, exprs

    def _infer(
        self, op: Operation, shown: str, inputs: tuple[Value, ...], frame: _Frame, path: Path
    ) -> tuple[Shape, ...]:
        least, most = op.arity
        if len(inputs) < least or (most is not None and len(inputs) > most):
            due = "one input" if (least, most) == (1, 1) else f"{least} inputs" if least == most else (
                f"{least} or more inputs" if most is None else f"{least} to {most} inputs")  # fmt: skip
            raise self._error(path, f"{shown}: takes {due}, but {len(inputs)} flow in", frame=frame)
        for value in inputs:
            if value.dtype not in op.takes:
                raise self._error(path, f"{shown}: takes {' or '.join(op.takes)} numbers, but its input is "
                                        f"{value.dtype}", frame=frame)  # fmt: skip
        try:
            shapes = op.infer(*(value.shape for value in inputs))
            for shape in shapes:
                if any(size < 0 or size > 2**40 for size in shape):
                    raise ShapeError(f"its output would be {show(shape)}")
        except ShapeError as error:
            where = (*path, error.attribute) if error.attribute else path
            raise self._error(where, f"{shown}: {error}", hint=error.hint, frame=frame) from None
        return shapes

    def _call(
        self, step: BlockStep, name: str | None, inputs: tuple[Value, ...], frame: _Frame, scope: Scope,
        names: Names, path: Path,
    ) -> Item:  # fmt: skip
        block = step.block if step.block in self.document.blocks else frame.values.get(step.block, step.block)
        declared = self.document.blocks.get(block) if isinstance(block, str) else None
        if declared is None:
            raise self._error((*path, "block"), f"there is no block '{block}'",
                              hint=nearest(str(block), self.document.blocks))  # fmt: skip
        if block in self._stack:
            cycle = " -> ".join([*self._stack[self._stack.index(block) :], block])
            raise self._error((*path, "block"), f"block '{block}' contains itself: {cycle}")
        if len(inputs) != len(declared.inputs):
            due = f"{len(declared.inputs)} inputs ({', '.join(declared.inputs)})"
            due = "one input" if len(declared.inputs) == 1 else due
            raise self._error(path, f"block {block} takes {due}, but {len(inputs)} flow in", frame=frame)
        params, arguments = self._arguments(step, declared, block, frame, path)
        module = self._module(block, params, inputs, path)
        outputs = self._outer(module, inputs, arguments)
        result = tree.Call("", module, inputs, outputs, arguments, path)
        base = _snake(block)
        names.add(result, base, name)
        if name is not None and name == step.name:
            labels = {label: index for index, label in enumerate(module.outputs)}
            self._register(scope, name, Wire(outputs, labels=labels), path)
        return result

    def _arguments(
        self, step: BlockStep, declared: Block, block: str, frame: _Frame, path: Path
    ) -> tuple[dict[str, Any], dict[str, Expr]]:
        given = step.__pydantic_extra__ or {}
        params: dict[str, Any] = {}
        exprs: dict[str, Expr] = {}
        for name in given:
            if name not in declared.params:
                self._error((*path, name), f"block {block}: unknown param '{name}'", key=True,
                            hint=nearest(name, declared.params))  # fmt: skip
        for name, param in declared.params.items():
            if name not in given:
                if param.required:
                    self._error(path, f"block {block}: missing param '{name}'", frame=frame)
                    raise _Failed
                params[name], exprs[name] = param.default, Const(param.default)
                continue
            where = (*path, name)
            raw = given[name]
            if param.type in ("str", "block", "operation") and isinstance(raw, str) and raw not in frame.values:
                value: Any = raw
                expr: Expr = Const(raw)
            else:
                value, expr = self._evaluate(raw, frame, where)
            problem = param_problem(param, value)
            if problem:
                raise self._error(where, f"block {block}: {name} {problem}", frame=frame)
            params[name] = float(value) if param.type == "float" else value
            exprs[name] = expr
        if set(given) - set(declared.params):
            raise _Failed
        return {name: _plain_value(value) for name, value in params.items()}, exprs

    def _outer(
        self, module: Module, inputs: tuple[Value, ...], arguments: Mapping[str, Expr]
    ) -> tuple[Value, ...]:
        """Fresh values for a module's outputs, their sizes in the names of the surrounding block."""
        names = dict(arguments)
        for inner, outer in zip(module.inputs.items(), inputs, strict=True):
            for axis, size in enumerate(outer.shape):
                names[f"{inner[0]}.{axis}"] = size.expr if isinstance(size, Dim) else Const(int(size))
        return tuple(
            Value(tuple(dim(int(size), substitute(size.expr, names)) if isinstance(size, Dim) else size
                        for size in value.shape), value.dtype)
            for value in module.outputs.values()
        )  # fmt: skip

    # Expressions and errors ----------------------------------------------------------------------------------------

    def _evaluate(
        self, raw: Any, frame: _Frame, path: Path, texts: frozenset[str] = frozenset()
    ) -> tuple[Any, Expr]:
        """The value of what the spec gives (sizes as `Dim`s), and the expression it is in names of the block.

        `texts` are no expressions.
        """
        if isinstance(raw, list):
            pairs = [self._evaluate(item, frame, (*path, index), texts) for index, item in enumerate(raw)]
            exprs = tuple(expr for _, expr in pairs)
            if all(isinstance(expr, Const) for expr in exprs):
                return [value for value, _ in pairs], Const(raw)
            return [value for value, _ in pairs], Apply("list", exprs)
        if not isinstance(raw, str) or raw in texts:
            return raw, Const(raw)
        try:
            parsed = parse(raw)
            value = evaluate(parsed, frame.values)
        except ExpressionError as error:
            raise self._error(path, str(error), hint=error.hint, offset=error.offset, frame=frame) from None
        expr = substitute(substitute(parsed, frame.exprs), frame.iteration)
        return _dims(value, expr), Const(value) if isinstance(expr, Const) else expr

    def _register(
        self, scope: Scope, name: str, wire: Wire, path: Path, *, declared: bool = True, key: bool = False
    ) -> None:
        if name in scope.wires and declared:
            where = path if key else (*path, "name")
            self._error(where, f"the name '{name}' is already taken in this scope", key=key)
        scope.wires[name] = wire

    def _close(self, names: Names) -> None:
        names.close()

    def _tally(self, steps: int, path: Path) -> None:
        self._count += steps
        if self._count > MAX_STEPS:
            self._count -= steps
            raise self._error(path, f"the network would have more than {MAX_STEPS:,} steps, the limit")

    def _raw(self, path: Path) -> Any:
        node: Any = self.source.data
        for part in path:
            node = node[part]
        return node

    def _error(
        self, path: Path, message: str, *, hint: str = "", key: bool = False, offset: int = 0, frame: _Frame | None = None
    ) -> _Failed:
        context = frame.context if frame is not None else ""
        hint = "; ".join(filter(None, (hint, context)))
        self.diagnostics[self.source.diagnostic(path, message, hint=hint, key=key, offset=offset)] = None
        return _Failed()

    def _warn_unused(self, module: Module) -> None:
        used = {id(value) for value in module.outputs.values()}
        for item in _everything(module.items):
            used.update(id(value) for value in item.inputs)
            if isinstance(item, tree.Branches):
                used.update(id(value) for value in item.results)
        for item in _everything(module.items):
            if isinstance(item, (tree.Step, tree.Call)) and not any(id(v) in used for v in item.outputs):
                what = item.op.key if isinstance(item, tree.Step) else item.module.block
                warning = self.source.diagnostic(
                    item.origin, f"nothing uses the output of {what} '{item.name}'", severity="warning"
                )
                self.diagnostics[warning] = None


def param_problem(param: Any, value: Any) -> str:
    """What is wrong with a value for a declared param; empty if nothing is."""
    kinds = {"int": int, "float": (int, float), "bool": bool, "str": str, "list": (list, tuple),
             "block": str, "operation": str}  # fmt: skip
    if not isinstance(value, kinds[param.type]) or (isinstance(value, bool) and param.type != "bool"):
        return f"must be {attribute_value(param.type)}, not {describe(value)}"
    if param.choices is not None and value not in param.choices:
        return f"(={describe(value)}) must be one of {', '.join(map(str, param.choices))}"
    if param.minimum is not None and value < param.minimum:
        return f"(={describe(value)}) must be at least {param.minimum:g}"
    return ""


def _everything(items: list[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        match item:
            case tree.Sequence():
                yield from _everything(item.items)
            case tree.Repeat():
                yield from _everything(item.iterations)
            case tree.When():
                yield from _everything([item.item] if item.item is not None else [])
            case tree.Branches():
                for body in item.bodies:
                    yield from _everything(body)
                yield item.join


def _dims(value: Any, expr: Expr) -> Any:
    """Whole numbers (in lists, too) that remember where they came from."""
    if isinstance(expr, Const) or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return Dim(value, expr)
    if isinstance(value, (list, tuple)):
        if isinstance(expr, Apply) and expr.head == "list":
            return [_dims(v, e) for v, e in zip(value, expr.args, strict=True)]
        return [_dims(v, Apply("[]", (expr, Const(i)))) for i, v in enumerate(value)]
    return value


def _fresh(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Values of their own for a step that passes its input through, so that instances of a block can be aligned."""
    return tuple(Value(value.shape, value.dtype) for value in values)


def _plain_value(value: Any) -> Any:
    if isinstance(value, Dim):
        return int(value)
    return [_plain_value(item) for item in value] if isinstance(value, (list, tuple)) else value


def _hint(name: str) -> int:
    """A number for an open dimension: odd, and its own for each name."""
    return 17 + 2 * (sum(map(ord, name)) % 5)


def _snake(name: str) -> str:
    import re

    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
