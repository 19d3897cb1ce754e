"""The file around the blocks: docstring, imports, definitions."""

from __future__ import annotations

import re
import symtable
import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.backend import Program
from archspec.emit.classes import ClassWriter, Dialect
from archspec.emit.code import Style
from archspec.emit.context import Lowering
from archspec.emit.functions import TRAINING, FunctionWriter
from archspec.emit.layouts import moves, physical_shape, usual
from archspec.emit.merge import Body
from archspec.emit.names import PYTHON
from archspec.emit.program import PROBES, Generator, Writer, class_name
from archspec.emit.table import needed
from archspec.graph.graph import unreachable
from archspec.model import Model
from archspec.ops.base import show

if TYPE_CHECKING:
    from jinja2 import Template


class _Writing(Generator):
    """What is written: the text of a file, and the program around it."""

    join: str
    """What stands between the parts of a path."""
    always: Collection[str] = ()
    """The arguments that every block has."""
    unbiased_variance = False
    keeps_old = True

    def __init__(
        self, model: Model, title: str, table: Mapping[str, Lowering], imports: Mapping[str, str],
        support: Mapping[str, str], writer: Callable[..., Writer], naming: Callable[[str], str],
    ) -> None:  # fmt: skip
        super().__init__(model, title, table, writer, naming, {*imports, *support, *self.always})
        self.imports = imports
        self.support = support
        self.run()
        self._text = self.printed(Style())
        check_names(self._text, self.support, f"{title}: {model.name}")

    def summary(self) -> str:
        """The docstring of the network."""
        raise NotImplementedError

    def text(self) -> str:
        """The file."""
        return self._text

    def printed(self, style: Style) -> str:
        assert self.root is not None
        written = [*self.blocks, replace(self.root, doc=self.summary())]
        parts = [
            "\n".join(each.writer.lines(each.name, docstring(each.doc, 4), each.defaults, style)) for each in written
        ]
        mentioned = {name for each in written for name in each.writer.mentioned(each.defaults)}
        return assemble(self.model, parts, mentioned, self.imports, self.support)

    def program(self) -> Program:
        """The file, and what a runner needs to fill it, run it and watch it."""
        assert self.root is not None
        body = self.root.writer.body
        found = self.bindings(self.join, self.unwritten())
        return Program(
            source=self.text(),
            probed=self.printed(Style(probes=True)),
            written=self.printed(Style(probes=True, defaults=True)),
            rounded=self.printed(Style(probes=True, defaults=True, rounded=True)),
            entry=self.entry,
            weights=tuple(found.weights),
            inputs={name: moves(wire) for name, wire in body.inputs.items()},
            outputs={name: moves(wire) for name, wire in body.outputs.items()},
            probes=found.probes,
            hooks=found.hooks,
            inexact=found.inexact,
            inexact_gradients=found.inexact_gradients,
            random=found.random,
            unbiased_variance=self.unbiased_variance,
            keeps_old=self.keeps_old,
            training_arguments=self.training_arguments(),
        )

    def unwritten(self) -> frozenset[str]:
        """Steps that the generated model does not have."""
        return frozenset()

    def training_arguments(self) -> dict[str, Any]:
        return {}


class ClassGenerator(_Writing):
    """Blocks as classes: layers are found by attributes joined with dots."""

    join = "."

    def __init__(
        self, model: Model, title: str, dialect: Dialect, table: Mapping[str, Lowering], support: Mapping[str, str]
    ) -> None:
        writer = partial(ClassWriter, dialect=dialect)
        self.unbiased_variance, self.keeps_old = dialect.unbiased_variance, dialect.keeps_old
        super().__init__(model, title, table, dialect.imports, support, writer, pascal_case)

    def summary(self) -> str:
        return mapping(self.model)


class FunctionGenerator(_Writing):
    """Blocks as functions: layers are found by names joined with underscores, and channels come last.

    `unlayered` gives the name that the framework gives to what code mentions (see `code.mentioned`), if it has a place
    in the model without being a layer."""

    join = "_"
    separator = "/"
    always = ("name",)

    def __init__(
        self, model: Model, title: str, table: Mapping[str, Lowering], imports: Mapping[str, str],
        support: Mapping[str, str], unlayered: Callable[[str], str],
    ) -> None:  # fmt: skip
        self.unlayered = unlayered
        super().__init__(model, title, table, imports, support, FunctionWriter, snake_case)

    def prepare(self, body: Body) -> None:
        for wire in body.inputs.values():
            wire.layout = usual(wire)

    def inline(self, root: Writer) -> frozenset[str]:
        writers = [*((block.writer, block.defaults) for block in self.blocks), (root, {})]
        mentioned = {name for writer, defaults in writers for name in writer.mentioned(defaults)}
        for definition in needed(self.support, mentioned).values():
            mentioned |= definition.mentions
        return frozenset(filter(None, map(self.unlayered, mentioned)))

    def summary(self) -> str:
        assert self.root is not None
        return _model_doc(self.root.writer.body, self.training_outputs)

    def unwritten(self) -> frozenset[str]:
        # A functional model consists of what its outputs depend on, and layers without inputs are called on some value.
        return unreachable(self.model.graph, beside=True)

    def training_arguments(self) -> dict[str, Any]:
        assert self.root is not None
        return {self.root.writer.argument(TRAINING): True} if self.training_outputs else {}


def _model_doc(body: Body, training: frozenset[str]) -> str:
    shown = {name: f"{name} {physical_shape(wire.layout, wire.shape)}" for name, wire in body.outputs.items()}
    before = ", ".join(f"{name} {physical_shape(wire.layout, wire.shape)}" for name, wire in body.inputs.items())
    after = ", ".join(text for name, text in shown.items() if name not in training)
    heads = ", ".join(text for name, text in shown.items() if name in training)
    return f"Returns a Keras model that maps {before} to {after}" + (
        f"; with training_outputs also to {heads}." if heads else "."
    )


def snake_case(name: str) -> str:
    """`BasicBlock` as `basic_block`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def pascal_case(name: str) -> str:
    """`basic_block` as `BasicBlock`; what has capitals already stays."""
    return name if name[:1].isupper() else "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def assemble(
    model: Model, parts: Sequence[str], mentioned: Collection[str], imports: Mapping[str, str],
    support: Mapping[str, str],
) -> str:  # fmt: skip
    """The file: its docstring, what is imported, the support code that is needed, and the parts."""
    definitions = needed(support, mentioned)
    used = {name.partition(".")[0] for name in mentioned}
    for definition in definitions.values():
        used |= definition.mentions
    lines = import_lines([statement for name, statement in imports.items() if name in used])
    texts = [definition.text for definition in definitions.values()]
    return _template().render(docstring=_module_docstring(model), imports=lines, definitions=[*texts, *parts])


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return environment.from_string(Path(__file__).with_name("module.py.jinja").read_text(encoding="utf-8"))


def import_lines(statements: Iterable[str]) -> list[str]:
    """Import statements as `ruff` sorts them: Python's own modules first, an empty line, then the others; names of one
    module in one statement."""
    names: dict[tuple[bool, bool, str], list[str]] = {}
    for statement in statements:
        module, _, name = statement.removeprefix("from ").removeprefix("import ").partition(" import ")
        foreign = re.split(r"\W", module)[0] not in sys.stdlib_module_names
        names.setdefault((foreign, bool(name), module), []).extend([name] if name else [])
    groups: dict[bool, list[str]] = {False: [], True: []}
    for (foreign, named, module), members in sorted(names.items()):
        listed = ", ".join(sorted(members, key=lambda name: (name.islower(), name)))
        groups[foreign].append(f"from {module} import {listed}" if named else f"import {module}")
    return [*groups[False], *([""] if groups[False] and groups[True] else []), *groups[True]]


def check_names(text: str, support: Mapping[str, str], what: str) -> None:
    """Holds a file against Python's own rules of names before anybody gets it: it compiles, all that it mentions is
    there, and no function hides what the file imports or defines. Raises AssertionError: archspec is at fault."""
    try:
        compile(text, what, "exec", dont_inherit=True)
        table = symtable.symtable(text, what, "exec")
    except SyntaxError as error:
        raise AssertionError(f"{what}: Python refuses the generated file: {error}") from None
    known = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    todo = [child for child in table.get_children() if child.get_name() not in support]
    while todo:
        scope = todo.pop()
        todo += scope.get_children()
        for symbol in scope.get_symbols():
            name = symbol.get_name()
            if symbol.is_global() and name not in known and name not in PYTHON and name not in PROBES:
                raise AssertionError(f"{what}: '{scope.get_name()}' mentions '{name}', which is nowhere")
            if symbol.is_local() and name in known and scope.get_type() == "function":
                raise AssertionError(f"{what}: '{scope.get_name()}' hides '{name}' of the file")


def mapping(model: Model) -> str:
    """`Maps image [batch, 3, 224, 224] to logits [batch, num_classes].`"""
    root = next(iter(model.roots(model.free_params).values()))
    before = ", ".join(f"{name} {show(value.shape)}" for name, value in root.inputs.items())
    after = ", ".join(f"{name} {show(value.shape)}" for name, value in root.outputs.items()
                      if name not in root.training_outputs)  # fmt: skip
    heads = ", ".join(f"{name} {show(root.outputs[name].shape)}" for name in root.outputs
                      if name in root.training_outputs)  # fmt: skip
    return f"Maps {before} to {after}" + (f"; in training also to {heads}." if heads else ".")


def _module_docstring(model: Model) -> str:
    document = model.spec.document
    variant = document.variants[model.variant] if model.variant is not None else None
    parts = [document.summary, variant.summary if variant is not None else ""]
    summary = " ".join(f"{part.rstrip('.')}." for part in parts if part)
    name = class_name(model)
    first = f"{name}: {summary}" if summary else f"{name}."
    source = (variant.source if variant is not None else "") or document.source
    if source:
        first = f"{first[:-1]} ({source})."
    origin = Path(model.spec.source.file).name
    note = f"Generated by archspec from {origin}"
    if model.variant is not None:
        note += f", variant {model.variant}"
    changed = ", ".join(f"{key}={value}" for key, value in model.overrides.items())
    note += f", with {changed}" if changed else ""
    return f"{wrapped(first, 3)}\n\n{wrapped(note + '. Edit the spec, not this file.')}\n"


def wrapped(text: str, first: int = 0, indent: int = 0) -> str:
    """Text as it may stand in a docstring: escaped, and broken at 88 columns."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    safe = plain.replace("\\", "\\\\").replace('"""', "'''")
    safe = safe[:-1] + "'" if safe.endswith('"') else safe
    whole = re.sub(r"\[[^\]]{0,60}\]", lambda shape: shape[0].replace(" ", "\xa0"), safe)  # no break inside a shape
    lines = textwrap.wrap("x" * first + whole, 88 - indent, break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * indent).join(lines)[first:].replace("\xa0", " ")


def docstring(text: str, indent: int) -> str:
    """A docstring for a class or function; nothing for no text."""
    if not text:
        return ""
    lines = wrapped(text, 3, indent)
    if "\n" not in lines:
        lines = wrapped(text, 6, indent)  # the closing quotes, too, need room on the only line
    return f'"""{lines}"""' if "\n" not in lines else f'"""{lines}\n{" " * indent}"""'
