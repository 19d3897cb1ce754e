"""Models of Paddle as specs: what is written, that it is proven, and what is refused with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from archspec.against.target import targets
from archspec.backend import backends
from archspec.importing.given import given
from archspec.importing.model import Imported, import_model
from archspec.importing.trace import ImportRefused
from archspec.spec.formatting import formatted
from archspec.verification.workers import Pool
from archspec.weights.exchange import canonical
from archspec.weights.layouts import arranged

HERE = Path(__file__).parent
MODELS = HERE / "own_models" / "imported_paddle.py"
GOLDEN = HERE / "golden" / "imported_paddle"
pytestmark = [pytest.mark.xdist_group("importing paddle"), pytest.mark.frameworks]


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool({each.name: each.runner for each in backends(["paddle"])}) as pool:
        yield pool


def imported(source: str, pool: Pool, inputs: str) -> Imported:
    (target,) = targets([source], backends(["paddle"]), option="")
    return import_model(target, given([inputs]), pool)


def names_its_weights(found: Imported) -> None:
    """That the file of names makes a file of the model's weights the spec's."""
    own = canonical(found.model, arranged(found.weights, found.places), found.names, "paddle")
    assert all(np.array_equal(own[each], array) for each, array in found.weights.items())


@pytest.mark.golden
@pytest.mark.parametrize(
    ("name", "inputs"),
    [("Convolutional", "image=1,3,16,24"), ("Transformer", "x=1,time,8"), ("Tagger", "tokens=1,time:int64:20")],
)
def test_a_model_becomes_a_spec(name: str, inputs: str, pool: Pool, golden: Callable[[Path, str], None]) -> None:
    found = imported(f"{MODELS}:{name}", pool, inputs)
    assert found.ok, {what: report.to_json() for what, report in found.reports.items()}
    assert len(found.reports) == 3, found.notes  # in evaluation, in training, and the generated code
    assert formatted(found.text) == found.text
    names_its_weights(found)
    golden(GOLDEN / f"{name}.yaml", found.text)


REFUSED = {
    "Hostile": ["no operation for __setitem__", "y[:, 0] = 0.0", "no operation for sort", "no operation for erfinv"],
    "Branches": ["__bool__ reads numbers of a tensor", "return x * 2 if x.sum() > 0 else x"],
    "Apart": ["numpy reads numbers of a tensor", "computed aside", "numpy.tanh(x.numpy())"],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_place_in_a_spec_is_refused(name: str, pool: Pool) -> None:
    with pytest.raises(ImportRefused) as refused:
        imported(f"{MODELS}:{name}", pool, "x=1,4")
    for reason in REFUSED[name]:
        assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("squeezenet1_0", "image=1,3,64,64"),
        *(
            pytest.param(name, f"image=1,3,{size},{size}", marks=pytest.mark.long)
            for name, size in (("densenet121", 64), ("googlenet", 224), ("inception_v3", 128), ("mobilenet_v1", 64),
                               ("mobilenet_v2", 64), ("mobilenet_v3_small", 64), ("resnet18", 64),
                               ("shufflenet_v2_x0_25", 64))
        ),
    ],
)  # fmt: skip
def test_models_of_paddle_vision(name: str, inputs: str, pool: Pool) -> None:
    found = imported(f"paddle.vision.models:{name}", pool, inputs)
    assert found.ok
    assert len(found.reports) == 3, found.notes
    names_its_weights(found)
