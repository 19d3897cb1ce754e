"""What `archspec import` makes of files of ONNX, of which `docs/onnx_imports.md` has tables: the light models that the
package `onnx` brings, filled with weights, and what `compile --to onnx` writes of one network of each family.

With `--only` those whose names match; the other rows of the page stay.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import archspec  # noqa: E402
from archspec.against.file import Saved  # noqa: E402
from archspec.backend import backends  # noqa: E402
from archspec.errors import ArchspecError  # noqa: E402
from archspec.formats import formats  # noqa: E402
from archspec.graph.graph import Graph, rounded  # noqa: E402
from archspec.graph.mode import Mode  # noqa: E402
from archspec.importing.file import import_file, spec_of  # noqa: E402
from archspec.importing.given import BATCHES, PRIMES, Given  # noqa: E402
from archspec.importing.model import poured  # noqa: E402
from archspec.listing import specs  # noqa: E402
from archspec.verification import data  # noqa: E402
from archspec.verification.cases import smaller  # noqa: E402
from archspec.verification.worker.own import script  # noqa: E402
from archspec.verification.workers import Pool  # noqa: E402

(FORMAT,) = formats(["onnx"])
PAGE: Final = ROOT / "docs" / "onnx_imports.md"
LIGHT: Final = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
LARGEST: Final = 40_000_000
"""How many numbers the weights of a network may have that is sent there and back."""
MOST: Final = 1_000_000_000
"""How many numbers its steps may give."""
HEAD: Final = """# Files of ONNX that were imported

`make imports` writes this page, of [`archspec import`](import.md).

## Light models

The package `onnx` brings nine models without weights. Here they have random ones. Each file's own outputs, by ONNX
Runtime in float32, agree with the spec's reference, which has the file's weights, and so does the code that archspec
generates for PyTorch. Errors are the largest of an output, relative to what it can be.

| model | lines | blocks | against the file | generated code | seconds | note |
| --- | --- | --- | --- | --- | --- | --- |
"""
BACK: Final = """
## There and back

Of each family its smallest network, with images of 64 pixels where it takes them: what [`compile --to onnx`](export.md)
writes of it, read again. The reference of both gives the same outputs, with the file's weights, or it is said here.
Steps are those that compute something: shapes, and what only training has, do not count. Names are those of weights;
where steps differ, or there is one list more or less around steps, they may.

| network | lines | steps that differ | names of weights | note |
| --- | --- | --- | --- | --- |
"""
IDLE: Final = frozenset(
    "dropout dropout1d dropout2d dropout3d drop_path stop_gradient flatten reshape squeeze unsqueeze".split()
)


def filled(path: Path, into: Path) -> None:
    """Writes a light model with random weights in place of the constants that stand for them."""
    model = onnx.load(path)
    graph = model.graph
    there = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    made = {node.output[0]: tuple(there[node.input[0]]) for node in graph.node if node.op_type == "ConstantOfShape"}
    kept = [node for node in graph.node if node.op_type != "ConstantOfShape"]
    read = {name: (node.op_type, place) for node in reversed(kept) for place, name in enumerate(node.input)}
    made |= {name: array.shape for name, array in there.items() if array.dtype.kind == "f" and name in read}
    ends = {node.input[1] for node in kept if node.op_type == "BatchNormalization"
            and read.get(node.output[0], ("",))[0] == "Sum"}  # fmt: skip
    random = np.random.default_rng(1)
    del graph.node[:]
    graph.node.extend(kept)
    tensors = [each for each in graph.initializer if each.name in read and each.name not in made]
    tensors += [
        numpy_helper.from_array(_drawn(random, shape, *read[name], end=name in ends).astype(np.float32), name)
        for name, shape in made.items() if name in read
    ]  # fmt: skip
    del graph.initializer[:]
    graph.initializer.extend(tensors)
    inputs = {each.name: each for each in graph.input if each.name in read}
    for each in tensors:
        inputs[each.name] = onnx.helper.make_tensor_value_info(each.name, each.data_type, each.dims)
    del graph.input[:]
    graph.input.extend(inputs.values())
    onnx.save(model, into)


def _drawn(random: np.random.Generator, shape: tuple[int, ...], op: str, place: int, *, end: bool) -> Any:
    """Numbers with which what comes out still depends on what goes in."""
    if len(shape) > 1:
        fan = max(shape) * 4 if op == "Gemm" else int(np.prod(shape[1:])) / 2
        return random.standard_normal(shape) / np.sqrt(fan)
    if op == "BatchNormalization" and place in (1, 4):
        return random.uniform(0.1, 0.3, shape) if end else random.uniform(0.5, 1.5, shape)
    return random.uniform(0.5, 1.5, shape) if op == "Unsqueeze" and place == 0 else random.standard_normal(shape) / 10


def light(name: str, folder: Path, pool: Pool) -> str:
    """The row of a light model."""
    path = folder / f"{name}.onnx"
    filled(LIGHT / f"{name}.onnx", path)
    started = time.perf_counter()
    try:
        found = import_file(Saved(name, str(path), FORMAT), (), backends(["pytorch"])[0], pool)
    except ArchspecError as error:
        return f"| {name} | | | | | | not imported: {_plain(str(error))} |"
    finally:
        path.unlink()
    outcomes = [outcome for report in found.reports.values() for outcome in report.outcomes.values()]
    errors = [
        " ".join(str(rung.agreement) for rung in outcome.rungs.values() if rung.name.startswith("float"))
        if outcome.status == "passed" else f"**{outcome.status}**"
        for outcome in outcomes
    ]  # fmt: skip
    lines, blocks = len(found.text.splitlines()), len(found.model.spec.document.blocks or {})
    seconds, note = time.perf_counter() - started, _plain("; ".join(found.notes))
    return f"| {name} | {lines} | {blocks} | {errors[0]} | {errors[-1]} | {seconds:.0f} | {note} |"


def _plain(text: str) -> str:
    return " ".join(text.split())[:160].replace("|", "/")


def there_and_back(name: str, folder: Path) -> str:
    """The row of a network that is exported and imported."""
    model = archspec.load(name)
    model = smaller(model) or model
    graph = rounded(model.graph)
    if sum(int(np.prod(tensor.shape)) for node in graph.nodes for tensor in node.outputs) > MOST:
        return f"| {name} | | | | not tried: more than a thousand million numbers between steps |"
    if sum(int(np.prod(weight.shape)) for weight in graph.parameters().values()) > LARGEST:
        return f"| {name} | | | | not tried: more than 40 million numbers |"
    weights, path = data.parameters(graph), folder / f"{name}.onnx"
    try:
        FORMAT.write(model, path, weights)
    except ArchspecError as error:
        return f"| {name} | | | | not exported: {_plain(str(error))} |"
    try:
        done = _read(path, graph)
    except ArchspecError as error:
        return f"| {name} | | | | refused: {_plain(str(error))} |"
    finally:
        path.unlink()
    found = rounded(done.model.graph)
    short = {key: array.astype(np.float32).astype(np.float64) for key, array in weights.items()}
    inputs = data.inputs(graph)
    one = archspec.reference.run(graph, short, inputs)
    two = archspec.reference.run(found, poured(done)[1], dict(zip(found.inputs, inputs.values(), strict=True)))
    pairs = zip(graph.results(Mode.EVALUATION).values(), found.results(Mode.EVALUATION).values(), strict=True)
    off = max(_off(one[a.name], two[b.name]) for a, b in pairs)
    ours, theirs = (Counter(node.op.key for node in each.steps(Mode.EVALUATION)) for each in (graph, found))
    for op in IDLE:
        ours.pop(op, None)
        theirs.pop(op, None)
    steps = ", ".join(
        [f"{op} -{n}" for op, n in (ours - theirs).items()] + [f"{op} +{n}" for op, n in (theirs - ours).items()]
    )
    names, kept = set(graph.parameters(Mode.EVALUATION)), set(found.parameters())
    same = "all" if names == kept else f"{len(names & kept)} of {len(names)}"
    note = "" if off < 1e-6 else f"**another function: {off:.0e}**"
    return f"| {name} | {len(done.text.splitlines())} | {steps} | {same} | {note} |"


def _read(path: Path, graph: Graph) -> Any:
    arrays: dict[str, Any] = {}
    request = {"file": str(path), "given": [], "primes": PRIMES, "batches": BATCHES}
    seen = script(str(FORMAT.reader)).read(request, lambda name, array: arrays.update({name: np.array(array)}))
    inputs = [
        Given(each["name"], tuple(each["sizes"][1:]), "int64" if each["kind"].startswith("int") else "float",
              int(graph.limits.get(each["name"], 2)))
        for each in seen["inputs"]
    ]  # fmt: skip
    whole = any(each.dtype == "int64" for each in inputs)
    return spec_of(Saved(path.name, str(path), FORMAT), seen, arrays, inputs if whole else [])[0]


def _off(one: Any, two: Any) -> float:
    if one.shape != two.shape:
        return float("inf")
    size = float(np.abs(one.astype(float)).max(initial=1e-30))
    return float(np.abs(one.astype(float) - two.astype(float)).max(initial=0)) / size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="REGEX", help="names that match")
    only = parser.parse_args().only
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    rows = {found[1]: found[0] for found in re.finditer(r"(?m)^\| (\w+) \|.*$", text)}
    smallest: dict[str, Any] = {}
    for entry in specs():
        if entry.spec not in smallest or entry.parameters < smallest[entry.spec].parameters:
            smallest[entry.spec] = entry
    models = sorted(path.stem for path in LIGHT.glob("*.onnx"))
    networks = [entry.name for entry in smallest.values()]
    runners = {"onnx": FORMAT.runner, "pytorch": backends(["pytorch"])[0].runner}
    with tempfile.TemporaryDirectory() as folder, Pool(runners) as pool:
        for name in [*models, *networks]:
            if re.search(only, name):
                row = light(name, Path(folder), pool) if name in models else there_and_back(name, Path(folder))
                rows[name] = row
                print(row, flush=True)
                _write(rows, models, networks)


def _write(rows: dict[str, str], models: list[str], networks: list[str]) -> None:
    first, second = ([rows[name] for name in names if name in rows] for names in (models, networks))
    right = sum(not re.search(r"\*\*|not imported", row) for row in first)
    back = sum(not re.search(r"\*\*|refused|not tried|not exported", row) for row in second)
    end = f"{right} of {len(models)} are imported and proven."
    last = f"{back} of {len(networks)} come back as the same function."
    lines = [HEAD.rstrip(), *first, "", end, BACK.rstrip(), *second, "", last, ""]
    PAGE.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
