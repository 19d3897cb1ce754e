"""How Keras trains: native where its rule is ours, else by a subclass of a few lines (`bridges.py`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from archspec.emit.code import Code, Raw, call, literal
from archspec.errors import BackendError
from archspec.training.losses import BinaryCrossEntropy, CrossEntropy, Huber
from archspec.training.plan import Plan
from archspec.training.script import Judged, Script, Spelling, arguments, bridges


def cross_entropy(loss: CrossEntropy, output: str, target: str, judged: Judged) -> Code:
    own = loss.label_smoothing or loss.class_weights or loss.ignore_index is not None
    if not own and loss.of == "logits":
        return call("keras.losses.SparseCategoricalCrossentropy", from_logits=Raw("True"))
    given = arguments(loss, smoothing="label_smoothing", weights="class_weights")
    if loss.ignore_index is not None:
        given["ignored"] = literal(loss.ignore_index)
    if loss.of == "probabilities":
        given["probabilities"] = Raw("True")
    return call("cross_entropy", **given)


def binary_cross_entropy(loss: BinaryCrossEntropy, output: str, target: str, judged: Judged) -> Code:
    if loss.of == "probabilities":
        return Raw("binary_cross_entropy")
    return call("keras.losses.BinaryCrossentropy", from_logits=Raw("True"))


def mse(loss: Any, output: str, target: str, judged: Judged) -> Code:
    return call("keras.losses.MeanSquaredError")


def l1(loss: Any, output: str, target: str, judged: Judged) -> Code:
    return call("keras.losses.MeanAbsoluteError")


def huber(loss: Huber, output: str, target: str, judged: Judged) -> Code:
    return call("keras.losses.Huber", delta=literal(loss.delta))


def kl_divergence(loss: Any, output: str, target: str, judged: Judged) -> Code:
    return Raw("kl_divergence")


def _common(optimizer: Any, plan: Plan) -> dict[str, Code]:
    """What all optimizers of Keras are told."""
    given = arguments(plan, global_clipnorm="clip_norm", clipvalue="clip_value")
    if plan.accumulate > 1:
        given["gradient_accumulation_steps"] = literal(plan.accumulate)
    return given


def sgd(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(optimizer, learning_rate="learning_rate", momentum="momentum", nesterov="nesterov")
    changing = plan.schedule.key != "constant" or plan.schedule.warmup
    if optimizer.weight_decay or (optimizer.momentum and changing):
        return call("SGD", **arguments(optimizer, l2="weight_decay"), **given, **_common(optimizer, plan))
    return call("keras.optimizers.SGD", **given, **_common(optimizer, plan))


def adam(optimizer: Any, weights: Code, plan: Plan) -> Code:
    decay = {"weight_decay" if optimizer.key == "adamw" else "l2": "weight_decay"}
    given = arguments(
        optimizer, **decay, learning_rate="learning_rate", beta_1="beta1", beta_2="beta2", epsilon="epsilon"
    )
    return call("Adam", **given, **_common(optimizer, plan))


def rmsprop(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(
        optimizer, l2="weight_decay", learning_rate="learning_rate", rho="alpha", momentum="momentum", epsilon="epsilon"
    )
    return call("RMSprop", **given, **_common(optimizer, plan))


def adagrad(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(optimizer, l2="weight_decay", learning_rate="learning_rate", epsilon="epsilon")
    return call("Adagrad", **given, **_common(optimizer, plan))


def tensor(array: Code, kind: str) -> Code:
    dtype = {"float": "keras.config.floatx()", "int64": '"int64"', "bool": '"bool"'}[kind]
    return call("np.asarray", array, dtype=Raw(dtype))


def matrices(script: Script) -> list[str]:
    """Weight decay leaves variables alone by their names, which those of matrices must not have."""
    parameters = script.model.graph.parameters()
    names: dict[bool, set[str]] = {True: set(), False: set()}
    for weight in script.program.weights:
        if weight.parameter in parameters and parameters[weight.parameter].trainable:
            name = re.split("/", weight.target)[-1]
            names[len(parameters[weight.parameter].shape) > 1].add(name)
    if both := names[True] & names[False]:
        raise BackendError(f"Keras: '{min(both)}' is the name of matrices and of vectors, and only the first may decay")
    listed = ", ".join(f'"{name}"' for name in sorted(names[False])) + "," * (len(names[False]) == 1)
    return [
        f"names = ({listed})",
        "vectors = [v for v in model.trainable_variables if v.name in names]",
        "optimizer.exclude_from_weight_decay(var_list=vectors)",
    ]


SPELLING = Spelling(
    title="Keras",
    folder=Path(__file__).parent,
    losses={
        "cross_entropy": cross_entropy,
        "binary_cross_entropy": binary_cross_entropy,
        "mse": mse,
        "l1": l1,
        "huber": huber,
        "kl_divergence": kl_divergence,
    },
    optimizers={"sgd": sgd, "adam": adam, "adamw": adam, "rmsprop": rmsprop, "adagrad": adagrad},
    matrices=matrices,
    tensor=tensor,
    words={"start": "as save_weights writes them", "device": "cpu"},
    support=bridges(Path(__file__).parent),
    imports={"*": "import keras", "*h5py": "import h5py", "ops": "from keras import ops"},
)
