"""How Keras trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archspec.emit.code import Code, Raw, call
from archspec.training.losses import CrossEntropy
from archspec.training.plan import Plan
from archspec.training.script import Judged, Script, Spelling, arguments


def cross_entropy(loss: CrossEntropy, output: str, target: str, judged: Judged) -> Code:
    return call("keras.losses.SparseCategoricalCrossentropy", from_logits=Raw("True"))


def sgd(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(optimizer, momentum="momentum", nesterov="nesterov")
    return call("keras.optimizers.SGD", **arguments(optimizer, learning_rate="learning_rate"), **given)


def tensor(array: Code, kind: str) -> Code:
    dtype = {"float": "keras.config.floatx()", "int64": '"int64"', "bool": '"bool"'}[kind]
    return call("np.asarray", array, dtype=Raw(dtype))


def matrices(script: Script) -> list[str]:
    return []


SPELLING = Spelling(
    title="Keras",
    folder=Path(__file__).parent,
    losses={"cross_entropy": cross_entropy},
    optimizers={"sgd": sgd},
    matrices=matrices,
    tensor=tensor,
    words={"start": "as save_weights writes them", "device": "cpu"},
    imports={"*": "import keras", "*h5py": "import h5py"},
)
