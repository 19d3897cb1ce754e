"""Blocks of other files: `use: resnet.yaml`.

A file is looked for beside the one that uses it, in the folder of the spec or below it, and then among the specs that
come along; nothing is loaded from anywhere else. What a block of another file means does not depend on who uses it: it
calls the blocks of its own file, and reads the params of its own file, with the values that these have there by
default, or that `use` gives.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, Final, NamedTuple

from archspec.errors import Diagnostic, SpecError, UsageError
from archspec.spec import catalogue, hints
from archspec.spec.document import Document, Use, Used
from archspec.spec.reading import read
from archspec.spec.source import Path, Source

MOST_FILES: Final = 50


class _File(NamedTuple):
    key: str
    """Its name, as seen from the folder of the spec."""
    along: bool
    """Whether it comes along with archspec."""
    document: Document
    source: Source


class Files:
    """The files that a spec may use, by name: those in a folder, and those that come along.

    `texts` are there in the place of a folder, as where a spec is verified on another machine.
    """

    def __init__(self, folder: FilePath | None = None, texts: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.texts = dict(texts or {})
        """What was read of each."""
        self._read: dict[str, _File] = {}

    def join(self, document: Document, source: Source) -> list[Diagnostic]:
        """Gives a document the blocks of the files that it uses, and says what is wrong with these."""
        return self._join(document, source, None, ())

    def _join(
        self, document: Document, source: Source, around: _File | None, trail: tuple[str, ...]
    ) -> list[Diagnostic]:
        found: list[Diagnostic] = []
        for index, use in enumerate(document.use):
            path: Path = ("use", index) if isinstance(source.data["use"], list) else ("use",)
            long = isinstance(_at(source.data, path), dict)
            try:
                file = self._file(use.file, around)
                if file.key in trail:
                    raise UsageError(f"{file.key} uses itself: {' -> '.join([*trail, file.key])}")
                found += self._used(file, (*trail, file.key))
            except UsageError as error:
                found.append(source.diagnostic((*path, "file") if long else path, str(error)))
            except SpecError as error:
                found += error.diagnostics
            else:
                found += _taken(document, source, file, use, path)
        return found

    def _used(self, file: _File, trail: tuple[str, ...]) -> list[Diagnostic]:
        """What is wrong with the files that a used file uses."""
        if file.document.use and not file.document.used:
            return self._join(file.document, file.source, file, trail)
        return []

    def _file(self, name: str, around: _File | None) -> _File:
        """The file of a name. Raises UsageError if there is none, SpecError if it is no valid spec."""
        base = posixpath.dirname(around.key) if around is not None else ""
        key = posixpath.normpath(posixpath.join(base, name))
        if name.startswith("/") or "\\" in name or ":" in name or key.split("/")[0] == "..":
            raise UsageError(f"'{name}' is not in the folder of the spec or below it")
        if not key.lower().endswith(catalogue.SUFFIXES):
            raise UsageError(f"'{name}' is no spec: their names end in {', '.join(catalogue.SUFFIXES)}")
        only_along = around is not None and around.along
        if (known := self._read.get(key)) is not None and known.along >= only_along:
            return known
        if len(self._read) >= MOST_FILES:
            raise UsageError(f"a spec uses at most {MOST_FILES} files")
        source, along = self._source(key, name, only_along)
        document, found = read(source)
        if document is None or found:
            raise SpecError(found)
        self._read[key] = made = _File(key, along, document, source)
        return made

    def _source(self, key: str, name: str, only_along: bool) -> tuple[Source, bool]:
        if not only_along and key in self.texts:
            return Source(self.texts[key], key), False
        path = self.folder / key if self.folder is not None else None
        if not only_along and path is not None and path.is_file():
            if not path.resolve().is_relative_to(path.parents[key.count("/")].resolve()):
                raise UsageError(f"'{name}' is a link that leaves the folder of the spec")
            source = Source.read(path, catalogue.shown(path.absolute()) if path.is_absolute() else str(path))
            self.texts[key] = "\n".join(source.lines)
            return source, False
        path = catalogue.folder() / key
        if "/" not in key and path.is_file():
            return Source.read(path, catalogue.shown(path)), True
        hint = hints.one_of(name, [file.name for file in catalogue.files()], "such as")
        raise UsageError(f"there is no file '{name}' beside the spec, nor one that comes along; {hint}")


def _taken(document: Document, source: Source, file: _File, use: Use, path: Path) -> Iterator[Diagnostic]:
    """Gives a document the blocks of a file that it names, and those that these call."""
    blocks, declared = file.document.blocks, file.document.params
    if not blocks:
        yield source.diagnostic(path, f"{file.key} has no blocks")
    for index, name in enumerate(use.blocks or ()):
        if name not in blocks:
            hint = hints.one_of(name, blocks)
            yield source.diagnostic((*path, "blocks", index), f"{file.key} has no block '{name}'", hint=hint)
    for name in use.params:
        if name not in declared:
            hint = hints.one_of(name, declared)
            yield source.diagnostic((*path, "params", name), f"{file.key} has no param '{name}'", key=True, hint=hint)
    given = {name: raw for name, raw in use.params.items() if name in declared}
    used = Used(file.document, given, path)
    needed = {name for name, param in declared.items() if param.required} - use.params.keys()
    for name in _called(file, [each for each in use.blocks or blocks if each in blocks]):
        there, inner = document.used.get(name), file.document.used.get(name)
        mine = used if inner is None else inner.inside(used)
        if there is not None and there.same(mine):
            continue
        if name in document.blocks:
            other = f"in {there.document.name}" if there is not None else "here"
            hint = "blocks: [...] takes only those that are named, and what they call"
            yield source.diagnostic(path, f"block '{name}' of {file.key} is there already, {other}", hint=hint)
            continue
        raw = file.source.data["blocks"][name]
        if missing := sorted(needed & _words(raw)) if inner is None else ():
            message = f"block '{name}' of {file.key} reads its param '{missing[0]}', which needs a value"
            yield source.diagnostic(path, message, hint=f"params: {{{missing[0]}: ...}}")
        document.blocks[name] = blocks[name]
        document.used[name] = mine
        source.add(name, file.source.of(("blocks", name)), raw)


def _called(file: _File, names: list[str]) -> list[str]:
    """These blocks, and all that are mentioned in them or in params of their file, in the order of the file."""
    blocks, found, todo = file.document.blocks, set(names), list(names)
    while todo:
        words = _words(file.source.data["blocks"][todo.pop()])
        for name in words & file.document.params.keys():
            words |= _words(file.source.data["params"][name])
        fresh = (words & blocks.keys()) - found
        found |= fresh
        todo += fresh
    return [name for name in blocks if name in found]


def _words(raw: Any) -> set[str]:
    """All names that are mentioned in plain data."""
    match raw:
        case dict():
            return set().union(*map(_words, raw.values()))
        case list():
            return set().union(*map(_words, raw))
        case str():
            return set(re.findall(r"\w+", raw))
    return set()


def _at(data: Any, path: Collection[str | int]) -> Any:
    for part in path:
        data = data[part]
    return data
