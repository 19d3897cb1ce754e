"""How PaddlePaddle trains: native where its rule is ours, else by a subclass of a few lines (`bridges.py.jinja`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archspec.emit.code import Code, Global, Items, Raw, Template, call, literal
from archspec.training.chosen import Chosen, listed
from archspec.training.losses import BinaryCrossEntropy, CrossEntropy, Huber
from archspec.training.plan import Plan
from archspec.training.script import Judged, Spelling, arguments


def cross_entropy(loss: CrossEntropy, output: str, target: str, judged: Judged) -> Code:
    x, label, axis = Raw(output), Raw(target), loss.axis(len(judged.shape))
    given: dict[str, Code] = {} if axis == len(judged.shape) - 1 else {"axis": literal(axis)}
    if loss.of == "probabilities":
        return _mean("F.nll_loss", call("paddle.log", x), label, loss, {})
    if loss.label_smoothing:  # Paddle's own argument is a float32 number
        given |= {"smoothing": literal(loss.label_smoothing)}
        if loss.ignore_index is not None:
            given["ignored"] = literal(loss.ignore_index)
        return call("smoothed", x, label, **given)
    if loss.class_weights:
        weights = Items(tuple(map(literal, loss.class_weights)), "[]")
        given["weight"] = call("paddle.to_tensor", weights, dtype=Template("{0}.dtype", (x,)))
    return _mean("F.cross_entropy", x, label, loss, given)


def _mean(function: str, x: Code, label: Code, loss: CrossEntropy, given: dict[str, Code]) -> Code:
    """The mean of what is not ignored: Paddle's own divides by all samples if the index is negative."""
    if loss.ignore_index is None:
        return call(function, x, label, **given)
    return call("of_kept", Global(function), x, label, literal(loss.ignore_index), **given)


def _plain(function: str) -> Any:
    return lambda loss, output, target, judged: call(function, Raw(output), Raw(target))


def binary_cross_entropy(loss: BinaryCrossEntropy, output: str, target: str, judged: Judged) -> Code:
    name = "binary_cross_entropy" + "_with_logits" * (loss.of == "logits")
    return call(f"F.{name}", Raw(output), Raw(target))


def huber(loss: Huber, output: str, target: str, judged: Judged) -> Code:
    return call("F.smooth_l1_loss", Raw(output), Raw(target), delta=literal(loss.delta))


def kl_divergence(loss: Any, output: str, target: str, judged: Judged) -> Code:
    log = call("F.log_softmax", Raw(output), axis=literal(loss.axis(len(judged.shape))))
    return call("F.kl_div", log, Raw(target), reduction=Raw('"batchmean"'))


def ctc(loss: Any, output: str, target: str, judged: Judged) -> Code:
    return call("ctc", Raw(output), Raw(target), **{name: Raw(array) for name, array in judged.beside.items()})


def _common(weights: Code, plan: Plan) -> dict[str, Code]:
    """What all optimizers of Paddle are told. Of several groups they would clip each by its own norm."""
    given = {"parameters": weights}
    if plan.clip_norm and weights != Raw("weights"):
        given["grad_clip"] = call("paddle.nn.ClipGradByGlobalNorm", literal(plan.clip_norm))
    if plan.clip_value:
        given["grad_clip"] = call("paddle.nn.ClipGradByValue", literal(plan.clip_value))
    return given


def sgd(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(optimizer, learning_rate="learning_rate", momentum="momentum", use_nesterov="nesterov")
    if optimizer.momentum or optimizer.weight_decay:
        given["momentum"] = literal(optimizer.momentum)  # 0.9 by default
        return call("Momentum", **given, **arguments(optimizer, weight_decay="weight_decay"), **_common(weights, plan))
    return call("paddle.optimizer.SGD", **given, **_common(weights, plan))


def adam(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(optimizer, learning_rate="learning_rate", beta1="beta1", beta2="beta2", epsilon="epsilon")
    if optimizer.key == "adam":
        given |= arguments(optimizer, weight_decay="weight_decay") | _common(weights, plan)
        return call("paddle.optimizer.Adam", **given)
    given["weight_decay"] = literal(optimizer.weight_decay)
    given |= _common(weights, plan)
    return call("paddle.optimizer.AdamW", **given)


def rmsprop(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(optimizer, learning_rate="learning_rate", rho="alpha", epsilon="epsilon", momentum="momentum")
    return call("RMSProp", **given, **arguments(optimizer, weight_decay="weight_decay"), **_common(weights, plan))


def adagrad(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(optimizer, learning_rate="learning_rate", epsilon="epsilon", weight_decay="weight_decay")
    return call("paddle.optimizer.Adagrad", **given, **_common(weights, plan))


def groups(found: list[Chosen], plan: Plan) -> list[str]:
    # What is not handed to the optimizer stays; beside weights that stop gradients some of Paddle's own are wrong.
    still = "weight.need_clip = False  # frozen: not handed to the optimizer"
    return listed(found, "learning_rate", "weight_decay", still)


def tensor(array: Code, kind: str) -> Code:
    dtype = {"float": "paddle.get_default_dtype()", "int64": '"int64"', "bool": '"bool"'}[kind]
    return call("paddle.to_tensor", array, dtype=Raw(dtype))


SPELLING = Spelling(
    title="PaddlePaddle",
    folder=Path(__file__).parent,
    losses={
        "cross_entropy": cross_entropy,
        "binary_cross_entropy": binary_cross_entropy,
        "mse": _plain("F.mse_loss"),
        "l1": _plain("F.l1_loss"),
        "huber": huber,
        "kl_divergence": kl_divergence,
        "ctc": ctc,
    },
    optimizers={"sgd": sgd, "adam": adam, "adamw": adam, "rmsprop": rmsprop, "adagrad": adagrad},
    groups=groups,
    separator=".",
    tensor=tensor,
    words={
        "framework": "paddle",
        "joined": "concat",
        "device": "",
        "suffix": ".pdparams",
        "read_checkpoint": "paddle.load(str(run.checkpoint))",
        "reseed": "paddle.seed(args.seed + epoch)  # so that a run can go on here",
    },
    # which average, if only squares
    corrected={
        *(f"{kind}avg_pool{rank}d" for kind in ("", "adaptive_", "global_") for rank in (1, 2, 3)),
        "local_response_norm",
    },
    imports={"*": "import paddle", "F": "from paddle.nn import functional as F"},
)
