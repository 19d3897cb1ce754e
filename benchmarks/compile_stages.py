"""Compiles a network stage by stage, and prints the CPU seconds of each: `compile_resnet152.py` runs it.

python benchmarks/compile_stages.py NETWORK FOLDER MODULES

MODULES is a file with the names of modules in the order in which the command is done with importing them; each is
imported by itself, so that its cost is not another's. This script imports next to nothing before it counts.
"""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

GROUPS = {
    "typer, rich": ("typer", "click", "rich", "shellingham", "markdown_it", "pygments"),
    "pydantic": ("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"),
    "yaml": ("yaml", "_yaml"),
    "jinja2": ("jinja2", "markupsafe"),
    "archspec": ("archspec",),
}
"""Whose import a package counts as; the rest is the standard library."""

seconds = {"start Python": time.process_time()}


def timed(name: str, work: Callable[[], T]) -> T:
    """The result of `work`, whose CPU seconds are added to those of `name`."""
    before = time.process_time()
    result = work()
    seconds[name] = seconds.get(name, 0.0) + time.process_time() - before
    return result


def import_all(modules: list[str]) -> None:
    """Imports modules one by one; what is not there is not (`_winapi`, for one)."""
    import contextlib
    import importlib

    def attempt(module: str) -> None:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)

    for module in modules:
        if module not in sys.modules:
            package = module.partition(".")[0]
            whose = next((name for name, packages in GROUPS.items() if package in packages), "standard library")
            timed(f"import {whose}", lambda module=module: attempt(module))  # type: ignore[misc]


def compile_all(network: str, folder: str) -> None:
    """What the command does once everything is imported."""
    from pathlib import Path

    from archspec.backend import backends
    from archspec.cli.files import write_all
    from archspec.emit import source
    from archspec.loading import load

    targets = timed("find backends", backends)
    model = timed("read the spec", lambda: load(network))
    timed("check its form", lambda: model.spec.findings)
    timed("elaborate", lambda: model.roots(model.free_params))
    assemble = source.assemble
    source.assemble = lambda *given: timed("fill templates", lambda: assemble(*given))
    texts = {}
    for backend in targets:
        generated = timed(f"generate {backend.name}", lambda backend=backend: backend.generator(model))  # type: ignore[misc]
        filling = seconds.get("fill templates", 0.0)
        texts[f"{backend.name}.py"] = timed(f"print {backend.name}", generated.text)
        seconds[f"print {backend.name}"] -= seconds["fill templates"] - filling
    timed("write files", lambda: write_all(Path(folder), texts))


if __name__ == "__main__":
    import_all(open(sys.argv[3]).read().split())  # noqa: SIM115
    compile_all(*sys.argv[1:3])
    for name, spent in seconds.items():
        print(f"{name}\t{spent}")
