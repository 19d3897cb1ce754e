"""The file around the blocks: docstring, imports, definitions."""

from __future__ import annotations

import re
import symtable
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

from archspec.backend import Network, Program
from archspec.emit.chains import Helper, helpers
from archspec.emit.classes import ClassWriter
from archspec.emit.context import Lowering
from archspec.emit.dialect import Chain, Classes, Dialect, Functions
from archspec.emit.docs import docstring, module_docstring
from archspec.emit.functions import FunctionWriter
from archspec.emit.initial import Starter
from archspec.emit.layouts import moves
from archspec.emit.names import PYTHON
from archspec.emit.printing import Style
from archspec.emit.program import PROBES, Generator
from archspec.emit.table import needed

if TYPE_CHECKING:
    from jinja2 import Template


class FileGenerator(Generator):
    """Writes the file, and says what a runner needs to fill it, run it and watch it."""

    def __init__(
        self, model: Network, dialect: Dialect, table: Mapping[str, Lowering], support: Mapping[str, str]
    ) -> None:
        super().__init__(model, dialect, table, support)
        self.run()
        blocks = dialect.blocks
        network = self.root.flow if self.root is not None else None
        if isinstance(blocks, Classes) and blocks.starts is not None and isinstance(network, ClassWriter):
            network.starts = Starter(blocks.starts, network, network.constructor).statements()
        self._helpers = self._shortened(blocks.chains) if isinstance(blocks, Functions) else []
        self._text = self.printed(Style())
        check_names(self._text, support, f"{dialect.title}: {model.name}")

    def _shortened(self, chains: Sequence[Chain]) -> list[Helper]:
        """The functions that the file gets for layers that follow one another often, which are called then."""
        assert self.root is not None
        flows = [each.flow for each in (*self.blocks, self.root) if isinstance(each.flow, FunctionWriter)]
        made = helpers(chains, [(flow.statements, flow.printed(Style())) for flow in flows], self.file)
        for flow in flows if made else ():
            flow.shorten(made)
        return made

    def text(self) -> str:
        """The file."""
        return self._text

    def printed(self, style: Style) -> str:
        """The file in a style."""
        assert self.root is not None
        written = [*self.blocks, replace(self.root, doc=self.root.flow.summary())]
        parts = ["\n".join(helper.lines(style)) for helper in self._helpers]
        parts += [
            "\n".join(each.flow.lines(each.name, docstring(each.doc, 4), each.defaults, style)) for each in written
        ]
        mentioned = {name for each in written for name in each.flow.mentioned(each.defaults)}
        return assemble(self.model, parts, mentioned, self.dialect.imports, self.support)

    def program(self) -> Program:
        """The file, and what a runner needs."""
        assert self.root is not None
        root = self.root.flow
        found = self.bindings(root.unwritten())
        return Program(
            source=self.text(),
            probed=self.printed(Style(probes=True)),
            written=self.printed(Style(probes=True, defaults=True)),
            rounded=self.printed(Style(probes=True, defaults=True, rounded=True)),
            entry=self.entry,
            weights=tuple(found.weights),
            inputs={name: moves(wire) for name, wire in root.body.inputs.items()},
            outputs={name: moves(wire) for name, wire in root.body.outputs.items()},
            probes=found.probes,
            hooks=found.hooks,
            inexact=found.inexact,
            inexact_gradients=found.inexact_gradients,
            random=found.random,
            homes=found.homes,
            notes=self._notes(),
            starts=_begins(self.dialect),
            unbiased_variance=self.dialect.unbiased_variance,
            keeps_old=self.dialect.keeps_old,
            training_arguments=root.training_arguments(),
        )

    def _notes(self) -> dict[str, str]:
        rows = {node.op.key: self.table[node.op.key] for node in self.model.graph.nodes}
        return {key: row.__doc__ for key, row in rows.items() if isinstance(row, FunctionType) and row.__doc__}


def _begins(dialect: Dialect) -> bool:
    """Whether generated code says how weights begin."""
    blocks = dialect.blocks
    return (blocks.starts if isinstance(blocks, Classes) else blocks.given) is not None


def assemble(
    model: Network, parts: Sequence[str], mentioned: Collection[str], imports: Mapping[str, str],
    support: Mapping[str, str],
) -> str:  # fmt: skip
    """The file: its docstring, what is imported, the support code that is needed, and the parts."""
    definitions = needed(support, mentioned)
    used = {name.partition(".")[0] for name in mentioned}
    for definition in definitions.values():
        used |= definition.mentions
    lines = import_lines([statement for name, statement in imports.items() if name in used])
    texts = [definition.text for definition in definitions.values()]
    return _template().render(docstring=module_docstring(model), imports=lines, definitions=[*texts, *parts])


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
