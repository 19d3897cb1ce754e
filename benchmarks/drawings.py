"""A drawing of each family, and of the README's example, in docs/drawings: python benchmarks/drawings.py"""

from __future__ import annotations

from pathlib import Path

from archspec.drawing import svg
from archspec.loading import load
from archspec.model import Model
from archspec.spec.catalogue import files, variants_in

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs/drawings"
EXAMPLE = ROOT / "docs/example/tiny_resnet.yaml"


def models() -> dict[str, Model]:
    """The first network of each family by the family's name."""
    return {path.stem: load(next(iter(variants_in(path)), path.stem)) for path in files()}


def index(drawn: dict[str, Model]) -> str:
    """The page that lists the drawings."""
    lines = ["# Drawings of all families", "", "Written by `make drawings`; [what is seen](../drawing.md) in them.", ""]
    lines += ["| | |", "| --- | --- |"]
    for family, model in drawn.items():
        document = model.spec.document
        about = "" if model.name == family else f" (`{model.name}`)"
        lines.append(f"| [{document.name}]({family}.svg){about} | {document.summary} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.svg"):
        old.unlink()
    drawn = models()
    for family, model in drawn.items():
        (FOLDER / f"{family}.svg").write_text(svg(model), encoding="utf-8")
    (FOLDER / "tiny_resnet.svg").write_text(svg(load(EXAMPLE), horizontal=True), encoding="utf-8")
    (FOLDER / "README.md").write_text(index(drawn), encoding="utf-8")


if __name__ == "__main__":
    main()
