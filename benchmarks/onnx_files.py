"""What of the zoo can be written as ONNX, and what `verify --to onnx` finds of the smallest network of each spec.

Found by `python benchmarks/onnx_files.py [NAME ...]`, kept in `docs/export.json`, of which the last part of
`docs/export.md` is made.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import archspec
from archspec.errors import ArchspecError
from archspec.formats import formats
from archspec.model import Model

DOCS = Path(__file__).parent.parent / "docs"
KEPT, PAGE = DOCS / "export.json", DOCS / "export.md"
BEGIN = "## Figures\n"


def smallest() -> dict[str, str]:
    """By spec, the network with the fewest parameters."""
    found: dict[str, Any] = {}
    for entry in archspec.specs():
        if entry.spec not in found or entry.parameters < found[entry.spec].parameters:
            found[entry.spec] = entry
    return {spec: entry.name for spec, entry in found.items()}


def refusals() -> tuple[int, dict[str, str]]:
    """How many networks there are, and why some cannot be written."""
    (onnx,) = formats(["onnx"])
    names, found = [entry.name for entry in archspec.specs()], {}
    for name in names:
        model = archspec.load(name)
        try:
            onnx.export(model, model.graph, False)
        except ArchspecError as error:
            found[name] = str(error).partition(": ")[2].splitlines()[0]
    return len(names), found


def verified(model: Model) -> dict[str, Any]:
    """What is found of a network with one sample."""
    started = time.monotonic()
    (report,) = archspec.verify(model, to="onnx", sizes={"batch": 1}).reports
    outcome = report.outcomes["onnx"]
    rungs = {key: outcome.rungs[key] for key in ("float64", "float32", "graph") if key in outcome.rungs}
    return {
        "status": outcome.status, "message": outcome.message, "steps": len(model.graph.nodes),
        "single": len(rungs["float64"].unseen) if "float64" in rungs else 0,
        **{key: rung.agreement for key, rung in rungs.items()}, "seconds": round(time.monotonic() - started),
    }  # fmt: skip


def row(name: str, found: dict[str, Any]) -> str:
    cells = [
        name,
        found["steps"],
        found["single"] or "",
        *(found.get(key, "") for key in ("float64", "float32", "graph")),
    ]
    result = found["status"] + (f": {found['message']}" if found["message"] else "")
    return f"| {' | '.join(map(str, cells))} | {result} |"


def page(kept: dict[str, Any]) -> str:
    """The last part of the page."""
    rows = dict(sorted(kept["networks"].items()))
    passed = sum(found["status"] == "passed" for found in rows.values())
    refused = [f"- {name}: {why}" for name, why in kept["refused"].items()]
    lines = [
        f"Of the {kept['count']} networks of the zoo {kept['count'] - len(kept['refused'])} can be written.", *refused,
        "",
        f"Of the smallest networks of {len(smallest())} specs {len(rows)} were verified, with one sample, in ONNX "
        f"Runtime {kept['version']}: {passed} passed. Made by `benchmarks/onnx_files.py`.", "",
        "| network | steps | not in float64 | float64 | float32 | as a whole | |", "| --- " * 7 + "|",
        *(row(name, found) for name, found in rows.items()),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def write(kept: dict[str, Any]) -> None:
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    text, _, _ = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{text}{BEGIN}\n{page(kept)}", encoding="utf-8")


def main() -> None:
    import onnxruntime

    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {"networks": {}}
    kept["version"] = onnxruntime.__version__
    if "count" not in kept or not sys.argv[1:]:
        kept["count"], kept["refused"] = refusals()
        write(kept)
    for name in sys.argv[1:] or smallest().values():
        if name not in kept["refused"]:
            kept["networks"][name] = verified(archspec.load(name))
            print(name, kept["networks"][name], flush=True)
            write(kept)


if __name__ == "__main__":
    main()
