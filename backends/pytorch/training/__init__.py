"""How PyTorch trains. Its own optimizers follow the rules that archspec has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archspec.emit.code import Code, Items, Raw, call, literal, method
from archspec.training.chosen import Chosen, listed
from archspec.training.losses import BinaryCrossEntropy, CrossEntropy, Huber
from archspec.training.plan import Plan
from archspec.training.script import Judged, Spelling, arguments


def cross_entropy(loss: CrossEntropy, output: str, target: str, judged: Judged) -> Code:
    x: Code = Raw(output)
    if loss.axis(len(judged.shape)) != 1:
        x = method(x, "movedim", Raw("-1"), Raw("1"))
    given = arguments(loss, label_smoothing="label_smoothing")
    if loss.class_weights:
        given["weight"] = method(Raw(output), "new_tensor", Items(tuple(map(literal, loss.class_weights)), "[]"))
    if loss.ignore_index not in (None, -100):
        given["ignore_index"] = literal(loss.ignore_index)
    if loss.of == "probabilities":
        return call("F.nll_loss", call("torch.log", x), Raw(target), **given)
    return call("F.cross_entropy", x, Raw(target), **given)


def _plain(function: str) -> Any:
    return lambda loss, output, target, judged: call(function, Raw(output), Raw(target))


def binary_cross_entropy(loss: BinaryCrossEntropy, output: str, target: str, judged: Judged) -> Code:
    name = "binary_cross_entropy" + "_with_logits" * (loss.of == "logits")
    return call(f"F.{name}", Raw(output), Raw(target))


def huber(loss: Huber, output: str, target: str, judged: Judged) -> Code:
    return call("F.huber_loss", Raw(output), Raw(target), delta=literal(loss.delta))


def kl_divergence(loss: Any, output: str, target: str, judged: Judged) -> Code:
    log = call("F.log_softmax", Raw(output), dim=literal(loss.axis(len(judged.shape))))
    return call("F.kl_div", log, Raw(target), reduction=Raw('"batchmean"'))


def ctc(loss: Any, output: str, target: str, judged: Judged) -> Code:
    return call("ctc", Raw(output), Raw(target), **{name: Raw(array) for name, array in judged.beside.items()})


def sgd(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(
        optimizer, lr="learning_rate", momentum="momentum", weight_decay="weight_decay", nesterov="nesterov"
    )
    return call("torch.optim.SGD", weights, **given)


def adam(optimizer: Any, weights: Code, plan: Plan) -> Code:
    betas = Items((literal(optimizer.beta1), literal(optimizer.beta2)))
    name = "AdamW" if optimizer.key == "adamw" else "Adam"
    given = {**arguments(optimizer, lr="learning_rate"), "betas": betas, **arguments(optimizer, eps="epsilon")}
    given["weight_decay"] = literal(optimizer.weight_decay)  # which AdamW has by default
    return call(f"torch.optim.{name}", weights, **given)


def rmsprop(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(
        optimizer, lr="learning_rate", alpha="alpha", eps="epsilon", momentum="momentum", weight_decay="weight_decay"
    )
    return call("torch.optim.RMSprop", weights, **given)


def adagrad(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(optimizer, lr="learning_rate", eps="epsilon", weight_decay="weight_decay")
    return call("torch.optim.Adagrad", weights, **given)


def groups(found: list[Chosen], plan: Plan) -> list[str]:
    return listed(found, "factor", "weight_decay", "weight.requires_grad_(False)")


def tensor(array: Code, kind: str) -> Code:
    dtype = {"float": "torch.get_default_dtype()", "int64": "torch.int64", "bool": "torch.bool"}[kind]
    return call("torch.as_tensor", array, dtype=Raw(dtype), device=Raw("device"))


SPELLING = Spelling(
    title="PyTorch",
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
        "framework": "torch",
        "joined": "cat",
        "device": ", device: str",
        "suffix": ".pt",
        "read_checkpoint": "torch.load(run.checkpoint, weights_only=True)",
        "reseed": "torch.manual_seed(args.seed + epoch)  # so that a run can go on here",
    },
    imports={"*": "import torch", "F": "from torch.nn import functional as F"},
)
