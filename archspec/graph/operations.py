"""The attributes of a step: from what the spec writes to an operation, or to the arguments of a block."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from archspec import ops
from archspec.errors import ShapeError
from archspec.expressions import Const, Dim, Expr, Name, free_names, parse, substitute
from archspec.graph.frames import Evaluator, Failed, Findings, Frame, plain
from archspec.graph.tree import INDEX, Value
from archspec.ops.base import Operation, Shape, describe, show
from archspec.ops.spans import TRUTH
from archspec.spec import hints
from archspec.spec.document import Block, BlockStep, Document, OperationStep, Param, Used
from archspec.spec.lint import literal_texts
from archspec.spec.source import Path

KEYS = frozenset(ops.names())
Kind = TypeVar("Kind", bound=BaseModel)


BATCH: Final = frozenset({"batch"})
"""The name of the number of samples."""
_DIVIDE: Final = "write // to divide whole numbers, or int(...)"
_LIMITS: Final = {
    "literal_error": ("", "expected"), "less_than": ("less than ", "lt"), "less_than_equal": ("at most ", "le"),
    "greater_than": ("greater than ", "gt"), "greater_than_equal": ("at least ", "ge"),
}  # fmt: skip
"""What Pydantic calls a number or a text beyond what its field declares, in our words."""


class Operations:
    """Makes operations of steps, and tells what comes out of them."""

    def __init__(self, document: Document, findings: Findings, evaluator: Evaluator) -> None:
        self.document = document
        self.findings = findings
        self.evaluator = evaluator
        self._constants: dict[int, Operation] = {}
        self.late: frozenset[str] = frozenset()
        """`batch`, once a step made samples of places, or places of samples: then the number of samples may be a size
        of any axis, and is open as others are."""
        self.passed: dict[int, str] = {}
        """id of a value that is there because an operation of several inputs was left out: what people call it."""

    def key(self, step: OperationStep, frame: Frame, path: Path) -> str:
        """The name of a step's operation, which a param may give."""
        key = step.op if step.op in KEYS else frame.values.get(step.op, step.op)
        if key not in KEYS:
            where = (*path, "op") if isinstance(_at(self.findings.source.data, path), dict) else path
            raise self.findings.error(
                where, f"there is no operation '{key}'", hint=hints.operation(str(key)), frame=frame
            )
        return str(key)

    def make(
        self, step: OperationStep, key: str, shown: str, frame: Frame, path: Path
    ) -> tuple[Operation, dict[str, Expr]]:
        """The operation of a step, and the attributes that the spec gives by an expression."""
        if id(step) in self._constants:
            return self._constants[id(step)], {}
        cls = ops.get(key)
        given = step.__pydantic_extra__ or {}
        values: dict[str, Any] = {}
        exprs: dict[str, Expr] = {}
        failed = False
        for attribute, raw in given.items():
            if attribute not in cls.model_fields:
                hint = hints.attribute(attribute, cls)
                self.findings.error((*path, attribute), f"{key}: unknown attribute '{attribute}'", key=True, hint=hint)
                failed = True
                continue
            texts, instead = literal_texts(cls, attribute), cls.at_open_sizes.get(attribute, "")
            try:
                values[attribute], expr = self.evaluator.value(raw, frame, (*path, attribute), texts, instead)
            except Failed:
                failed = True
                continue
            if not isinstance(expr, Const):
                exprs[attribute] = expr
        op = validated(self.findings, cls, values, given, shown, frame, path)
        if op is None or failed:
            raise Failed
        if step.op in KEYS and not any(_computed(raw, cls, name) for name, raw in given.items()):
            self._constants[id(step)] = op
        return op, exprs

    def outputs(
        self, op: Operation, shown: str, inputs: Sequence[Value], frame: Frame, path: Path
    ) -> tuple[Value, ...]:
        """What comes out of an operation. Raises Failed after an error."""
        least, most = op.accepts()
        if len(inputs) < least or (most is not None and len(inputs) > most):
            if most is None:
                due = f"{least} or more inputs"
            elif least < most:
                due = f"{least} to {most} inputs"
            else:
                due = {0: "no input", 1: "one input"}.get(least, f"{least} inputs")
            flow = "one flows in" if len(inputs) == 1 else f"{len(inputs)} flow in"
            hint = "say which with from: name, or from: [name, name]" if most != 0 else "leave out from"
            if f"{op.key}_with" in KEYS and len(inputs) > 1 and inputs[1].shape[0] == 1:
                hint = f"{op.key}_with takes weights that come from steps"
            if by := next((self.passed[id(value)] for value in inputs if id(value) in self.passed), ""):
                hint = (
                    f"{by} passes all its inputs through where its condition does not hold: put it into a sequence, "
                    "{when: ..., layers: [...]}, which passes on what is before it"
                )
            raise self.findings.error(path, f"{shown}: takes {due}, but {flow}", frame=frame, hint=hint)
        given = [value.shape for value in inputs]
        kinds = op.kinds(*given)
        for number, (value, takes) in enumerate(zip(inputs, kinds, strict=False)):
            if value.dtype not in takes:
                which = f"input {number + 1}" if len(set(kinds)) > 1 else "its input"
                raise self.findings.error(path, f"{shown}: takes {' or '.join(takes)} numbers, but {which} is "
                                                f"{value.dtype}", frame=frame)  # fmt: skip
        if op.across:
            self.late = BATCH
        late = frame.open | self.late
        try:
            shapes = _infer(op, given, frame, late)
            dtype = op.result(*(value.dtype for value in inputs))
        except ShapeError as symbolic:
            error = _in_numbers(op, given, frame, late) or symbolic
            where = (*path, error.attribute) if error.attribute else path
            raise self.findings.error(where, f"{shown}: {error}", hint=error.hint, frame=frame) from None
        self._check_indices(op, shown, inputs, frame, path)
        dtypes = dtype if isinstance(dtype, tuple) else (dtype,) * len(shapes)
        span = None
        if "int64" in dtypes:
            span = op.span([value.span for value in inputs], [_opened(shape, late) for shape in given])
        spans = {"int64": span, "bool": TRUTH, "float": None}
        return tuple(Value(shape, dtype, spans[dtype]) for shape, dtype in zip(shapes, dtypes, strict=True))

    def stretched(self, op: Operation, inputs: Sequence[Value]) -> dict[int, Value]:
        """What an operation takes only if it is there for each sample: by the number of each such input, one that has
        the samples. Those are the same for all samples, and others are not."""
        same = [number for number, value in enumerate(inputs) if is_same(value)]
        like = next((value for number, value in enumerate(inputs) if number not in same), None)
        least, most = op.accepts()
        if not same or like is None or not least <= len(inputs) <= (len(inputs) if most is None else most):
            return {}
        given = [(value.shape[0] * (1 if n in same else 2), *value.shape[1:]) for n, value in enumerate(inputs)]
        samples = 2 * like.shape[0]  # of more than one, whatever number is tried
        try:
            op.infer(*given)
        except ShapeError:
            with contextlib.suppress(ShapeError):
                op.infer(*((samples, *shape[1:]) if n in same else shape for n, shape in enumerate(given)))
                return dict.fromkeys(same, like)
        return {}

    def _check_indices(self, op: Operation, shown: str, inputs: Sequence[Value], frame: Frame, path: Path) -> None:
        """Raises Failed after an error about indices that may be beyond what they count."""
        if all(value.span is None for value in inputs):
            return
        limits = op.indexes(*(_opened(value.shape, frame.open | self.late) for value in inputs))
        for number, (count, attribute) in limits.items():
            span = inputs[number].span
            if span is None or (span.low >= 0 and (span.high < count or span.high == inf)):
                continue
            which = f"input {number + 1}" if len(inputs) > 1 else "its input"
            found = f"{span.low} to {span.high}" if span.low < 0 else f"up to {span.high}"
            raise self.findings.error(
                (*path, attribute), f"{shown}: takes indices from 0 to {count - 1}, but {which} may be {found}",
                hint="below says how large the numbers of an input are; clip bounds any", frame=frame,
            )  # fmt: skip

    # Blocks ---------------------------------------------------------------------------------------------------------

    def block(self, step: BlockStep, frame: Frame, path: Path) -> tuple[str, Block]:
        """The block that a step calls, which a param may give."""
        blocks = self.document.blocks
        name = step.block if step.block in blocks else frame.values.get(step.block, step.block)
        if name not in blocks:
            hint = hints.one_of(str(name), blocks)
            raise self.findings.error((*path, "block"), f"there is no block '{name}'", hint=hint, frame=frame)
        return name, blocks[name]

    @staticmethod
    def repeated(step: BlockStep, block: Block, frame: Frame) -> dict[str, Expr]:
        """The arguments that follow from the number of an iteration, with `INDEX` for it."""
        found: dict[str, Expr] = {}
        for key, raw in (step.__pydantic_extra__ or {}).items() if "index" in frame.bound else ():
            if isinstance(raw, str) and block.params[key].type not in ("str", "block", "operation"):
                parsed = parse(raw)
                if "index" in free_names(parsed):
                    found[key] = substitute(parsed, {**frame.exprs, "index": Name(INDEX)})
        return found

    def arguments(
        self, step: BlockStep, name: str, block: Block, frame: Frame, path: Path
    ) -> tuple[dict[str, Any], dict[str, Expr]]:
        """Values for all params of a block, and the expressions that give them."""
        given = step.__pydantic_extra__ or {}
        params: dict[str, Any] = {}
        exprs: dict[str, Expr] = {}
        failed = False
        for key in given:
            if key not in block.params:
                hint = hints.param(key, block.params)
                self.findings.error((*path, key), f"block {name}: unknown param '{key}'", key=True, hint=hint)
                failed = True
        meant = hints.meant_params(given, block.params)
        for key, param in block.params.items():
            if key in given:
                try:
                    params[key], exprs[key] = self._argument(param, given[key], f"block {name}: {key}", frame,
                                                             (*path, key))  # fmt: skip
                except Failed:
                    failed = True
            elif param.required:
                failed = True
                if key in meant:
                    continue
                self.findings.error(path, f"block {name}: missing param '{key}'", frame=frame)
            else:
                params[key], exprs[key] = param.default, Const(param.default)
            if key in params and param.type == "float":
                params[key] = float(params[key])
        if failed:
            raise Failed
        return {key: plain(value) for key, value in params.items()}, exprs

    def outside(self, used: Used | None, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """The params that are around a block: those of the file that it comes from, or the spec's own, which have these
        values. Raises Failed after an error."""
        if used is None:
            return params
        declared = used.document.params
        values = {name: param.default for name, param in declared.items() if not param.required}
        around = self.outside(used.around, params)
        frame = Frame(around, {name: Const(value) for name, value in around.items()}, network=True)
        for name, raw in used.given.items():
            where = (*used.path, "params", name) if used.around is None else used.path
            value = plain(self._argument(declared[name], raw, name, frame, where)[0])
            values[name] = float(value) if declared[name].type == "float" else value
        return values

    def _argument(self, param: Param, raw: Any, shown: str, frame: Frame, path: Path) -> tuple[Any, Expr]:
        value, expr = raw, Const(raw)
        if param.type not in ("str", "block", "operation") or not isinstance(raw, str) or raw in frame.values:
            value, expr = self.evaluator.value(raw, frame, path)  # type: ignore[assignment]
        problem = param.problem(value)
        if problem:
            hint = _DIVIDE if param.type == "int" and isinstance(value, float) and isinstance(raw, str) else ""
            raise self.findings.error(path, f"{shown} {problem}", hint=hint, frame=frame)
        known: Mapping[str, Any] | frozenset[str] = self.document.blocks if param.type == "block" else KEYS
        if param.type in ("block", "operation") and value not in known:
            hint = hints.one_of(value, known) if param.type == "block" else hints.operation(value)
            raise self.findings.error(path, f"there is no {param.type} '{value}'", hint=hint, frame=frame)
        return value, expr


def is_same(value: Value) -> bool:
    """Whether there is one of a value, which is the same for all samples."""
    return not isinstance(value.shape[0], Dim) and value.shape[0] == 1


def validated(
    findings: Findings, cls: type[Kind], values: dict[str, Any], given: Mapping[str, Any], shown: str, frame: Frame,
    path: Path,
) -> Kind | None:  # fmt: skip
    """An operation, or a rule of training, with attributes of these values; None after errors. `given` is what the
    spec writes for them."""
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            message = _lower(detail["msg"].removeprefix("Value error, "))
            name = str(detail["loc"][0]) if detail["loc"] else ""
            if detail["type"] == "missing":
                if name not in {*given, *hints.meant(given, cls.model_fields)}:
                    findings.error(path, f"{shown}: missing attribute '{name}'", frame=frame)
                continue
            if not name:
                if given.keys() <= values.keys():  # else what is not there may be what failed
                    findings.error(path, f"{shown}: {message}", frame=frame)
                continue
            given_value = values.get(name)
            if detail["type"] in _LIMITS:
                phrase, key = _LIMITS[detail["type"]]
                message = f"must be {phrase}{detail['ctx'][key]}, not {given_value}"
            hint = ""
            if detail["type"] == "tuple_type":
                message = f"must be a list, not {describe(given_value)}"
            if isinstance(given_value, float) and "whole number" in message and given_value.is_integer():
                hint = f"write {given_value:g}"
            if isinstance(given_value, float) and "whole number" in message and isinstance(given[name], str):
                hint = _DIVIDE
            findings.error((*path, *detail["loc"]), f"{shown}: {name} {message}", hint=hint, frame=frame)
    return None


def _computed(raw: Any, cls: type[Operation], attribute: str) -> bool:
    """Whether there is an expression in what the spec gives for an attribute."""
    if isinstance(raw, list):
        return any(_computed(item, cls, attribute) for item in raw)
    return isinstance(raw, str) and raw not in literal_texts(cls, attribute)


def _infer(op: Operation, inputs: list[Shape], frame: Frame, late: frozenset[str]) -> tuple[Shape, ...]:
    """The shapes that come out, and no weight may have a size that is one of these `late` names, or follows from it."""
    shapes = op.infer(*inputs)
    for shape in shapes:
        if shape and not 1 <= min(shape) <= max(shape) <= 2**40:
            raise ShapeError(f"its output would be {show(in_numbers(shape, frame))}")
    if late:
        for name, weight in op.parameters(*inputs).items():
            if any(isinstance(size, Dim) and free_names(size.expr) & late for size in weight.shape):
                raise ShapeError(
                    f"its {name} would have the shape {show(weight.shape)}, which depends on a size that is open",
                    hint="pool, or take the mean, over the axis whose size is open",
                )
    return shapes


def _opened(shape: Shape, late: frozenset[str]) -> tuple[Any, ...]:
    """A shape with infinity for sizes that may be any number."""
    if not late:
        return shape
    return tuple(inf if isinstance(s, Dim) and free_names(s.expr) & late else s for s in shape)


def _in_numbers(op: Operation, inputs: list[Shape], frame: Frame, late: frozenset[str]) -> ShapeError | None:
    """The error of an operation once more, with plain numbers, so that its message does not speak of x.1."""
    try:
        _infer(op, [in_numbers(shape, frame) for shape in inputs], frame, late)
    except ShapeError as error:
        return error
    return None


def in_numbers(shape: Shape, frame: Frame) -> Shape:
    """A shape as a message should show it: in a block with numbers for the sizes of its inputs."""
    return shape if frame.network else (*shape[:1], *map(int, shape[1:]))


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
