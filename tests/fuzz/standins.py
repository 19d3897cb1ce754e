"""What is wrong with a spec's generated files, as far as Python itself and stand-ins of the frameworks tell."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from time import perf_counter

from archspec.errors import BackendError, SpecError
from archspec.model import Spec

from ..standins.check import written
from .draw import document
from .names import needed
from .names import spec as named
from .verify import BACKENDS, blown, text


def problems(spec: str, *, drawn: bool = True) -> list[str] | None:
    """All that is wrong with the files of a spec in all backends, or of one of its variants; nothing if nothing is, and
    None if `check` refuses the spec (which is wrong, too, if it is `drawn`)."""
    try:
        parsed = Spec.parse(spec)
        variants = [None, *parsed.document.variants]
        model = parsed.network(variants[len(spec) % len(variants)])
        model.check()
    except SpecError as error:
        return [f"refused: {error}"] if drawn else None
    except Exception as error:  # whatever it is, it is a finding
        return [blown("check", error)]
    found = []
    for backend in BACKENDS:
        try:
            case = written(backend, model)
        except BackendError as error:
            found.append(f"{backend.name}: refused: {error}")
            continue
        except Exception as error:
            found.append(f"{backend.name}: {blown('compile', error)}")
            continue
        if problem := case.problem():
            found.append(f"{backend.name}: {problem}")
    return found


def main(count: int, first: int, folder: Path, *, names: bool) -> int:
    """Judges so many specs, and saves those that fail; 0 if none does, 1 if some do or all are refused."""
    started, outcomes = perf_counter(), Counter[str]()
    for seed in range(first, first + count):
        template, chosen = named(seed) if names else (None, {})
        spec = template.filled(chosen) if template else text(document(seed))
        found = problems(spec, drawn=not names)
        outcomes["refused" if found is None else "wrong" if found else "right"] += 1
        if found:
            print(f"seed {seed}: WRONG", *found, sep="\n  ", flush=True)
            if template:
                chosen = needed(template, chosen, lambda smaller: bool(problems(smaller, drawn=False)))
                print(f"  names: {chosen}", flush=True)
                spec = template.filled(chosen)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{'names' if names else 'standins'}_{seed}.yaml").write_text(spec, encoding="utf-8")
        print(f"\r{seed - first + 1} of {count}, {outcomes['wrong']} wrong", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    counts = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in ("right", "wrong", "refused"))
    print(f"{counts}, in {perf_counter() - started:.0f} seconds")
    return 1 if outcomes["wrong"] or not outcomes["right"] else 0
