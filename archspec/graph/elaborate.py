"""From a document and values of its params to a tree of modules in which every size is known.

Equal instances of a block are elaborated once, so the cost grows with what is different, not with repeats.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from archspec._collector import paused_collector
from archspec.errors import Diagnostic, SpecError
from archspec.expressions import Const, Dim, Expr, Name, free_names
from archspec.graph.calls import expr_of_size
from archspec.graph.frames import Enough, Failed, Frame, param_name
from archspec.graph.graph import flatten
from archspec.graph.naming import LeftOut, Named, Names, Scope
from archspec.graph.operations import BATCH, in_numbers, is_same
from archspec.graph.references import Here, Values
from archspec.graph.steps import MAX_INSTANCES, Steps
from archspec.graph.suspects import warn_suspects
from archspec.graph.tree import Module, Step, Value, leaves
from archspec.graph.unused import unmet, warn_unused
from archspec.ops.base import AXES, describe, show
from archspec.ops.spans import TRUTH, Span
from archspec.spec.document import Block, BlockStep, Document
from archspec.spec.initial import Rules
from archspec.spec.source import Path, Source

OPEN_SIZES: Final = (17, 19, 23, 29, 31, 37, 41, 43, 47)
OTHER_SIZES: Final = (31, 1, -1, 32, 28, 56, 16, 224)
"""How much more an open dimension is in the other instance that generated code is held against: one more than a
multiple of 2, 3 and 5, so that strides leave another remainder, on which it depends whether a padding is `same`; or,
where there is no room for that, as before a short table of positions, one more or less."""


class Elaborator:
    """Elaborates the networks of one document.

    `params` are values for all of the document's params; `free` those that stay arguments of generated code, which no
    block reads; `sizes` are numbers for open dimensions (and for `batch`); `modules` keeps instances of blocks from one
    elaboration to the next, in which all but the free params have the same values; `shapes` are shapes of inputs in
    place of the document's.
    """

    def __init__(
        self, document: Document, source: Source, params: Mapping[str, Any], free: frozenset[str] = frozenset(),
        sizes: Mapping[str, int] | None = None, modules: dict[Any, tuple[Module, int, Rules]] | None = None,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:  # fmt: skip
        self.document = document
        self.source = source
        self._steps = Steps(document, source, self._module)
        self._findings, self._evaluator = self._steps.findings, self._steps.evaluator
        self.params = dict(params)
        self.free = free
        self.sizes = {"batch": 2, **(sizes or {})}
        self.shapes = shapes or {}
        self.limits: dict[str, int] = {}
        self.open_sizes: dict[str, int] = {}
        self._modules = {} if modules is None else modules
        self._failed: set[Any] = set()
        self._instances = 0

    def network(self) -> Module:
        """The network. Raises SpecError with everything that is wrong."""
        declared = self.document.params
        exprs: dict[str, Expr] = {
            name: param_name(name, declared[name], value) if name in self.free else Const(value)
            for name, value in self.params.items()
        }
        frame = Frame(dict(self.params), exprs, network=True)
        inputs = {name: self._input(name, frame) for name in self.document.inputs}
        module = Module("", self.params, {name: value for name, value in inputs.items() if value is not None})
        module.open = frozenset(self.open_sizes)
        if len(module.inputs) == len(inputs):
            frame = Frame(
                {**frame.values, **{key: int(size) for key, size in _axes(module.inputs).items()}},
                {**frame.exprs, **{key: expr_of_size(size) for key, size in _axes(module.inputs).items()}},
                network=True, open=module.open,
            )  # fmt: skip
            try:
                with paused_collector(), contextlib.suppress(Enough):
                    frame = frame.begun(self._steps.initials.rules(self.document.init, frame, ()))
                    self._body(module, self.document.layers, frame, ("layers",))
                module.open |= self._steps.operations.late
            except RecursionError:
                self._findings.error(("layers",), "the network is nested too deeply")
        if module.training_outputs and not self._findings.errors:
            self._check_lent(module)
        if self._findings.errors:
            raise SpecError(list(self._findings.found))
        return module

    def warnings(self, module: Module) -> list[Diagnostic]:
        """What is no error, in a network that was elaborated: what it computes for nothing, say."""
        warn_unused(module, self._findings)
        warn_suspects(module, self._findings)
        return list(self._findings.found)

    def unmet(self, module: Module) -> set[Path]:
        """The lines of `init` by which no weight of a network begins, which was elaborated."""
        initials = self._steps.initials
        left = unmet(module, initials.lines)
        return {line for line in left if not initials.same[line] - left}

    def _check_lent(self, network: Module) -> None:
        """Reports steps and calls of evaluation that use weights of what only training has. (A block runs as a
        whole.)"""
        nodes = flatten(network, "").nodes
        late = {node.path for node in nodes if node.training_only}
        kept = {node.path for node in nodes} - late
        paths = {id(item): path for path, item in leaves(network.items, "")}
        for path, item in leaves(network.items, ""):
            if item.owner is None:
                continue
            owner = paths[id(item.owner)]
            called = item.op.key if isinstance(item, Step) else f"block {item.module.block}"
            if _any_within(owner, late) and not _any_within(owner, kept) and _any_within(path, kept):
                message = f"{called} '{path}': cannot use the weights of '{owner}': only training has it"
                hint = "put this step first, and let the other use its weights"
                self._findings.error((*item.origin, "weights_of"), message, hint=hint)

    def _input(self, name: str, frame: Frame) -> Value | None:
        declared = self.document.inputs[name]
        sizes: list[int] = [Dim(self.sizes["batch"], Name("batch"))]
        path: Path = (
            ("inputs", name) if isinstance(self.source.data["inputs"][name], list) else ("inputs", name, "shape")
        )
        try:
            for index, size in enumerate(self.shapes.get(name, declared.shape)):
                if isinstance(size, str) and size.isidentifier() and size not in frame.values:
                    sizes.append(Dim(self._open_size(size), Name(size)))
                    continue
                value, _ = self._evaluator.whole(size, frame, (*path, index), "a size")
                if value > 2**31:
                    raise self._findings.error((*path, index), f"a size must be at most 2**31, not {value}")
                sizes.append(value)
            if declared.below is not None:
                self.limits[name], _ = self._evaluator.whole(declared.below, frame, ("inputs", name, "below"), "below")
        except Failed:
            return None
        span = TRUTH if declared.dtype == "bool" else None
        return Value(tuple(sizes), declared.dtype, Span(0, self.limits[name] - 1) if name in self.limits else span)

    def _open_size(self, name: str) -> int:
        """A number for an open dimension: its own for each name, and no multiple of a stride."""
        if name not in self.open_sizes:
            count = len(self.open_sizes)
            usual = OPEN_SIZES[count] if count < len(OPEN_SIZES) else OPEN_SIZES[-1] + 2 * (count - len(OPEN_SIZES) + 1)
            self.open_sizes[name] = self.sizes.get(name, usual)
        return self.open_sizes[name]

    def _module(self, step: BlockStep, name: str, block: Block, params: dict[str, Any], inputs: tuple[Value, ...],
                here: Here) -> Module:  # fmt: skip
        """The module of a block, shared by equal instances."""
        steps = self._steps
        late = here.frame.open | steps.operations.late
        open_axes = [
            [axis for axis, size in enumerate(value.shape) if axis and late and free_names(expr_of_size(size)) & late]
            for value in inputs
        ]
        shapes = [([int(n) for n in value.shape], value.dtype, value.span, is_same(value)) for value in inputs]
        key = repr((name, params, shapes, open_axes)), here.frame.initial, here.frame.frozen
        if key in self._failed:
            raise Failed
        entry = self._modules.get(key)
        if entry is None:
            self._instances += 1
            if self._instances > MAX_INSTANCES:
                steps.too_many(here.path, MAX_INSTANCES, "different instances of blocks")
                raise Enough
            before, steps.count = steps.count, 0
            failures = self._findings.failures
            module = Module(name, params, {})
            self._instance(module, block, inputs, open_axes, here.frame, self._context(step, module, inputs, here))
            entry, steps.count = (module, steps.count, here.frame.initial), before
            if not module.outputs or self._findings.failures > failures:
                self._failed.add(key)
                raise Failed
            self._modules[key] = entry
        steps.operations.late |= entry[0].open & BATCH
        steps.tally(entry[1], here.path)
        steps.initials.alike(here.frame.initial, entry[2])
        return entry[0]

    def _instance(
        self, module: Module, block: Block, inputs: tuple[Value, ...], open_axes: list[list[int]], around: Frame,
        context: str,
    ) -> None:  # fmt: skip
        others = self._steps.operations.outside(self.document.used.get(module.block), self.params)
        outer = {name: value for name, value in others.items() if name not in block.hidden}
        values = {**outer, **module.params}
        exprs: dict[str, Expr] = {name: Const(value) for name, value in outer.items()}
        exprs |= {name: param_name(name, block.params[name], value) for name, value in module.params.items()}
        open_sizes: set[str] = set()
        for name in block.optional:
            values[name] = name in block.inputs[: len(inputs)]
            exprs[name] = Const(values[name])
        for name, given, axes in zip(block.inputs, inputs, open_axes, strict=False):
            batch = given.shape[0] if is_same(given) else Dim(int(given.shape[0]), Name("batch"))
            sizes = (Dim(int(size), Name(f"{name}.{axis}")) for axis, size in enumerate(given.shape) if axis)
            module.inputs[name] = Value((batch, *sizes), given.dtype, given.span)
            open_sizes.update(f"{name}.{axis}" for axis in axes)
        for key, size in _axes(module.inputs).items():
            values[key], exprs[key] = int(size), expr_of_size(size)
        module.open = frozenset(open_sizes)
        frame = Frame(values, exprs, context, constant=frozenset(outer), open=module.open,
                      blocks=(*around.blocks, module.block), initial=around.initial, frozen=around.frozen)  # fmt: skip
        frame = frame.begun(self._steps.initials.rules(block.init, frame, ("blocks", module.block)))
        self._body(module, block.layers, frame, ("blocks", module.block, "layers"))
        module.open |= self._steps.operations.late

    def _context(self, step: BlockStep, module: Module, inputs: tuple[Value, ...], here: Here) -> str:
        """Which instance of a block this is, for messages about what is in it."""
        name, frame = module.block, here.frame
        line = self.source.diagnostic(here.path, "").line
        called = f"'{step.name}' in line {line}" if step.name else f"line {line}"
        if "index" in frame.bound:
            called += f", index {frame.values['index']}"
        given = [f"{key}={describe(value)}" for key, value in module.params.items()]
        shapes = [f"{key} is {show(in_numbers(value.shape, frame))}"
                  for key, value in zip(self.document.blocks[name].inputs, inputs, strict=False)]  # fmt: skip
        return f"in block {name} as used by {called}: {', '.join([*given, *shapes])}"

    def _body(self, module: Module, layers: list[Any], frame: Frame, path: Path) -> None:
        scope, names = Scope(), Names()
        for name, value in module.inputs.items():
            scope.named[name] = Named((value,))
        for name in self.document.blocks[module.block].optional if module.block else ():
            scope.named.setdefault(name, Named(()))
        here = Here(frame, scope, names, path)
        module.items, current = self._steps.layers(layers, tuple(module.inputs.values()), here)
        names.close()
        module.outputs = self._outputs(module, current, scope, frame) or {}
        module.labels = scope.labels

    def _outputs(self, module: Module, current: Values, scope: Scope, frame: Frame) -> dict[str, Value] | None:
        """The values that leave a module, by name; None after an error."""
        path: Path = ("blocks", module.block, "outputs") if module.block else ("outputs",)
        declared = self.document.blocks[module.block].outputs if module.block else self.document.outputs
        if declared is None:
            if current == ():
                self._nothing((*path[:-1], "layers"), module)
                return None
            several = current is not None and len(current) != 1
            return None if current is None else {
                f"output{index}" if several else "output": value for index, value in enumerate(current)
            }  # fmt: skip
        if isinstance(declared, str):
            return self._referenced({"output": (declared, path)}, scope, module)
        references: dict[str, tuple[str, Path]] = {}
        for name, output in declared.items():
            reference = output if isinstance(output, str) else output.source
            short = isinstance(output, str) or isinstance(self.source.data["outputs"][name], str)
            if not isinstance(output, str) and output.when is not True:
                try:
                    training, evaluation = self._modes(output.when, frame, (*path, name, "when"))
                except Failed:
                    return None
                if not training:
                    with contextlib.suppress(Failed, LeftOut):  # what is not there has no wrong name, either
                        self._steps.references.found(reference, scope, (*path, name, "from"), True)
                    continue
                module.training_outputs |= frozenset() if evaluation else {name}
            references[name] = (reference, (*path, name) if short else (*path, name, "from"))
        if not references:
            self._findings.error(path, "no output is there: none of their conditions holds")
            return None
        if len(module.training_outputs) == len(references):
            self._findings.error(path, "at least one output must exist outside training")
            return None
        return self._referenced(references, scope, module)

    def _modes(self, condition: bool | str, frame: Frame, path: Path) -> tuple[bool, bool]:
        """Whether an output is there in training, and in evaluation. Raises Failed after an error."""
        training, evaluation = (
            self._evaluator.truth(condition, replace(
                frame, values={**frame.values, "training": mode}, exprs={**frame.exprs, "training": Const(mode)}
            ), path)[0] for mode in (True, False)
        )  # fmt: skip
        if evaluation and not training:
            raise self._findings.error(path, "an output that exists in evaluation exists in training, too")
        return training, evaluation

    def _nothing(self, path: Path, module: Module) -> None:
        self._findings.error(path, f"nothing comes out of block {module.block} here: what would is absent",
                             hint=f"it was given {', '.join(module.inputs)}")  # fmt: skip

    def _referenced(
        self, references: Mapping[str, tuple[str, Path]], scope: Scope, module: Module
    ) -> dict[str, Value] | None:
        """The outputs of a module; those of a block some of whose inputs are absent may be absent, too."""
        found: dict[str, Value] = {}
        failed = False
        may_be_absent = bool(module.block and self.document.blocks[module.block].optional)
        for name, (reference, path) in references.items():
            try:
                values = self._steps.references.lookup(reference, scope, path, may_be_absent)
            except LeftOut:
                continue
            except Failed:
                failed = True
                continue
            failed |= values is None
            if values is not None and len(values) > 1:
                failed = True
                whole = reference.removesuffix(".*")
                part = next(iter(scope.find(reference).labels), 0)
                self._findings.error(path, f"'{reference}' has {len(values)} outputs; an output needs one",
                                     hint=f"write {whole}.{part}")  # fmt: skip
            elif values:
                found[name] = values[0]
        if not found and not failed:
            self._nothing(next(iter(references.values()))[1], module)
        return None if failed else found


def _any_within(path: str, steps: Collection[str]) -> bool:
    """Whether one of these is the step at a path, or in the block that is called there."""
    return path in steps or any(step.startswith(f"{path}.") for step in steps)


def _axes(inputs: Mapping[str, Value]) -> dict[str, int]:
    """The sizes of inputs under the names that expressions use: `x.channels`."""
    return {
        f"{name}.{axis}": value.shape[number]
        for name, value in inputs.items()
        for axis, number in AXES.get(len(value.shape), {}).items()
        if number
    }
