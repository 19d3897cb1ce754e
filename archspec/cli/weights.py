"""`archspec weights`: files of weights between frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspec.cli import output

if TYPE_CHECKING:
    from archspec.model import Model
    from archspec.weights.names import Rules

INVALID = 1

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Convert, show and compare files of weights.")

SpecOption = typer.Option("--spec", metavar="SPEC", help="A path, or the name of a spec or variant that comes along.")
Variant = Annotated[str | None, typer.Option("--variant", metavar="NAME", help="One of the spec's variants.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="PARAM=VALUE", help="A value for a param.")]
Names = Annotated[
    str,
    typer.Option("--names", metavar="LIBRARY|FILE", help="Whose names the file has: torchvision, timm, a YAML file."),
]
From = Annotated[str, typer.Option("--from", metavar="KIND", help="Whose layouts: canonical, pytorch, keras, paddle.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A file of weights.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Its ending says for which framework.")],
    spec: Annotated[str, SpecOption],
    variant: Variant = None, settings: Settings = None, names: Names = "", origin: From = "",
    to: Annotated[str, typer.Option("--to", metavar="KIND", help="Whose layouts a .safetensors file gets.")] = "",
    like: Annotated[
        Path | None, typer.Option("--like", metavar="FILE", help="Whose names and shapes OUT gets; --names are its.")
    ] = None,
    allow_missing: Annotated[
        list[str] | None, typer.Option("--allow-missing", metavar="PATTERN", help="What may be missing: 'fc.*'.")
    ] = None,
    match: Annotated[
        Path | None, typer.Option("--match", metavar="FILE", help="Propose names, write them there: no OUT.")
    ] = None,
    dtype: Annotated[str, typer.Option(metavar="DTYPE", help="float16, bfloat16, float32 or float64.")] = "",
    as_json: Json = False,
) -> None:  # fmt: skip
    """Bring the weights of one framework's model into another's. No framework is needed.

    \b
    archspec weights convert net.pt net.weights.h5 --spec net.yaml            from PyTorch to Keras
    archspec weights convert net.keras net.pdparams --spec net.yaml           from Keras to PaddlePaddle
    archspec weights convert net.pdparams net.safetensors --spec net.yaml     the spec's own names and shapes
    archspec weights convert theirs.pth ours.pt --spec vit_b_16 --names torchvision
    archspec weights convert ours.keras theirs.pth --spec vit_b_16 --names torchvision --like library.pth
    archspec weights convert a.safetensors b.safetensors --spec net.yaml --from keras --to pytorch
    archspec weights convert theirs.pth ours.pt --spec net.yaml --match names.yaml    which is which: look, then --names

    Endings: .safetensors, .pt, .pth, .bin, .weights.h5, .h5, .pdparams; only read: .keras, .safetensors.index.json.
    """
    from archspec.cli.arguments import one_network
    from archspec.weights.conversion import convert

    model = one_network(spec, variant, settings)
    if match is not None:
        _propose(model, source, match, origin, as_json=as_json)
        return
    done = convert(model, source, target, names=_rules(names), origin=origin, to=to, like=like,
                   allow_missing=allow_missing or (), dtype=dtype)  # fmt: skip
    if as_json:
        output.print_json({"file": done.file, "network": done.network, "weights": done.weights, "kind": done.origin,
                           "notes": done.notes})  # fmt: skip
    else:
        print(done, *done.notes, sep="\n")


def _propose(model: Model, source: Path, file: Path, origin: str, *, as_json: bool) -> None:
    """Shows and writes which weight of a file may be which of a network."""
    from dataclasses import asdict

    from archspec.errors import UsageError
    from archspec.weights.files.stored import put
    from archspec.weights.matching import proposed
    from archspec.weights.names import rules_text

    found = proposed(model, source, origin)
    if not found.pairs:
        raise UsageError(f"{source}: none of its weights fits one of {model.name}")
    with put(file) as aside:
        aside.write_text(rules_text(found.names, f"Proposed for {source.name}: look at it."), encoding="utf-8")
    if as_json:
        output.print_json({"file": str(file), **asdict(found)})
    else:
        output.print_table(found)
        print(f"{file}: {len(found.pairs)} names, to be looked at, and then given as --names {file}")
    if found.missing:
        raise typer.Exit(INVALID)


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of weights.")], as_json: Json = False
) -> None:
    """Show what a file of weights has in it.

    \b
    archspec weights inspect net.weights.h5
    archspec weights inspect net.safetensors --json
    """
    from archspec._columns import columns
    from archspec.errors import printable
    from archspec.weights import files

    stored = files.read(file)
    rows = [(name, list(array.shape), array.dtype.name) for name, array in stored.arrays.items()]
    size = sum(array.nbytes for array in stored.arrays.values())
    if as_json:
        weights = [{"name": name, "shape": shape, "dtype": dtype} for name, shape, dtype in rows]
        output.print_json({"file": str(file), "kind": stored.origin or None, "metadata": dict(stored.metadata),
                           "bytes": size, "weights": weights})  # fmt: skip
        return
    texts = [(printable(name), "x".join(map(str, shape)) or "1", dtype) for name, shape, dtype in rows]
    print(columns([("Name", "Shape", "Numbers"), *texts], "<><", output.width()))
    print(f"\n{file}: {len(rows)} arrays, {size:,} bytes, as {stored.origin or 'an unknown framework'} has them")
    for key, text in stored.metadata.items():
        print(f"{printable(key)}: {printable(text)}")


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(metavar="A", help="A file of weights.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    spec: Annotated[str | None, SpecOption] = None,
    variant: Variant = None, settings: Settings = None, names: Names = "", origin: From = "", as_json: Json = False,
) -> None:  # fmt: skip
    """Compare the weights of two files: what is missing, what has another shape, and by how much numbers differ.

    \b
    archspec weights diff before.pt after.pt
    archspec weights diff net.pt net.weights.h5 --spec net.yaml     of two frameworks

    Exit code 1 if anything differs.
    """
    from dataclasses import asdict

    from archspec.cli.arguments import one_network
    from archspec.errors import UsageError, printable
    from archspec.weights.conversion import compare

    if spec is None and (variant or settings or names):
        raise UsageError("--variant, --set and --names say more of a --spec")
    model: Model | None = one_network(spec, variant, settings) if spec is not None else None
    found = compare((first, second), model, _rules(names), origin)
    if as_json:
        each: dict[str, Any] = {"same": found.same, "only_first": found.only[0], "only_second": found.only[1],
                                "differences": list(map(asdict, found.differences)), "equal": found.equal,
                                "notes": found.notes}  # fmt: skip
        output.print_json(each)
    else:
        for path, alone in zip((first, second), found.only, strict=True):
            print(*(f"only {path} has {printable(name)}" for name in alone), sep="\n", end="\n" * bool(alone))
        print(*(printable(str(each)) for each in found.differences), sep="\n", end="\n" * bool(found.differences))
        print(*found.notes, f"{found.equal} weights are equal, {len(found.differences)} differ", sep="\n")
    if not found.same:
        raise typer.Exit(INVALID)


def _rules(names: str) -> Rules | str:
    """The names of a library, or the rules of a file. Raises UsageError."""
    from archspec.weights.names import read_rules

    return read_rules(Path(names)) if names.endswith((".yaml", ".yml", ".json")) else names
