"""Runs a library's network and ours, with the library's weights poured in, and compares the outputs in float64."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archspec.backend import Program, backends
from archspec.expectations import parameter_count
from archspec.graph.mode import Mode
from archspec.loading import load
from archspec.model import Model
from archspec.verification import worker
from archspec.verification.compare import difference
from archspec.verification.failure import Failure
from archspec.verification.request import Given, Wanted, message
from archspec.verification.subject import Generated
from archspec.verification.worker import Array
from archspec.verification.workers import Pool

from .networks import Network

BACKENDS = {backend.name: backend for backend in backends()}
FRAMEWORKS = {"keras": "keras", "paddle": "paddle", "torchvision": "pytorch", "timm": "pytorch"}
"""The backend whose code is held against a library."""


@dataclass(frozen=True)
class Verdict:
    """How far ours is from the library's."""

    parameters: int
    error: float
    spread: float
    """How much the outputs differ between the images of a batch, relative to the largest: they are not constant."""
    problem: str = ""
    named: bool = False
    """Whether the library's names, by our rules, gave the same as the order of definition."""


class NotInstalled(Exception):
    """The library, or its framework, cannot be imported."""


class Library:
    """The process of a library, for use in a `with` statement."""

    def __init__(self, name: str, pool: Pool) -> None:
        self.name = name
        self._pool = pool

    def __enter__(self) -> Library:
        script = Path(__file__).with_name("library.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), self.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env={"OMP_WAIT_POLICY": "passive", **os.environ},
        )  # fmt: skip
        try:
            self.versions: dict[str, str] = self._reply()
        except NotInstalled:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def judge(self, network: Network, backend: str = "") -> Verdict:
        """Pours the library's weights into the code that we generate for a network, and compares the outputs.

        Another `backend` than the one of the library's framework is for weights that are matched by name.
        """
        backend = backend or FRAMEWORKS[self.name]
        model = load(network.ours, **network.params)
        (name, image), *_ = model.graph.inputs.items()
        if network.size is not None:
            model = model.resized({name: (int(image.shape[1]), *network.size)})
            image = model.graph.inputs[name]
        random = np.random.default_rng(1)
        shape = (2, *map(int, image.shape[1:]))
        given = random.uniform(0, 255, shape) if network.pixels else random.standard_normal(shape)
        theirs, outputs = self._theirs(network, given)
        program = BACKENDS[backend].generate(model)
        if network.by == "name":
            canonical = model.renamed(theirs, self.name)
        else:
            canonical = by_order(model, program, theirs, network)
            named = model.renamed(theirs, self.name)
            assert all(np.array_equal(array, named[name]) for name, array in canonical.items()), "other names"
        ours = self._ours(model, backend, program, canonical, {name: given}, network.mode)
        parameters = parameter_count(model.graph, network.mode)
        if len(ours) > len(outputs):
            return Verdict(parameters, np.inf, 0.0, f"{len(outputs)} outputs instead of {len(ours)}")
        error, spread = 0.0, np.inf
        for mine, yours in zip(ours, outputs, strict=False):  # the library may give those of training, too
            found = difference(mine, yours, "float64")
            if found.problem:
                return Verdict(parameters, np.inf, 0.0, found.problem)
            error = max(error, found.error)
            spread = min(spread, float(np.abs(yours[0] - yours[1]).max() / np.abs(yours).max()))
        return Verdict(parameters, error, spread, named=True)

    def _theirs(self, network: Network, image: Array) -> tuple[dict[str, Array], list[Array]]:
        scratch = self._pool.scratch
        into, given = scratch.file(2**30), scratch.file(image.nbytes)
        request = {
            "name": network.theirs,
            "arguments": network.arguments,
            "bridges": network.bridges,
            "image": worker.save(str(given), {"image": image}),
            "into": str(into),
        }
        assert self._process.stdin is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        try:
            reply = self._reply()
            if "error" in reply:
                raise AssertionError(reply["error"])
            found = worker.load(**reply)
        finally:
            scratch.remove(into)
            scratch.remove(given)
        outputs = [array for name, array in found.items() if name.startswith("output ")]
        return {name: array for name, array in found.items() if not name.startswith("output ")}, outputs

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise NotInstalled(f"{self.name} cannot be imported, or its process died")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _ours(
        self, model: Model, backend: str, program: Program, canonical: dict[str, Array], inputs: dict[str, Array],
        mode: Mode,
    ) -> list[Array]:  # fmt: skip
        scratch = self._pool.scratch
        data, into = scratch.file(2**30), scratch.file(2**20)
        needed = model.graph.parameters(mode)
        optional = [name for name in model.graph.parameters() if name not in needed]
        names = list(model.graph.results(mode))
        spare = {name: np.zeros(tuple(map(int, model.graph.parameters()[name].shape))) for name in optional}
        saved = worker.save(str(data), {**spare, **canonical, **inputs})
        subject, wanted = Generated(backend, backend, program), Wanted(outputs=names, optional=optional)
        request = message(subject, "float64", Given(data=saved), wanted, into, mode=mode)
        request |= {"source": program.source, "probes": {}, "hooks": {}}  # the code as users get it
        try:
            result = self._pool.submit(backend, request, timeout=600).result()
        finally:
            scratch.remove(data)
        if isinstance(result, Failure):
            raise AssertionError(f"{result.kind}: {result.message}\n{result.detail}")
        return [result.arrays[f"output {name}"] for name in names]


def by_order(model: Model, program: Program, theirs: dict[str, Array], network: Network) -> dict[str, Array]:
    """The library's weights by our names: both in the order of definition, and of equal shapes."""
    layouts = {weight.parameter: weight.layout for weight in program.weights}
    due = model.graph.parameters(network.mode)
    names = list(ordered([name.split(".") for name in due], network.first))
    assert len(names) == len(theirs), f"ours has {len(names)} weights, theirs has {len(theirs)}"
    found = {}
    for name, (other, array) in zip(names, theirs.items(), strict=True):
        shape = tuple(map(int, due[name].shape))
        expected = worker.arrange(np.broadcast_to(0.0, shape), layouts[name]).shape
        assert _alike(expected, array.shape), f"{name} is {expected}, and {other} is {array.shape}"
        found[name] = worker.restore(array.reshape(expected), layouts[name], shape)
    return found


def _alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether shapes are equal but for axes of size one: a 1x1 convolution is a linear layer."""
    return [size for size in one if size != 1] == [size for size in other if size != 1]


def ordered(paths: list[list[str]], first: tuple[str, ...]) -> Iterator[str]:
    """Names in their order, but what is called `first` comes before all else in its scope."""
    scopes: dict[str, list[list[str]]] = {}
    for head, *rest in paths:
        scopes.setdefault(head, []).append(rest)
    for head in sorted(scopes, key=lambda head: first.index(head) if head in first else len(first)):
        inner = [rest for rest in scopes[head] if rest]
        if not inner:
            yield head
        for name in ordered(inner, first) if inner else ():
            yield f"{head}.{name}"
