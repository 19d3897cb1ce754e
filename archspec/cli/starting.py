"""What `archspec new` writes: a spec to begin with."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from archspec.cli.files import check_writable, write_one
from archspec.cli.first_specs import CLASSES, FIRST
from archspec.errors import UsageError, printable
from archspec.spec.catalogue import SUFFIXES, locate


@dataclass(frozen=True, slots=True)
class Answers:
    """What somebody says of a network to begin with; None is what is asked on a terminal, and else offered."""

    reads: str | None = None
    shape: str | None = None
    classes: int | None = None


def start(file: Path, like: str | None, answers: Answers) -> list[str]:
    """Writes a first spec, or a copy of one that comes along, and returns what to try next. Raises UsageError for a
    file that is there already, or that no spec can be called, and for answers that make no network."""
    if file.suffix.lower() not in SUFFIXES[:2]:
        raise UsageError(f"{file}: a spec that people write ends in .yaml")
    if file.exists() or file.is_symlink():
        raise UsageError(f"{file} is there already; nothing is written over it")
    check_writable(file)
    text = _first(file, answers) if like is None else _copied(like, answers)
    write_one(file, text)
    return [f"{command} {file}{more}" for command, more in (
        ("archspec check", ""), ("archspec draw", f" -o {file.with_suffix('.svg')}"),
        ("archspec compile", " --to pytorch"), ("archspec verify", ""),
    )]  # fmt: skip


def _copied(like: str, answers: Answers) -> str:
    if answers != Answers():
        raise UsageError(f"--like {like} is a copy: --reads, --shape and --classes are of first specs")
    return locate(like).path.read_text(encoding="utf-8")


def _first(file: Path, answers: Answers) -> str:
    reads = answers.reads or _asked(f"What does it read, a {', a '.join(FIRST)}?", "picture")
    if reads not in FIRST:
        raise UsageError(f"a network reads a {', a '.join(FIRST)}, not '{printable(reads)}'")
    first = FIRST[reads]
    shape = answers.shape or _asked(f"A {reads} has: {first.asked}?", ",".join(map(str, first.shape)))
    sizes = re.split(r"[,x ]+", shape.strip())
    if len(sizes) != len(first.shape) or not all(re.fullmatch(r"[1-9]\d{0,5}", size) for size in sizes):
        form = ",".join(map(str, first.shape))
        raise UsageError(f"'{printable(shape)}' does not say {first.asked} of a {reads}, as {form} does")
    classes = answers.classes or _asked("How many classes?", str(CLASSES))
    if not re.fullmatch(r"[1-9]\d{0,5}", str(classes)):
        raise UsageError(f"'{printable(str(classes))}' is no number of classes")
    words = re.findall(r"[A-Za-z0-9]+", file.stem)
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return first.filled(name if name[:1].isalpha() else f"Net{name}", file, tuple(map(int, sizes)), int(classes))


def _asked(question: str, offered: str) -> str:
    """What is answered on a terminal; else what is offered."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        return offered
    try:
        return input(f"{question} [{offered}] ").strip() or offered
    except EOFError:
        print()
        return offered
