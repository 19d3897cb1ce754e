"""Verifies every network that comes along, at its published size, with gradients, and writes docs/zoo.md.

Results are kept in docs/zoo.json as long as the generated code says the same: a run that was interrupted goes on where
it stopped. Small networks come first. `--only REGEX` chooses; `--page` only writes the page.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from archspec.backend import Backend, backends
from archspec.errors import BackendError
from archspec.expectations import multiply_adds, parameter_count
from archspec.graph.graph import Graph
from archspec.loading import open_spec
from archspec.model import Model
from archspec.proving import reports
from archspec.results.options import Options
from archspec.spec.catalogue import files, variants_in
from archspec.verification.report import Report
from archspec.verification.run import memory
from archspec.verification.scratch import physical_memory
from archspec.verification.workers import Pool

DOCS: Final = Path(__file__).parent.parent / "docs"
RESULTS: Final = DOCS / "zoo.json"
LARGE: Final = 3 * 2**30
"""Bytes of a worker from which on the next network gets new ones."""
RUNGS: Final = ("float64", "float32", "gradient")
RULES: Final = 2
"""Which rules of comparison a result is by. With the first, errors were relative to the largest value of a tensor or 1,
and neither the file itself, nor second values, nor edges, nor gradients of single steps were compared."""
SIZES: Final = {
    "convnextv2_huge": {"batch": 1},
    "efficientnet_b7": {"batch": 1},
    "fcn_resnet101": {"batch": 1},
    "pointnet": {"num_points": 1024},
    "pointnet_basic": {"num_points": 1024},
    "tcn_adding": {"time": 400},
    "tcn_copy": {"time": 1020},
    "tcn_mnist": {"time": 784},
    "tcn_music": {"time": 200},
    "unet_3d": {"batch": 1},
    "wavenet_nv": {"time": 2100},
    "wavenet_small": {"time": 3200},
}
"""One sample where two do not fit into 24 GiB; open sizes that are published, or that the farthest tap reaches."""
REDUCED: Final[dict[str, dict[str, Any]]] = {
    "gpt2_xl": {"depth": 24},
    "llama_7b": {"depth": 2},
    "llama2_7b": {"depth": 2},
    "llama3_8b": {"depth": 2, "vocabulary": 32000},
}
"""What is less where memory does not hold the published size in float64: here weights and gradients alone take 24 to
120 GiB."""
SETTINGS: Final = {"unet_3d": {"TF_ENABLE_ONEDNN_OPTS": "0"}}
"""What the environment says meanwhile. The memory that TensorFlow takes with oneDNN it keeps, and for the gradient of a
convolution of volumes it needs 11 GB at once."""


@dataclass(frozen=True)
class Network:
    """A variant that comes along, and what of it is verified."""

    family: str
    model: Model
    less: Model | None = None
    """What is verified where memory does not hold the published size."""

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers for the batch and open dimensions, where they are not the usual ones."""
        return SIZES.get(self.name, {})

    @cached_property
    def graph(self) -> Graph:
        return self.model.graph_for(self.sizes)

    @property
    def fits(self) -> bool:
        return self.less is None or memory(self.graph, 1, gradients=True) < physical_memory()

    @property
    def tried(self) -> Model:
        return self.model if self.fits or self.less is None else self.less

    @cached_property
    def digests(self) -> dict[str, dict[str, Any]]:
        """What a result may stand for, the published network first, and what is less in it."""
        found: dict[str, dict[str, Any]] = {self._digest(self.model): {}}
        return found if self.less is None else {**found, self._digest(self.less): REDUCED[self.name]}

    @property
    def digest(self) -> str:
        """What the next result stands for."""
        return list(self.digests)[0 if self.fits else -1]

    def _digest(self, model: Model) -> str:
        """What a result stands for: the sizes of inputs, and what the code says, without comments, docstrings, and what
        only training uses."""
        graph = model.graph_for(self.sizes)
        parts = [str([(name, *map(int, tensor.shape)) for name, tensor in graph.inputs.items()])]
        for backend in backends():
            try:
                parts.append(_said(backend.write(model)))
            except BackendError as error:
                parts.append(str(error))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _said(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return ast.dump(_Evaluated().visit(tree))


class _Evaluated(ast.NodeTransformer):
    """Takes out rates of dropout and momenta of running statistics, as numbers and as arguments, and puts the shapes of
    inputs in place where they are arguments."""

    def __init__(self) -> None:
        self._shapes: dict[str, ast.expr] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        given = node.args.args[len(node.args.args) - len(node.args.defaults) :]
        defaults = zip((argument.arg for argument in given), node.args.defaults, strict=True)
        self._shapes = {name: value for name, value in defaults if name.endswith("_shape")}
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._shapes.get(node.id, node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if re.search(r"Dropout\d?D?$", ast.unparse(node.func)):
            node.args = []
        node.keywords = [keyword for keyword in node.keywords if not _is_idle(keyword.arg or "")]
        return self.generic_visit(node)

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        required = len(node.args) - len(node.defaults)
        names = [argument.arg for argument in node.args]
        kept = [index for index, name in enumerate(names) if not _is_idle(name) and name not in self._shapes]
        node.defaults = [node.defaults[index - required] for index in kept if index >= required]
        node.args = [node.args[index] for index in kept]
        return node


def _is_idle(name: str) -> bool:
    return name.startswith("dropout") or name == "momentum"


def networks() -> Iterator[Network]:
    for path in files():
        spec, _ = open_spec(path)
        for name in variants_in(path) or (None,):
            model = spec.network(name)
            reduced = REDUCED.get(model.name)
            yield Network(path.stem, model, spec.network(name, reduced) if reduced else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="REGEX", default="", help="networks whose names match")
    parser.add_argument("--page", action="store_true", help="only write the page")
    parser.add_argument("--timeout", type=float, default=1800, metavar="SECONDS", help="of one run in one framework")
    options = parser.parse_args()
    known: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    everything = list(networks())
    try:
        if not options.page:
            verify([each for each in everything if re.search(options.only, each.name)], known, options.timeout)
    finally:
        (DOCS / "zoo.md").write_text("\n".join(page(everything, known)) + "\n")


def verify(chosen: Sequence[Network], known: dict[str, Any], timeout: float) -> None:
    """Fills in what is not known yet or did not pass, and saves it after each network."""
    todo = [each for each in chosen if not _is_done(each, known.get(each.name, {}))]
    todo.sort(key=lambda each: multiply_adds(each.tried.graph_for(each.sizes)))
    started = time.monotonic()
    usual = dict(os.environ)
    pool: Pool | None = None
    try:
        for number, each in enumerate(todo, 1):
            settings = SETTINGS.get(each.name, {})
            if settings and pool is not None:
                pool.__exit__()
                pool = None
            if pool is None:
                os.environ.update(settings)
                pool = Pool({backend.name: backend.runner for backend in backends()}).__enter__()
            before = time.monotonic()
            options = Options(timeout=timeout, gradients=True, sizes=each.sizes or {})
            found = list(reports(each.tried, backends(), pool, options))
            seconds = time.monotonic() - before
            about = {"digest": each.digest, "rules": RULES, "seconds": round(seconds, 1)}
            known[each.name] = {**about, **_result(found)}
            lines = (f"{json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known))
            RESULTS.write_text("{\n" + ",\n".join(lines) + "\n}\n")
            statuses = ", ".join(f"{name} {cell['status']}" for name, cell in known[each.name]["frameworks"].items())
            line = f"{number}/{len(todo)} {each.name}: {statuses}, {seconds:.0f} s"
            print(f"{line} ({time.monotonic() - started:.0f} s in all)", file=sys.stderr, flush=True)
            largest = max(outcome.memory for report in found for outcome in report.outcomes.values())
            if settings or largest > LARGE:
                pool.__exit__()
                pool = None
                for key in settings:
                    os.environ.pop(key, None)
                os.environ.update({key: usual[key] for key in settings if key in usual})
    finally:
        if pool is not None:
            pool.__exit__()


def _result(found: Sequence[Report]) -> dict[str, Any]:
    """The worst of all reports about one network, for each framework."""
    frameworks: dict[str, Any] = {}
    versions: dict[str, str] = {}
    for name in found[0].outcomes:
        outcomes = [report.outcomes[name] for report in found]
        bad = next((outcome for outcome in outcomes if outcome.status != "passed"), None)
        worst = {
            rung: max(outcome.rungs[rung].worst.error for outcome in outcomes)  # type: ignore[union-attr]
            for rung in RUNGS
            if all(rung in outcome.rungs and outcome.rungs[rung].worst for outcome in outcomes)
        }
        errors = {rung: float(f"{error:.2g}") for rung, error in worst.items()}
        frameworks[name] = {"status": bad.status if bad else "passed", **errors}
        if bad:
            frameworks[name]["message"] = bad.message
        versions |= outcomes[0].versions
    return {"frameworks": frameworks, "versions": versions}


def _is_done(each: Network, result: dict[str, Any]) -> bool:
    done = list(each.digests)[: 1 if each.fits else 2]
    return result.get("rules") == RULES and result.get("digest") in done and _passed(result)


def _passed(result: dict[str, Any]) -> bool:
    return all(cell["status"] == "passed" for cell in result["frameworks"].values())


def page(everything: Sequence[Network], known: dict[str, Any]) -> Iterator[str]:
    """The table of all results."""
    rows: list[str] = []
    counts: Counter[str] = Counter()
    versions: dict[str, str] = {}
    chosen: list[Backend] = backends()
    for each in everything:
        result = known.get(each.name, {})
        status, cells = "not run", [""] * len(chosen)
        if result:
            less = each.digests.get(result["digest"], {} if each.fits else REDUCED[each.name])
            reduced = " and ".join(f"{name} {value}" for name, value in less.items())
            status = "failed" if not _passed(result) else f"verified with {reduced}" if reduced else "verified"
            status += " by the first rules" if result.get("rules") != RULES else ""
            status += " before its code changed" if result["digest"] not in each.digests else ""
            status += ", one sample" if "batch" in each.sizes else ""
            status += "".join(f", {key}={value}" for key, value in SETTINGS.get(each.name, {}).items())
            cells = [_errors(result["frameworks"][backend.name]) for backend in chosen]
            versions |= result["versions"]
            status += f", {result['seconds']:.0f} s"
        words = status.partition(",")[0]
        counts[re.sub(r"with .*?(?= by | before |$)", "with less", words)] += 1
        facts = [f"{parameter_count(each.graph):,}", f"{multiply_adds(each.graph) / 1e6:,.1f} M"]
        row = [f"[{each.name}](../specs/{each.family}.yaml)", _inputs(each.graph), *facts, *cells, status]
        rows.append(f"| {' | '.join(row)} |")
    yield f"""# The zoo

Made by `make zoo`: every network that comes along, verified with gradients. For each framework the largest error of any
step in float64 and in float32, and of any gradient in float64, as `archspec verify --gradients` measures them, relative
to what a value is made of; the outputs of training are taken in where there are any. "By the first rules" says that a
result is from before the file itself, second values, edges and the gradients of single steps were compared, too, and
that errors are relative to the largest value of the tensor or 1; "before its code changed", that the code says
something else now, be it the name of a class. Errors above 1e-10, or 1e-9 of a gradient, are behind
operations that the framework has less exactly, as [operations.md](operations.md) declares and
[divergences.md](divergences.md) shows. Sizes are the published ones. Where memory, here 24 GiB, does not hold the
weights and gradients of one framework in float64, what is smaller stands behind the result; with more, `make zoo` takes
the published size. There are two samples, or one where two do not fit. The length of a text is 17, or 19.
With `TF_ENABLE_ONEDNN_OPTS=0` TensorFlow is without oneDNN, whose memory it does not give back.
Parameters are those of training, with auxiliary heads; multiply-adds are of evaluation and one sample.

{len(rows)} networks: {", ".join(f"{count} {name}" for name, count in counts.items())}.
"""
    if versions:
        yield ", ".join(f"{name} {version}" for name, version in versions.items()) + ".\n"
    titles = [f"{backend.title}: float64, float32, gradient" for backend in chosen]
    heads = ["network", "input", "parameters", "multiply-adds", *titles, "result"]
    yield f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}"
    yield from rows


def _inputs(graph: Graph) -> str:
    return ", ".join("x".join(map(str, tensor.shape[1:])) or "scalar" for tensor in graph.inputs.values())


def _errors(cell: dict[str, Any]) -> str:
    if cell["status"] != "passed":
        return f"{cell['status']}: {cell['message'][:80]}"
    return ", ".join(f"{cell[rung]:.1e}" if rung in cell else "-" for rung in RUNGS)


if __name__ == "__main__":
    main()
