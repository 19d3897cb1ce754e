"""What specs mean: the steps that they become, with their names, shapes and inputs."""

from __future__ import annotations

from typing import Any, Final

import pytest

from archspec.errors import SpecError, UsageError
from archspec.expressions import expr_of
from archspec.graph import tree
from archspec.graph.graph import Graph
from archspec.model import Model, Spec

HEAD: Final = "archspec: 1\nname: Net\n"
IMAGE: Final = HEAD + "inputs: {image: [8, 16, 16]}\n"
CONV: Final = "{op: conv2d, out_channels: 8, kernel_size: 1}"


def network(text: str, variant: str | None = None, head: str = IMAGE, **params: Any) -> Model:
    return Spec.parse(head + text, "net.yaml").network(variant, params)


def graph(text: str, head: str = IMAGE, **params: Any) -> Graph:
    return network(text, head=head, **params).graph


def paths(text: str, head: str = IMAGE, **params: Any) -> list[str]:
    return [node.path for node in graph(text, head, **params).nodes]


def flow(text: str, head: str = IMAGE, **params: Any) -> list[str]:
    """The steps with their inputs: `conv1 <- image`."""
    return [
        f"{node.path} <- {', '.join(tensor.name for tensor in node.inputs)}"
        for node in graph(text, head, **params).nodes
    ]


def root(model: Model) -> tree.Module:
    return model.roots(frozenset())["main"]


def error(text: str, head: str = IMAGE, **params: Any) -> str:
    with pytest.raises(SpecError) as caught:
        network(text, head=head, **params).check()
    return caught.value.diagnostics[0].message


# Names --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "expected"),
    {
        "after what they are": ("[relu, tanh]", ["relu", "tanh"]),
        "numbered if several": (f"[relu, {CONV}, relu]", ["relu1", "conv2d", "relu2"]),
        "never twice": ("[relu, relu, {op: tanh, name: relu1}]", ["relu1_", "relu2", "relu1"]),
        "by position": ("[{name: s, layers: [relu, {op: relu, name: a}, tanh]}]", ["s.0", "s.a", "s.2"]),
        "deeper": ("[{name: s, layers: [{name: t, layers: [relu]}, relu]}]", ["s.t.0", "s.1"]),
        "sequences without a name": ("[{name: s, layers: [relu, {layers: [relu, relu]}, relu]}]",
                                     ["s.0", "s.1", "s.2", "s.3"]),
        "repeats with a name": ("[{op: relu, name: r, repeat: 3}]", ["r.0", "r.1", "r.2"]),
        "repeated sequences": ("[{name: r, repeat: 2, layers: [relu, tanh]}]", ["r.0.0", "r.0.1", "r.1.0", "r.1.1"]),
        "repeats without a name": ("[{name: s, layers: [{repeat: 2, layers: [relu, tanh]}, relu]}]",
                                   ["s.0", "s.1", "s.2", "s.3", "s.4"]),
        "repeats in repeats": ("[{name: r, repeat: 2, layers: [{op: relu, name: q, repeat: 2}]}]",
                               ["r.0.q.0", "r.0.q.1", "r.1.q.0", "r.1.q.1"]),
        "branches": ("[{branches: {a: [relu], b: [{op: tanh, name: t}]}, join: add, name: sum}]", ["relu", "t", "sum"]),
        "repeated branches": ("[{name: r, repeat: 2, branches: {a: [relu], b: []}, join: add}]",
                              ["r.0.relu", "r.0.add", "r.1.relu", "r.1.add"]),
        "branches like their last step": ("[{branches: {a: [{op: relu, name: a}], b: []}, join: add}]", ["a", "add"]),
        "labels again": ("[{branches: {a: [relu], b: []}, join: add}, {branches: {a: [tanh], b: []}, join: add}]",
                         ["relu", "add1", "tanh", "add2"]),
        "rows": ("[{op: dropout, name: d, each: [{p: 0.1}, {p: 0.2}], p: p}]", ["d.0", "d.1"]),
    }.values(),
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)  # fmt: skip
def test_names(layers: str, expected: list[str]) -> None:
    assert paths(f"layers: {layers}") == expected


def test_names_of_blocks() -> None:
    blocks = "blocks:\n  ConvUnit: {params: {act: {type: operation, default: relu}}, layers: [act, " + CONV + "]}\n"
    assert paths(blocks + "layers: [{block: ConvUnit}, {block: ConvUnit, name: named, act: tanh}]") == [
        "conv_unit.relu", "conv_unit.conv2d", "named.tanh", "named.conv2d",
    ]  # fmt: skip
    weights = graph(blocks + "layers: [{block: ConvUnit, name: u, repeat: 2}]").parameters()
    assert list(weights) == ["u.0.conv2d.weight", "u.0.conv2d.bias", "u.1.conv2d.weight", "u.1.conv2d.bias"]


def test_what_the_network_leaves_out_takes_no_place() -> None:
    layers = "layers: [{name: s, layers: [relu, {op: tanh, when: deep}, relu]}, {op: silu, when: not deep}, silu]"
    assert paths("params: {deep: false}\n" + layers) == ["s.0", "s.1", "silu1", "silu2"]
    assert paths("params: {deep: true}\n" + layers) == ["s.0", "s.1", "s.2", "silu"]


def test_what_a_block_leaves_out_keeps_its_place() -> None:
    text = (
        "blocks:\n  B: {params: {deep: bool}, layers: [relu, {op: relu, when: deep},"
        " {name: s, layers: [{op: tanh, when: deep}, tanh]}]}\n"
        "layers: [{block: B, name: a, deep: true}, {block: B, name: b, deep: false}]"
    )
    assert paths(text) == ["a.relu1", "a.relu2", "a.s.0", "a.s.1", "b.relu1", "b.s.1"]
    by_index = "layers: [{name: s, layers: [{repeat: 2, layers: [{op: relu, when: index > 0}, tanh]}]}]"
    assert paths(by_index) == ["s.1", "s.2", "s.3"]


def test_what_the_documents_params_leave_out_of_a_block_takes_no_place() -> None:
    text = (
        "params: {deep: false}\n"
        "blocks: {B: {layers: [{name: s, layers: [{op: tanh, when: deep}, relu]}]}}\nlayers: [{block: B, name: b}]"
    )
    assert paths(text) == ["b.s.0"]
    assert paths(text, deep=True) == ["b.s.0", "b.s.1"]
    assert paths(text.replace("B: {", "B: {params: {deep: false}, ")) == ["b.s.1"], "its own"


# Flow ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "expected"),
    {
        "the step before": ("[{op: relu, name: a}, {op: tanh, name: b}]", ["a <- image", "b <- a"]),
        "from": ("[{op: relu, name: a}, {op: tanh, name: b, from: image}, {op: add, name: c, from: [a, b]}]",
                 ["a <- image", "b <- image", "c <- a, b"]),
        "the same twice": ("[{op: add, name: a, from: [image, image]}]", ["a <- image, image"]),
        "identity": ("[{op: relu, name: r}, {branches: {a: [{op: tanh, name: t}], b: []}, join: add, name: j}]",
                     ["r <- image", "t <- r", "j <- t, r"]),
        "labels": ("[{branches: {a: [{op: tanh, name: t}], b: []}, join: add, name: j}, {op: relu, name: r, from: a},"
                   " {op: add, name: s, from: [j, b]}]", ["t <- image", "j <- t, image", "r <- t", "s <- j, image"]),
        "into a sequence": ("[{name: s, layers: [{op: relu, name: a}, {op: tanh, name: b}]},"
                            " {op: add, name: c, from: [s.a, s]}]", ["s.a <- image", "s.b <- s.a", "c <- s.a, s.b"]),
        "out of a sequence": ("[{op: relu, name: a},"
                              " {name: s, layers: [{op: tanh, name: b}, {op: add, name: c, from: [a, b]}]}]",
                              ["a <- image", "s.b <- a", "s.c <- a, s.b"]),
        "several outputs": ("[{op: split, name: h, sections: 2}, {op: relu, name: a, from: h.0},"
                            " {op: relu, name: b, from: h.1},"
                            " {op: concat, name: c, from: [b, a]}]",
                            ["h <- image", "a <- h.0", "b <- h.1", "c <- b, a"]),
        "several flow on": ("[{op: split, name: h, sections: 2}, {op: concat, name: c}]",
                            ["h <- image", "c <- h.0, h.1"]),
        "none": ("[{op: relu, name: a, repeat: 0}, {op: tanh, name: b}, {op: add, name: c, from: [a, b]}]",
                 ["b <- image", "c <- image, b"]),
        "no rows": ("[{op: relu, name: a, each: []}, {op: tanh, name: b}]", ["b <- image"]),
        "nothing": ("[{name: s, layers: []}, {op: tanh, name: b, from: s}]", ["b <- image"]),
        "left out": ("[{op: relu, name: a}, {op: silu, name: o, when: false}, {op: add, name: c, from: [a, o]}]",
                     ["a <- image", "c <- a, a"]),
        "left out with from": ("[{op: relu, name: a}, {op: silu, name: o, from: image, when: 1 > 2},"
                               " {op: tanh, name: b}]",
                               ["a <- image", "b <- image"]),
        "left out with what is not there": (
            "[{op: relu, name: a}, {name: s, when: false, layers: [{op: tanh, name: t}]},"
            " {op: multiply, name: m, from: [a, s.t], when: false}, {op: silu, name: b}]", ["a <- image", "b <- a"]),
        "left out of repeats": ("[{op: relu, name: a, repeat: 3, when: index == 1}, {op: tanh, name: b}]",
                                ["a.1 <- image", "b <- a.1"]),
    }.values(),
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)  # fmt: skip
def test_flow(layers: str, expected: list[str]) -> None:
    last = expected[-1].split(" ")[0]
    assert flow(f"layers: {layers}") == expected
    assert next(iter(graph(f"layers: {layers}").outputs.values())).name == last


def test_several_inputs() -> None:
    """All inputs flow into the first step, unless it says from."""
    head = HEAD + "inputs: {left: [4, 4, 4], right: [4, 4, 4]}\n"
    assert flow("layers: [{op: concat, name: c}]", head) == ["c <- left, right"]
    assert flow("layers: [{op: relu, name: r, from: right}, {op: add, name: a, from: [r, left]}]", head) == [
        "r <- right", "a <- r, left",
    ]  # fmt: skip
    assert error("layers: [relu]", head) == "relu: takes one input, but 2 flow in"


def test_blocks_with_several_inputs_and_outputs() -> None:
    text = (
        "blocks:\n"
        "  Cross:\n"
        "    inputs: [a, b]\n"
        "    layers:\n"
        "      - {op: conv2d, name: down, from: a, out_channels: b.channels // 2, kernel_size: a.width - 15}\n"
        "      - {op: concat, name: both, from: [b, down]}\n"
        "    outputs: {first: down, both: both}\n"
        "layers:\n"
        "  - {op: relu, name: r}\n"
        "  - {block: Cross, name: one, from: [image, r]}\n"
        "  - {block: Cross, name: two}\n"
        "  - {op: concat, name: end, from: [one.both, two.first]}\n"
        "outputs: {end: end, both: two.both, direct: one.1}\n"
    )
    assert flow(text) == [
        "r <- image", "one.down <- image", "one.both <- r, one.down", "two.down <- one.down",
        "two.both <- one.both, two.down", "end <- one.both, two.down",
    ]  # fmt: skip
    found = {name: (tensor.name, tensor.shape[1]) for name, tensor in graph(text).outputs.items()}
    assert found == {"end": ("end", 18), "both": ("two.both", 18), "direct": ("one.both", 12)}


OPTIONAL: Final = """
blocks:
  B:
    inputs: [a, b?, c?]
    layers:
      - {op: relu, name: left, from: a}
      - {op: silu, name: middle, from: b, repeat: 2}
      - {op: tanh, name: right, from: c}
      - {name: end, from: c, layers: [{op: sigmoid, name: s}, {block: C}]}
      - when: b or c
        layers: [{op: add, name: sum, from: [left, middle, right, end.s]}]
    outputs: {left: left, sum: sum, end: end}
  C:
    inputs: [x, y?]
    layers: [{op: conv2d, name: conv, from: x, out_channels: 4 if y else 2, kernel_size: 1}]
layers:
"""


def test_inputs_that_may_be_absent() -> None:
    """What is only made of what is absent is absent, too."""
    assert flow(OPTIONAL + "  - {block: B, name: one}\n  - {op: tanh, name: t, from: one.left}") == [
        "one.left <- image", "t <- one.left",
    ]  # fmt: skip
    assert flow(OPTIONAL + "  - {block: B, name: two, from: [image, image]}") == [
        "two.left <- image", "two.middle.0 <- image", "two.middle.1 <- two.middle.0",
        "two.sum <- two.left, two.middle.1",
    ]  # fmt: skip
    text = OPTIONAL + "  - {block: B, name: three, from: [image, image, image]}\n  - {block: C, from: [image, image]}"
    assert flow(text + "\noutputs: {a: three.sum, b: three.end}")[3:] == [
        "three.right <- image", "three.end.s <- image", "three.end.1.conv <- three.end.s",
        "three.sum <- three.left, three.middle.1, three.right, three.end.s", "c.conv <- image",
    ]  # fmt: skip
    assert [node.outputs[0].shape[1] for node in graph(text).nodes if node.path.endswith("conv")] == [2, 4]
    assert error(OPTIONAL + "  - {block: B, name: one}\n  - {op: tanh, from: one.end}") == (
        "'one' has no output or step 'end'")  # fmt: skip


def test_outputs() -> None:
    layers = "layers: [{op: relu, name: a}, {op: split, name: h, sections: 2}]\n"
    assert {n: t.name for n, t in graph(layers).outputs.items()} == {"output0": "h.0", "output1": "h.1"}
    assert {n: t.name for n, t in graph(layers + "outputs: a").outputs.items()} == {"output": "a"}
    found = graph(layers + "outputs: {y: h.1, z: {from: a}, aux: {from: h.0, when: training}}")
    assert {n: t.name for n, t in found.outputs.items()} == {"y": "h.1", "z": "a", "aux": "h.0"}
    assert found.training_outputs == {"aux"}
    assert (
        error(layers + "outputs: {y: {from: a, when: training}}") == "at least one output must exist outside training"
    )


def test_training_only_steps() -> None:
    text = "layers: [{op: relu, name: a}, {op: tanh, name: main}, {op: silu, name: aux, from: a}]\n"
    found = graph(text + "outputs: {y: main, aux: {from: aux, when: training}}")
    assert [node.path for node in found.nodes if node.training_only] == ["aux"]


# Values -------------------------------------------------------------------------------------------------------------


def test_rows_and_index() -> None:
    text = (
        "params: {width: 4, acts: 2}\n"
        "layers:\n"
        "  - each: [{c: 2 * width, act: relu}, {c: width * (index + 1), act: tanh}, {c: 5, act: silu}]\n"
        "    name: stages\n"
        "    layers:\n"
        "      - {op: conv2d, out_channels: c + index, kernel_size: 1}\n"
        "      - {op: act, repeat: acts if index > 0 else 1, when: index < 9}\n"
    )
    found = graph(text)
    assert [(node.path, node.op.key, node.outputs[0].shape[1]) for node in found.nodes] == [
        ("stages.0.0", "conv2d", 8), ("stages.0.1", "relu", 8),
        ("stages.1.0", "conv2d", 9), ("stages.1.1", "tanh", 9), ("stages.1.2", "tanh", 9),
        ("stages.2.0", "conv2d", 7), ("stages.2.1", "silu", 7), ("stages.2.2", "silu", 7),
    ]  # fmt: skip


def test_the_inner_index_hides_the_outer() -> None:
    text = (
        "layers:\n"
        "  - {name: o, repeat: 2, layers: [{op: conv2d, name: i, repeat: 2, out_channels: index + 1, kernel_size: 1},"
        " {op: conv2d, name: after, out_channels: 10 + index, kernel_size: 1}]}\n"
    )
    assert [node.outputs[0].shape[1] for node in graph(text).nodes] == [1, 2, 10, 1, 2, 11]


def test_params_of_every_type() -> None:
    text = (
        "params:\n"
        "  width: 4\n"
        "  ratio: {type: float, default: 1, minimum: 0}\n"
        "  deep: true\n"
        "  mode: {default: same, choices: [same, valid]}\n"
        "  sizes: [3, 5]\n"
        "  unit: {type: block, default: A}\n"
        "  act: {type: operation, default: relu}\n"
        "blocks:\n"
        "  A: {params: {c: int, act: operation, sizes: [1], p: 0.5}, layers:"
        " [{op: conv2d, out_channels: c, kernel_size: 'sizes[0]', padding: same}, act, {op: dropout, p: p}]}\n"
        "  B: {params: {c: int, act: operation, p: 0.5}, layers: [{op: act}]}\n"
        "layers:\n"
        "  - {block: unit, name: u, c: int(width * ratio), act: act, p: ratio / 4}\n"
        "  - {op: act, when: deep and mode == 'same'}\n"
        "  - {op: conv2d, out_channels: sum(sizes), kernel_size: 1}\n"
        "  - {block: A, name: v, c: 2, act: tanh, sizes: '[len(sizes), 3]'}\n"
    )
    found = graph(text).nodes
    assert [node.path for node in found] == [
        "u.conv2d", "u.relu", "u.dropout", "relu", "conv2d", "v.conv2d", "v.tanh", "v.dropout",
    ]  # fmt: skip
    first, _, dropout, _, last = (dict(node.op) for node in found[:5])
    assert (first["out_channels"], dropout["p"], last["out_channels"]) == (4, 0.25, 8)
    assert dict(found[5].op)["kernel_size"] == (2, 2)
    assert paths(text, unit="B", act="silu", deep=False) == ["u.silu", "conv2d", "v.conv2d", "v.tanh", "v.dropout"]
    for params in ({"width": 4.0}, {"width": True}, {"ratio": -1}, {"ratio": "1"}, {"deep": 1}, {"mode": "full"},
                   {"sizes": 3}, {"unknown": 1}):  # fmt: skip
        with pytest.raises(UsageError):
            network(text, **params)
    assert isinstance(network(text, ratio=2).params["ratio"], float)


def test_blocks_read_the_documents_params() -> None:
    text = (
        "params: {width: 4, c: 9, sizes: [1, 3], unit: {type: block, default: B},"
        " act: {type: operation, default: relu}}\n"
        "blocks:\n"
        "  A: {params: {c: int}, layers: [{block: unit, name: inner, i: 1}, act,"
        " {op: conv2d, name: own, out_channels: c + width, kernel_size: 1}]}\n"
        "  B: {params: {i: int}, layers: [{op: conv2d, out_channels: c, kernel_size: 'sizes[i]'}]}\n"
        "  C: {params: {i: int, width: 5}, inputs: [c], layers: [{op: conv2d, out_channels: width, kernel_size: 1}]}\n"
        "layers:\n"
        "  - {each: [{width: 50}], block: A, name: a, c: 2}\n"
    )
    found = graph(text).nodes
    assert [node.path for node in found] == ["a.0.inner.conv2d", "a.0.relu", "a.0.own"]
    assert [node.outputs[0].shape[1:] for node in found] == [(9, 14, 14), (9, 14, 14), (6, 14, 14)], "lexical scope"
    found = graph(text, unit="C", act="tanh", width=1).nodes
    assert [(node.path, node.outputs[0].shape[1]) for node in found] == [
        ("a.0.inner.conv2d", 5), ("a.0.tanh", 5), ("a.0.own", 3),
    ]  # fmt: skip
    module = root(network(text)).items[0].iterations[0].module  # type: ignore[union-attr]
    assert [str(expr_of(step.outputs[0].shape[1])) for step in module.items] == ["9", "9", "c + 4"]


WIDE: Final = "{op: conv2d, out_channels: n, kernel_size: 1}"
OWN: Final = "blocks: {B: {params: {n: 8}, layers: [" + WIDE + "]}}\n"


@pytest.mark.parametrize(
    ("text", "free"),
    {
        "alone": (f"layers: [{WIDE}]", {"n", "m"}),
        "in an expression": (f"layers: [{WIDE.replace('n,', '2 * n,')}]", {"m"}),
        "for a size of a kernel": ("layers: [{op: conv2d, out_channels: 8, kernel_size: n}]", {"m"}),
        "given to a block": (OWN + "layers: [{block: B, n: n}]", {"n", "m"}),
        "hidden in a block": (OWN + f"layers: [{{block: B}}, {WIDE}]", {"n", "m"}),
        "read in a block": (OWN.replace("n: 8", "k: 8") + f"layers: [{{block: B}}, {WIDE}]", {"m"}),
        "what groups divide": (f"layers: [{WIDE}, {CONV.replace('}', ', groups: 4}')}]", {"n", "m"}),
        "one value alone": (f"layers: [{WIDE}, {{op: reshape, shape: [8, 16, 16]}}]", {"m"}),
    }.values(),
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)  # fmt: skip
def test_what_stays_an_argument(text: str, free: set[str]) -> None:
    """Params that stand alone for a number of features, in no block, and that can have another value."""
    last = ", {op: conv2d, out_channels: m, kernel_size: 1}]"
    model = network("params: {n: 8, m: 3}\n" + text.removesuffix("]") + last)
    assert model.free_params == free
    for name in ("n", "m"):
        assert (f"{name}: int = {model.params[name]}" in model.compile("pytorch")) == (name in free)


def test_an_axis_of_that_name_is_no_use_of_a_param() -> None:
    block = "blocks: {B: {layers: [{op: flip, axis: [height, width]}, {op: slice, axis: width, end: x.width - 1}]}}\n"
    text = "params: {width: 8}\n" + block + "layers: [{op: conv2d, out_channels: width, kernel_size: 1}, {block: B}]"
    assert network(text).free_params == {"width"}


def test_required_params() -> None:
    text = "params: {width: int}\nvariants: {small: {width: 2}}\n"
    text += "layers: [{op: conv2d, out_channels: width, kernel_size: 1}]\n"
    assert error(text) == "param 'width' needs a value"
    assert network(text, "small").graph.outputs["output"].shape == (2, 2, 16, 16)
    assert graph(text, width=3).outputs["output"].shape == (2, 3, 16, 16)
    with pytest.raises(UsageError, match="no variant 'smal'; did you mean 'small'"):
        network(text, "smal")


def test_sizes_of_inputs_in_expressions() -> None:
    text = "layers: [{op: conv2d, out_channels: image.channels * 2, kernel_size: image.height // 4}]"
    assert graph(text).outputs["output"].shape == (2, 16, 13, 13)


def test_inputs() -> None:
    head = HEAD + (
        "params: {size: 6, words: 50}\n"
        "inputs:\n"
        "  image: {shape: [3, size, 2 * size], doc: a picture}\n"
        "  ids: {shape: [time], dtype: int64, below: words}\n"
    )
    text = "layers: [{op: embedding, name: e, from: ids, num_embeddings: words, embedding_dim: 4}]\n"
    model = network(text, head=head)
    found = model.graph
    assert found.inputs["image"].shape == (2, 3, 6, 12)
    assert (found.inputs["ids"].dtype, found.nodes[0].outputs[0].dtype) == ("int64", "float")
    assert found.limits == {"ids": 50}
    assert model.graph_for({"batch": 5, "time": 9}).nodes[0].outputs[0].shape == (5, 9, 4)


def test_open_sizes() -> None:
    head = HEAD + "inputs: {a: [4, time], b: [4, steps], c: [4, time]}\n"
    found = network(
        "layers: [{op: add, from: [a, c]}, {op: conv1d, out_channels: 2, kernel_size: 3, stride: 2}]", head=head
    )
    shape = root(found).outputs["output"].shape
    assert [str(expr_of(size)) for size in shape] == ["batch", "2", "(time - 3) // 2 + 1"]
    assert error("layers: [{op: add, from: [a, b]}]", head) == (
        "add: cannot broadcast inputs of shapes [batch, 4, time] and [batch, 4, steps]")  # fmt: skip
    fixed = HEAD + "inputs: {a: [4, time], b: [4, 17]}\n"
    block = "blocks: {B: {layers: [{op: conv1d, out_channels: x.length, kernel_size: 1}]}}\n"
    assert graph(block + "layers: [{block: B, from: b}]", fixed).outputs["output"].shape == (2, 17, 17)
    assert error(block + "layers: [{block: B, from: b}, {block: B, from: a}]", fixed) == (
        "'x.length' depends on a size that is open")  # fmt: skip


def test_equal_instances_are_one() -> None:
    text = (
        "blocks:\n  B: {params: {c: int}, layers: [{op: conv2d, out_channels: c, kernel_size: 1}]}\n"
        "layers: [{block: B, c: 8}, {block: B, c: 4 * 2}, {block: B, c: 4}, {block: B, c: 4}, {block: B, c: 4}]"
    )
    calls = [item for item in root(network(text)).items if isinstance(item, tree.Use)]
    assert [item.name for item in calls] == ["b1", "b2", "b3", "b4", "b5"]
    assert calls[0].module is calls[1].module
    assert calls[0].module is not calls[2].module is not calls[3].module
    assert calls[3].module is calls[4].module


def test_sizes_in_the_names_of_a_block() -> None:
    text = (
        "blocks:\n  B:\n    params: {c: int, r: 2}\n    layers:\n"
        "      - {op: conv2d, name: a, out_channels: c * r, kernel_size: 3}\n"
        "      - {op: concat, name: b, from: [a, a]}\n"
        "layers: [{block: B, name: one, c: 5}, {block: B, name: two, c: 3, r: 1}]\n"
    )
    one, two = (item for item in root(network(text)).items if isinstance(item, tree.Use))
    inner = one.module.items
    assert isinstance(inner[1], tree.Step)
    assert [str(expr_of(size)) for size in inner[1].outputs[0].shape] == ["batch", "2 * c * r", "x.2 - 2", "x.3 - 2"]
    assert [str(expr_of(size)) for size in two.outputs[0].shape] == ["batch", "6", "12", "12"]
    assert isinstance(inner[0], tree.Step)
    assert {name: str(expr) for name, expr in inner[0].exprs.items()} == {"out_channels": "c * r"}


def test_a_float_width_is_not_rearranged() -> None:
    text = (
        "blocks:\n  B: {params: {w: 0.75, c: 5},"
        " layers: [{op: conv2d, out_channels: int(c * w * 2 // 2), kernel_size: 1}]}\n"
        "layers: [{block: B}]"
    )
    assert graph(text).outputs["output"].shape[1] == 3


def test_yaml_and_json_are_alike() -> None:
    as_json = (
        '{"archspec": 1, "name": "Net", "inputs": {"image": [8, 16, 16]},\t'
        '"layers": ["relu", {"op": "dropout", "p": 5e-1}]}'
    )
    model = Spec.parse(as_json, "net.json").network()
    assert [node.op for node in model.graph.nodes] == [
        node.op for node in graph("layers: [relu, {op: dropout, p: 0.5}]").nodes
    ]


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = "params: {a: 1e-3, b: 0x10, c: 0o17, d: on, e: .5, f: 1., g: -3, h: '4', i: ~, j: +2}\nlayers: [relu]\n"
    with pytest.raises(SpecError, match="a param needs a default value"):
        network(text)
    defaults = {name: param.default for name, param in network(text.replace("i: ~, ", "")).spec.document.params.items()}
    assert defaults == {"a": 0.001, "b": 16, "c": 15, "d": "on", "e": 0.5, "f": 1.0, "g": -3, "h": "4", "j": 2}


def test_aliases() -> None:
    text = "params: {widths: &w [4, 4]}\nlayers:\n  - &r {op: relu}\n  - *r\n  - {op: pad, padding: *w}\n"
    assert paths(text) == ["relu1", "relu2", "pad"]
