"""Blocks of other files: what they mean, where they may lie, and what is said of those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

import archspec
from archspec.backend import backends
from archspec.errors import SpecError
from archspec.model import Spec
from archspec.report.explain import Explanation
from archspec.reproduction import _write

NET = """\
archspec: 1
name: Net
params: {width: 4, eps: 0.5}
use: %s
inputs: {x: [3]}
layers:
  - {op: linear, name: fc, out_features: width}
  - {block: Unit, name: unit}
"""
UNIT = """\
archspec: 1
name: Units
params: {act: {type: operation, default: relu}, epsilon: 0.25, times: 2}
%s
inputs: {x: [3]}
blocks:
  Unit:
    layers:
      - {block: Inner, repeat: times}
      - {op: act}
  Inner:
    layers:
      - {op: layer_norm, epsilon: epsilon}
  Other:
    layers: [relu]
layers: [{block: Unit}, {block: Other}]
"""
BEGIN = "archspec: 1\nname: N\ninputs: {x: [3]}\n"
ONE = BEGIN + "params: {k: int}\nblocks:\n  One:\n    layers: [%s]\nlayers: [{block: One}]\n"


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder / "net.yaml"


def wrong(path: Path) -> list[str]:
    with pytest.raises(SpecError) as caught:
        archspec.load(path).check()
    return [f"{Path(each.file).name}:{each.line}: {each.message}" for each in caught.value.diagnostics]


def test_a_block_means_what_it_means_in_its_file(tmp_path: Path) -> None:
    used = archspec.load(written(tmp_path, net=NET % "unit.yaml", unit=UNIT % ""))
    norm = "{op: layer_norm, epsilon: 0.25}"
    here = Spec.parse(f"""
archspec: 1
name: Net
inputs: {{x: [3]}}
layers:
  - {{op: linear, name: fc, out_features: 4}}
  - {{name: unit, layers: [{norm}, {norm}, relu]}}
""").network()
    assert [node.op for node in used.graph.nodes] == [node.op for node in here.graph.nodes]


def test_params_of_the_file_are_its_own(tmp_path: Path) -> None:
    net = NET.replace("width: 4", "width: 4, epsilon: 0.75") % "unit.yaml"
    path = written(tmp_path, net=net, unit=UNIT % "")
    model = archspec.load(path)
    assert [node.op.model_dump()["epsilon"] for node in model.graph.nodes if node.op.key == "layer_norm"] == [
        0.25,
        0.25,
    ]
    assert "param 'epsilon' is not used" in [each.message for each in model.check()]


@pytest.mark.parametrize(
    ("params", "epsilon", "times"),
    [("{}", 0.25, 2), ("{epsilon: eps}", 0.5, 2), ("{epsilon: 2 * eps, times: width - 1, act: tanh}", 1.0, 3)],
)
def test_use_may_give_them(params: str, epsilon: float, times: int, tmp_path: Path) -> None:
    path = written(tmp_path, net=NET % f"{{file: unit.yaml, params: {params}}}", unit=UNIT % "")
    norms = [node.op for node in archspec.load(path).graph.nodes if node.op.key == "layer_norm"]
    assert [norm.model_dump()["epsilon"] for norm in norms] == [epsilon] * times
    assert archspec.load(path, eps=0.125).params["eps"] == 0.125


def test_files_may_use_files(tmp_path: Path) -> None:
    unit = UNIT.replace("{op: layer_norm, epsilon: epsilon}", "{block: One}")
    unit %= "use: {file: deep/one.yaml, params: {k: times + 3}}"
    one = ONE % "{op: linear, out_features: k}"
    path = written(tmp_path, net=NET % "{file: lib/unit.yaml, params: {times: 1}}", lib__unit=unit)
    written(tmp_path / "lib", deep__one=one)
    model = archspec.load(path)
    assert [node.op.model_dump()["out_features"] for node in model.graph.nodes if node.op.key == "linear"] == [4, 4]
    assert set(model.spec.used) == {"lib/unit.yaml", "lib/deep/one.yaml"}
    again = Spec.parse(path.read_text(), "net.yaml", model.spec.used).network()  # as on another machine
    assert [node.op for node in again.graph.nodes] == [node.op for node in model.graph.nodes]
    copied = _write(
        tmp_path / "copied", {"net.yaml": path.read_bytes(), **{k: v.encode() for k, v in model.spec.used.items()}}
    )
    assert archspec.load(copied / "net.yaml").summary().parameters == model.summary().parameters


def test_two_ways_to_one_file(tmp_path: Path) -> None:
    net = (
        NET.replace("{block: Unit, name: unit}", "{block: A}\n  - {block: B}\n  - {block: C}")
        % "[a.yaml, b.yaml, c.yaml]"
    )
    each = BEGIN + "use: c.yaml\nblocks: {%s: {layers: [{block: C}]}}\nlayers: [{block: %s}]\n"
    c = BEGIN + "blocks: {C: {layers: [relu]}}\nlayers: [{block: C}]\n"
    path = written(tmp_path, net=net, a=each % ("A", "A"), b=each % ("B", "B"), c=c)
    assert [node.op.key for node in archspec.load(path).graph.nodes] == ["linear", "relu", "relu", "relu"]


def test_what_comes_along_can_be_used_by_texts_too() -> None:
    spec = "archspec: 1\nname: Net\nuse: {file: resnet.yaml, blocks: [Bottleneck], params: {groups: 2, width: 32}}\n" \
           "inputs: {image: [16, 8, 8]}\nlayers: [{block: Bottleneck, channels: 8, stride: 2}]\n"  # fmt: skip
    model = Spec.parse(spec).network()
    assert model.spec.document.blocks.keys() == {"Bottleneck"}
    assert [node.op.model_dump()["groups"] for node in model.graph.nodes if node.op.key == "conv2d"] == [1, 2, 1, 1]
    assert model.spec.used == {}
    for backend in ("pytorch", "keras", "paddle"):
        assert "Bottleneck" in model.compile(backend) or "bottleneck" in model.compile(backend)


UNITS = UNIT % ""
RESIZED = UNITS.replace("[relu]", "[max_pool2d]").replace("{op: act}", "{block: Other}")
NEEDED = "net.yaml:4: block 'Unit' of u.yaml reads its param 'times', which needs a value"
WRONG: dict[str, tuple[str, str, str]] = {
    "no file": ("nowhere.yaml", "", "net.yaml:4: there is no file 'nowhere.yaml' beside the spec"),
    "outside": ("../unit.yaml", "", "net.yaml:4: '../unit.yaml' is not in the folder of the spec or below it"),
    "absolute": ("/etc/net.yaml", "", "net.yaml:4: '/etc/net.yaml' is not in the folder"),
    "outside, hidden": ("lib/../../unit.yaml", "", "net.yaml:4: 'lib/../../unit.yaml' is not in the folder"),
    "no spec": ("passwords.txt", "", "net.yaml:4: 'passwords.txt' is no spec"),
    "itself": ("net.yaml", "", "net.yaml:4: net.yaml uses itself"),
    "a circle": ("u.yaml", UNIT % "use: net.yaml", "net.yaml:4: u.yaml uses itself: u.yaml -> net.yaml -> u.yaml"),
    "its text": ("u.yaml", "archspec: 1\nname: [}", "u.yaml:2: "),
    "its form": ("u.yaml", UNITS.replace("repeat:", "repeats:"), "u.yaml:9: block Inner: unknown param 'repeats'"),
    "its steps": ("u.yaml", UNITS.replace("layer_", "layer"), "u.yaml:13: there is no operation 'layernorm'"),
    "its sizes": ("u.yaml", RESIZED, "u.yaml:15: "),
    "no such block": ("{file: u.yaml, blocks: [Unti]}", UNITS, "net.yaml:4: u.yaml has no block 'Unti'"),
    "no such param": ("{file: u.yaml, params: {epsilom: 1}}", UNITS, "net.yaml:4: u.yaml has no param 'epsilom'"),
    "another type": ("{file: u.yaml, params: {epsilon: true}}", UNITS, "net.yaml:4: epsilon must be a number"),
    "unknown name": ("{file: u.yaml, params: {times: widht}}", UNITS, "net.yaml:4: "),
    "no value": ("u.yaml", UNITS.replace("times: 2", "times: int"), NEEDED),
    "twice": ("[u.yaml, resnet.yaml, u.yaml, fcn.yaml]", UNITS, "net.yaml:4: block 'Bottleneck' of fcn.yaml is there"),
    "another form": ("3", "", "net.yaml:4: use must be the name of a file, or a mapping"),
    "another key": ("{file: u.yaml, block: Unit}", UNITS, "net.yaml:4: unknown key 'block'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_used(case: str, tmp_path: Path) -> None:
    use, unit, message = WRONG[case]
    (tmp_path / "passwords.txt").write_text("archspec: 1\n")
    (tmp_path / "inside").mkdir()
    (tmp_path / "unit.yaml").write_text(UNITS)
    found = wrong(written(tmp_path / "inside", net=NET % use, **({"u": unit} if unit else {})))
    assert any(each.startswith(message) for each in found), found
    assert not any("there is no block" in each for each in found), "what follows of it is told, too"


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "unit.yaml").write_text(UNIT % "")
    (tmp_path / "inside" / "unit.yaml").symlink_to(tmp_path / "unit.yaml")
    assert wrong(written(tmp_path / "inside", net=NET % "unit.yaml"))[0].endswith(
        "is a link that leaves the folder of the spec"
    )


def test_a_block_of_ones_own_is_not_replaced(tmp_path: Path) -> None:
    net = NET.replace("layers:\n", "blocks: {Inner: {layers: [relu]}}\nlayers:\n", 1) % "unit.yaml"
    found = wrong(written(tmp_path, net=net, unit=UNIT % ""))
    assert found == ["net.yaml:4: block 'Inner' of unit.yaml is there already, here"]
    net = net.replace("unit.yaml", "{file: unit.yaml, blocks: [Other]}")
    net = net.replace("{block: Unit, name: unit}", "{block: Inner}\n  - {block: Other}")
    model = archspec.load(written(tmp_path, net=net))
    assert [node.op.key for node in model.graph.nodes] == ["linear", "relu", "relu"]


def test_findings_and_explanations_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, net=NET % "unit.yaml", unit=UNIT % "")
    model = archspec.load("net.yaml")
    source = model.spec.source
    first, last = source.lines_of(("blocks", "Inner"))
    assert source.listing[first - 1 : last] == ["  Inner:", "    layers:", "      - {op: layer_norm, epsilon: epsilon}"]
    shown = str(Explanation.of(model, "unit", backends(("pytorch",))))
    assert "net.yaml, line 8\n" in shown
    assert "unit.yaml, lines 7-10\n" in shown
