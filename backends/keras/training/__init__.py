"""How Keras trains: native where its rule is ours, else by a subclass of a few lines (`bridges.py.jinja`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archspec.emit.code import Code, Raw, call, literal
from archspec.training.chosen import Chosen
from archspec.training.losses import BinaryCrossEntropy, CrossEntropy, Huber
from archspec.training.plan import Plan
from archspec.training.script import Judged, Spelling, arguments


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


def ctc(loss: Any, output: str, target: str, judged: Judged) -> Code:
    return Raw("timed_ctc" if "times" in judged.beside else "ctc")


def _common(weights: Code, plan: Plan) -> dict[str, Code]:
    """What all optimizers of Keras are told."""
    given = arguments(plan, global_clipnorm="clip_norm", clipvalue="clip_value")
    if weights == Raw("weights"):
        given["groups"] = Raw("groups")
    if plan.accumulate > 1:
        given["gradient_accumulation_steps"] = literal(plan.accumulate)
    return given


def sgd(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(optimizer, learning_rate="learning_rate", momentum="momentum", nesterov="nesterov")
    changing = plan.schedule.key != "constant" or plan.schedule.warmup
    if optimizer.weight_decay or (optimizer.momentum and changing) or weights == Raw("weights"):
        return call("SGD", **arguments(optimizer, l2="weight_decay"), **given, **_common(weights, plan))
    return call("keras.optimizers.SGD", **given, **_common(weights, plan))


def adam(optimizer: Any, weights: Code, plan: Plan) -> Code:
    decay = {"decay" if optimizer.key == "adamw" else "l2": "weight_decay"}
    given = arguments(
        optimizer, **decay, learning_rate="learning_rate", beta_1="beta1", beta_2="beta2", epsilon="epsilon"
    )
    return call("Adam", **given, **_common(weights, plan))


def rmsprop(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(
        optimizer, l2="weight_decay", learning_rate="learning_rate", rho="alpha", momentum="momentum", epsilon="epsilon"
    )
    return call("RMSprop", **given, **_common(weights, plan))


def adagrad(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(optimizer, l2="weight_decay", learning_rate="learning_rate", epsilon="epsilon")
    return call("Adagrad", **given, **_common(weights, plan))


def tensor(array: Code, kind: str) -> Code:
    dtype = {"float": "keras.config.floatx()", "int64": '"int64"', "bool": '"bool"'}[kind]
    return call("np.asarray", array, dtype=Raw(dtype))


def groups(found: list[Chosen], plan: Plan) -> list[str]:
    """Factors of rate and weight decay, by the path of a variable, and a momentum if some have their own. Variables are
    frozen, not layers: a batch normalization that is not trainable does not use its batch, either."""
    branches: list[str] = []
    momenta = any(each.momentum is not None for each in found)
    for number, each in enumerate(found):
        if (each.rate, each.share, each.frozen, each.momentum) == (1.0, 1.0, False, None):
            continue
        branches += each.branch(not number) if len(found) > 1 else []
        factors = [each.rate, each.share]
        if momenta:
            factors.append(each.momentum or plan.optimizer.momentum)  # type: ignore[attr-defined]
        do = "weight.trainable = False" if each.frozen else f"groups[name] = {', '.join(map(repr, factors))}"
        branches.append(f"{' ' * (8 if len(found) > 1 else 4)}{do}")
    return [
        "groups = {}",
        "for name, weight in [(each.path, each) for each in model.trainable_variables]:",
        *branches,
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
        "ctc": ctc,
    },
    optimizers={"sgd": sgd, "adam": adam, "adamw": adam, "rmsprop": rmsprop, "adagrad": adagrad},
    groups=groups,
    separator="/",
    tensor=tensor,
    words={"device": ""},
    imports={
        "*": "import keras",
        "*h5py": "import h5py",
        "*np": "import numpy as np",
        "ops": "from keras import ops",
    },
)
