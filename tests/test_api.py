"""`import archspec`: its names, what loading a spec by name or path means, and that it costs next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archspec
from archspec.spec import catalogue
from archspec.spec.document import Document
from archspec.spec.source import Source

API: Any = archspec
"""For wrong calls, which types would not let pass."""


def test_names() -> None:
    assert len(archspec.__all__) <= 16
    assert sorted(archspec.__all__) == archspec.__all__ == dir(archspec)
    for name in archspec.__all__:
        assert getattr(archspec, name) is not None
    assert callable(archspec.verify)
    with pytest.raises(AttributeError, match="no attribute 'compile'"):
        archspec.compile  # noqa: B018


def test_import_loads_nothing_heavy() -> None:
    code = "import sys; old = set(sys.modules); import archspec; print(*set(sys.modules) - old)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert sorted(loaded) == ["archspec", "archspec._version"]


@pytest.mark.parametrize("arguments", [["check", "resnet18"], ["summary", "resnet18"], ["list"]], ids=" ".join)
def test_commands_load_no_more_than_they_need(arguments: list[str]) -> None:
    code = (
        "import sys; from archspec.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "heavy = {'torch', 'tensorflow', 'keras', 'paddle', 'rich', 'jinja2', 'jsonschema', 'PIL'}\n"
        "print(*sorted(loaded & heavy), 'numpy._core' if 'numpy._core' in sys.modules else '', file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert result.stderr.split() == []


def test_load_by_name() -> None:
    model = archspec.load("resnet50", num_classes=10)
    assert (model.name, model.variant) == ("resnet50", "resnet50")
    assert model.params["num_classes"] == 10
    assert model.graph.outputs["logits"].shape[1] == 10
    assert archspec.load("resnet", variant="resnet34").params["depths"] == [3, 4, 6, 3]
    assert archspec.load("resnet").variant is None


def test_load_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "archspec: 1\nname: Net\nvariants: {small: {}}\ninputs: {image: [3]}\nlayers: [relu]\n"
    path = tmp_path / "resnet18.yaml"  # a path is a path, also where its stem is the name of a spec
    path.write_text(text)
    monkeypatch.chdir(tmp_path)
    for spec in (path, str(path), "resnet18.yaml", "./resnet18.yaml"):
        assert (archspec.load(spec).name, archspec.load(spec).spec.document.name) == ("resnet18", "Net")
    assert archspec.load(path, variant="small").name == "small"
    path.rename("plain")
    assert archspec.load("plain").name == "plain"
    path = path.with_name("my net.yaml")
    path.write_text(text)
    assert archspec.load(path).name == "net"
    Path("resnet18").mkdir()
    assert archspec.load("resnet18").spec.document.name == "ResNet"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet49", {}), "there is no spec 'resnet49'.*did you mean 'resnet"),
        (("no/such.yaml", {}), "there is no file no/such.yaml"),
        (("net.yml", {}), "there is no file net.yml"),
        (("../resnet", {}), "there is no file"),
        (("resnet18", {"classes": 3}), "no param 'classes'"),
        (("resnet18", {"num_classes": "ten"}), "must be a whole number"),
        (("resnet18", {"num_classes": np.int64(3)}), r"must be a whole number, not 3 \(int64\)"),
        (("resnet18", {"num_classes": 2**70}), r"must be a finite number, at most 2\*\*53"),
        (("resnet18", {"depths": [1, float("nan")]}), r"\(=nan\) must be a finite number"),
        (("resnet18", {"depths": [1, object()]}), "must be plain data, not "),
        (("resnet18", {"params": 3}), "params is a mapping"),
        (("resnet18", {"params": {"num_classes": 3}, "num_classes": 3}), "num_classes is given twice"),
        (("resnet18", {"variant": "resnet"}), "ResNet has no variant 'resnet'; did you mean 'resnet"),
        (("resnet18", {"variant": 18}), "ResNet has no variant '18'"),
        ((18, {}), "a spec is named by a text or a path, not by 18"),
        ((None, {}), "a spec is named by a text or a path, not by null"),
    ],
)
def test_load_of_what_is_not_there(arguments: tuple[str, dict[str, object]], message: str) -> None:
    with pytest.raises(archspec.UsageError, match=message):
        archspec.load(arguments[0], **arguments[1])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.compile(["keras"]), r"one backend is named here, by a text, not by \['keras'\]"),
        (lambda m: m.compile("pytorhc"), "there is no backend 'pytorhc'; did you mean 'pytorch'"),
        (lambda m: m.script("torch"), "there is no backend 'torch'; did you mean 'pytorch'"),
        (lambda m: m.program(None), "one backend is named here, by a text, not by null"),
        (lambda m: m.module("flox"), "there is no backend 'flox'; installed are pytorch, keras, paddle"),
        (lambda m: m.build("kears"), "there is no backend 'kears'; did you mean 'keras'"),
        (lambda m: m.build("keras", weights=3), "weights are a file, or a mapping of names to NumPy arrays, not 3"),
        (lambda m: m.build("keras", weights={}, names="torchvison"), "did you mean 'torchvision'"),
        (lambda m: m.build("keras", weights={}, origin="torch"), "there is no backend 'torch'; did you mean 'pytorch'"),
        (lambda m: m.build("keras", weights={}, allow_missing="c*"), "nothing gives 'f6.weight'"),
        (lambda m: m.summary({"time": 3}), "lenet5 has no open dimension 'time'"),
        (lambda m: m.summary(["time"]), "sizes are given as a mapping of names to numbers"),
        (lambda m: m.spec.network(params=["a"]), "params is a mapping"),
        (lambda m: m.spec.network(params={"num_classes": 3}, num_classes=4), "num_classes is given twice"),
        (lambda m: m.spec.network("lenet6"), "LeNet has no variant 'lenet6'; did you mean 'lenet5'"),
        (lambda m: API.verify("lenet5", to=3), "backends are named by a text or a list of texts, not by "),
        (lambda m: API.verify("lenet5", to=["keras", "kera"]), "there is no backend 'kera'; did you mean 'keras'"),
        (lambda m: API.verify(), "there is nothing to verify"),
        (lambda m: API.load(m.spec.source.data), "Spec.from_dict takes what is read already"),
        (lambda m: API.load("archspec: 1\nname: Net\n"), "Spec.parse takes its text"),
        (lambda m: API.Spec.parse(b"archspec: 1"), "the text of a spec is a text, not "),
        (lambda m: API.Spec.read(3), "a file is named by a text or a path, not by 3"),
        (lambda m: API.Spec.from_dict([1]), r"a spec is a mapping, not \[1\]"),
    ],
)
def test_wrong_calls(call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(archspec.UsageError, match=message):
        call(archspec.load("lenet5"))


SMALL: dict[str, Any] = {"archspec": 1, "name": "Small", "params": {"width": 5}, "inputs": {"x": (3,)},
                         "layers": [{"op": "linear", "out_features": "width"}]}  # fmt: skip


def test_specs_that_are_data() -> None:
    spec = archspec.Spec.from_dict(SMALL)
    assert spec.network(width=4).compile("pytorch") == archspec.Spec.parse(json.dumps(SMALL), "<dict>").network(
        params={"width": 4}).compile("pytorch")  # fmt: skip
    with pytest.raises(archspec.SpecError, match=r"(?s)<dict>:15:7: error: linear: unknown .*\"outfeatures\": 3"):
        archspec.Spec.from_dict(SMALL | {"layers": [{"op": "linear", "outfeatures": 3}]}).network().check()
    circle: dict[str, Any] = {}
    circle["name"] = circle
    for wrong, where in (
        ({"params": {"width": np.int64(5)}}, r"params.width: a spec is plain data, and 5 \(int64\) is none"),
        ({"layers": [{"op": "linear", 3: 4}]}, r"layers\[0\]: a key is a text, not 3"),
        ({"params": {"width": float("nan")}}, "params.width: a spec is plain data, and nan is none"),
        ({"params": circle}, "nested more than 64 levels deep"),
    ):
        with pytest.raises(archspec.UsageError, match=where):
            archspec.Spec.from_dict(SMALL | wrong)


def test_what_things_show() -> None:
    model = archspec.load("resnet50", num_classes=10)
    assert repr(model.spec) == "<Spec ResNet of specs/resnet.yaml, 14 variants>"
    assert repr(model) == ("<Model resnet50, num_classes=10: image [batch, 3, 224, 224] -> logits [batch, 10], "
                           "23,528,522 parameters>")  # fmt: skip
    rows = model._repr_html_().count("<tr>")
    assert 10 < rows <= 61
    assert archspec.load("lenet5")._repr_html_().count("<tr>") == 1 + len(archspec.load("lenet5").graph.nodes)
    wrong = archspec.Spec.from_dict(SMALL).network(width=-1)
    assert repr(wrong) == "<Model small, width=-1: 1 errors>"
    assert wrong._repr_html_().startswith("<pre>&lt;dict&gt;:")


def test_what_comes_along() -> None:
    found = archspec.specs()
    assert {each.spec for each in found} == {path.stem for path in catalogue.files()}
    assert "\n  resnet50 " in str(found)
    assert found._repr_html_().count("<tr>") == len(found) + 1
    assert archspec.load(found[0].name).name == found[0].name


def test_params_of_any_name(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("archspec: 1\nname: Net\nparams: {variant: 2, params: 3, spec: 4}\ninputs: {image: [3]}\n"
                    "layers: [{op: linear, out_features: variant * params * spec}]\n")  # fmt: skip
    assert archspec.load(path, spec=5).graph.outputs["output"].shape[1] == 30
    assert archspec.load(path, params={"variant": 3, "params": 1}, spec=5).graph.outputs["output"].shape[1] == 15
    with pytest.raises(archspec.UsageError, match=r"no variant '3'.*params=\{'variant': ...\}"):
        archspec.load(path, variant=3)  # type: ignore[arg-type]
    assert archspec.Spec.read(str(path)).network().params == {"variant": 2, "params": 3, "spec": 4}


def test_backends_that_do_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    strange = {"no_such_module:BACKEND": "ModuleNotFoundError: No module", "math:pi": "is no Backend but float"}
    for target, message in strange.items():
        point = EntryPoint("strange", target, "archspec.backends")
        monkeypatch.setattr("archspec.backend.plugged", lambda _, point=point: {point.name: point})
        with pytest.raises(archspec.BackendError, match=message):
            archspec.load("lenet5").compile("strange")
    for wrong in (["keras"], None, 3):
        with pytest.raises(archspec.UsageError, match="one backend is named here, by a text"):
            archspec.load("lenet5").compile(wrong)  # type: ignore[arg-type]


def test_invalid_specs_carry_every_finding(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("archspec: 1\nname: Net\ninputs: {image: [3]}\nlayers: [rellu, {op: relu, size: 3}]\n")
    with pytest.raises(archspec.SpecError) as caught:
        archspec.load(path).check()
    assert len(caught.value.diagnostics) == 2
    assert all(isinstance(each, archspec.Diagnostic) for each in caught.value.diagnostics)


def test_summary_and_check() -> None:
    model = archspec.load("resnet18")
    assert model.check() == []
    assert model.summary().parameters == 11_689_512


def test_names_of_variants_are_found_without_parsing() -> None:
    paths = catalogue.files()
    assert paths
    for path in paths:
        document = Document.model_validate(Source.read(path).data)
        assert catalogue.variants_in(path) == tuple(document.variants), path


def test_names_are_unique() -> None:
    owners: dict[str, Path] = {}
    for path in catalogue.files():
        for name in {path.stem, *catalogue.variants_in(path)}:
            assert owners.setdefault(name, path) == path, f"'{name}' is in {owners[name].name} and {path.name}"
