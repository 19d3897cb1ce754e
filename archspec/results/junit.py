"""A result as JUnit's XML, which most services of continuous integration read: one test case for each network and
framework."""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree

from archspec.results.explain import differing, reasons
from archspec.results.result import Proof
from archspec.verification.report import Outcome, Report

_FAILURES: Final = {"failed": "failure", "unproven": "failure", "error": "error"}


def junit(proof: Proof) -> str:
    """The text of the file. A framework that is missing is skipped, or an error if it is required."""
    suite = ElementTree.Element("testsuite", name="archspec")
    properties = ElementTree.SubElement(suite, "properties")
    for backend, versions in proof.versions.items():
        text = ", ".join(map(" ".join, versions.items()))
        ElementTree.SubElement(properties, "property", name=backend, value=text)
    for report in proof.reports:
        for name, outcome in report.outcomes.items():
            suite.append(_case(report, name, outcome, required=name in proof.required))
    for refused in proof.refused:
        case = ElementTree.SubElement(suite, "testcase", classname="archspec", name=_plain(refused.network), time="0")
        _told(case, "error", str(refused.error).splitlines()[0], str(refused.error))
    if proof.comparison is not None:
        case = ElementTree.SubElement(suite, "testcase", classname="archspec", name="baseline", time="0")
        if proof.comparison.worse:
            _told(case, "failure", f"{len(proof.comparison.worse)} worse", str(proof.comparison))
    cases = suite.findall("testcase")
    seconds = sum(float(case.get("time", "0")) for case in cases)
    counts = {
        "tests": len(cases), "failures": _count(suite, "failure"), "errors": _count(suite, "error"),
        "skipped": _count(suite, "skipped"),
    }  # fmt: skip
    suite.attrib.update({name: str(count) for name, count in counts.items()}, time=f"{seconds:.3f}")
    if proof.date:
        suite.set("timestamp", proof.date.removesuffix("Z"))
    root = ElementTree.Element("testsuites", suite.attrib | {"name": "archspec"})
    root.append(suite)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _case(report: Report, backend: str, outcome: Outcome, *, required: bool) -> ElementTree.Element:
    seconds = sum(sum(rung.seconds.values()) for rung in outcome.rungs.values())
    name = f"{report.model} [{backend}]"
    case = ElementTree.Element("testcase", classname=f"archspec.{backend}", name=_plain(name), time=f"{seconds:.3f}")
    if report.facts is not None:
        case.set("file", _plain(report.facts.spec))
    if outcome.status == "missing":
        _told(case, "error" if required else "skipped", outcome.message)
    elif outcome.status != "passed":
        _told(case, _FAILURES[outcome.status], outcome.message, "\n".join([*reasons(outcome), *_lines(outcome)]))
    return case


def _lines(outcome: Outcome) -> list[str]:
    found = differing(outcome)
    lines = [f"    {rung}: {each.tensor}: {each}" for rung, each in found]
    return [f"{len(found)} tensors differ, in the order of the network:", *lines] if found else []


def _told(case: ElementTree.Element, kind: str, message: str, text: str = "") -> None:
    ElementTree.SubElement(case, kind, message=_plain(message)).text = _plain(text) or None


def _count(suite: ElementTree.Element, kind: str) -> int:
    return len(suite.findall(f"testcase/{kind}"))


def _plain(text: str) -> str:
    """A text without the characters that XML has no way to write."""
    return re.sub("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)
