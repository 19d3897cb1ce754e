"""What `archspec import` makes of torchvision's models for classification, of which `docs/imports.md` has a table.

With `--only` those whose names match, and no page is written.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from archspec.against.target import targets  # noqa: E402
from archspec.backend import backends  # noqa: E402
from archspec.errors import ArchspecError  # noqa: E402
from archspec.importing.given import given  # noqa: E402
from archspec.importing.model import import_model  # noqa: E402
from archspec.verification.workers import Pool  # noqa: E402

MODELS: Final = ROOT / "tests" / "own_models" / "torchvision_models.py"
PAGE: Final = ROOT / "docs" / "imports.md"
SIZES: Final = {"inception_v3": 128, "vit_": 224, "maxvit": 224}
"""The pictures of those that do not take 64 pixels."""
HEAD: Final = """# Models of libraries that were imported

`make imports` writes this page: [`archspec import`](import.md) of torchvision's models for classification, with random
weights, at 64 by 64 pixels where they take that. In each the model itself agrees with the spec, with weights poured by
the names that were found, in evaluation and, unless a note says otherwise, in training; and so does the code that
archspec generates for PyTorch. Errors are the largest of an output in float64, relative to what it can be.

| model | lines | blocks | error | seconds | note |
| --- | --- | --- | --- | --- | --- |
"""


def names() -> list[str]:
    """Those that torchvision has."""
    code = f"import sys; sys.path.insert(0, {str(MODELS.parent)!r}); import torchvision_models as t; " \
           "print(*t.torchvision.models.list_models(module=t.torchvision.models))"  # fmt: skip
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def imported(name: str, pool: Pool, chosen: Any) -> tuple[bool, str]:
    """Whether a model was imported and proven, and its row."""
    size = next((large for begin, large in SIZES.items() if name.startswith(begin)), 64)
    (target,) = targets([f'{MODELS}:model(name="{name}")'], chosen, option="")
    started = time.perf_counter()
    try:
        done = import_model(target, given([f"image=1,3,{size},{size}"]), pool)
    except ArchspecError as error:
        reason = " ".join(str(error).split())[:160].replace("|", "/")
        return False, f"| {name} | | | | {time.perf_counter() - started:.0f} | not imported: {reason} |"
    (outcome,) = next(iter(done.reports.values())).outcomes.values()
    lines, blocks = len(done.text.splitlines()), len(re.findall(r"(?m)^  [A-Z]\w*:$", done.text))
    note = "; ".join(done.notes)[:160].replace("|", "/")
    wrong = "" if done.ok else "**not proven** "
    largest = outcome.rungs["float64"].agreement if "float64" in outcome.rungs else ""
    return done.ok, f"| {name} | {lines} | {blocks} | {largest} | {time.perf_counter() - started:.0f} | {wrong}{note} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="REGEX", help="names that match, and no page")
    only = parser.parse_args().only
    chosen, rows, right = backends(["pytorch"]), [], 0
    wanted = [name for name in names() if re.search(only, name)]
    for start in range(0, len(wanted), 8):  # a process keeps what modules it loaded
        with Pool({each.name: each.runner for each in chosen}) as pool:
            for name in wanted[start : start + 8]:
                ok, row = imported(name, pool, chosen)
                right += ok
                rows.append(row)
                print(row, flush=True)
    print(f"{right} of {len(wanted)}")
    if not only:
        end = f"{right} of {len(wanted)} are imported and proven."
        PAGE.write_text("\n".join([HEAD.rstrip(), *rows, "", end, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
