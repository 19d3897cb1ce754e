"""What `archspec compile` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from archspec import backend as installed
from archspec.cli import output
from archspec.cli.files import write_all
from archspec.errors import UsageError
from archspec.formats import Format, formats, named
from archspec.model import Model


def run(
    load: Callable[[], Model], to: Sequence[str], folder: Path | None, *, training: bool, weights: Path | None,
    seed: int, exact_statistics: bool, as_json: bool,
) -> None:  # fmt: skip
    """Writes a network as source code, and as files of formats. Raises UsageError, SpecError, BackendError."""
    sources, files = named(to)
    forms = formats(files) if files else []
    chosen = installed.backends(sources) if sources or not forms else []
    targets = [backend.exact() if exact_statistics else backend for backend in chosen]
    if training and folder is None:
        raise UsageError("a script that trains lies beside the model's file: give -o DIR")
    if forms and folder is None:
        raise UsageError(f"a file of {forms[0].title} is no text: give -o DIR")
    if not forms and weights is not None:
        raise UsageError("source code has no weights: --weights is for --to onnx")
    if folder is None and len(targets) != 1 and not as_json:
        raise UsageError("several frameworks make several files: give -o DIR, or one --to")
    model = load()
    texts = {backend.name: backend.write(model) for backend in targets}
    names = {backend: f"{model.name}_{backend}.py" for backend in texts}
    whole = {names[backend]: text for backend, text in texts.items()}
    if training:
        for backend in targets:
            whole |= model.script_for(backend).files
    paths = _models(model, forms, folder, weights, seed) if folder else []
    paths = [*(write_all(folder, whole) if folder and whole else []), *paths]
    if as_json:
        found = [{"backend": key, "file": names[key], "source": text} for key, text in texts.items()]
        output.print_json({"network": model.name, "written": list(map(str, paths)), "files": found})
    elif folder is None:
        output.print_text(*texts.values())
    else:
        print(*paths, sep="\n")


def _models(model: Model, forms: Sequence[Format], folder: Path, weights: Path | None, seed: int) -> list[Path]:
    """Writes files of formats, into a folder that is made if there is none."""
    if not forms:
        return []
    from archspec.weights.exchange import numbers

    made = [(form, form.export(model, model.graph, False)) for form in forms]
    given = numbers(model, weights, "", "", seed)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename or folder}: {error.strerror}") from None
    return [path for form, each in made for path in form.save(each, given, folder / f"{model.name}{form.suffix}")]
