"""What can be said of a spec without elaborating it: unknown operations, attributes, names and blocks, wherever they
stand, also in blocks that no network uses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from typing import Any, Final, get_args

from pydantic import BaseModel

from archspec import ops
from archspec.errors import Diagnostic
from archspec.expressions import Attribute, Expr, ExpressionError, Name, free_names, parse, references, suggestion
from archspec.ops.base import AXES
from archspec.spec import hints, initial
from archspec.spec.document import (
    BlockStep,
    BranchesStep,
    BrokenStep,
    Document,
    OperationStep,
    Param,
    SequenceStep,
    StepForm,
)
from archspec.spec.source import MOST_FINDINGS, Path, Source
from archspec.spec.values import RESERVED
from archspec.training import rules

_AXIS_NAMES: Final = sorted({name for names in AXES.values() for name in names if name != "batch"})
_OPERATIONS: Final = frozenset(ops.names())
UNKNOWN: Final = "unknown"
"""What an import leaves in the place of what has no operation."""
_TRUTHS: Final = {"yes": "true", "on": "true", "no": "false", "off": "false"}


class Texts(frozenset[str]):
    """Texts that are taken as they are: these, and all in which a pattern is found."""

    pattern: str | None = None

    def __contains__(self, text: object) -> bool:
        found = self.pattern is not None and isinstance(text, str) and re.search(self.pattern, text) is not None
        return found or super().__contains__(text)


@cache
def literal_texts(cls: type[BaseModel], attribute: str) -> frozenset[str]:
    """The texts that an attribute takes as they are; any other text is an expression."""
    field = cls.model_fields[attribute]
    found = Texts(_texts(field.annotation, field.metadata))
    parts = (getattr(part, "__metadata__", ()) for part in get_args(field.annotation))
    for item in chain(field.metadata, *parts):
        found.pattern = (getattr(item, "json_schema", None) or {}).get("pattern", found.pattern)
    return found


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
    yield from _schema_texts(schema.get("items"))


class _Names:
    """What expressions may read at a place: params and bound names with their types, and the sizes of inputs."""

    def __init__(
        self, params: Mapping[str, str], inputs: Iterable[str] = (), open_sizes: frozenset[str] = frozenset(),
        own: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.params = dict(params)
        self.inputs = frozenset(inputs)
        self.open_sizes = open_sizes
        self.own = own
        """The params of the block around, which hide the document's of the same name."""

    def bind(self, step: StepForm) -> _Names:
        if step.repeat is None and step.each is None:
            return self
        rows = step.each if isinstance(step.each, list) else []
        bound = {"index": "int", **{key: "any" for row in rows for key in row}}
        return _Names({**self.params, **bound}, self.inputs, self.open_sizes, self.own)


class Lint:
    """Collects findings about one document."""

    def __init__(self, document: Document, source: Source) -> None:
        self.document = document
        self.source = source
        self.found: list[Diagnostic] = []
        self._calls: dict[str, dict[str, Path]] = {}
        """For each block (and the network, '') the names of blocks that its steps call, and where."""
        self._block = ""
        self._words: set[str] = set()
        """All names that expressions read, and all texts that may be names; but not the params of the block around."""
        self._values: set[str] = set()
        """The texts that are values of params, and so may be names of blocks."""

    def run(self) -> list[Diagnostic]:
        document = self.document
        self._params(document.params, ("params",))
        self._inputs()
        for variant, values in document.variants.items():
            self._variant(variant, values.values)
        types = {name: param.type for name, param in document.params.items()}
        sizes = {size for declared in document.inputs.values() for size in declared.shape if isinstance(size, str)}
        network = _Names(types, document.inputs, frozenset(sizes - types.keys()))
        self._init(document.init, (), network)
        self._steps(document.layers, ("layers",), network)
        for output, declared_output in document.outputs.items() if isinstance(document.outputs, dict) else ():
            modes = _Names({**types, "training": "bool"}, document.inputs)
            self._expression(declared_output.when, ("outputs", output, "when"), modes)
        for name, declared in document.blocks.items():
            path: Path = ("blocks", name)
            self._block = name
            if name in _OPERATIONS:
                self._report(
                    path, f"'{name}' is the name of an operation", key=True, hint="choose another for the block"
                )
            self._params(declared.params, (*path, "params"))
            for clash in sorted(set(declared.params) & set(declared.inputs)):
                self._report((*path, "params", clash), f"'{clash}' is a param and an input", key=True)
            own = {key: param.type for key, param in declared.params.items()} | dict.fromkeys(declared.optional, "bool")
            used = document.used.get(name)
            others = types if used is None else {key: param.type for key, param in used.document.params.items()}
            outer = {key: kind for key, kind in others.items() if key not in declared.hidden}
            names = _Names({**outer, **own}, declared.inputs, own=frozenset(own if used is None else {**outer, **own}))
            self._init(declared.init, path, names)
            self._steps(declared.layers, (*path, "layers"), names)
        for index, use in enumerate(document.use):
            where: Path = ("use", index) if isinstance(self.source.data["use"], list) else ("use",)
            for key, raw in use.params.items():
                if isinstance(raw, str) and raw.isidentifier():
                    self._values.add(raw)
                else:
                    self._expression(raw, (*where, "params", key), _Names(types))
        self._training(network)
        self._cycles()
        self._unused()
        return self.found

    # Declarations ---------------------------------------------------------------------------------------------------

    def _params(self, params: Mapping[str, Param], path: Path) -> None:
        for name, param in params.items():
            long = isinstance(_at(self.source.data, (*path, name)), dict)
            for key, values in (("choices", param.choices or []), ("default", [param.default])):
                for value in values:
                    problem = "" if value is None else self._problem(param, value)
                    if problem:
                        where = (*path, name, key) if long else (*path, name)
                        self._report(where, f"{'a choice' if key == 'choices' else 'the default'} of {name} {problem}")
                        break

    def _problem(self, param: Param, value: Any) -> str:
        """What is wrong with a plain value for a param."""
        problem = param.problem(value)
        if not problem and param.type in ("block", "operation"):
            self._values.add(value)
            known = self.document.blocks if param.type == "block" else _OPERATIONS
            return (
                "" if value in known else f"(={value}) must be the name of a{'n' * (known is _OPERATIONS)} {param.type}"
            )
        return problem

    def _variant(self, variant: str, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            path = ("variants", variant, name)
            param = self.document.params.get(name)
            if param is None:
                self._report(path, f"unknown param '{name}'", key=True, hint=hints.one_of(name, self.document.params))
            elif problem := self._problem(param, value):
                self._report(path, f"{name} {problem}")

    def _inputs(self) -> None:
        params = self.document.params
        names = _Names({name: param.type for name, param in params.items()})
        for name, declared in self.document.inputs.items():
            if name in params:
                self._report(("inputs", name), f"'{name}' is a param and an input", key=True)
            long = isinstance(self.source.data["inputs"][name], dict)
            for index, size in enumerate(declared.shape):
                path = ("inputs", name, "shape", index) if long else ("inputs", name, index)
                if not isinstance(size, str) or not size.isidentifier() or size in params:
                    self._expression(size, path, names)
                elif size in RESERVED or size in self.document.inputs:
                    hint = "sizes are given without the batch axis" if size == "batch" else ""
                    self._report(
                        path, f"'{size}' has another meaning and cannot be the name of an open size", hint=hint
                    )
                elif hint := suggestion(size, params):
                    self._report(path, f"'{size}' is not a param, so it is the name of an open size", hint=hint,
                                 severity="warning")  # fmt: skip
            if declared.below is not None:
                self._expression(declared.below, ("inputs", name, "below"), names)
                if declared.dtype != "int64":
                    message = f"below is for whole numbers, but {name} is {declared.dtype}"
                    self._report(("inputs", name, "below"), message, key=True, hint="add dtype: int64")

    def _training(self, names: _Names) -> None:
        section = self.document.training
        if section is None:
            return
        forms: list[tuple[str, str, Any, Path]] = [
            ("optimizer", section.optimizer.optimizer, section.optimizer, ("training", "optimizer")),
            ("schedule", section.schedule.schedule, section.schedule, ("training", "schedule")),
            *(("loss", form.loss, form, ("training", "losses", name)) for name, form in section.losses.items()),
        ]
        for kind, key, form, path in forms:
            known = rules(kind)
            if key not in known:
                hint = hints.rule(key, known)
                where = (*path, kind) if isinstance(_at(self.source.data, path), dict) else path
                self._report(where, f"there is no {kind} '{key}'", hint=hint)
                continue
            for attribute, raw in (form.__pydantic_extra__ or {}).items():
                if attribute in known[key].model_fields:
                    self._expression(raw, (*path, attribute), names, literal_texts(known[key], attribute))
                else:
                    hint = hints.rule_attribute(attribute, known[key].model_fields)
                    self._report((*path, attribute), f"{key}: unknown attribute '{attribute}'", key=True, hint=hint)
        if self.document.outputs is not None:
            outputs = list(self.document.outputs) if isinstance(self.document.outputs, dict) else ["output"]
            for name in section.losses:
                if name not in outputs:
                    hint = hints.one_of(name, outputs)
                    self._report(("training", "losses", name), f"there is no output '{name}'", key=True, hint=hint)
        for number in ("accumulate", "ema", "batch_size", "epochs"):
            self._expression(getattr(section, number), ("training", number), names)
        for index, group in enumerate(section.groups):
            for key in ("rate_factor", "decay_factor", "momentum", "frozen"):
                self._expression(getattr(group, key), ("training", "groups", index, key), names)
        for bound in ("norm", "value"):
            self._expression(getattr(section.clip, bound), ("training", "clip", bound), names)

    # Steps ----------------------------------------------------------------------------------------------------------

    def _steps(self, layers: list[Any], path: Path, names: _Names) -> None:
        for index, step in enumerate(layers):
            if len(self.found) >= MOST_FINDINGS:
                return
            if isinstance(step, BrokenStep):
                self._broken(step, (*path, index), names)
            else:
                self._step(step, (*path, index), names)

    def _step(self, step: StepForm, path: Path, names: _Names) -> None:
        if step.repeat is not None:
            self._expression(step.repeat, (*path, "repeat"), names)
        bound = names.bind(step)
        if isinstance(step.each, str):
            self._expression(step.each, (*path, "each"), names)
            found, self.found = self.found, []
            self._body(step, path, bound)
            self.found = found  # what its rows bind is not known; what the body mentions is
            return
        for number, row in enumerate(step.each or []):
            for key, value in row.items():
                if isinstance(value, str) and value.isidentifier():
                    self._values.add(value)
                else:
                    self._expression(value, (*path, "each", number, key), bound)
        self._body(step, path, bound)

    def _body(self, step: StepForm, path: Path, bound: _Names) -> None:
        """A step without what repeats it."""
        if step.when is not True:
            self._expression(step.when, (*path, "when"), bound)
        if step.frozen is not False:
            self._expression(step.frozen, (*path, "frozen"), bound)
        self._init(step.init, path, bound, isinstance(step, OperationStep))
        match step:
            case OperationStep():
                self._operation(step, path, bound)
            case BlockStep():
                self._call(step, path, bound)
            case SequenceStep():
                self._steps(step.layers, (*path, "layers"), bound)
            case BranchesStep():
                for label, layers in step.branches.items():
                    self._steps(layers, (*path, "branches", label), bound)
                self._operation(step.joined, (*path, "join"), bound)

    def _broken(self, step: BrokenStep, path: Path, names: _Names) -> None:
        """What can still be said of an operation whose other keys are wrong."""
        raw = step.raw if isinstance(step.raw, dict) else {}
        if isinstance(raw.get("op"), str) and not raw.keys() & {"repeat", "each", "block", "branches", "layers"}:
            attributes = {
                key: value for key, value in raw.items()
                if key not in ("name", "from", "when", "init", "frozen", "weights_of")
            }  # fmt: skip
            self._operation(OperationStep.model_validate(attributes), path, names)

    def _operation(self, step: OperationStep, path: Path, names: _Names) -> None:
        given = step.__pydantic_extra__ or {}
        if step.op == UNKNOWN and isinstance(given.get("was"), str) and step.op not in names.own:
            hint = "write what it does with operations, or take it out of the model"
            self._report(path, f"this step is unknown; it was {given['was']}", hint=hint)
            return
        if step.op not in _OPERATIONS:
            self._words |= {step.op} - names.own
            if names.params.get(step.op) in ("operation", "any"):
                self._words |= _possible_names(given) - names.own  # which of them are texts is not known
                return
            hint = hints.operation(step.op)
            if step.op in self.document.blocks:
                hint = f"'{step.op}' is a block: write block: {step.op}"
            where = (*path, "op") if isinstance(_at(self.source.data, path), dict) else path
            self._report(where, f"there is no operation '{step.op}'", hint=hint)
            return
        cls = ops.get(step.op)
        for attribute, raw in given.items():
            if attribute in cls.model_fields:
                self._expression(raw, (*path, attribute), names, literal_texts(cls, attribute))
            else:
                hint = hints.attribute(attribute, cls)
                self._report((*path, attribute), f"{step.op}: unknown attribute '{attribute}'", key=True, hint=hint)
        there = {*given, *hints.meant(given, cls.model_fields)}
        for attribute, field in cls.model_fields.items():
            if field.is_required() and attribute not in there:
                shown = f"{step.op} '{step.name}'" if step.name else step.op
                self._report(path, f"{shown}: missing attribute '{attribute}'")

    def _call(self, step: BlockStep, path: Path, names: _Names) -> None:
        given = step.__pydantic_extra__ or {}
        block = self.document.blocks.get(step.block)
        self._expression(step.reverse, (*path, "reverse"), names)
        if step.reverse is not False and step.over is None:
            self._report((*path, "reverse"), "reverse has a meaning only with over", key=True)
        self._words |= {step.block} - names.own
        self._calls.setdefault(self._block, {}).setdefault(step.block, path)
        if block is None:
            if names.params.get(step.block) in ("block", "any"):
                self._values |= _possible_names(given) - names.own
                return
            hint = hints.one_of(step.block, self.document.blocks)
            if step.block in _OPERATIONS:
                hint = f"'{step.block}' is an operation: write op: {step.block}"
            self._report((*path, "block"), f"there is no block '{step.block}'", hint=hint)
            return
        for name, raw in given.items():
            param = block.params.get(name)
            if param is None:
                hint = hints.param(name, block.params)
                self._report((*path, name), f"block {step.block}: unknown param '{name}'", key=True, hint=hint)
            elif isinstance(raw, str) and param.type in ("str", "block", "operation"):
                self._values |= {raw} - names.own
            else:
                self._expression(raw, (*path, name), names)
        there = {*given, *hints.meant_params(given, block.params)}
        for name, param in block.params.items():
            if param.required and name not in there:
                self._report(path, f"block {step.block}: missing param '{name}'")

    def _expression(self, raw: Any, path: Path, names: _Names, texts: frozenset[str] = frozenset()) -> None:
        if isinstance(raw, list):
            for index, item in enumerate(raw):
                self._expression(item, (*path, index), names, texts)
        if not isinstance(raw, str) or raw in texts:
            return
        try:
            parsed = parse(raw)
        except ExpressionError as error:
            self._report(path, str(error), hint=error.hint, offset=error.offset)
            return
        self._names_in(parsed, path, names, texts)

    def _init(self, raw: Any, path: Path, names: _Names, operation: bool = False) -> None:
        reads = _Names(names.params | dict.fromkeys(initial.FANS, "float"), names.inputs, names.open_sizes, names.own)
        for key, text, below in initial.entries(raw):
            where = (*path, "init", *below)
            message, hint = initial.key_problem(key, operation)
            if message:
                self._report(where, f"init: {message}", key=bool(key), hint=hint)
            try:
                given = initial.read(text)[1].values()
            except ExpressionError as error:
                self._report(where, f"init: {error}", hint=error.hint, offset=error.offset)
                continue
            for value in given:
                if isinstance(value, Expr):
                    self._names_in(value, where, reads)

    def _names_in(self, parsed: Expr, path: Path, names: _Names, texts: frozenset[str] = frozenset()) -> None:
        """Notes the names that an expression reads, and reports those that are not there."""
        for node in references(parsed):
            self._words |= {node.id if isinstance(node, Name) else node.base} - names.own
            message, hint = _undefined(node, names)
            if message:
                if isinstance(node, Name) and texts and not hint:
                    hint = suggestion(node.id, texts) or f"it may be {', '.join(sorted(texts))}, or an expression"
                self._report(path, message, hint=hint, offset=node.offset)

    # The whole ------------------------------------------------------------------------------------------------------

    def _cycles(self) -> None:
        """Reports each call by which a block contains itself, found by going down from every block once."""
        blocks = self.document.blocks
        done: set[str] = set()
        for start in blocks:
            trail: dict[str, Iterator[str]] = {}
            if start not in done:
                trail[start] = iter(self._calls.get(start, ()))
            while trail:
                block = next(reversed(trail))
                called = next(trail[block], None)
                if called is None:
                    done.add(block)
                    del trail[block]
                elif called in trail:
                    names = list(trail)
                    cycle = " -> ".join([*names[names.index(called) :], called])
                    self._report((*self._calls[block][called], "block"), f"block '{called}' contains itself: {cycle}")
                elif called in blocks and called not in done:
                    trail[called] = iter(self._calls.get(called, ()))

    def _unused(self) -> None:
        document = self.document
        for name in document.params:
            if name not in self._words | self._values:
                self._report(("params", name), f"param '{name}' is not used", key=True, severity="warning")
        reached = {"", *self._values}
        todo = list(reached)
        while todo:
            fresh = self._calls.get(todo.pop(), {}).keys() - reached
            reached |= fresh
            todo += fresh
        for name in document.blocks:
            if name not in reached and name not in document.used:
                self._report(("blocks", name), f"block '{name}' is not used", key=True, severity="warning")

    def _report(self, path: Path, message: str, **where: Any) -> None:
        if len(self.found) < MOST_FINDINGS:
            self.found.append(self.source.diagnostic(path, message, **where))


def _undefined(node: Name | Attribute, names: _Names) -> tuple[str, str]:
    """What is wrong with a name in an expression, and a hint; empty if nothing is."""
    if isinstance(node, Name):
        if node.id in names.params:
            return "", ""
        if node.id in names.inputs:
            return f"'{node.id}' is an input, not a number", f"write the size of an axis, such as {node.id}.channels"
        hint = suggestion(node.id, names.params)
        if node.id in names.open_sizes:
            return f"'{node.id}' is an open size", "it may be any number when the network runs"
        if node.id == "index":
            hint = "only a step with repeat or each has an index; a block can get it as a param"
        elif node.id in _TRUTHS:
            hint = f"write {_TRUTHS[node.id]}"
        return f"'{node.id}' is not defined here", hint
    if node.base not in names.inputs:
        return f"'{node}' is not defined here: '{node.base}' is not an input", suggestion(node.base, names.inputs)
    if node.name not in _AXIS_NAMES:
        return f"no input has an axis '{node.name}'", suggestion(
            node.name, _AXIS_NAMES
        ) or f"axes: {', '.join(_AXIS_NAMES)}"
    return "", ""


def _possible_names(raw: Any) -> set[str]:
    """All names in what the spec gives, where it is not known which texts are expressions."""
    if isinstance(raw, dict):
        raw = list(raw.values())
    if isinstance(raw, list):
        return set().union(*map(_possible_names, raw))
    try:
        return free_names(parse(raw)) if isinstance(raw, str) else set()
    except ExpressionError:
        return set()


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data
