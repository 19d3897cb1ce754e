"""The file around the blocks: docstring, imports, definitions."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from archspec.backend import Program
from archspec.emit.classes import ClassWriter, Dialect
from archspec.emit.code import Style
from archspec.emit.context import Lowering
from archspec.emit.functions import FunctionWriter
from archspec.emit.layouts import physical_shape, usual
from archspec.emit.merge import Body
from archspec.emit.program import Generator, class_name
from archspec.graph.graph import unreachable
from archspec.model import Model
from archspec.ops.base import show

if TYPE_CHECKING:
    from jinja2 import Template


def class_program(
    model: Model, title: str, dialect: Dialect, table: Mapping[str, Lowering], refused: Mapping[str, str],
    template: Path, support: Mapping[str, str] | None = None,
) -> Program:  # fmt: skip
    """The program of a model for a framework whose models are classes."""
    generator = Generator(model, title, table, refused, partial(ClassWriter, dialect=dialect), pascal_case)
    generator.run()
    assert generator.root is not None
    entry = generator.entry

    def text(style: Style) -> str:
        parts = ["\n".join(block.writer.lines(block.name, docstring(block.doc, 4), block.defaults, style))
                 for block in generator.blocks]  # fmt: skip
        root = generator.root
        assert root is not None
        parts.append("\n".join(root.writer.lines(entry, docstring(mapping(model), 4), root.defaults, style)))
        return assemble(model, parts, template, support or {})

    found = generator.bindings(".")
    graph = model.graph
    return Program(
        source=text(Style()),
        probed=text(Style(probes=True)),
        rounded=text(Style(probes=True, rounded=True)),
        entry=entry,
        weights=tuple(found.weights),
        inputs={name: () for name in graph.inputs},
        outputs={name: () for name in graph.outputs},
        probes=found.probes,
        hooks=found.hooks,
        inexact=found.inexact,
    )


class FunctionGenerator(Generator):
    """Blocks as functions: layers are found by names joined with underscores, and channels come last."""

    separator = "/"

    def prepare(self, body: Body) -> None:
        for wire in body.inputs.values():
            wire.layout = usual(wire)


def function_program(
    model: Model, title: str, table: Mapping[str, Lowering], refused: Mapping[str, str], template: Path,
    support: Mapping[str, str],
) -> Program:  # fmt: skip
    """The program of a model for a framework whose models are made by functions of symbolic tensors."""
    generator = FunctionGenerator(model, title, table, refused, FunctionWriter, snake_case)
    generator.run()
    written = generator.root
    assert written is not None
    entry = generator.entry

    def text(style: Style) -> str:
        parts = ["\n".join(block.writer.lines(block.name, docstring(block.doc, 4), block.defaults, style))
                 for block in generator.blocks]  # fmt: skip
        doc = docstring(_model_doc(written.writer.body, generator.training_outputs), 4)
        parts.append("\n".join(written.writer.lines(entry, doc, written.defaults, style)))
        return assemble(model, parts, template, support)

    found = generator.bindings("_", unreachable(model.graph))
    body = written.writer.body
    return Program(
        source=text(Style()),
        probed=text(Style(probes=True)),
        rounded=text(Style(probes=True, rounded=True)),
        entry=entry,
        weights=tuple(found.weights),
        inputs={name: wire.layout.moves() for name, wire in body.inputs.items()},
        outputs={name: wire.layout.moves() for name, wire in body.outputs.items()},
        probes=found.probes,
        hooks=found.hooks,
        inexact=found.inexact,
        training_arguments={"training_outputs": True} if generator.training_outputs else {},
    )


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


def assemble(model: Model, parts: Sequence[str], template: Path, support: Mapping[str, str]) -> str:
    """The file: the template around the definitions, with the support code that they mention before them."""
    body = "\n".join(parts)
    needed = [code for name, code in support.items() if re.search(rf"\b{name}\b", body)]
    whole = "\n".join([*needed, body])
    used = set(re.findall(r"[A-Za-z_]\w*", re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', whole)))
    return _template(template).render(docstring=_module_docstring(model), used=used, definitions=[*needed, *parts])


@cache
def _template(path: Path) -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return environment.from_string(path.read_text(encoding="utf-8"))


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
    parts = [document.summary, document.variants[model.variant].summary if model.variant is not None else ""]
    summary = " ".join(f"{part.rstrip('.')}." for part in parts if part)
    name = class_name(model)
    first = f"{name}: {summary}" if summary else f"{name}."
    if document.source:
        first = f"{first[:-1]} ({document.source})."
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
    lines = textwrap.wrap("x" * first + safe, 88 - indent, break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * indent).join(lines)[first:]


def docstring(text: str, indent: int) -> str:
    """A docstring for a class or function."""
    one_line = wrapped(text, 0, 0).replace("\n", " ")
    if len(one_line) + indent + 6 <= 88:
        return f'"""{one_line}"""'
    return f'"""{wrapped(text, 3, indent)}\n{" " * indent}"""'

