"""The commands for people: drawings, reports, explanations, benchmarks, and a spec that is watched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archspec.cli import output
from archspec.cli.options import Json, OneSpec, Settings, Sizes, Variant
from archspec.errors import UsageError


def draw(
    spec: OneSpec,
    file: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="A .svg, .png, .html, .dot or .mmd file.")
    ] = None,
    unfold: Annotated[
        list[str] | None, typer.Option("--unfold", metavar="PATH", help="Show the inside of a part, or of all.")
    ] = None,
    fold: Annotated[
        list[str] | None, typer.Option("--fold", metavar="PATH", help="Hide the inside of a part, or of all.")
    ] = None,
    horizontal: Annotated[bool, typer.Option("--horizontal", help="From left to right.")] = False,
    theme: Annotated[str, typer.Option("--theme", metavar="auto|light|dark", help="Colours.")] = "auto",
    variant: Variant = None, settings: Settings = None,
) -> None:  # fmt: skip
    """Draw a network: blocks with what is inside, equal ones stacked, shapes and parameters.

    \b
    archspec draw resnet50 -o resnet50.svg                   also .png, .html, .dot (Graphviz) and .mmd (Mermaid)
    archspec draw resnet50 > resnet50.svg
    archspec draw net.yaml --unfold layer2.0 -o net.svg      with this block from inside; --unfold all
    archspec draw net.yaml --fold all --horizontal -o net.svg

    Without --unfold and --fold it shows at most 40 boxes, and each kind of block from inside once.
    """
    from archspec.cli.arguments import one_network
    from archspec.cli.files import check_writable, write_one
    from archspec.drawing import FORMS, theme_of
    from archspec.drawing import draw as drawn

    if file is not None and file.suffix.lower() not in FORMS:
        raise UsageError(f"-o {file}: drawings are {', '.join(FORMS)}")
    chosen = theme_of(theme)
    model = one_network(spec, variant, settings)
    form = FORMS[file.suffix.lower()] if file is not None else "svg"
    text = drawn(model, form, unfold=unfold or (), fold=fold or (), horizontal=horizontal, theme=chosen)
    if file is None:
        assert isinstance(text, str)
        output.print_text(text)
    else:
        check_writable(file)
        write_one(file, text)
        print(file)


def report(
    spec: OneSpec,
    file: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The page, a .html file.")],
    to: Annotated[list[str] | None, typer.Option("--to", metavar="BACKEND", help="May be repeated.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Verify first, and say what was found.")] = False,
    result: Annotated[
        Path | None, typer.Option("--result", metavar="FILE", help="Say what `verify -o FILE` has found.")
    ] = None,
    bench: Annotated[
        Path | None, typer.Option("--bench", metavar="FILE", help="Show what `bench -o FILE` has found.")
    ] = None,
    variant: Variant = None, settings: Settings = None,
) -> None:  # fmt: skip
    """Write a page about a network: verdict, drawing, generated code side by side, and where parameters and work are.

    \b
    archspec report resnet18 -o resnet18.html
    archspec report resnet18 --verify -o resnet18.html       with what verify finds; its exit code is given
    archspec verify resnet18 -o found.json; archspec report resnet18 --result found.json -o resnet18.html
    archspec bench resnet18 -o times.json; archspec report resnet18 --bench times.json -o resnet18.html

    It is one file, which loads nothing, for any browser.
    """
    from archspec.cli.arguments import one_network
    from archspec.cli.reporting import write

    raise typer.Exit(
        write(one_network(spec, variant, settings), file, to or (), verify=verify, result=result, bench=bench)
    )


def explain(
    spec: OneSpec,
    step: Annotated[str, typer.Argument(metavar="STEP", help="A step or a block, by its path (layer1.0.conv1).")],
    to: Annotated[list[str] | None, typer.Option("--to", metavar="BACKEND", help="May be repeated.")] = None,
    variant: Variant = None, settings: Settings = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Explain a step: what it computes, its shapes and weights, and how each framework writes it.

    \b
    archspec explain resnet18 layer2.0.conv1
    archspec explain resnet18 layer2.0                       a block: its lines in the spec, and its class
    archspec explain swin_t head --to keras
    archspec summary resnet18                                names all steps
    """
    from archspec.backend import backends
    from archspec.cli.arguments import one_network
    from archspec.report.explain import Explanation

    found = Explanation.of(one_network(spec, variant, settings), step, backends(to or ()))
    if as_json:
        output.print_json(found.to_json())
    else:
        output.print_text(str(found))


def bench(
    spec: OneSpec,
    to: Annotated[list[str] | None, typer.Option("--to", metavar="BACKEND", help="May be repeated.")] = None,
    batch: Annotated[list[int] | None, typer.Option("--batch", min=1, help="May be repeated; else 1 and 8.")] = None,
    inference: Annotated[bool, typer.Option("--inference", help="Leave training out.")] = False,
    eager: Annotated[bool, typer.Option("--eager", help="Leave out what is compiled.")] = False,
    rounds: Annotated[int, typer.Option(min=1, metavar="N", help="How often all take turns.")] = 3,
    seconds: Annotated[float, typer.Option(min=0, help="How long a process repeats, for each batch.")] = 1.0,
    threads: Annotated[int, typer.Option(min=0, metavar="N", help="Of each framework; else one for each core.")] = 0,
    timeout: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Limit of a process.")] = 600,
    python: Annotated[
        list[str] | None, typer.Option(metavar="BACKEND=PATH", help="Run a framework in another environment.")
    ] = None,
    variant: Variant = None, settings: Settings = None, sizes: Sizes = None, as_json: Json = False,
    output_: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the result as JSON.")
    ] = None,
) -> None:  # fmt: skip
    """Time the generated models: inference and training, eager and compiled, with the memory that they take.

    \b
    archspec bench resnet18
    archspec bench resnet18 --to pytorch --batch 1 --batch 32 --threads 1
    archspec bench lenet5 --inference --eager --rounds 1     for a first look
    archspec bench resnet18 -o times.json; archspec report resnet18 --bench times.json -o resnet18.html

    Each is a fresh process, and they take turns. Exit code 1 if one broke down, 3 if a framework asked for is missing.
    """
    from archspec.cli.arguments import dimensions, interpreters, one_network
    from archspec.cli.timing import run

    code = run(
        one_network(spec, variant, settings), to or (), output_, as_json=as_json, sizes=dimensions(sizes),
        python=interpreters(python), batches=batch or (), inference=inference, eager=eager, rounds=rounds,
        seconds=seconds, threads=threads, timeout=timeout,
    )  # fmt: skip
    if code:
        raise typer.Exit(code)


def watch(
    spec: Annotated[Path, typer.Argument(metavar="FILE", help="A spec that is being written.")],
    folder: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Where files go.")] = Path("watched"),
    to: Annotated[list[str] | None, typer.Option("--to", metavar="BACKEND", help="May be repeated.")] = None,
    variant: Variant = None, settings: Settings = None,
) -> None:  # fmt: skip
    """Check, draw and compile a spec whenever it is saved, until Ctrl-C.

    \b
    archspec watch net.yaml -o models        models/net.svg, models/net_pytorch.py, ...
    archspec watch net.yaml --to keras --variant small

    A drawing that an editor shows follows what is written. While the spec has errors, files stay as they are.
    """
    from archspec.cli.arguments import values
    from archspec.cli.watching import watch

    watch(spec, folder, to or (), variant, values(settings))
