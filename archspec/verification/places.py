"""Where a step stands in the generated file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from archspec.backend import Program
from archspec.errors import printable
from archspec.verification.probes import without_probes


def statement(program: Program, tensor: str, block: str = "") -> str:
    """The statement that makes a tensor, and its line in the file: `line 41: x = self.conv(x)`; empty if several might.

    `block` is the block of the spec in which the step stands, if it is in one. The text is on one line, and may be cut.
    """
    keys = [key for key, seen in program.probes.items() if any(each.tensor == tensor for each in seen)]
    if not keys or keys[0] in program.hooks.values():
        return ""
    probed = [each for name, each in _statements(program.probed) if _within(name, block, program)]
    wanted = {without_probes(ast.unparse(each)) for each in probed if _shows(each, keys[0])}
    found = {
        each.lineno: printable(ast.unparse(each), 160)
        for name, each in _statements(program.source)
        if _within(name, block, program) and ast.unparse(each) in wanted
    }
    return "".join(f"line {number}: {text}" for number, text in found.items()) if len(found) == 1 else ""


def _statements(source: str) -> Iterator[tuple[str, ast.stmt]]:
    """The statements of a file that have none in them, each with the name of the class or function around it."""
    for top in ast.parse(source).body:
        if isinstance(top, ast.ClassDef | ast.FunctionDef):
            for node in ast.walk(top):
                if isinstance(node, ast.stmt) and not hasattr(node, "body"):
                    yield top.name, node


def _within(name: str, block: str, program: Program) -> bool:
    """Whether a class or function is that of a block, which may have several, with numbers; or else the model."""
    if not block:
        return name == program.entry
    own = re.escape(block.replace("_", ""))
    return re.fullmatch(rf"{own}(block|layer)?\d*", name.replace("_", ""), re.IGNORECASE) is not None


def _shows(made: ast.stmt, key: str) -> bool:
    """Whether a probe of this statement has a key that ends like that, since a block knows the end alone; or a function
    that makes the layer is told so."""
    for node in ast.walk(made):
        if not isinstance(node, ast.Call):
            continue
        told = [keyword.value for keyword in node.keywords if (keyword.arg or "").endswith("name")]
        is_probe = isinstance(node.func, ast.Name) and node.func.id == "probe"
        if any(_ends_like(each, key) for each in ([node.args[-2]] if is_probe else told)):
            return True
    return False


def _ends_like(name: ast.expr, key: str) -> bool:
    text = ast.unparse(name)
    end = "".join(re.findall(r"(?:^f?['\"](?:\{[^}]*\})?|\})([^{}'\"]*)", text)) if text else ""
    return bool(end) and re.search(rf"(^|[._]){re.escape(end.lstrip('._'))}$", key) is not None
