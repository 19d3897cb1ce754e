"""Reports: what a page says of a network and of a result, and that foreign texts stay texts."""

from __future__ import annotations

import ast
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from math import log10
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.backend import backends
from archspec.cli import app
from archspec.errors import UsageError
from archspec.model import Model, Spec
from archspec.report import report
from archspec.report.facts import code
from archspec.report.lines import lines
from archspec.report.listing import listing
from archspec.results.fingerprints import fingerprint
from archspec.results.result import Proof
from archspec.verification.report import Culprit, Facts, Finding, Outcome, Report, Rung

from .commands import CliRunner

BACKENDS = ("pytorch", "keras", "paddle")


class Page(HTMLParser):
    """Tags and attributes, texts, and the data in the page."""

    VOID = frozenset({"meta", "input", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.data: dict[str, Any] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script" and self.tags[-1][1].get("id") == "data":
            self.data = json.loads(data)
        elif not self.open or self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def of(model: Model, result: Any = None) -> Page:
    return Page(report(model, backends(), result))


@pytest.mark.slow
def test_errors_of_steps_are_drawn_where_they_belong(resnet18: Model) -> None:
    order = [node.path for node in resnet18.graph.nodes]
    found = result(resnet18, culprit="layer2.0.conv1")
    own = found["reports"][0]["outcomes"]["keras"]["rungs"]["float64"]
    assert [*own["errors"]] == order
    assert own["bounds"] == {order[0]: 1e-10}
    own["errors"][order[1]], own["errors"][order[2]] = 0.0, None
    page = of(resnet18, found)
    (line,) = [each["d"] for each in page.all("path") if each.get("data-backend") == "keras"]
    numbers = [*map(int, (line or "")[1:].split())]
    points = [*zip(numbers[::2], numbers[1::2], strict=True)]
    assert len(points) == len(order)
    assert all(after[0] > before[0] for before, after in pairwise(points))
    heights = dict(zip(order, (y for _, y in points), strict=True))
    top = min(heights.values())
    assert heights[order[2]] == top < heights["layer2.0.conv1"] < heights[order[0]] < heights[order[1]], "up is worse"
    assert heights["layer2.0.conv1"] - heights[order[0]] == pytest.approx(14 * (log10(1e-15) - log10(0.5)), abs=1)
    own["errors"] = [1.0]
    with pytest.raises(UsageError, match="no result"):
        of(resnet18, found)
    assert "Error of each step" not in of(resnet18).text


def result(model: Model, *, culprit: str = "", mode: str = "", **prints: str) -> dict[str, Any]:
    """A result about a model, in which Keras is wrong at one step and gives what follows wrong input."""
    return proof(model, culprit=culprit, mode=mode, **prints).to_json()


def proof(model: Model, *, culprit: str = "", mode: str = "", **prints: str) -> Proof:
    """The same before it is written down."""
    paths = [node.path for node in model.graph.nodes]

    def rung(name: str, wrong: list[str]) -> Rung:
        found = [Finding(path, "conv2d", 0.5 if path in wrong else 1e-15, 1e-10, size=4) for path in paths]
        return Rung.of(name, found, (), {"run": 0.25})

    after = paths[paths.index(culprit) :] if culprit else []
    outcomes = {}
    for name in BACKENDS:
        bad = name == "keras" and bool(culprit)
        rungs = {"float64": rung("float64", after if bad else [])}
        rungs |= {"alone": rung("alone", [culprit])} if bad else {}
        found = (
            Culprit(culprit, "conv2d", rungs["float64"].wrong[0], True, "n.yaml:7:3", "line 9: x = 1") if bad else None
        )
        outcomes[name] = Outcome(name, {"python": "3.12", name: "1.0"}, 1.0, rungs, found, memory=2**28)
    facts = Facts("n.yaml", model.variant, "evaluation", 1, 1, prints)
    return Proof((Report(model.name + mode, 0, outcomes, facts=facts),), frozenset(), date="2026-01-01T00:00:00Z")


@pytest.fixture(scope="module")
def resnet18() -> Model:
    return archspec.load("resnet18")


def test_the_page_has_all_of_the_network_and_loads_nothing(resnet18: Model) -> None:
    text = report(resnet18, backends())
    assert text == report(resnet18, backends())
    page = Page(text)
    assert len(page.data["steps"]) == len(resnet18.graph.nodes) == len(page.all("tr")) - 1
    totals = [page.data["kinds"][kind]["parameters"] for kind, *_ in page.data["steps"].values()]
    assert sum(totals) == resnet18.summary().parameters
    assert not any("src" in attributes for _, attributes in page.tags)
    links = [each.get("href") or "" for each in page.all("a")]
    assert {link for link in links if not link.startswith("#")} == {"https://arxiv.org/abs/1512.03385"}
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert "Not verified." in page.text
    assert "archspec report resnet18 --verify" in page.text
    (policy,) = (each["content"] or "" for each in page.all("meta") if "http-equiv" in each)
    assert policy.startswith("default-src 'none'")


@pytest.mark.slow
def test_pages_are_small() -> None:
    assert len(report(archspec.load("swin_t"), backends()).encode()) < 600 * 2**10


def test_generated_files_stand_in_the_page_as_they_are(resnet18: Model) -> None:
    text = report(resnet18, backends())
    for backend in BACKENDS:
        (shown,) = re.findall(rf'<ol class="code" data-file="{backend}"[^>]*>(.*?)</ol>', text, re.DOTALL)
        stripped = [re.sub(r"<[^>]*>", "", line) for line in shown.split("</li>")[:-1]]
        plain = [line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for line in stripped]
        assert [line.lstrip("\n") for line in plain] == resnet18.compile(backend).splitlines()


# Lines --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "googlenet", "swin_t", "hrnet_w18", "wavenet_small", "vgg16"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_each_step_has_lines_that_make_it(name: str, backend: str) -> None:
    """What has none costs no code: permutations in Keras, and steps that nothing depends on."""
    model = archspec.load(name)
    program = model.program(backend)
    found = lines(program)
    for node in model.graph.nodes:
        if node.path not in found:
            assert backend == "keras"
            assert node.op.key == "permute" or node.path not in program.homes
            continue
        assert all(1 <= first <= last <= len(program.source.splitlines()) for first, last in found[node.path])


@pytest.mark.parametrize(("backend", "path", "words"), [
    ("pytorch", "layer2.0.conv1", ["self.conv1 = nn.Conv2d(", "self.conv1(x)"]),
    ("pytorch", "layer2.0.bn1", ["self.bn1 = nn.BatchNorm2d", "self.bn1("]),
    ("pytorch", "layer2.0.downsample.1", ["nn.BatchNorm2d(channels),"]),
    ("pytorch", "layer3.1.add", ["main + self.downsample(x)"]),
    ("keras", "layer2.0.conv1", ["conv_bn(", 'name=f"{name}_conv1"']),
    ("keras", "max_pool2d", ["ZeroPadding2D", "MaxPooling2D"]),
    ("paddle", "fc", ["self.fc = nn.Linear", "self.fc(x)"]),
])  # fmt: skip
def test_lines_of_steps(resnet18: Model, backend: str, path: str, words: list[str]) -> None:
    program = resnet18.program(backend)
    text = program.source.splitlines()
    shown = "\n".join("\n".join(text[first - 1 : last]) for first, last in lines(program)[path])
    assert all(word in shown for word in words)
    assert "bn2" not in shown
    assert len(shown.splitlines()) <= 14


def test_uses_of_blocks_lead_to_their_class(resnet18: Model) -> None:
    for backend in BACKENDS:
        program = resnet18.program(backend)
        tree = ast.parse(program.source)
        names = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        ((first, last),) = lines(program)["layer4.1"]
        assert any((node.lineno, node.end_lineno) == (first, last) for node in names.values())


def test_lines_of_the_spec(resnet18: Model) -> None:
    source = resnet18.spec.source
    (node,) = (node for node in resnet18.graph.nodes if node.path == "layer2.0.conv2")
    first, last = source.lines_of(node.origin)
    assert first == last
    assert "name: conv2" in source.lines[first - 1]
    first, last = source.lines_of(("blocks", "BasicBlock"))
    assert source.lines[first - 1].strip() == "BasicBlock:"
    assert source.lines[last - 1].strip() == "- relu"


def test_listing_marks_words_and_changes_none() -> None:
    source = 'x = "<b>&"  # a < b\nif x:\n    """two\n    lines"""\n'
    assert listing(source) == [
        'x = <i>"&lt;b&gt;&amp;"</i>  <u># a &lt; b</u>',
        "<b>if</b> x:",
        '    <i>"""two</i>',
        '<i>    lines"""</i>',
    ]


# Results ------------------------------------------------------------------------------------------------------------


def test_a_proof(resnet18: Model) -> None:
    page = of(resnet18, result(resnet18))
    assert "The same function in PyTorch, Keras and PaddlePaddle." in page.text
    assert "seed 0" in page.text
    assert "keras 1.0" in page.text
    assert page.data["proof"] == {"wrong by itself": {}, "given wrong input": {}}
    assert [each for each in page.all("section") if "passed" in (each.get("class") or "").split()]


def test_what_is_wrong_is_told_from_what_was_given_wrong_input(resnet18: Model) -> None:
    page = of(resnet18, result(resnet18, culprit="layer3.0.conv1"))
    assert "Not the same function: Keras differs." in page.text
    assert (
        "Keras: n.yaml:7:3: conv2d 'layer3.0.conv1': error 5.0e-01, bound 1.0e-10. Generated line 9: x = 1."
        in page.text
    )
    assert [*page.data["proof"]["wrong by itself"]] == ["layer3.0.conv1"]
    assert "layer4.1.relu2" in page.data["proof"]["given wrong input"]
    assert "layer2.0.conv1" not in page.data["proof"]["given wrong input"]


@pytest.mark.slow
def test_a_failure_in_one_report_of_several_counts(resnet18: Model) -> None:
    bad, good = result(resnet18, culprit="fc"), result(resnet18, mode=" in training")
    for reports in ([*bad["reports"], *good["reports"]], [*good["reports"], *bad["reports"]]):
        assert "Not the same function: Keras differs." in of(resnet18, {**bad, "reports": reports}).text


@pytest.mark.slow
def test_a_result_of_other_code_is_no_proof(resnet18: Model) -> None:
    prints = {name: fingerprint(resnet18.compile(name)) for name in BACKENDS}
    assert "The same function in" in of(resnet18, result(resnet18, **prints)).text
    page = of(resnet18, result(resnet18, **{**prints, "keras": "0" * 16}))
    assert "Not verified as it is: the code for Keras is not the code that was verified." in page.text
    assert not [each for each in page.all("section") if "passed" in (each.get("class") or "").split()]


@pytest.mark.slow
def test_results_of_others_are_refused(resnet18: Model) -> None:
    with pytest.raises(UsageError, match="the result is not about resnet18: it is about mnist_mlp"):
        of(resnet18, result(archspec.load("mnist_mlp")))
    whole = result(resnet18)
    wrong: list[Any] = [{}, {"format": 2}, {**whole, "reports": None}, {**whole, "reports": [{"model": "resnet18"}]}]
    broken = json.loads(json.dumps(whole))
    broken["reports"][0]["outcomes"]["keras"]["rungs"]["float64"]["worst"] = {"error": "x"}
    for each in (*wrong, broken):
        with pytest.raises(UsageError, match="this is no result of archspec verify"):
            of(resnet18, each)


HOSTILE = """\
archspec: 1
name: Hostile
summary: "</script><script>alert(1)</script><!-- ]]> \\" '"
source: "javascript:alert(1)"
inputs: {image: [4]}
blocks:
  B:
    summary: "</ol></main><img src=x onerror=alert(1)>"
    layers: [{op: linear, name: a, out_features: 4}, {op: linear, name: b, out_features: 4}]
layers:
  - {block: B, name: one, repeat: 3}   # </li></ol><script>alert(2)</script>
outputs: {end: one}
"""


def test_foreign_texts_stay_texts() -> None:
    model = Spec.parse(HOSTILE, "<b>n.yaml").network()
    found = result(model, culprit="one.0.a")
    found["reports"][0]["outcomes"]["keras"]["message"] = "<script>alert(3)</script>"
    found["date"] = "<img src=x>"
    page = of(model, found)
    assert [each.get("type") for each in page.all("script")] == ["application/json", None]
    assert page.all("img") == []
    assert "javascript:alert(1)" in page.text
    assert not any((each.get("href") or "").startswith("javascript") for each in page.all("a"))
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "<script>alert(3)</script>" in page.text


def test_a_framework_that_cannot_express_the_network_says_why() -> None:
    model = Spec.parse("""\
archspec: 1
name: Late
inputs: {image: [3, 8, 8]}
layers: [{op: relu}]
""").network()
    (backend,) = backends(["pytorch"])

    def refuse(model: Any) -> Any:
        from archspec.errors import BackendError

        raise BackendError("it has no <such> layer")

    from dataclasses import replace

    refusing = replace(backend, generator=refuse)
    assert code(model, refusing).problem == "it has no <such> layer"
    assert "it has no <such> layer" in Page(report(model, [refusing])).text


# Explanations -------------------------------------------------------------------------------------------------------


def explained(*arguments: str) -> str:
    made = CliRunner().invoke(app, ["explain", *arguments])
    assert made.exit_code == 0, made.output
    return made.stdout


def test_a_step_is_explained() -> None:
    text = explained("resnet18", "layer2.0.conv1")
    for line in (
        "layer2.0.conv1: conv2d, in resnet18",
        "    y[o, p] = bias[o] + sum over c, t",
        "input         64×56×56 from layer1.1.relu2",
        "output        128×28×28",
        "weights       layer2.0.conv1.weight 128×64×3×3",
        "parameters    73,728 (0.63 %)",
        "    self.conv1 = nn.Conv2d(",
        "    (PyTorch's layers pad both sides alike; another padding is a step of its own before the layer.)",
        '        padding=1 if stride != 1 else "same",',
    ):
        assert f"\n{line}" in f"\n{text}"
    assert "Keras\n    no line of its own" in explained("swin_t", "patch_embed.2", "--to", "keras")


def test_a_block_is_explained() -> None:
    text = explained("resnet18", "layer2.1", "--to", "pytorch")
    assert text.startswith("layer2.1: block BasicBlock, in resnet18\n\n    Two 3x3 convolutions with a shortcut")
    assert "    class BasicBlock(nn.Module):" in text
    assert "steps         7\n" in text
    assert explained("resnet18", "layer4").startswith("layer4: a list of steps, in resnet18\n")


@pytest.mark.slow
def test_every_step_can_be_explained() -> None:
    model = archspec.load("googlenet")
    for path in ("inception3a.branch4.0", "aux1.fc2", "global_avg_pool2d"):
        found = json.loads(explained("googlenet", path, "--json"))
        (row,) = (row for row in model.summary().rows if row.path == path)
        assert (found["parameters"], found["macs"]) == (row.parameters, row.multiply_adds)
        assert found["training"] is row.training_only
        assert [each["backend"] for each in found["code"]] == [*BACKENDS]
        for each in found["code"]:
            assert each["text"]
    wrong = CliRunner().invoke(app, ["explain", "googlenet", "inception3a.branch9"])
    assert wrong.exit_code == 2
    assert "googlenet has no step 'inception3a.branch9'; did you mean 'inception3a.branch" in wrong.output


# The command --------------------------------------------------------------------------------------------------------


def test_the_command(tmp_path: Path) -> None:
    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["report", "mnist_mlp", *arguments])

    made = run("-o", str(tmp_path / "m.html"))
    assert (made.exit_code, made.stdout) == (0, f"{tmp_path / 'm.html'}\n")
    model = archspec.load("mnist_mlp")
    assert (tmp_path / "m.html").read_text(encoding="utf-8") == report(model, backends())
    (tmp_path / "r.json").write_text(json.dumps(result(model)))
    assert run("--result", str(tmp_path / "r.json"), "-o", str(tmp_path / "m.html")).exit_code == 0
    assert "The same function in" in (tmp_path / "m.html").read_text(encoding="utf-8")
    (tmp_path / "bad.json").write_text("[" * 100000)
    for wrong, said in (
        (["-o", str(tmp_path / "m.txt")], "a file that ends in .html"),
        (["--verify", "--result", "r.json", "-o", "m.html"], "give one of --verify and --result"),
        (["--result", str(tmp_path / "nothing.json"), "-o", str(tmp_path / "n.html")], "cannot read"),
        (["--result", str(tmp_path / "bad.json"), "-o", str(tmp_path / "n.html")], "is no result: it is not JSON"),
    ):
        refused = run(*wrong)
        assert refused.exit_code == 2
        assert said in refused.output.replace("\n", " ")
    assert not (tmp_path / "n.html").exists()


@pytest.mark.parametrize("culprit", ["", "fc"])
def test_the_exit_code_is_that_of_the_verification(
    culprit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def verify(model: Model, *, to: Any, watch: Any) -> Proof:
        watch("comparing")
        asked.append((model.name, [*to]))
        return proof(model, culprit=culprit)

    monkeypatch.setattr("archspec.proof.verify", verify)
    made = CliRunner().invoke(app, ["report", "mnist_mlp", "--verify", "-o", str(tmp_path / "m.html")])
    assert made.exit_code == bool(culprit)
    assert asked == [("mnist_mlp", [])]
    text = Page((tmp_path / "m.html").read_text(encoding="utf-8")).text
    assert ("Not the same function: Keras differs." if culprit else "The same function in PyTorch, Keras") in text


@pytest.mark.frameworks
def test_the_command_verifies(tmp_path: Path) -> None:
    made = CliRunner().invoke(
        app, ["report", "mnist_mlp", "--verify", "--to", "pytorch", "-o", str(tmp_path / "m.html")]
    )
    assert made.exit_code == 0, made.output
    assert "PyTorch agrees with the reference." in Page((tmp_path / "m.html").read_text(encoding="utf-8")).text
