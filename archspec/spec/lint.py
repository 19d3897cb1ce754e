"""What can be said of a spec without elaborating it: unknown operations, attributes, names and blocks, wherever they
stand, also in blocks that no network uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, get_args

from archspec import ops
from archspec.errors import Diagnostic
from archspec.expressions import ExpressionError, free_names, nearest, parse
from archspec.graph.tree import Path
from archspec.ops.base import AXES, Operation
from archspec.spec.document import BlockStep, BranchesStep, Document, OperationStep, SequenceStep, Step
from archspec.spec.source import Source

_AXIS_NAMES = {name for names in AXES.values() for name in names if name != "batch"}


@cache
def literal_texts(cls: type[Operation], attribute: str) -> frozenset[str]:
    """The texts that an attribute takes as they are; any other text is an expression."""
    field = cls.model_fields[attribute]
    return frozenset(_texts(field.annotation, field.metadata))


def _texts(annotation: Any, metadata: Iterable[Any]) -> Iterator[str]:
    for item in metadata:
        yield from _schema_texts(getattr(item, "json_schema", None))
    for argument in get_args(annotation):
        if isinstance(argument, str):
            yield argument
        else:
            yield from _texts(argument, getattr(argument, "__metadata__", ()))


def _schema_texts(schema: Any) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    for value in [schema.get("const"), *schema.get("enum", ())]:
        if isinstance(value, str):
            yield value
    for part in schema.get("anyOf", ()):
        yield from _schema_texts(part)


def attribute_value(kind: str) -> str:
    """What a param of a type takes, in words."""
    return {
        "int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text", "list": "a list",
        "block": "the name of a block", "operation": "the name of an operation",
    }[kind]  # fmt: skip


class Lint:
    """Collects findings about one document."""

    def __init__(self, document: Document, source: Source) -> None:
        self.document = document
        self.source = source
        self.found: list[Diagnostic] = []
        self._texts: set[str] = set()
        self._used: set[str] = set()

    def run(self) -> list[Diagnostic]:
        document = self.document
        params = {name: param.type for name, param in document.params.items()}
        for name in document.inputs:
            if name in params:
                self._report(("inputs", name), f"'{name}' is a param and an input", key=True)
        for variant, values in document.variants.items():
            for name in values.values:
                if name not in params:
                    self._report(("variants", variant, name), f"unknown param '{name}'", key=True,
                                 hint=nearest(name, params))  # fmt: skip
        for block, declared in document.blocks.items():
            if block in ops.names():
                self._report(("blocks", block), f"'{block}' is the name of an operation", key=True)
            inner = {name: param.type for name, param in declared.params.items()}
            self._steps(declared.layers, ("blocks", block, "layers"), inner, declared.inputs)
        self._steps(document.layers, ("layers",), params, list(document.inputs))
        self._cycles()
        self._unused(params)
        return self.found

    def _steps(self, layers: list[Any], path: Path, names: dict[str, str], inputs: list[str]) -> None:
        for index, step in enumerate(layers):
            self._step(step, (*path, index), names, inputs)

    def _step(self, step: Step, path: Path, names: dict[str, str], inputs: list[str]) -> None:
        self._expression(step.repeat, (*path, "repeat"), names, inputs)
        if isinstance(step.each, str):
            self._expression(step.each, (*path, "each"), names, inputs)
        bound = dict(names)
        if step.repeat is not None or step.each is not None:
            bound["index"] = "int"
        known_rows = True
        for row in step.each if isinstance(step.each, list) else ():
            bound.update(dict.fromkeys(row, "any"))
        if isinstance(step.each, str):
            known_rows = False
        for number, row in enumerate(step.each if isinstance(step.each, list) else ()):
            for key, value in row.items():
                if not (isinstance(value, str) and value.isidentifier()):
                    self._expression(value, (*path, "each", number, key), bound, inputs)
        if not known_rows:
            return
        self._expression(step.when, (*path, "when"), bound, inputs)
        match step:
            case OperationStep():
                self._operation(step.op, step.__pydantic_extra__ or {}, path, bound, inputs)
            case BlockStep():
                self._block(step, path, bound, inputs)
            case SequenceStep():
                self._steps(step.layers, (*path, "layers"), bound, inputs)
            case BranchesStep():
                for label, layers in step.branches.items():
                    self._steps(layers, (*path, "branches", label), bound, inputs)
                join = {"op": step.join} if isinstance(step.join, str) else step.join
                extra = {key: value for key, value in join.items() if key != "op"}
                if not isinstance(join.get("op"), str):
                    self._report((*path, "join"), "join is an operation's name, or a mapping with op")
                else:
                    self._operation(join["op"], extra, (*path, "join"), bound, inputs)

    def _operation(self, key: str, extra: dict[str, Any], path: Path, names: dict[str, str], inputs: list[str]) -> None:
        if key not in ops.names():
            if names.get(key) in ("operation", "any", "str"):
                return
            where = (*path, "op") if isinstance(self._raw(path), dict) else path
            hint = nearest(key, ops.names())
            if key in self.document.blocks:
                hint = f"'{key}' is a block: write block: {key}"
            self._report(where, f"there is no operation '{key}'", hint=hint)
            return
        cls = ops.get(key)
        for attribute, raw in extra.items():
            if attribute not in cls.model_fields:
                self._report((*path, attribute), f"{key}: unknown attribute '{attribute}'", key=True,
                             hint=nearest(attribute, cls.model_fields))  # fmt: skip
            else:
                self._expression(raw, (*path, attribute), names, inputs, literal_texts(cls, attribute))

    def _block(self, step: BlockStep, path: Path, names: dict[str, str], inputs: list[str]) -> None:
        extra = step.__pydantic_extra__ or {}
        declared = self.document.blocks.get(step.block)
        if declared is None and names.get(step.block) not in ("block", "any", "str"):
            self._report((*path, "block"), f"there is no block '{step.block}'",
                         hint=nearest(step.block, self.document.blocks))  # fmt: skip
        for name, raw in extra.items():
            kind = declared.params[name].type if declared is not None and name in declared.params else None
            if declared is not None and kind is None:
                self._report((*path, name), f"block {step.block}: unknown param '{name}'", key=True,
                             hint=nearest(name, declared.params))  # fmt: skip
            elif isinstance(raw, str) and (kind in ("str", "block", "operation") or declared is None):
                self._texts.add(raw)
                self._used.add(raw)
            else:
                self._expression(raw, (*path, name), names, inputs)
        if declared is not None:
            for name, param in declared.params.items():
                if param.required and name not in extra:
                    self._report(path, f"block {step.block}: missing param '{name}'")
        self._texts.add(step.block)

    def _expression(
        self, raw: Any, path: Path, names: dict[str, str], inputs: list[str], texts: frozenset[str] = frozenset()
    ) -> None:
        if isinstance(raw, list):
            for index, item in enumerate(raw):
                self._expression(item, (*path, index), names, inputs, texts)
        if not isinstance(raw, str) or raw in texts:
            return
        try:
            used = free_names(parse(raw))
        except ExpressionError as error:
            self._report(path, str(error), hint=error.hint, offset=error.offset)
            return
        self._used.update(used)
        for name in sorted(used - set(names) - set(inputs)):
            self._report(path, f"'{name}' is not defined here", hint=nearest(name, names), offset=raw.find(name))

    def _cycles(self) -> None:
        below = {name: dict(_blocks(block.layers, ("blocks", name, "layers")))
                 for name, block in self.document.blocks.items()}  # fmt: skip
        for start in below:
            trail, todo = {start}, [start]
            while todo:
                for name, path in below.get(todo.pop(), {}).items():
                    if name == start:
                        self._report((*path, "block"), f"block '{start}' contains itself")
                    if name in below and name not in trail:
                        trail.add(name)
                        todo.append(name)

    def _unused(self, params: dict[str, str]) -> None:
        document = self.document
        values = [param.default for param in document.params.values()]
        values += [value for variant in document.variants.values() for value in variant.values.values()]
        values += [param.default for block in document.blocks.values() for param in block.params.values()]
        values += [choice for param in document.params.values() for choice in param.choices or ()]
        named = self._texts | {value for value in values if isinstance(value, str)} | set(_row_texts(document))
        for name in document.blocks:
            if name not in named:
                self._report(("blocks", name), f"block '{name}' is not used", key=True, severity="warning")
        for step in _inputs(document):
            self._used.update(free_names(parse(step)) if _parses(step) else ())
        for name in params:
            if name not in self._used and name not in self._texts:
                self._report(("params", name), f"param '{name}' is not used", key=True, severity="warning")

    def _raw(self, path: Path) -> Any:
        node: Any = self.source.data
        for part in path:
            node = node[part]
        return node

    def _report(self, path: Path, message: str, **where: Any) -> None:
        self.found.append(self.source.diagnostic(path, message, **where))


def _parses(text: str) -> bool:
    try:
        parse(text)
    except ExpressionError:
        return False
    return True


def _inputs(document: Document) -> Iterator[str]:
    for declared in document.inputs.values():
        yield from (size for size in [*declared.shape, declared.below] if isinstance(size, str))
    for step in _walk(document.layers):
        if isinstance(step, OperationStep):
            yield step.op


def _row_texts(document: Document) -> Iterator[str]:
    for layers in [document.layers, *(block.layers for block in document.blocks.values())]:
        for step in _walk(layers):
            for row in step.each if isinstance(step.each, list) else ():
                yield from (value for value in row.values() if isinstance(value, str))


def _walk(layers: list[Any]) -> Iterator[Step]:
    for step in layers:
        yield step
        if isinstance(step, SequenceStep):
            yield from _walk(step.layers)
        elif isinstance(step, BranchesStep):
            for inner in step.branches.values():
                yield from _walk(inner)


def _blocks(layers: list[Any], path: Path) -> Iterator[tuple[str, Path]]:
    for index, step in enumerate(layers):
        where = (*path, index)
        match step:
            case BlockStep():
                yield step.block, where
            case SequenceStep():
                yield from _blocks(step.layers, (*where, "layers"))
            case BranchesStep():
                for label, inner in step.branches.items():
                    yield from _blocks(inner, (*where, "branches", label))
