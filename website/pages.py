"""The pages of the site as Markdown: what is written by hand, with its links as the site has them, and what is made."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from archspec import ops
from archspec.backend import backends
from archspec.drawing import svg
from archspec.loading import load
from archspec.model import Model
from archspec.spec.catalogue import files
from tests.cases import CASES, alone
from tests.operations_page import entry
from website.computed import computed

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

HAND: Final = {
    "Begin": ["index", "tutorial", "generated", "language", "abilities", "faq"],
    "Cookbook": [
        "cookbook",
        "export",
        "import",
        "onnx_imports",
        "porting",
        "against",
        "weights",
        "training",
        "ci",
        "python",
        "drawing",
        "report",
        "bench",
    ],
    "Networks": ["drawings/README", "zoo", "counts", "judges"],
    "Verification": ["verification", "divergences", "faults", "versions", "onnx"],
    "More": ["comparison", "adding", "backends", "architecture", "code", "lines", "speed"],
}
"""The pages that are written by hand, or by other commands, in the order of the site."""


def write(site: Path) -> int:
    """Writes all pages below `docs`, and `mkdocs.yml` beside it; how many there are."""
    docs = site / "docs"
    (docs / "operations").mkdir(parents=True)
    (docs / "classics").mkdir()
    for folder in ("drawings", "example", "ci"):
        shutil.copytree(DOCS / folder, docs / folder)
    for image in (*DOCS.glob("*.svg"), *DOCS.glob("*.png")):
        shutil.copy(image, docs)
    nav = [{title: [f"{page}.md" for page in pages]} for title, pages in HAND.items()]
    for page in [page for pages in HAND.values() for page in pages]:
        source = ROOT / "README.md" if page == "index" else DOCS / f"{page}.md"
        (docs / f"{page}.md").write_text(linked(source.read_text(encoding="utf-8"), page), encoding="utf-8")
    gallery = docs / "drawings" / "README.md"
    gallery.write_text(pictured(gallery.read_text(encoding="utf-8")), encoding="utf-8")
    nav.insert(2, {"Classics": [f"classics/{name}.md" for name in _classics(docs)]})
    nav.insert(3, {"Operations": ["operations/index.md", *_operations(docs)]})
    (docs / "api.md").write_text(_api(), encoding="utf-8")
    nav.append({"API": ["api.md"]})
    settings: dict[str, Any] = yaml.safe_load((ROOT / "website" / "mkdocs.yml").read_text(encoding="utf-8"))
    settings["plugins"][1]["mkdocstrings"]["handlers"]["python"]["paths"] = [str(ROOT)]
    (site / "mkdocs.yml").write_text(yaml.safe_dump({**settings, "nav": nav}, sort_keys=False), encoding="utf-8")
    return len(list(docs.rglob("*.md")))


def linked(text: str, page: str) -> str:
    """A page whose links lead to pages of the site; to what is not there, they are text."""
    around = "../" * page.count("/")
    text = text.replace("](docs/", "](") if page == "index" else text
    text = re.sub(r"\]\((?:\.\./)?operations\.md#(\w+)\)", lambda m: f"]({around}operations/{_page(m[1])}.md)", text)
    text = re.sub(r"\]\((?:\.\./)?operations\.md\)", f"]({around}operations/index.md)", text)
    known = {f"{name}.md" for names in HAND.values() for name in names}

    def checked(match: re.Match[str]) -> str:
        target = match[2].partition("#")[0]
        path = "/".join(part for part in (*page.split("/")[:-1], target) if part)
        path = re.sub(r"[^/]+/\.\./", "", path)
        inside = (
            path in known
            or path.startswith(("operations/", "classics/"))
            or ((DOCS / path).is_file() and path.startswith(("drawings/", "example/", "ci/")))
        )
        return match[0] if "://" in match[2] or not target or inside else match[1]

    return re.sub(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)", checked, text)


def pictured(table: str) -> str:
    """The list of drawings as the drawings themselves, each under the name of its family."""
    start = table.index("| | |")
    rows = re.findall(r"^\| \[(\w+)\]\((\w+)\.svg\)(.*?) \| (.*) \|$", table, re.MULTILINE)
    parts = [
        f"## {name}{more}\n\n{about}\n\n![{name}]({file}.svg){{ loading=lazy }}" for name, file, more, about in rows
    ]
    return table[:start] + "\n\n".join(parts) + "\n"


def _page(key: str) -> str:
    return key if key in ops.names() else "index"


def _operations(docs: Path) -> Iterator[Any]:
    """A page for each operation, with the picture of its shapes; the entries of the list of pages, by family."""
    used = _users()
    about = "each page has the formula, attributes, shapes, the code of each framework, and where they differ."
    lines = ["# Operations", "", f"{len(ops.names())} operations; {about}", ""]
    for family, keys in ops.FAMILIES.items():
        lines += [f"## {family.capitalize()}", "", "| | |", "| --- | --- |"]
        for key in keys:
            case = next(case for case in CASES if case.op == key)
            (docs / "operations" / f"{key}.svg").write_text(svg(alone(case), horizontal=True), encoding="utf-8")
            text = "\n".join(entry(ops.get(key))).replace(f"### {key}", f"# {key}", 1).replace("](", "](../")
            picture = f"\n![Shapes of {key}]({key}.svg)\n"
            families = ", ".join(used.get(key, ())) or "none"
            text = f"{text}\n{picture}\nUsed by these families of the zoo: {families}.\n"
            (docs / "operations" / f"{key}.md").write_text(text.lstrip(), encoding="utf-8")
            first = (ops.get(key).__doc__ or "").strip().splitlines()[0].replace("|", "\\|")
            lines.append(f"| [{key}]({key}.md) | `{first}` |")
        lines.append("")
        yield {family.capitalize(): [f"operations/{key}.md" for key in keys]}
    (docs / "operations" / "index.md").write_text("\n".join(lines), encoding="utf-8")


def _users() -> dict[str, list[str]]:
    """By operation, the families of the zoo whose specs name it."""
    found: dict[str, list[str]] = {}
    for path in files():
        for key in sorted(set(re.findall(r"\w+", path.read_text(encoding="utf-8"))) & {*ops.names()}):
            found.setdefault(key, []).append(path.stem)
    return found


def _classics(docs: Path) -> list[str]:
    """The pages about classic networks, with their computed parts; their names, in order."""
    order = (DOCS / "classics" / "README.md").read_text(encoding="utf-8")
    names = ["README", *re.findall(r"\]\((\w+)\.md\)", order)]
    for name in names:
        text = (DOCS / "classics" / f"{name}.md").read_text(encoding="utf-8")

        def made(match: re.Match[str]) -> str:
            model: Model = load(match[1])
            (docs / "classics" / f"{match[1]}.svg").write_text(svg(model), encoding="utf-8")
            return computed(model, backends())

        text = re.sub(r"<!-- computed: (\S+) -->", made, linked(text, f"classics/{name}"))
        (docs / "classics" / f"{name}.md").write_text(text, encoding="utf-8")
    return names


def _api() -> str:
    """What is public, for mkdocstrings."""
    import archspec

    skipped = {"__version__", "annotations"}
    lines = [
        "# API",
        "",
        "Everything that `import archspec` gives, with types; [In Python](python.md) shows it by example.",
        "",
    ]
    for name in archspec.__all__:
        if name not in skipped:
            where = getattr(getattr(archspec, name), "__module__", "archspec")
            lines += [f"::: {where}.{name}", ""]
    return "\n".join(lines)
