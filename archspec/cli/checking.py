"""What `archspec check` does for one SPEC."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from archspec.errors import ArchspecError, Diagnostic, SpecError, understood
from archspec.loading import variants
from archspec.model import Spec
from archspec.spec.catalogue import locate
from archspec.spec.source import MAX_BYTES, Source

STREAM: Final = "-"
"""What stands for standard input."""


@dataclass(slots=True)
class Checked:
    """The networks of a spec, and all that was found about them."""

    file: str
    networks: list[str] = field(default_factory=list)
    """Names of those that are valid."""
    findings: list[Diagnostic] = field(default_factory=list)
    failure: ArchspecError | None = None
    """Why nothing can be said of it, if so."""

    @property
    def ok(self) -> bool:
        return self.failure is None and not any(finding.severity == "error" for finding in self.findings)

    @property
    def clean(self) -> bool:
        """Whether there is nothing to say."""
        return not self._all

    @property
    def _all(self) -> list[Diagnostic]:
        return self.findings if self.failure is None else [Diagnostic(str(self.failure), self.file)]

    def to_json(self) -> dict[str, Any]:
        findings = [finding.as_json() for finding in self._all]
        return {"file": self.file, "ok": self.ok, "networks": self.networks, "findings": findings}

    def annotations(self) -> list[str]:
        """What is found, as commands of GitHub's actions, which show it in the lines that it is about."""
        return [_annotation(finding) for finding in self._all]

    def __str__(self) -> str:
        """The last line of the report: `net.yaml: 2 errors, 1 warning`."""
        if self.ok:
            count = len(self.networks)
            return f"{self.file}: valid, {count} networks" if count > 1 else f"{self.file}: valid"
        errors = sum(finding.severity == "error" for finding in self.findings)
        warnings = len(self.findings) - errors
        return f"{self.file}: {_counted(errors, 'error')}" + (f", {_counted(warnings, 'warning')}" if warnings else "")


def _annotation(finding: Diagnostic) -> str:
    place = {"file": finding.file, "line": finding.line, "col": finding.column}
    given = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in place.items() if value)
    text = "\n".join(filter(None, (finding.message, finding.context, finding.hint and f"hint: {finding.hint}")))
    return f"::{finding.severity} {given}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    """As GitHub has it: nothing in a spec can end the command, or begin another."""
    for letter in f"%\r\n{more}":
        text = text.replace(letter, f"%{ord(letter):02X}")
    return text


def check(name: str, variant: str | None, params: Mapping[str, Any]) -> Checked:
    """Everything that is wrong with a spec, in any of its networks, each thing once; or why that cannot be said."""
    try:
        return _checked(name, variant, params)
    except Exception as error:
        return Checked(name, failure=understood(error))


def _checked(name: str, variant: str | None, params: Mapping[str, Any]) -> Checked:
    path, chosen, shown = locate(name) if name != STREAM else (None, None, "<stdin>")
    checked = Checked(shown)
    found: list[Diagnostic] = []
    try:
        spec = Spec.read(path, shown) if path is not None else Spec.of(_streamed(shown))
        found += spec.findings
        for each in variants(spec, variant or chosen, params):
            try:
                model = spec.network(each, params)
                found += model.check()
                checked.networks.append(model.name)
            except SpecError as error:
                found += error.diagnostics
    except SpecError as error:
        found += error.diagnostics
    # The same mistake may show in many variants, each time in another context: the first speaks for all.
    unique = {(each.line, each.column, each.severity, each.message): each for each in reversed(found)}
    checked.findings = sorted(unique.values(), key=lambda each: (each.line, each.column))
    return checked


def _streamed(shown: str) -> Source:
    return Source.of_bytes(sys.stdin.buffer.read(MAX_BYTES + 1), shown)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
