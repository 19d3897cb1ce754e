"""Who judges what training draws at random: PyTorch, whose draws are told apart by running it twice from one seed."""

from __future__ import annotations

from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 (as PyTorch's own documentation has it)

from .common import Ask, Attributes, Judge, given


def identity(a: Attributes, x: Any) -> Any:
    return F.dropout(x, training=False, **given(a, "p"))


def seeded(function: Ask, *arguments: Any, **options: Any) -> Any:
    torch.manual_seed(7)
    return function(*arguments, **options)


def dropping(name: str) -> Ask:
    """What is kept of ones shows what is kept of others."""
    function = getattr(F, name)

    def ask(a: Attributes, x: Any) -> tuple[Any, dict[str, Any]]:
        p = given(a, "p")
        return seeded(function, x, training=True, **p), {
            "kept": seeded(function, torch.ones_like(x), training=True, **p) > 0
        }

    return ask


def alpha_dropout(a: Attributes, x: Any) -> tuple[Any, dict[str, Any]]:
    """Large elements stay larger than what takes the place of those that are dropped."""
    p = given(a, "p")
    large = seeded(F.alpha_dropout, torch.full_like(x, 1e6), training=True, **p)
    return seeded(F.alpha_dropout, x, training=True, **p), {"kept": large > 1e3}


def drop_path(a: Attributes, x: Any) -> tuple[Any, dict[str, Any]]:
    """Samples as the channels of a single sample, which PyTorch drops as wholes."""
    y, drawn = dropping("dropout1d")(a, x.reshape(1, len(x), -1))
    return y.reshape(x.shape), {"kept": drawn["kept"].reshape(x.shape)}


def gaussian_noise(a: Attributes, x: Any) -> tuple[Any, dict[str, Any]]:
    """Normal numbers of which the inputs are the means. Keras' GaussianNoise has no default."""
    std = torch.full_like(x, a.get("std", 0.1))
    noise = seeded(torch.normal, torch.zeros_like(x), torch.ones_like(x))
    return seeded(torch.normal, x, std), {"noise": noise}


TORCH: Final = "torch.nn.functional"
DROPOUTS: Final = ("dropout", "dropout1d", "dropout2d", "dropout3d")
JUDGES: Final[dict[str, Judge]] = {
    **{key: Judge(f"{TORCH}.{key}", identity, dropping(key)) for key in DROPOUTS},
    "stop_gradient": Judge("torch.Tensor.detach", lambda a, x: x.detach()),
    "alpha_dropout": Judge(f"{TORCH}.alpha_dropout", identity, alpha_dropout),
    "drop_path": Judge(f"{TORCH}.dropout1d, of samples", identity, drop_path),
    "gaussian_noise": Judge("torch.normal", lambda a, x: x, gaussian_noise),
}
