"""Broken specs: every message, with its place, source line, instance and hint, as the files in `broken` have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from archspec import ops
from archspec.backend import backends
from archspec.cli.checking import check
from archspec.errors import BackendError, Diagnostic, SpecError
from archspec.model import Spec
from archspec.spec import hints
from archspec.spec.source import Source

BROKEN: Final = Path(__file__).parent / "broken"
FILES: Final = sorted(path.name for path in BROKEN.iterdir() if path.suffix in (".yaml", ".json"))
HEAD: Final = "archspec: 1\nname: Net\ninputs: {image: [3, 8, 8]}\n"


@pytest.mark.parametrize("name", FILES)
def test_messages(name: str, golden: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BROKEN)
    found = check(name, None, {}).findings
    golden(BROKEN / f"{name}.txt", "".join(f"{each}\n" for each in found))
    assert len({(each.line, each.column, each.message) for each in found}) == len(found)
    for each in found:
        assert each.file == name
        assert "Traceback" not in each.message
        if name != "latin1.yaml":
            assert each.source == (BROKEN / name).read_text().split("\n")[each.line - 1]
            assert 1 <= each.column <= len(each.source) + 1


def parsed(name: str) -> object:
    try:
        return Source((BROKEN / name).read_text(), name).data
    except (SpecError, UnicodeDecodeError):
        return None


@pytest.mark.parametrize("name", [name for name in FILES if parsed(name) is not None])
def test_json_is_told_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same JSON text, read by our parser and by libyaml's: equal findings at equal places."""
    monkeypatch.chdir(tmp_path)
    text = json.dumps(parsed(name), indent=1, ensure_ascii=False)
    Path("net.json").write_text(text)
    Path("net.yaml").write_text("\n" + text.replace("\n", "\n "))  # one line down, one column to the right
    as_json, as_yaml = check("net.json", None, {}).findings, check("net.yaml", None, {}).findings
    assert [each.message for each in as_json] == [each.message for each in as_yaml]
    assert [(each.line, each.column) for each in as_json if each.line > 1] == [
        (each.line - 1, each.column - 1) for each in as_yaml if each.line > 2
    ]
    messages = {each.message for each in check(str(BROKEN / name), None, {}).findings}
    assert messages == {each.message for each in as_json}


def findings(text: str, file: str = "net.yaml") -> list[Diagnostic]:
    try:
        return Spec.parse(text, file).network().check()
    except SpecError as error:
        return list(error.diagnostics)


def test_a_second_look_finds_the_same() -> None:
    layers = "layers:\n  - {block: B, name: b}\nblocks:\n  B:\n    layers:\n"
    model = Spec.parse(HEAD + layers + "      - {op: conv2d, name: c, out_channels: 4, kernel_size: 9}\n").network()
    for _ in range(2):
        with pytest.raises(SpecError, match=r"net|kernel_size \(=9\) does not fit"):
            model.check()


def test_instances_are_named() -> None:
    text = HEAD + (
        "blocks:\n"
        "  Inner: {params: {groups: int}, layers: [{op: conv2d, out_channels: 4, kernel_size: 1, groups: groups}]}\n"
        "  Outer: {params: {groups: 1}, layers: [{block: Inner, name: inner, groups: 2 * groups}]}\n"
        "layers: [{op: conv2d, out_channels: 6, kernel_size: 1}, {block: Outer, name: outer, repeat: 2, groups: 2}]\n"
    )
    (found,) = findings(text)
    assert found.message == "conv2d: groups (=4) must divide the 6 channels of its input"
    assert found.context == "in block Inner as used by 'inner' in line 6: groups=4, x is [batch, 6, 8, 8]"
    assert found.as_json()["context"] == found.context


def test_rendering() -> None:
    plain = Diagnostic("wrong", "net.yaml", 3, 5, "  - reul", "did you mean 'relu'?")
    assert str(plain) == "net.yaml:3:5: error: wrong\n      - reul\n        ^\n    hint: did you mean 'relu'?"
    wide = Diagnostic("wrong", "net.yaml", 1, 3, "名前: x")
    assert str(wide).split("\n")[2] == "        ^", "characters of two cells"
    long = Diagnostic("wrong", "net.yaml", 1, 5001, "a" * 5000 + "b" + "c" * 5000)
    _, shown, caret = str(long).split("\n")
    assert len(shown) < 120
    assert shown[caret.index("^")] == "b"
    assert str(Diagnostic("too large", "net.yaml")) == "net.yaml: error: too large"


def test_terminals_are_safe() -> None:
    (found, *_) = findings(HEAD + 'layers: ["\\e[31mred\\a"]')
    assert found.message == "there is no operation '\\x1b[31mred\\x07'"
    (found, *_) = findings(HEAD + f"layers: [{'a' * 100_000}]")
    assert len(found.message) <= 600
    assert all(line.isprintable() for line in str(findings(HEAD + "layers: [relu\x01]")[0]).split("\n"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("archspec: 1\r\nname: Net\r\nlayers: []\r\n", (3, 9)),
        ('archspec: 1\nsummary: "a\u2028b"\nlayers: []\n', (4, 9)),
        ('archspec: 1\nsummary: "é名😀"\nlayers: []\n', (3, 9)),
        ("archspec: 1\nlayers: &none []\nblocks: {B: {layers: *none, x: 1}}\n", (2, 9)),
        ("archspec: 1\nlayers:\n", (2, 1)),
        ('{"archspec": 1,\n\t"layers": []}', (2, 12)),
        ('{"archspec": 1, "summary": "\\ud83d\\ude00",\r\n"layers": []}', (2, 11)),
    ],
)
def test_places(text: str, place: tuple[int, int]) -> None:
    found = [each for each in findings(text) if each.message.startswith("layers must")]
    assert [(each.line, each.column) for each in found] == [place]


@pytest.mark.parametrize(
    ("value", "column"), [("8 * wdith", 19), ("'8 * wdith'", 20), ('"8 * wdith"', 20), ('"8 *\\u0020wdith"', 15)]
)
def test_places_in_expressions(value: str, column: int) -> None:
    text = HEAD + f"layers:\n  - op: conv2d\n    kernel_size: 3\n    out_channels: {value}\n"
    assert [(each.line, each.column) for each in findings(text)] == [(7, column + 4)]


OPEN = """
archspec: 1
name: Open
inputs: {image: [3, height, width]}
layers:
  - {op: flatten, start_axis: START, end_axis: END}
"""


@pytest.mark.parametrize(("start", "end", "refused"), [(1, 2, True), (2, 3, False)])
def test_keras_refuses_to_flatten_beside_an_open_size(start: int, end: int, refused: bool) -> None:
    model = Spec.parse(OPEN.replace("START", str(start)).replace("END", str(end)), "open.yaml").network()
    keras = next(backend for backend in backends() if backend.name == "keras")
    if refused:
        with pytest.raises(BackendError, match=r"open.yaml:6:5: .*both of open size"):
            keras.write(model)
    else:
        assert "layers.Reshape((-1, 3)" in keras.write(model)


REFUSED = {
    "{op: pixel_shuffle, upscale_factor: 2}": ({"keras"}, "computes with the sizes of its input"),
    "{op: upsample, size: [9, 7]}": ({"keras"}, "computes with the sizes of its input"),
    "{op: max_pool2d, kernel_size: 3, stride: 2, dilation: 2}": ({"keras"}, "computes with the sizes of its input"),
    "{op: max_pool2d, kernel_size: 3, stride: 2, ceil_mode: true}": ({"keras"}, "computes with '.*', a size that is"),
    "{op: max_pool2d, kernel_size: 2, stride: 3, padding: same}": (
        {"pytorch", "keras", "paddle"}, "windows are smaller than its strides"),
    "{op: max_pool2d, kernel_size: 3, stride: 2, padding: same}": (set(), ""),
    "{op: upsample, scale: 2}": (set(), ""),
}  # fmt: skip


@pytest.mark.parametrize("step", REFUSED)
@pytest.mark.parametrize("inside", [False, True])
def test_what_needs_a_size_that_is_open_is_refused(step: str, inside: bool) -> None:
    text = "archspec: 1\nname: Open\ninputs: {image: [4, height, width]}\n"
    text += f"blocks: {{Inner: {{layers: [{step}]}}}}\nlayers: [{{block: Inner}}]" if inside else f"layers: [{step}]"
    model = Spec.parse(text).network()
    refused, why = REFUSED[step]
    for backend in backends():
        if backend.name in refused:
            with pytest.raises(BackendError, match=why):
                backend.write(model)
        else:
            assert "class Open" in (source := backend.write(model)) or "def Open" in source


def test_what_is_not_supported_names_a_way_around_and_no_neighbour() -> None:
    """None of the words is an operation, and the operations that the ways around name are there."""
    for words, around in hints._AROUND.items():
        for word in words.split():
            assert word not in {name.replace("_", "") for name in ops.names()}
            assert hints.operation(word) == around


def test_what_is_valid_and_hardly_meant_is_warned_of() -> None:
    """Once for each step in the spec, however often its block is used."""
    text = (
        HEAD
        + """blocks:
  Unit:
    layers:
      - {op: conv2d, name: conv, out_channels: 3, kernel_size: 3, padding: 1}
      - {op: batch_norm, name: bn, momentum: 0.99}
      - relu
      - {op: linear, name: head, out_features: 8}
layers:
  - {block: Unit, repeat: 2}
  - {op: flatten, name: whole}
  - {op: linear, name: last, out_features: 8}
"""
    )
    spec = Spec.parse(text)
    found = [each.message for each in spec.network().check()]
    assert found == [
        "batch_norm 'bn': momentum (=0.99) is the weight of the new batch",
        "linear 'head': works along the last axis, which is the width of an image",
    ]
