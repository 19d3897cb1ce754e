"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

_SPEC = typer.Argument(metavar="SPEC", help="A path, or the name of a spec or variant that comes along (resnet50).")

OneSpec = Annotated[str, _SPEC]
Specs = Annotated[list[str], _SPEC]
Variant = Annotated[str | None, typer.Option("--variant", metavar="NAME", help="One of the spec's variants.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="PARAM=VALUE", help="A value for a param; may be repeated.")
]
Sizes = Annotated[list[str] | None, typer.Option("--size", metavar="NAME=NUMBER", help="A size for an open dimension.")]
ExactStatistics = Annotated[
    bool, typer.Option("--exact-statistics", help="Code that keeps equal running variances in all frameworks.")
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
