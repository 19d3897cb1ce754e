"""Models of Keras as specs: what is written, that it is proven, and what is refused with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from archspec.against.target import targets
from archspec.backend import backends
from archspec.errors import ArchspecError
from archspec.importing.given import given
from archspec.importing.model import Imported, import_model
from archspec.importing.rules import _ordered
from archspec.importing.source import framework
from archspec.spec.formatting import formatted
from archspec.verification.workers import Pool
from archspec.weights.exchange import canonical
from archspec.weights.layouts import arranged
from archspec.weights.names import renamed

HERE = Path(__file__).parent
MODELS = HERE / "own_models" / "imported_keras.py"
GOLDEN = HERE / "golden" / "imported_keras"
pytestmark = pytest.mark.xdist_group("importing keras")


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool({each.name: each.runner for each in backends(["keras"])}) as pool:
        yield pool


def imported(name: str, pool: Pool, inputs: str) -> Imported:
    (target,) = targets([f"{MODELS}:{name}"], backends(["keras"]), option="")
    return import_model(target, given([inputs]), pool)


@pytest.mark.frameworks
@pytest.mark.golden
@pytest.mark.parametrize(
    ("name", "inputs"),
    [("convolutional", "image=1,16,24,3"), ("sequences", "tokens=1,12:int64:20"), ("Transformer", "x=1,time,8")],
)
def test_a_model_becomes_a_spec(name: str, inputs: str, pool: Pool, golden: Callable[[Path, str], None]) -> None:
    found = imported(name, pool, inputs)
    assert found.ok, {what: report.to_json() for what, report in found.reports.items()}
    assert len(found.reports) == 3, found.notes  # in evaluation, in training, and the generated code
    assert formatted(found.text) == found.text
    if name != "convolutional":  # which has weights that no rule of names can tell
        own = canonical(found.model, arranged(found.weights, found.places), found.names, "keras")
        assert all(np.array_equal(own[each], array) for each, array in found.weights.items() if "bias_hh" not in each)
    golden(GOLDEN / f"{name}.yaml", found.text)


REFUSED = {
    "hostile": ("x=1,8,8,3", ["taken (layers.Conv2D): an activation of one's own", "hidden (layers.Embedding): ",
                              "no operation for ops.Erfinv"]),
    "computed": ("x=1,4", ["own (Computed): it is given what Python computed aside", "return x * ops.exp(self.scale)"]),
    "Branches": ("x=1,4", ["return x * 2 if ops.sum(x) > 0 else x", "cannot be used as a boolean"]),
    "Numpy": ("x=1,4", ["numpy.asarray(x).sum()", "You cannot convert it to a NumPy array"]),
}  # fmt: skip


@pytest.mark.frameworks
@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_place_in_a_spec_is_refused(name: str, pool: Pool) -> None:
    inputs, reasons = REFUSED[name]
    with pytest.raises(ArchspecError) as refused:
        imported(name, pool, inputs)
    for reason in reasons:
        assert reason in str(refused.value)


@pytest.mark.parametrize("sign", ["/", "."])
def test_rules_of_names_do_not_find_what_others_have_named(sign: str) -> None:
    rules = {"a": "b", "b": "c", "x": "y", "y": "x"}
    arrays = {f"{name}{sign}0": np.array(name) for name in rules}
    assert {name: str(array) for name, array in renamed(arrays, _ordered(rules, sign)).items()} == {
        f"b{sign}0": "a", f"c{sign}0": "b", f"y{sign}0": "x", f"x{sign}0": "y",
    }  # fmt: skip


def test_the_framework_is_that_of_the_module_or_of_what_its_file_imports(tmp_path: Path) -> None:
    file = tmp_path / "both.py"
    file.write_text("import torch\nimport keras\n", encoding="utf-8")
    sources = ("keras.applications:VGG16(weights=None)", "torchvision.models:vgg16", f"{MODELS}:sequences", f"{file}:f")
    assert [framework(source) for source in sources] == ["keras", "pytorch", "keras", "pytorch"]
