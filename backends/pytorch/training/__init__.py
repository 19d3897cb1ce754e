"""How PyTorch trains. Its own optimizers follow the rules that archspec has."""

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
    given = arguments(optimizer, lr="learning_rate", momentum="momentum", weight_decay="weight_decay")
    return call("torch.optim.SGD", weights, **given)


def matrices(script: Script) -> list[str]:
    return [
        "matrices = [p for p in model.parameters() if p.ndim > 1]",
        "vectors = [p for p in model.parameters() if p.ndim < 2]",
        'weights = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]',
    ]


def tensor(array: Code, kind: str) -> Code:
    dtype = {"float": "torch.get_default_dtype()", "int64": "torch.int64", "bool": "torch.bool"}[kind]
    return call("torch.as_tensor", array, dtype=Raw(dtype), device=Raw("device"))


SPELLING = Spelling(
    title="PyTorch",
    folder=Path(__file__).parent,
    losses={"cross_entropy": cross_entropy},
    optimizers={"sgd": sgd},
    matrices=matrices,
    tensor=tensor,
    words={
        "start": "a state_dict as torch.save writes it",
        "device": "cpu",
        "suffix": ".pt",
        "read_checkpoint": "torch.load(checkpoint, weights_only=True)",
        "reseed": "torch.manual_seed(args.seed + epoch)  # so that a run can go on here",
        "evaluated": "model",
    },
    imports={"*": "import torch", "F": "from torch.nn import functional as F"},
)
