"""How PaddlePaddle trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archspec.emit.code import Code, Raw, call
from archspec.training.losses import CrossEntropy
from archspec.training.plan import Plan
from archspec.training.script import Judged, Script, Spelling, arguments


def cross_entropy(loss: CrossEntropy, output: str, target: str, judged: Judged) -> Code:
    return call("F.cross_entropy", Raw(output), Raw(target))


def sgd(optimizer: Any, weights: Code, plan: Plan) -> Code:
    given = arguments(optimizer, learning_rate="learning_rate", momentum="momentum", use_nesterov="nesterov")
    given |= {"parameters": weights} | arguments(optimizer, weight_decay="weight_decay")
    return call(f"paddle.optimizer.{'Momentum' if optimizer.momentum else 'SGD'}", **given)


def matrices(script: Script) -> list[str]:
    return [
        "matrices = [p for p in model.parameters() if p.ndim > 1]",
        "vectors = [p for p in model.parameters() if p.ndim < 2]",
        'weights = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]',
    ]


def tensor(array: Code, kind: str) -> Code:
    dtype = {"float": "paddle.get_default_dtype()", "int64": '"int64"', "bool": '"bool"'}[kind]
    return call("paddle.to_tensor", array, dtype=Raw(dtype), place=Raw("device"))


SPELLING = Spelling(
    title="PaddlePaddle",
    folder=Path(__file__).parent,
    losses={"cross_entropy": cross_entropy},
    optimizers={"sgd": sgd},
    matrices=matrices,
    tensor=tensor,
    words={
        "start": "a state_dict as paddle.save writes it",
        "device": "cpu",
        "suffix": ".pdparams",
        "read_checkpoint": "paddle.load(str(checkpoint))",
        "reseed": "paddle.seed(args.seed + epoch)  # so that a run can go on here",
    },
    imports={"*": "import paddle", "F": "from paddle.nn import functional as F"},
)
