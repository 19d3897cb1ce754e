"""What users of generated code do with it, for one network of each family: python -m tests.usage [BACKEND ...].

PyTorch's files pass mypy with its defaults; then networks are exported, compiled, saved, loaded, trained, and run with
few bits, by the checks of `test_generated.py`. A network with more weights than `--largest` is left out, and named.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from math import prod
from pathlib import Path
from typing import Final

from .programs import BACKENDS, NETWORKS, model, program
from .test_generated import CHECKS, command, write

FEW_BITS: Final = "PyTorch has no avg_pool3d of few bits on CPUs, by which it normalizes neighbouring channels"
RECURRENT: Final = "torch.compile does not trace recurrent layers as a whole"
KNOWN: Final = {
    **{("pytorch", name, "compile_"): RECURRENT for name in ("char_rnn", "deepspeech2_gru", "lstm_tagger")},
    ("pytorch", "googlenet", "bfloat16"): FEW_BITS,
    ("pytorch", "googlenet", "float16"): FEW_BITS,
}
"""What fails for a reason of the framework's own."""
SOME: Final = ("canonical_names_are_its_own", "other_size")
"""Not so where a layer of PyTorch holds several weights in one, or sizes are free; `test_generated.py` tries some."""


def size(name: str) -> int:
    """The bytes of a network's weights in float32."""
    return 4 * sum(prod(parameter.shape) for parameter in model(name).graph.parameters().values())


def typed(names: list[str]) -> list[str]:
    """What mypy has to say about the files for PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            (Path(folder) / f"{name}.py").write_text(program(name, "pytorch").source, encoding="utf-8", newline="\n")
        mypy = [sys.executable, "-m", "mypy", "--config-file=", f"--cache-dir={folder}/cache", folder]
        run = subprocess.run(mypy, capture_output=True, text=True)
    return run.stdout.splitlines() if run.returncode else []


def tried(backend: str, names: list[str]) -> list[str]:
    """What went wrong with these networks in one framework."""
    checks = [check for check in CHECKS[backend] if check not in SOME]
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            write(Path(folder), backend, name, checks)
        process = subprocess.Popen(command(backend, Path(folder)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   text=True)  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            name, check, problem, seconds = json.loads(line)
            last = (problem.strip().splitlines() or ["works"])[-1]
            reason = KNOWN.get((backend, name, check), "") if problem else ""
            print(f"{backend:8} {name:30} {check:14} {seconds:6.1f} s  {reason or last}", flush=True)
            if problem and not reason:
                wrong.append(f"{backend} {name} {check}: {last}")
        if process.wait():
            wrong.append(f"{backend}: the process died")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", default=list(BACKENDS))
    parser.add_argument("--only", nargs="+", default=list(NETWORKS))
    parser.add_argument("--largest", type=float, default=1.0, help="GiB of weights")
    options = parser.parse_args()
    names = [name for name in options.only if size(name) <= options.largest * 2**30]
    wrong = typed(options.only) if "pytorch" in options.backends else []
    for backend in options.backends:
        wrong += tried(backend, names)
    left = sorted(set(options.only) - set(names))
    print(f"\n{len(names)} networks were tried; larger than {options.largest:g} GiB: {', '.join(left) or 'none'}")
    print(*wrong, sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
