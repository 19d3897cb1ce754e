"""Who judges what joins, cuts, arranges and reduces tensors: PyTorch."""

from __future__ import annotations

import math
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 (as PyTorch's own documentation has it)
from torch import nn

from .common import Attributes, Judge, each, given, last_first, number, numbers


def cut(a: Attributes, x: Any) -> Any:
    axis = number(a.get("axis", 1), x.ndim)
    return x.split(a["sizes"], axis) if "sizes" in a else x.tensor_split(a["sections"], axis)


def sliced(a: Attributes, x: Any) -> Any:
    axis = number(a["axis"], x.ndim) % x.ndim
    return x[(*[slice(None)] * axis, slice(*(a.get(name) for name in ("start", "end", "step"))))]


def index_select(a: Attributes, x: Any) -> Any:
    return x.index_select(number(a["axis"], x.ndim), torch.tensor(a["indices"]))


def flatten(a: Attributes, x: Any) -> Any:
    axes = given(a, start_axis="start_dim", end_axis="end_dim")
    return nn.Flatten(**{name: number(axis, x.ndim) for name, axis in axes.items()})(x)


def unsqueeze(a: Attributes, x: Any) -> Any:
    """One axis after the other, the first one first."""
    rank = x.ndim + len(each(a["axis"], 1))
    for axis in sorted(axis % rank for axis in numbers(a["axis"], rank)):
        x = x.unsqueeze(axis)
    return x


def squeeze(a: Attributes, x: Any) -> Any:
    return x.squeeze(tuple(numbers(a["axis"], x.ndim)))


def merge_batch(a: Attributes, x: Any) -> Any:
    axis = number(a.get("axis", 1), x.ndim) % x.ndim
    return torch.stack([place for sample in x for place in sample.unbind(axis - 1)])


def split_batch(a: Attributes, x: Any, like: Any = None) -> Any:
    axis = number(a.get("axis", 1), x.ndim + 1) % (x.ndim + 1)
    count = len(x) if like is None else like.shape[axis]
    groups = [list(x[start : start + count]) for start in range(0, len(x), count)]
    return torch.stack([torch.stack(group, axis - 1) for group in groups])


def roll(a: Attributes, x: Any) -> Any:
    axes = numbers(a["axis"], x.ndim)
    shifts = each(a["shifts"], len(axes))
    return x.roll(shifts * len(axes) if len(shifts) < len(axes) else shifts, axes)


def pad(a: Attributes, x: Any) -> Any:
    """PyTorch's borders that are no constant are for some numbers of axes: so each axis is one of a line by itself."""
    pairs = [each(item, 2) for item in a["padding"]]
    mode = a.get("mode", "constant")
    if mode == "constant":
        return F.pad(x, last_first(pairs), **given(a, "value"))
    for axis, pair in enumerate(pairs, x.ndim - len(pairs)):
        last = x.movedim(axis, -1)
        lines = last.reshape(1, -1, last.shape[-1])
        x = F.pad(lines, pair, mode).reshape(*last.shape[:-1], -1).movedim(-1, axis)
    return x


CASTS: Final = {"float": torch.float64, "int64": torch.int64, "bool": torch.bool}


# Reductions ---------------------------------------------------------------------------------------------------------


def reduction(name: str, **fixed: Any) -> Judge:
    def ask(a: Attributes, x: Any) -> Any:
        axes, keep = tuple(numbers(a["axis"], x.ndim)), a.get("keepdims", False)
        return getattr(torch, name)(x, dim=axes, keepdim=keep, **fixed)

    return Judge(f"torch.{name}", ask)


def product(a: Attributes, x: Any) -> Any:
    axes = sorted((axis % x.ndim for axis in numbers(a["axis"], x.ndim)), reverse=True)
    for axis in axes:
        x = x.prod(axis, keepdim=a.get("keepdims", False))
    return x


def spread(name: str) -> Judge:
    """Biased unless told, as `statistics.pvariance` and NumPy: PyTorch is told what a spec means if it says nothing."""

    def ask(a: Attributes, x: Any) -> Any:
        unbiased, keep = a.get("unbiased", False), a.get("keepdims", False)
        return getattr(torch, name)(x, numbers(a["axis"], x.ndim), correction=int(unbiased), keepdim=keep)

    return Judge(f"torch.{name}", ask)


def norm(a: Attributes, x: Any) -> Any:
    order = {"ord": math.inf if a["p"] == "inf" else a["p"]} if "p" in a else {}
    return torch.linalg.vector_norm(x, dim=numbers(a["axis"], x.ndim), keepdim=a.get("keepdims", False), **order)


def extremum(name: str) -> Judge:
    def ask(a: Attributes, x: Any) -> Any:
        return getattr(torch, name)(x, number(a["axis"], x.ndim), keepdim=a.get("keepdims", False))

    return Judge(f"torch.{name}", ask)


def topk(a: Attributes, x: Any) -> Any:
    axis = {"dim": number(a["axis"], x.ndim)} if "axis" in a else {}
    return tuple(torch.topk(x, a["k"], **axis, **given(a, "largest")))


def order(name: str) -> Judge:
    def ask(a: Attributes, x: Any) -> Any:
        axis, options = number(a.get("axis", -1), x.ndim), given(a, "descending")
        values, places = torch.sort(x, dim=axis, stable=True, **options)
        return values if name == "sort" else places

    return Judge("torch.sort", ask)


def scatter(name: str) -> Judge:
    def ask(a: Attributes, x: Any, index: Any, source: Any) -> Any:
        return getattr(x, name)(number(a["axis"], x.ndim), index, source)

    return Judge(f"torch.Tensor.{name}", ask)


def gather_rows(a: Attributes, x: Any, index: Any) -> Any:
    return torch.stack([rows.index_select(0, places) for rows, places in zip(x, index, strict=True)])


def scatter_add_rows(a: Attributes, x: Any, index: Any, source: Any) -> Any:
    samples = zip(x, index, source, strict=True)
    return torch.stack([rows.index_add(0, places, added) for rows, places, added in samples])


def fourier(name: str) -> Judge:
    def ask(a: Attributes, real: Any, imag: Any = None) -> Any:
        whole = real if imag is None else torch.complex(real, imag)
        y = getattr(torch.fft, name)(whole, dim=number(a.get("axis", -1), real.ndim), **given(a, length="n"))
        return (y.resolve_conj().real, y.resolve_conj().imag) if y.is_complex() else y

    return Judge(f"torch.fft.{name}", ask)


JUDGES: Final[dict[str, Judge]] = {
    "sort": order("sort"),
    "argsort": order("argsort"),
    "scatter": scatter("scatter"),
    "scatter_add": scatter("scatter_add"),
    "gather_rows": Judge("torch.index_select, sample by sample", gather_rows),
    "scatter_add_rows": Judge("torch.Tensor.index_add, sample by sample", scatter_add_rows),
    "masked_fill": Judge("torch.masked_fill", lambda a, x, mask: x.masked_fill(mask, a["value"])),
    "tril": Judge("torch.tril", lambda a, x: x.tril(**given(a, "diagonal"))),
    "triu": Judge("torch.triu", lambda a, x: x.triu(**given(a, "diagonal"))),
    "repeat_interleave": Judge(
        "torch.repeat_interleave", lambda a, x: x.repeat_interleave(a["repeats"], number(a["axis"], x.ndim))
    ),
    "unbind": Judge("torch.unbind", lambda a, x: tuple(x.unbind(number(a.get("axis", 1), x.ndim)))),
    **{name: fourier(name) for name in ("rfft", "irfft", "fft", "ifft")},
    "concat": Judge("torch.cat", lambda a, *xs: torch.cat(xs, number(a.get("axis", 1), xs[0].ndim))),
    "expand_batch": Judge("torch.Tensor.expand", lambda a, x, like: x.expand(len(like), *x.shape[1:])),
    "stack": Judge("torch.stack", lambda a, *xs: torch.stack(xs, number(a.get("axis", 1), xs[0].ndim + 1))),
    "split": Judge("torch.split, torch.tensor_split", cut),
    "chunk": Judge("torch.chunk", lambda a, x: x.chunk(a["chunks"], number(a.get("axis", 1), x.ndim))),
    "slice": Judge("indexing of torch.Tensor", sliced),
    "index_select": Judge("torch.index_select", index_select),
    "gather": Judge("torch.gather", lambda a, x, index: x.gather(number(a["axis"], x.ndim), index)),
    "flatten": Judge("torch.nn.Flatten", flatten),
    "reshape": Judge("torch.reshape", lambda a, x: x.reshape(len(x), *a["shape"])),
    "merge_batch": Judge("torch.cat of slices", merge_batch),
    "split_batch": Judge("torch.stack of slices", split_batch),
    "squeeze": Judge("torch.squeeze", squeeze),
    "unsqueeze": Judge("torch.unsqueeze", unsqueeze),
    "permute": Judge("torch.permute", lambda a, x: x.permute(0, *numbers(a["axes"], x.ndim))),
    "expand": Judge("torch.Tensor.expand", lambda a, x: x.expand(-1, *a["shape"])),
    "tile": Judge("torch.tile", lambda a, x: x.tile((1, *a["repeats"]))),
    "roll": Judge("torch.roll", roll),
    "flip": Judge("torch.flip", lambda a, x: x.flip(numbers(a["axis"], x.ndim))),
    "pad": Judge("torch.nn.functional.pad", pad),
    "cast": Judge("torch.Tensor.to", lambda a, x: x.to(CASTS[a["dtype"]])),
    "one_hot": Judge("torch.nn.functional.one_hot", lambda a, x: F.one_hot(x, a["num_classes"]).double()),
    "mean": reduction("mean"),
    "sum": reduction("sum"),
    "prod": Judge("torch.prod", product),
    "max": reduction("amax"),
    "min": reduction("amin"),
    "logsumexp": reduction("logsumexp"),
    "var": spread("var"),
    "std": spread("std"),
    "norm": Judge("torch.linalg.vector_norm", norm),
    "argmax": extremum("argmax"),
    "argmin": extremum("argmin"),
    "cumsum": Judge("torch.cumsum", lambda a, x: x.cumsum(number(a["axis"], x.ndim))),
    "topk": Judge("torch.topk", topk),
}
