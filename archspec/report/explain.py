"""What a step is, in a screen of text: what it computes, on what, and how each framework writes it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from archspec.backend import Backend
from archspec.drawing.parts import Part
from archspec.errors import UsageError
from archspec.graph.graph import Node
from archspec.model import Model
from archspec.report.facts import Code, Facts
from archspec.report.lines import Span
from archspec.spec.hints import one_of


@dataclass(frozen=True, slots=True)
class Explanation:
    """A step, or a block, a list or a repeat, of a network. `print` shows it."""

    facts: Facts
    path: str
    about: dict[str, Any]
    """As in a report."""
    node: Node | None
    """The step, if it is one."""

    @classmethod
    def of(cls, model: Model, path: str, chosen: Sequence[Backend]) -> Explanation:
        """What is known of what has this path. Raises SpecError if the spec is not valid, UsageError for a path of
        nothing."""
        facts = Facts.of(model, chosen)
        network = facts.network
        nodes = {node.path: node for node in network.graph.nodes}
        if path in nodes:
            return cls(facts, path, facts.step(nodes[path]), nodes[path])
        parts: dict[str, Part] = {}
        for part in network.root.walk():
            for each in (part, *part.copies):
                for name in (each.path, each.call) if each.origin else ():
                    parts.setdefault(name, each)
        if path not in parts:
            raise UsageError(f"{model.name} has no step '{path}'; {one_of(path, [*nodes, *filter(None, parts)])}")
        return cls(facts, path, facts.part(parts[path]), None)

    def to_json(self) -> dict[str, Any]:
        """As plain data that JSON can hold."""
        formula = [] if self.node is None else [self._documented()]
        known = {key: value for key, value in self.about.items() if key not in ("code", "shown", "spec")}
        known["reads"] = [{"tensor": name, "shape": shape} for name, shape in self.about["reads"]]
        if self.node is not None:
            known["attributes"] = dict(self.about["attributes"])
            known["weights"] = {name: shape for name, shape, _ in self.about["weights"]}
        return {
            "network": self.facts.model.name,
            "path": self.path,
            **known,
            **({"computes": formula[0]} if formula else {}),
            "spec": [{"file": file, "lines": [first, last]} for file, first, last in self._spec()],
            "code": [
                {
                    "backend": each.backend,
                    "problem": each.problem,
                    "lines": self.about["code"].get(each.backend, []),
                    "text": self._excerpt(each.text.splitlines(), self.about["code"].get(each.backend, ())),
                    "differs": self._differs(each),
                }
                for each in self.facts.codes
            ],
        }

    def __str__(self) -> str:
        return "\n".join(self._lines()) + "\n"

    def _spec(self) -> Iterator[tuple[str, int, int]]:
        """Which lines of the spec, and of files that it uses, it is about."""
        source = self.facts.model.spec.source
        for first, last in self.about["spec"]:
            file, line = source.listed(first)
            yield file.file, line, line + last - first

    def _documented(self) -> str:
        assert self.node is not None
        return inspect.cleandoc(type(self.node.op).__doc__ or "")

    def _differs(self, each: Code) -> str:
        return "" if self.node is None else inspect.cleandoc(each.notes.get(self.node.op.key, ""))

    def _lines(self) -> Iterator[str]:
        kind = self.node.op.key if self.node is not None else f"block {self.about['block']}"
        kind = kind if self.node is not None or self.about["block"] else "a list of steps"
        yield f"{self.path}: {kind}, in {self.facts.model.name}"
        text = self._documented() if self.node is not None else self.about["summary"]
        yield from ["", indent(text, "    ")] if text else []
        yield ""
        yield from (f"{name:<14}{value}" for name, value in self._facts() if value)
        listing = self.facts.model.spec.source.listing
        for (file, first, last), span in zip(self._spec(), self.about["spec"], strict=True):
            yield from self._code(Path(file).name, self._excerpt(listing, [span]), [(first, last)])
        for each in self.facts.codes:
            spans = self.about["code"].get(each.backend, ())
            if each.problem:
                yield from ["", each.title, indent(each.problem, "    ")]
            elif spans:
                yield from self._code(each.title, self._excerpt(each.text.splitlines(), spans), spans)
            elif self.node is not None:
                yield from ["", each.title, "    no line of its own: it costs no code there"]
            yield from (f"    ({line})" for line in [self._differs(each)] if line and spans)

    def _facts(self) -> Iterator[tuple[str, str]]:
        about, totals = self.about, self.facts.network.totals
        yield "input", ", ".join(f"{shape} from {name}" for name, shape in about["reads"])
        yield "output", ", ".join(about["gives"])
        yield "attributes", ", ".join(" ".join(each) for each in about.get("attributes", ()))
        weights = (f"{name} {shape}{f' ({note})' if note else ''}" for name, shape, note in about.get("weights", ()))
        yield "weights", ", ".join(weights)
        yield "steps", f"{about['steps']:,}" if "steps" in about else ""
        yield "parameters", _share(about["parameters"], totals.parameters)
        yield "multiply-adds", _share(about["macs"], totals.multiply_adds)
        yield "activations", f"{about['bytes']:,} bytes in float32"
        yield "runs", "only in training" if about.get("training") else ""

    def _code(self, title: str, text: str, spans: Sequence[Span]) -> Iterator[str]:
        where = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
        yield from ["", f"{title}, line{'s' if len(spans) > 1 or '-' in where else ''} {where}", indent(text, "    ")]

    def _excerpt(self, lines: Sequence[str], spans: Sequence[Span]) -> str:
        return "\n".join(dedent("\n".join(lines[first - 1 : last])) for first, last in spans)


def _share(number: int, total: int) -> str:
    return f"{number:,} ({100 * number / total:.2g} %)" if number and total else ""
