"""The commands. Each one loads what it needs when it runs, because people wait for `archspec -h` and `check`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import archspec._other  # noqa: F401 (before the others: it says if they are not there)
from archspec.cli import output, showing, weights
from archspec.cli.options import ExactStatistics, Json, OneSpec, Settings, Sizes, Specs, Variant
from archspec.errors import ArchspecError, UsageError, understood

INVALID, WRONG_USAGE, FRAMEWORK_MISSING = 1, 2, 3
"""Exit codes. INVALID is also that of a comparison that shows a difference."""


_CLICK: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")  # wherever it is


class _Commands(TyperGroup):
    """Turns what is raised into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        as_json = "--json" in ctx.args
        try:
            return super().invoke(ctx)
        except (_CLICK, typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.filename is None:
                raise  # of standard output
            failed = understood(error)
        output.print_failure(failed)
        if as_json:
            output.print_json({"ok": False, **failed.to_json()})
        raise typer.Exit(WRONG_USAGE if isinstance(failed, UsageError) else INVALID)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help needs no rich, which takes as long to load as everything else here
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(weights.app, name="weights")


class Schema(StrEnum):
    """What there is a JSON Schema of."""

    LANGUAGE = "language"
    RESULT = "result"


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """One neural-architecture spec, compiled to PyTorch, Keras and PaddlePaddle and proven to be the same function.

    \b
    archspec list                            specs that come along
    archspec check net.yaml                  is it valid?
    archspec compile net.yaml --to keras     the code
    archspec verify net.yaml                 do all frameworks compute the same?
    """
    if version:
        from archspec import __version__

        print(f"archspec {__version__}")
        raise typer.Exit


@app.command()
def check(
    specs: Specs, variant: Variant = None, settings: Settings = None,
    github: Annotated[bool, typer.Option("--github", help="Print annotations for GitHub's actions.")] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Validate specs, and report all errors at once.

    \b
    archspec check net.yaml                  every variant, and what the file expects of it
    archspec check specs/*.yaml              several
    archspec check resnet50                  one that comes along
    archspec check - < net.yaml              from standard input
    archspec check net.yaml --set depth=50   with another value for a param
    archspec check net.yaml --json           findings for editors and CI
    archspec check specs/*.yaml --github     they stand in the lines that they are about

    Exit code 1 if there is an error; warnings do not count.
    """
    from archspec.cli.arguments import values
    from archspec.cli.checking import check

    params = values(settings)
    if github and as_json:
        raise UsageError("--github or --json")
    checked = []
    for spec in specs:
        each = check(spec, variant, params)
        checked.append(each)
        if github:
            print(*each.annotations(), sep="\n", end="\n" * (not each.clean))
        if each.failure is not None:
            output.print_failure(each.failure)
        elif not as_json:
            if not github:  # which may take a line of a spec for a command
                output.print_findings(each.findings, sys.stdout)
            print(each, flush=True)
    if as_json:
        output.print_json({"ok": all(each.ok for each in checked), "specs": [each.to_json() for each in checked]})
    wrong = [each for each in checked if not each.ok]
    if wrong:
        raise typer.Exit(WRONG_USAGE if all(isinstance(each.failure, UsageError) for each in wrong) else INVALID)


@app.command()
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The spec, a .yaml file that is not there yet.")],
    like: Annotated[str | None, typer.Option("--like", metavar="SPEC", help="A copy of one that comes along.")] = None,
    reads: Annotated[str | None, typer.Option(metavar="picture|series|text", help="What the network reads.")] = None,
    shape: Annotated[
        str | None, typer.Option(metavar="NUMBERS", help="Channels, height and width; channels; or how many tokens.")
    ] = None,
    classes: Annotated[int | None, typer.Option(min=1, metavar="N", help="What it tells apart.")] = None,
) -> None:
    """Write a first spec, with comments, that can be checked, drawn, compiled and verified as it is.

    \b
    archspec new net.yaml                                    asks what the network reads
    archspec new net.yaml --reads text --shape 5000 --classes 2
    archspec new net.yaml --like resnet
    """
    from archspec.cli.starting import Answers, start

    following = start(file, like, Answers(reads, shape, classes))
    print(file)
    print("next:", *following, sep="\n  ")


@app.command("fmt")
def format_(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Files, folders, or - for standard input.")],
    only_check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if a file would change.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring specs into the style of the zoo; comments and line breaks stay.

    \b
    archspec fmt net.yaml                    in its place; prints the files that have changed
    archspec fmt specs --check               all files of a folder, for CI
    archspec fmt - < net.yaml                to standard output

    A file that is not there, or not valid YAML, is left as it is, with exit code 2.
    """
    from archspec.cli.formatting import files, format_file, format_stream

    if paths == ["-"] and not only_check:
        try:
            output.print_text(format_stream())
        except ArchspecError as error:
            output.print_failure(error)
            raise typer.Exit(WRONG_USAGE) from None
        return
    if "-" in paths:
        raise UsageError("- is formatted alone, to standard output")
    done = []
    for path in files(paths):
        done.append(each := format_file(path, write=not only_check))
        if each.failure is not None:
            output.print_failure(each.failure)
        elif each.changed and not as_json:
            print(each.file, flush=True)
    ok = not any(each.failure or (only_check and each.changed) for each in done)
    if as_json:
        output.print_json({"ok": ok, "files": [each.to_json() for each in done]})
    if not ok:
        raise typer.Exit(WRONG_USAGE if any(each.failure for each in done) else INVALID)


@app.command("list")
def list_(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORD]...", help="Words, of which each is said of the networks.", show_default=False),
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="As a page, with drawings.")] = None,
    as_json: Json = False,
) -> None:
    """Show the specs that come along.

    \b
    archspec list
    archspec list vgg                        of this family, or with this word in the name or the summary
    archspec list --html zoo.html            with a drawing of each family
    archspec list --json

    What is longer than the terminal goes through your pager.
    """
    from archspec.listing import specs

    found = specs().about(words or ())
    if not found:
        raise UsageError(f"no network that comes along says {' and '.join(words or ())}; archspec list names all")
    if html is not None:
        from archspec.cli.files import check_writable, write_one
        from archspec.cli.gallery import gallery

        check_writable(html)
        write_one(html, gallery(found))
    if as_json:
        output.print_json([entry._asdict() for entry in found])
    elif html is not None:
        print(html)
    else:
        output.print_table(found, paged=True)


@app.command()
def summary(
    spec: OneSpec, variant: Variant = None, settings: Settings = None, sizes: Sizes = None,
    depth: Annotated[int | None, typer.Option(min=1, metavar="N", help="Fold steps that share N names.")] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Show a network's steps, with shapes and costs.

    \b
    archspec summary resnet50
    archspec summary resnet50 --depth 1                   a row per stage
    archspec summary net.yaml --variant small --set num_classes=10
    archspec summary net.yaml --size time=128             costs where a dimension is open
    """
    from archspec.cli.arguments import dimensions, one_network

    table = one_network(spec, variant, settings).summary(dimensions(sizes))
    if depth is not None:
        table = table.folded(depth)
    if as_json:
        output.print_json(table.to_json())
    else:
        output.print_summary(table)


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A SPEC, SPEC:VARIANT, or REVISION:FILE that git has.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    variant: Variant = None, settings: Settings = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Compare two networks: steps, shapes, parameters, multiply-adds, and which weights fit both.

    \b
    archspec diff resnet18 resnet34                    two that come along
    archspec diff net.yaml:small net.yaml:large        two variants
    archspec diff HEAD~1:specs/resnet.yaml specs/resnet.yaml    what a commit changed, in every variant
    archspec diff main:net.yaml net.yaml --variant small --set num_classes=10

    Steps are the same ones if they have the same name. Exit code 0 if all is equal, 1 if not, 2 if that cannot be said.
    """
    from archspec.cli.arguments import values
    from archspec.cli.differing import differences

    try:
        found = differences(first, second, variant, values(settings))
    except ArchspecError as error:
        output.print_failure(error)
        if as_json:
            output.print_json({"ok": False, **error.to_json()})
        raise typer.Exit(WRONG_USAGE) from None
    if as_json:
        output.print_json(found.to_json())
    else:
        output.print_table(found)
    if not found.same:
        raise typer.Exit(INVALID)


for _command in (showing.draw, showing.report, showing.explain, showing.bench, showing.watch):
    app.command()(_command)


@app.command("compile")
def compile_(
    spec: OneSpec,
    to: Annotated[list[str] | None, typer.Option("--to", metavar="BACKEND", help="May be repeated.")] = None,
    folder: Annotated[Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where files go.")] = None,
    training: Annotated[bool, typer.Option("--training", help="With scripts that train; needs -o.")] = False,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="What a file of ONNX holds; else, fresh ones.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of fresh weights in a file of ONNX.")] = 0,
    exact_statistics: ExactStatistics = False,
    variant: Variant = None, settings: Settings = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Write a network as source code, for one or more frameworks, or as a file of ONNX.

    \b
    archspec compile resnet18 --to keras                   to standard output
    archspec compile resnet18 -o models                    models/resnet18_pytorch.py, ..._keras.py, ..._paddle.py
    archspec compile net.yaml --to pytorch --to paddle -o models --set num_classes=10
    archspec compile lenet --training -o models            models/train_lenet_pytorch.py, ..., too
    archspec compile resnet18 --to onnx --weights trained.safetensors -o models     models/resnet18.onnx

    If a framework cannot express the network exactly, nothing is written.
    """
    from archspec.cli.arguments import one_network
    from archspec.cli.compiling import run

    run(
        lambda: one_network(spec, variant, settings), to or (), folder, training=training, weights=weights, seed=seed,
        exact_statistics=exact_statistics, as_json=as_json,
    )  # fmt: skip


@app.command()
def verify(
    specs: Specs,
    to: Annotated[list[str] | None, typer.Option("--to", metavar="BACKEND", help="May be repeated.")] = None,
    variant: Variant = None, settings: Settings = None, sizes: Sizes = None,
    python: Annotated[
        list[str] | None, typer.Option(metavar="BACKEND=PATH", help="Run a framework in another environment.")
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option(metavar="REQUIREMENT", help="Run other versions: keras==3.11. May be repeated.")
    ] = None,
    gradients: Annotated[bool, typer.Option("--gradients", help="Compare gradients, too.")] = False,
    training: Annotated[bool, typer.Option("--training", help="Compare what they do in training, too.")] = False,
    steps: Annotated[
        int, typer.Option("--steps", min=0, metavar="N", help="Compare N steps of training, by the scripts, instead.")
    ] = 0,
    exact_statistics: ExactStatistics = False,
    picture: Annotated[Path | None, typer.Option("--input", metavar="FILE", help="A picture to run through.")] = None,
    against: Annotated[
        list[str] | None, typer.Option("--against", metavar="FILE[:NAME]", help="A model of your own; may be repeated.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="Weights of its own to compare it with, too.")
    ] = None,
    save_names: Annotated[
        Path | None, typer.Option("--save-names", metavar="FILE", help="Write the names that it has for the weights.")
    ] = None,
    require: Annotated[bool, typer.Option("--require", help="A framework that is missing is a failure.")] = False,
    allow_unproven: Annotated[
        bool, typer.Option("--allow-unproven", help="Outputs may be NaN, infinite, lost, or not defined.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of weights and inputs.")] = 0,
    timeout: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Limit of a run, or an import.")] = 300,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, metavar="N", help="Networks side by side.")] = 1,
    shard: Annotated[str, typer.Option(metavar="PART/OF", help="Only this part of all networks.")] = "",
    executor: Annotated[
        str, typer.Option(metavar="dask://HOST:PORT", help="Have the workers of a scheduler of dask do it.")
    ] = "",
    no_cache: Annotated[
        bool, typer.Option("--no-cache", envvar="ARCHSPEC_NO_CACHE", help="Verify again what has not changed.")
    ] = False,
    as_json: Json = False,
    output_: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the result as JSON.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it as JUnit's XML.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it as Markdown.")] = None,
    baseline: Annotated[Path | None, typer.Option(metavar="FILE", help="Fail on what is worse than there.")] = None,
    repro: Annotated[Path | None, typer.Option(metavar="DIR", help="Write what reproduces a difference there.")] = None,
    update_baseline: Annotated[Path | None, typer.Option(metavar="FILE", help="Write what was found there.")] = None,
) -> None:  # fmt: skip
    """Prove that the generated models compute the same, step by step.

    \b
    archspec verify resnet18                                 every framework against the reference
    archspec verify net.yaml --variant small --set depth=3
    archspec verify vgg16 --to pytorch --to keras            those two, and neither may be missing
    archspec verify resnet18 --gradients                     by the input and by all weights, in float64
    archspec verify resnet18 --training                      with the statistics of the batch, which are compared
    archspec verify lenet --steps 10                         losses, updates and all weights of ten steps
    archspec verify wavenet_small --size time=4000           at a size of its open dimension; also --size batch=1
    archspec verify resnet18 --input photo.png               with a real picture
    archspec verify resnet18 --python paddle=envs/paddle/bin/python
    archspec verify resnet18 --env keras==3.11 --env keras==3.15     what an upgrade changes
    archspec verify specs/*.yaml -j 2                        two networks side by side, as far as there is memory
    archspec verify resnet18 --against my_model.py:build --to pytorch   a model of your own, too
    archspec verify resnet18 --against model.keras --to keras   or a file of it: .keras, TorchScript
    archspec verify resnet18 --against model.onnx --weights model.safetensors --to onnx     or of ONNX: its outputs
    archspec verify net.yaml --repro repro                   for a report of a bug: model, numbers and script alone
    archspec verify specs/*.yaml --baseline parity.json      fails on what is worse than what --update-baseline wrote
    archspec verify specs/*.yaml --shard 2/5                 the second of five parts, for as many machines
    archspec verify specs/*.yaml --executor dask://host:8786         on the workers of a scheduler of dask.distributed
    archspec verify specs/*.yaml --require --json            for CI
    archspec verify specs/*.yaml --junit parity.xml --markdown parity.md -o parity.json

    Exit code 1 if anything differs or is not proven, 3 if a framework asked for is missing.
    """
    from archspec.cli.arguments import dimensions, interpreters, values
    from archspec.cli.verifying import run
    from archspec.cli.views import views

    if save_names is not None and len(against or ()) != 1:
        raise UsageError("--save-names writes the names of one model: give one --against")
    shown = views(as_json, {"output": output_, "junit": junit, "markdown": markdown, "names": save_names})
    code = run(
        specs, shown, baseline=baseline, update_baseline=update_baseline,
        to=to or (), variant=variant, params=values(settings), python=interpreters(python), env=env or (),
        gradients=gradients, training=training, steps=steps, exact_statistics=exact_statistics,
        require=require, seed=seed, timeout=timeout, allow_unproven=allow_unproven, sizes=dimensions(sizes),
        picture=picture, against=against or (), weights=weights, jobs=jobs, shard=shard, executor=executor,
        cache=not no_cache, repro=repro,
    )  # fmt: skip
    if code:
        raise typer.Exit(code)


@app.command("import")
def import_(
    source: Annotated[str, typer.Argument(metavar="FILE.py:NAME", help="What makes it; or MODULE:NAME, or FILE.onnx.")],
    output_: Annotated[Path, typer.Option("-o", "--output", metavar="NAME", help="Writes NAME.yaml, and its weights.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="NAME=SIZES", help="What goes in, the batch first; may be repeated."),
    ] = None,
    backend: Annotated[
        str, typer.Option("--from", metavar="BACKEND", help="Whose framework it uses, if that does not show.")
    ] = "",
    arguments: Annotated[
        list[str] | None, typer.Option("--argument", metavar="N=V", help="What the function is given; may be repeated.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Limit of a run, or an import.")] = 300,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave steps that are unknown, which check refuses, for what is refused.")
    ] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Write the spec of a model that is code, with its weights, and prove that it is that model.

    \b
    archspec import torchvision.models:resnet18 --input image=1,3,224,224 -o resnet18
    archspec import my_model.py:build --argument width=64 --input image=1,3,32,32 -o net
    archspec import my_model.py:Tagger --input tokens=1,time:int64:30000 -o tagger
    archspec import "keras.applications:ResNet50(weights=None)" --input image=1,224,224,3 -o resnet50
    archspec import exported.onnx -o net

    The model is run twice, with two sizes of what is open; all that it calls becomes steps, its classes blocks. What
    has no place in a spec is told all at once, and nothing is written. Writes NAME.yaml, NAME.safetensors (by the
    spec's names), and NAME.names.yaml (for archspec weights --names) if the model has other ones.
    """
    from archspec.cli.arguments import values
    from archspec.cli.importing import run

    given = values(arguments)
    code = run(
        source, output_, inputs or (), backend, given, timeout, force=force, as_json=as_json, partial=partial
    )  # fmt: skip
    if code:
        raise typer.Exit(code)


@app.command("convert")
def convert_(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="As that of archspec import.")],
    to: Annotated[str, typer.Option("--to", metavar="BACKEND", help="The framework that it is for.")],
    output_: Annotated[Path, typer.Option("-o", "--output", metavar="NAME", help="What files are called.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="NAME=SIZES", help="What goes in, the batch first; may be repeated."),
    ] = None,
    origin: Annotated[str, typer.Option("--from", metavar="KIND", help="What it is of: a backend, or onnx.")] = "",
    arguments: Annotated[
        list[str] | None, typer.Option("--argument", metavar="N=V", help="What the function is given; may be repeated.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(metavar="FILE", help="Trained ones, as the model names them.")] = None,
    timeout: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Limit of a run, or an import.")] = 300,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Bring a model with its weights into another framework: import, compile, convert and verify at once.

    \b
    archspec convert my_model.py:build --input image=1,3,32,32 --to keras --weights trained.pt -o net
    archspec convert exported.onnx --to pytorch -o net

    Writes NAME.yaml (the spec), NAME_BACKEND.py, its weights in the framework's own kind of file, and NAME.md, a page
    about what was proven; or nothing, with exit code 1, if the code with these weights is not proven to be the model.
    """
    from archspec.cli.arguments import values
    from archspec.cli.converting import run

    given = values(arguments)
    code = run(source, output_, origin, to, inputs or (), given, weights, timeout, force=force, as_json=as_json)
    if code:
        raise typer.Exit(code)


@app.command()
def init(
    spec: OneSpec,
    output_: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where the weights go.")],
    variant: Variant = None, settings: Settings = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the random numbers.")] = 0,
) -> None:  # fmt: skip
    """Draw the weights that a network starts with, the same bits for all frameworks.

    \b
    archspec init resnet50 -o start.safetensors              by the spec's names, in its shapes
    archspec init net.yaml --seed 1 -o start.safetensors

    They are drawn as the spec's init says. Each weight has random numbers of its own: a new layer moves no other.
    """
    from archspec.cli.arguments import one_network
    from archspec.weights.exchange import save
    from archspec.weights.start import start

    model = one_network(spec, variant, settings)
    save(model, output_, start(model.graph, seed))
    print(output_)


@app.command("op")
def op_(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="As a spec has it; without one, all names.")] = "",
    as_json: Json = False,
) -> None:
    """Show an operation: formula, shapes, attributes.

    \b
    archspec op conv2d
    archspec op                  the names of all, by family
    """
    from archspec import ops
    from archspec.cli import operations

    if as_json:
        output.print_json(operations.described(name) if name else ops.FAMILIES)
    else:
        output.print_text(*(f"{line}\n" for line in (operations.text(name) if name else operations.names())))


@app.command()
def schema(
    of: Annotated[Schema, typer.Argument(metavar="[language|result]", help="What the schema is of.")] = Schema.LANGUAGE,
) -> None:
    """Print the JSON Schema of the language, for editors, or of results, for programs.

    \b
    archspec schema > archspec.schema.json
    archspec schema result                       of what verify --json prints, and -o writes
    # yaml-language-server: $schema=archspec.schema.json      as the first line of a spec
    """
    if of is Schema.RESULT:
        from archspec.results.schema import schema
    else:
        from archspec.spec.schema import schema
    output.print_json(schema())
