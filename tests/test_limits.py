"""Specs that are hostile or huge: each ends soon in an error that names the limit; within the limits cost is linear."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from archspec.errors import BackendError, SpecError
from archspec.model import Spec
from archspec.spec.nodes import MAX_DEPTH, MAX_VALUES
from archspec.spec.source import MAX_BYTES, MOST_FINDINGS, Source

pytestmark = pytest.mark.slow

HEAD: Final = "archspec: 1\nname: Net\ninputs: {image: [8, 32, 32]}\n"
BOMB: Final = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
MANY: Final = "the file holds more than 500,000 values, the limit; an alias counts each time"
DEEP: Final = "the file is nested more than 64 levels deep, the limit"
STEPS: Final = "the network would have more than 50,000 steps, the limit"
NESTED: Final = "steps and blocks are nested more than 60 levels deep"


def blocks(count: int, body: Callable[[int], str], last: str = "{layers: [relu]}") -> str:
    """Blocks of which each calls the next."""
    return "blocks:\n" + "".join(f"  B{i}: {body(i + 1)}\n" for i in range(count)) + f"  B{count}: {last}\n"


def expression(text: str) -> str:
    return f"{HEAD}layers: [{{op: conv2d, kernel_size: 1, out_channels: {text}}}]"


REFUSED: Final = {
    "alias bomb": (BOMB, MANY),
    "endless alias": ("a: &a [*a]", DEEP),
    "4,000 brackets": ("[" * 4000, DEEP),
    "100,000 brackets": ("[" * 100_000, DEEP),  # libyaml's own composer crashes the process here
    "100,000 dashes": ("- " * 100_000, DEEP),
    "100,000 question marks": ("? " * 100_000, DEEP),
    "deep blocks of text": ("".join(f"{' ' * i}a:\n" for i in range(1000)), DEEP),
    "many values": (f"[{'1,' * (MAX_VALUES + 1)}1]", MANY),
    "many bytes": (f"a: {'x' * MAX_BYTES}", "the file is larger than 8 MiB, the limit of specs"),
    "repeat": (HEAD + "layers: [{op: relu, repeat: 1000000000}]", STEPS),
    "repeat of nothing": (HEAD + "layers: [{layers: [], repeat: 1000000000}]", STEPS),
    "repeats in repeats": (HEAD + "layers: [{repeat: 999, layers: [{repeat: 999, layers: []}]}]", STEPS),
    "named repeats": (
        HEAD + "layers: [{name: a, repeat: 99, layers: [{name: b, repeat: 999, layers: [{op: relu}]}]}]",
        STEPS,
    ),
    "blocks that double": (
        HEAD + blocks(40, lambda i: f"{{layers: [{{block: B{i}}}, {{block: B{i}}}]}}") + "layers: [{block: B0}]",
        STEPS,
    ),
    "blocks that double, no two alike": (
        HEAD
        + blocks(
            45,
            lambda i: (
                f"{{params: {{n: int}}, layers: [{{block: B{i}, n: 2 * n}}, {{block: B{i}, n: 2 * n + 1, from: x}}]}}"
            ),
            "{params: {n: int}, layers: [relu]}",
        )
        + "layers: [{block: B0, n: 0}]",
        "the network would have more than 2,000 different instances of blocks, the limit",
    ),
    "blocks that double and fail": (
        HEAD
        + blocks(
            45,
            lambda i: (
                f"{{params: {{n: int}}, layers: [{{block: B{i}, n: 2 * n}}, {{block: B{i}, n: 2 * n + 1, from: x}}]}}"
            ),
            "{params: {n: int}, layers: [{op: pad, padding: 0, from: nowhere}]}",
        )
        + "layers: [{block: B0, n: 0}]",
        "'nowhere' is not the name",
    ),
    "many params": (
        HEAD + f"params: {{{', '.join(f'p{i}: 1' for i in range(501))}}}\nlayers: [relu]",
        "params must have at most 500 entries",
    ),
    "empty blocks that double": (
        HEAD
        + blocks(40, lambda i: f"{{layers: [{{block: B{i}}}, {{block: B{i}}}]}}", "{layers: []}")
        + "layers: [{block: B0}]",
        STEPS,
    ),
    "deep blocks": (HEAD + blocks(3000, lambda i: f"{{layers: [{{block: B{i}}}]}}") + "layers: [{block: B0}]", NESTED),
    "deep blocks of sequences": (
        HEAD
        + blocks(9, lambda i: f"{{layers: [{'{layers: [' * 9}{{block: B{i}}}{']}' * 9}]}}")
        + "layers: [{block: B0}]",
        NESTED,
    ),
    "a long cycle of blocks": (
        HEAD
        + "blocks:\n"
        + "".join(f"  B{i}: {{layers: [{{block: B{(i + 1) % 900}}}]}}\n" for i in range(900))
        + "layers: [{block: B0}]",
        "block 'B0' contains itself",
    ),
    "lists that double": (
        HEAD
        + blocks(
            40,
            lambda i: f"{{params: {{l: list}}, layers: [{{block: B{i}, l: l + l}}]}}",
            "{params: {l: list}, layers: [relu]}",
        )
        + "layers: [{block: B0, l: [1]}]",
        "a list has more than 10,000 items, the limit of expressions",
    ),
    "sizes that grow complicated": (
        HEAD
        + "blocks:\n  B:\n    layers:\n"
        + "      - {op: max_pool2d, kernel_size: 2}\n      - {op: pad, padding: [[8, 8], [8, 8]]}\n" * 400
        + "layers: [{block: B}]",
        "the network is nested too deeply",
    ),
    "9**9**9": (expression("9**9**9"), "a number is larger than 9007199254740992 (2**53), the limit of expressions"),
    "900 digits": (expression("1 * " + "9" * 900), "a number is larger than 9007199254740992 (2**53)"),
    "4,000 brackets in an expression": (
        expression(f"{'(' * 4000}1{')' * 4000}"),
        "the expression is 8001 characters long; the limit is 1000",
    ),
    "400 brackets in an expression": (
        expression(f"{'(' * 400}1{')' * 400}"),
        "the expression is nested too deeply (more than 50 levels)",
    ),
    "a long sum": (expression("+".join("1" * 400)), "the expression has more than 100 operators on top of one another"),
    "powers of powers": (expression("2**" * 300 + "2"), "the expression is nested too deeply (more than 50 levels)"),
    "an expression that would run code": (
        expression("__import__('os').system('true')"),
        "there is no function '__import__' in expressions",
    ),
    "a name that would run code": (
        HEAD + "layers: [{op: relu, name: \"__import__('os')\"}]",
        "a name has letters, digits and underscores",
    ),
    "an operation that would run code": (
        HEAD + "layers: [\"__import__('os')\"]",
        "there is no operation '__import__('os')'",
    ),
    "a tag that would run code": (
        "a: !!python/object/apply:os.system [true]",
        "tags such as '!!python/object/apply:os.system' are not allowed",
    ),
    "a long name": (HEAD + f"layers: [{{op: relu, name: {'a' * 10**6}}}]", "a name has at most 64 characters"),
    "a long reference": (HEAD + f"layers: [{{op: relu, from: {'a.' * 10**5}}}]", "'a' is not the name of an input"),
    "a huge index": (HEAD + f"layers: [{{op: relu, from: image.{'9' * 10**4}}}]", "'image' has one output"),
    "a superscript index": (HEAD + "layers: [{op: relu, from: image.²}]", "'image' has no output or step '²'"),
    "nothing": ("", "the file is empty"),
    "blanks": (" \n\t\n ", "the file is empty"),
    "a number": ("3", "a spec is a mapping, not 3"),
    "null": ("~", "a spec is a mapping, not null"),
    "huge sizes": (HEAD.replace("32, 32", "2147483649, 32") + "layers: [relu]", "a size must be at most 2**31"),
    "sizes beyond float64": (HEAD.replace("32, 32", "9" * 17), "a number is larger than 2**53, the limit of specs"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    text, message = REFUSED[case]
    with pytest.raises(SpecError) as caught:
        Spec.parse(text, "net.yaml").network().check()
    assert message in str(caught.value)
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, f"[{'1,' * (MAX_VALUES + 1)}1]"], ids=["[", "{", "1"]
)
def test_json_is_bounded_alike(text: str) -> None:
    with pytest.raises(SpecError, match=f"more than ({MAX_DEPTH} levels|500,000 values)"):
        Source(text, "net.json")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "net.yaml:1:1: error: the file is empty"),
        (b"\xef\xbb\xbf", "net.yaml:1:1: error: the file is empty"),
        (b"archspec: 1\nname: caf\xe9\n", "net.yaml:2:10: error: the file is not UTF-8: byte 0xe9 cannot stand here"),
        ("archspec: 1".encode("utf-16"), "net.yaml:1:1: error: the file is not UTF-8: byte 0xff cannot stand here"),
        (b"a: \x00", "net.yaml:1:4: error: a character that YAML does not allow: '\\x00'"),
        (b"a: 1\nb: \x07", "net.yaml:2:4: error: a character that YAML does not allow: '\\x07'"),
        (b" " * (MAX_BYTES + 1), "net.yaml: error: the file is larger than 8 MiB, the limit of specs"),
    ],
    ids=["empty", "a mark alone", "latin-1", "utf-16", "nul", "bell", "large"],
)
def test_files(raw: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(raw)
    with pytest.raises(SpecError) as caught:
        Spec.read(path, "net.yaml")
    assert str(caught.value).startswith(message)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.yaml"):
        with pytest.raises(SpecError, match="the file cannot be read: "):
            Spec.read(path)


@pytest.mark.parametrize(
    "body",
    [
        "layers:\n" + "".join(f"  - relu{i}x\n" for i in range(5000)),
        "layers:\n" + "".join(f"  - {{op: conv2d, abc{i}: 3}}\n" for i in range(5000)),
        "layers:\n" + "  - {layers: [], x: 1}\n" * 5000,
        "layers:\n" + "  - 3\n" * 5000,
        "layers:\n" + "  - {op: conv2d, out_channels: 8, kernel_size: 99, from: image}\n" * 5000,
        "a: 1\n" * 5000,
        "blocks:\n"
        + "".join(f"  B{i}: {{layers: [{', '.join(f'{{block: B{j}}}' for j in range(60))}]}}\n" for i in range(60))
        + "layers: [{block: B0}]",
    ],
    ids=["operations", "attributes", "form", "steps", "shapes", "duplicates", "cycles"],
)
def test_findings_are_bounded(body: str) -> None:
    with pytest.raises(SpecError) as caught:
        Spec.parse(HEAD + body).network().check()
    assert MOST_FINDINGS <= len(caught.value.diagnostics) <= 2 * MOST_FINDINGS


@pytest.mark.slow
def test_megabytes_are_read() -> None:
    """Three megabytes and 3,000 steps in one line, in YAML and in JSON."""
    step = '{"op": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1, "name": "%s"}'
    steps = ", ".join(step % f"{'c' * 50}{i}" for i in range(3000)) + " " * (3 << 20)
    text = '{"archspec": 1, "name": "Net", "inputs": {"image": [8, 32, 32]}, "layers": [' + steps + "]}"
    for file in ("net.yaml", "net.json"):
        model = Spec.parse(text, file).network()
        assert model.check() == []
        assert len(model.graph.nodes) == 3000


WIDE: Final = {
    "a sum of many": "layers: [{op: add, from: [" + ", ".join(["image"] * 3200) + "]}]",
    "a join of many": "layers: [{branches: {" + ", ".join(f"b{i}: []" for i in range(2000)) + "}, join: concat}]",
    "a chain of sums": "layers:\n" + "  - {branches: {a: [], b: [relu]}, join: add}\n" * 60,
    "a long chain": "layers:\n" + "  - relu\n" * 1500,
}


@pytest.mark.parametrize("case", WIDE)
@pytest.mark.parametrize(
    "backend", ["pytorch", *(pytest.param(b, marks=pytest.mark.slow) for b in ("keras", "paddle"))]
)
def test_wide_and_long_networks_are_compiled_or_refused(case: str, backend: str) -> None:
    """In a time that grows with the spec: sums of thousands took its square, a chain of sums two to its length."""
    model = Spec.parse(HEAD + WIDE[case], "net.yaml").network()
    if case == "a sum of many" and backend != "keras":  # which has a layer for it
        with pytest.raises(BackendError, match="nested too deeply"):
            model.compile(backend)
    else:
        assert "Net" in model.compile(backend)


@pytest.mark.slow
def test_work_is_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: ten times the steps take ten times the calls of shape rules, and equal instances none."""
    from archspec.graph import operations

    calls = 0
    infer = operations._infer

    def counted(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        return infer(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(operations, "_infer", counted)
    block = "blocks: {B: {layers: [{op: conv2d, out_channels: x.channels, kernel_size: 1}, relu, relu]}}\n"
    for layers, expected in {
        "layers:\n" + "  - relu\n" * 300: 300,
        "layers:\n" + "  - relu\n" * 3000: 3000,
        "layers: [{block: B, name: b, repeat: 1000}]\n" + block: 3,
        "layers: [{block: B, name: b, repeat: 10000}]\n" + block: 3,
    }.items():
        calls = 0
        Spec.parse(HEAD + layers).network().check()
        assert calls == expected
