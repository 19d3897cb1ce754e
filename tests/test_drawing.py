"""Drawings: what they show, that nothing lies over anything else, and that foreign texts stay texts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import drawing, listing, ops
from archspec.cli import app
from archspec.cli.gallery import gallery
from archspec.drawing.folding import MOST, chosen, first_sight, inside, joined, seen
from archspec.drawing.graphs import dot, mermaid
from archspec.drawing.layout import Label, Picture, lay_out
from archspec.drawing.page import page
from archspec.drawing.parts import Network, network
from archspec.drawing.text import count, width
from archspec.drawing.theme import COLOURS, KINDS
from archspec.drawing.vector import svg
from archspec.errors import UsageError
from archspec.model import Model, Spec
from archspec.spec.catalogue import files, variants_in
from tests.drawings import faults

from .commands import CliRunner

ROOT = Path(__file__).parent.parent
SEEN_FIRST = ("googlenet", "hrnet", "mlp", "nasnet", "resnet", "swin", "transformer", "wavenet")
FAMILIES = [
    pytest.param(path.stem, marks=() if path.stem in SEEN_FIRST else pytest.mark.slow, id=path.stem) for path in files()
]


def of_family(name: str) -> Model:
    path = next(path for path in files() if path.stem == name)
    return Spec.read(path).network(next(iter(variants_in(path)), None))


def parse(text: str) -> Network:
    return network(Spec.parse(text).network())


@pytest.mark.parametrize("name", FAMILIES)
def test_nothing_lies_over_anything_else_and_first_sight_is_small(name: str) -> None:
    found = network(of_family(name))
    opened = first_sight(found)
    picture = lay_out(found, opened)
    assert len(picture.boxes) == len(seen(found.root.parts, opened)) <= MOST
    assert faults(picture) == []
    assert faults(lay_out(found, chosen(found, fold=["all"]), horizontal=True)) == []
    assert faults(lay_out(found, opened, horizontal=True)) == []


@pytest.mark.long
@pytest.mark.parametrize("name", [path.stem for path in files()])
def test_nothing_lies_over_anything_else_with_all_open(name: str) -> None:
    found = network(of_family(name))
    for horizontal in (False, True):
        assert faults(lay_out(found, chosen(found, ["all"]), horizontal=horizontal)) == []


def test_faults_are_seen() -> None:
    found = network(archspec.load("resnet18"))

    def fresh() -> Picture:
        return lay_out(found, first_sight(found))

    moved = fresh()
    moved.boxes[2].y = moved.boxes[1].y
    assert any("overlap" in fault for fault in faults(moved))
    narrow = fresh()
    narrow.boxes[1].width = 40
    assert any("runs out of its box" in fault for fault in faults(narrow))
    crossed = fresh()
    (x, y), *_ = crossed.lines[0].pieces[0]
    crossed.lines[0].pieces.append(((x, y), (x, y + 2000)))
    assert any("the line of image runs through conv1" in fault for fault in faults(crossed))
    crossed.labels[0] = Label("64×56×56", x - 9, y + 14)
    assert any("runs through the label" in fault for fault in faults(crossed))
    outside = fresh()
    inner = next(box for box in outside.boxes if box.part.path == "layer1.0" or "layer2.0" in box.part.path)
    inner.x -= 500
    assert any("is not inside" in fault for fault in faults(outside))


@pytest.mark.parametrize("name", ["resnet152", "hrnet_w18", "swin_t", "googlenet", "wavenet_small", "transformer_base"])
def test_nothing_is_lost_and_nothing_counted_twice(name: str) -> None:
    """Every step is in one part, whose costs add up to those of the summary; every tensor that is read has a line."""
    model = archspec.load(name)
    found = network(model)
    parts = found.root.parts
    wanted = {*model.graph.outputs.values()}.union(*(node.inputs for node in model.graph.nodes))
    steps = [node.path for part in parts for node in part.all_nodes()]
    assert sorted(steps) == sorted(node.path for node in model.graph.nodes)
    assert sum(found.costs(part).parameters for part in parts) == model.summary().parameters
    for opened in (chosen(found, fold=["all"]), first_sight(found), chosen(found, ["all"])):
        lines = joined(parts, opened)
        closed = [part for part in seen(parts, opened) if part not in opened]
        for part in closed:
            assert {tensor for _, target, tensor in lines if target is part} == {*part.reads}
        read = {source for source, _, _ in lines}
        for part in closed:
            assert part in read or not wanted & {tensor for node in part.all_nodes() for tensor in node.outputs}


def test_equal_neighbours_are_one_box() -> None:
    found = network(archspec.load("resnet152"))
    stages = [part for part in found.root.parts if part.name.startswith("layer")]
    assert [[part.count for part in stage.parts] for stage in stages] == [[1, 2], [1, 7], [1, 35], [1, 2]]
    assert [part.title for part in stages[2].parts] == ["0", "1–35"]
    assert len(seen(found.root.parts, chosen(found, ["all"]))) <= 60


def test_neighbours_that_read_something_else_are_no_stack() -> None:
    found = parse("""\
archspec: 1
name: Chain
inputs: {image: [4]}
blocks:
  B:
    layers: [{op: linear, name: fc, out_features: x.features}, {op: linear, name: fd, out_features: x.features}]
layers:
  - {block: B, name: one}
  - {block: B, name: two, from: image}
  - {block: B, name: three}
  - {op: add, from: [one, three]}
""")
    assert [(part.name, part.count) for part in found.root.parts if part.block] == [("one", 1), ("two", 2)]
    (total,) = (part for part in found.root.parts if part.rows)
    assert len(total.reads) == 2


def test_a_chain_is_one_box_and_branches_are_not() -> None:
    found = network(archspec.load("resnet18"))
    first = found.root.parts[1]
    assert [node.op.key for node in first.rows] == ["conv2d", "batch_norm", "relu"]
    (part,) = (p for p in found.root.walk() if p.path == "layer2.0")
    assert [[node.op.key for node in each.rows] for each in part.parts] == [
        ["conv2d", "batch_norm", "relu"], ["conv2d", "batch_norm"], ["conv2d", "batch_norm"], ["add", "relu"],
    ]  # fmt: skip
    assert part.parts[2].name == "downsample"


def test_fold_and_unfold() -> None:
    model = archspec.load("resnet18")

    def paths(**options: Any) -> set[str]:
        return set(re.findall(r'data-part="([^"]*)"', drawing.svg(model, **options)))

    assert "layer4.0.conv1" not in paths()
    assert "layer4.0.conv1" in paths(unfold=["layer4.0"])
    assert "layer4.0.conv1" in paths(unfold=["all"])
    assert paths(fold=["all"]) == {"image", "conv1", "max_pool2d", "layer1", "layer2", "layer3", "layer4",
                                   "global_avg_pool2d", "fc", "logits"}  # fmt: skip
    assert {"layer4.0", "layer4.0.conv1"} <= paths(fold=["all"], unfold=["layer4.0"])
    assert "layer2.0" not in paths(fold=["layer2"])
    with pytest.raises(UsageError, match=r"no part 'layer9' that can be folded; did you mean 'layer\d'"):
        drawing.svg(model, unfold=["layer9"])


def test_an_svg_stands_alone_and_is_the_same_each_time() -> None:
    text = drawing.svg(archspec.load("googlenet"))
    assert text == drawing.svg(archspec.load("googlenet"))
    root = ET.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    names = (root.get("aria-labelledby") or "").split()
    titles = {
        each.get("id"): each.text
        for each in (root.find(f"{space}title"), root.find(f"{space}desc"))
        if each is not None
    }
    assert [*titles] == names
    assert "13.4 M parameters" in (titles["desc"] or "")
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    for element in root.iter():
        assert not any(name.rpartition("}")[2] in ("href", "src") for name in element.attrib)
    texts = [(each.text or "", float(each.get("textLength", "0"))) for each in root.iter(f"{space}text")]
    assert texts
    assert all(length > 0 for _, length in texts)
    assert "only in training" in [each for each, _ in texts]


def test_a_notebook_shows_the_drawing_and_the_steps() -> None:
    model = archspec.load("mlp")
    shown = read(model._repr_html_())
    (source,) = (attributes["src"] or "" for tag, attributes in shown.found if tag == "img")
    assert b64decode(source.removeprefix("data:image/svg+xml;base64,")).decode() == drawing.svg(model, theme="light")
    assert [tag for tag, _ in shown.found].count("tr") == 1 + len(model.graph.nodes)


def test_themes() -> None:
    model = archspec.load("mlp")
    auto, light, dark = (drawing.svg(model, theme=theme) for theme in drawing.THEMES)
    assert "prefers-color-scheme: dark" in auto
    assert "<style>" not in light + dark
    assert "#14171b" in dark
    assert "#14171b" not in light
    with pytest.raises(UsageError, match="there is no theme 'blue'"):
        drawing.theme_of("blue")


HOSTILE = """\
archspec: 1
name: Hostile
summary: "</title></svg><script>alert(1)</script>"
source: "javascript:alert(1)"
inputs: {image: [4]}
blocks:
  B:
    summary: "<!-- ]]> \\" ' & \\u0007 \\uFFFF"
    layers: [{op: linear, name: a, out_features: 4}, {op: linear, name: b, out_features: 4}]
layers:
  - {block: B, name: one, repeat: 3}
outputs: {"end": one}
"""


class _Page(HTMLParser):
    """Tags, attributes, and whether every one that is opened is closed."""

    VOID = frozenset({"meta", "input", "br", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(text: str) -> _Page:
    parser = _Page()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser


def test_foreign_texts_stay_texts() -> None:
    found = parse(HOSTILE)
    opened = first_sight(found)
    root = ET.fromstring(svg(found, lay_out(found, opened)))
    assert "<script>alert(1)</script>" in "".join(root.itertext())
    text = page(found, opened)
    assert "script" not in [tag for tag, _ in read(text).found]
    assert "javascript:" not in text
    assert '\\"' not in dot(found, opened).replace('"Hostile"', "")
    assert "script" not in mermaid(found, opened)


def test_a_page_shows_what_is_inside_of_what_is_closed() -> None:
    found = network(archspec.load("resnet50"))
    text = page(found, first_sight(found))
    parsed = read(text)
    targets = {attributes.get("id") for _, attributes in parsed.found}
    links = [attributes.get("href") or "" for tag, attributes in parsed.found if tag == "a"]
    assert len(links) > 10
    assert all(link.startswith("#") and link[1:] in targets for link in links)
    ids = [attributes["id"] for _, attributes in parsed.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    roles = {attributes.get("role") for tag, attributes in parsed.found if tag == "svg"}
    assert roles == {"group"}, "readers of screens reach no link in an image"
    assert not any(name in attributes for _, attributes in parsed.found for name in ("src", "onload", "onclick"))


def test_the_inside_of_a_part_is_a_drawing() -> None:
    found = network(archspec.load("hrnet_w18"))
    (part,) = (each for each in found.root.parts if each.name.startswith("stage4"))
    inner = inside(found, part)
    assert [each.name for each in inner.root.parts if each.tensor is not None] == [
        *(f"input {number}" for number in range(1, 5)), *(f"output {number}" for number in range(1, 5)),
    ]  # fmt: skip
    assert faults(lay_out(inner, first_sight(inner))) == []


def test_dot_and_mermaid_have_the_same_lines() -> None:
    found = network(archspec.load("googlenet"))
    opened = first_sight(found)
    lines = len(joined(found.root.parts, opened))
    assert dot(found, opened).count(" -> ") == lines
    drawn = mermaid(found, opened)
    assert drawn.count("-->|") + drawn.count("-.->|") == lines
    assert drawn.count("subgraph") == drawn.count("\n" + " " * 2 + "end") + drawn.count("\n" + " " * 4 + "end")
    assert "rankdir=LR" in dot(found, opened, horizontal=True)
    large = network(archspec.load("nasnet_mobile"))
    with pytest.raises(UsageError, match="Mermaid draws at most 500 lines"):
        mermaid(large, chosen(large, ["all"]))


def test_counts_and_widths() -> None:
    assert [count(n) for n in (0, 9408, 9_999, 11_111, 1_234_567, 25_557_032, 4_089_184_256)] == [
        "0", "9,408", "9,999", "11.1 k", "1.23 M", "25.6 M", "4.09 G",
    ]  # fmt: skip
    assert width("iiii", 12) < width("MMMM", 12)
    assert width("層", 12) == 12


def test_draw_writes_what_the_name_ends_in(tmp_path: Path) -> None:
    for name, begins in {
        "n.svg": "<svg",
        "n.html": "<!DOCTYPE html>",
        "n.dot": "digraph",
        "n.mmd": "flowchart",
    }.items():
        result = CliRunner().invoke(app, ["draw", "mlp", "-o", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)
    assert CliRunner().invoke(app, ["draw", "mlp"]).stdout.startswith("<svg")
    wrong = CliRunner().invoke(app, ["draw", "mlp", "-o", str(tmp_path / "n.jpg")])
    assert wrong.exit_code == 2
    assert "drawings are .svg, .html" in wrong.output
    assert not (tmp_path / "n.jpg").exists()


@pytest.mark.parametrize("name", ["resnet", "wavenet"])
def test_drawings_in_the_docs_are_current(name: str) -> None:
    written = (ROOT / f"docs/drawings/{name}.svg").read_text(encoding="utf-8")
    assert written == drawing.svg(of_family(name)), "make drawings"


def test_every_family_has_a_drawing_in_the_docs() -> None:
    index = (ROOT / "docs/drawings/README.md").read_text(encoding="utf-8")
    names = {path.stem for path in (ROOT / "docs/drawings").glob("*.svg")}
    assert names == {*(path.stem for path in files()), "tiny_resnet"}
    assert set(re.findall(r"\((\w+)\.svg\)", index)) == names - {"tiny_resnet"}
    example = archspec.load(ROOT / "docs/example/tiny_resnet.yaml")
    assert (ROOT / "docs/drawings/tiny_resnet.svg").read_text(encoding="utf-8") == drawing.svg(example, horizontal=True)


@pytest.mark.slow
def test_all_families_on_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = listing.specs()
    some = listing.Listing(entry for entry in found if entry.spec in ("lenet", "vae", "resnet"))
    hostile = some[-1]._replace(summary="<script>1</script>", source="javascript:alert(1)")
    parsed = read(gallery([*some[:-1], hostile]))
    assert [tag for tag, _ in parsed.found].count("svg") == 3
    assert "script" not in [tag for tag, _ in parsed.found]
    links = [attributes.get("href") or "" for tag, attributes in parsed.found if tag == "a"]
    assert links
    assert all(link.startswith(("https://", "http://")) for link in links)
    monkeypatch.setattr(listing, "specs", lambda: listing.Listing(some))
    result = CliRunner().invoke(app, ["list", "--html", str(tmp_path / "zoo.html")])
    assert result.exit_code == 0
    assert (tmp_path / "zoo.html").read_text(encoding="utf-8") == gallery(some)


def test_png(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(__import__("sys").modules, "resvg_py", None)
        with pytest.raises(UsageError, match=r"pip install 'archspec-nn\[png\]', or write .svg"):
            drawing.draw(archspec.load("mlp"), "png")
    pytest.importorskip("resvg_py", reason="the extra 'png' is not installed")
    drawn = drawing.draw(archspec.load("mlp"), "png")
    assert isinstance(drawn, bytes)
    assert drawn.startswith(b"\x89PNG")


def test_every_family_of_operations_has_a_colour() -> None:
    assert KINDS.keys() == ops.FAMILIES.keys()
    assert set(KINDS.values()) == COLOURS.keys()
