"""Trials: an operation on numbers, and what its judge says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import torch

from archspec import ops
from archspec.ops.base import window_pads
from archspec.ops.initializers import DEFAULTS

from ..cases import CASES, Case
from . import JUDGES
from .common import windows
from .rows import MORE

Array = np.ndarray[Any, np.dtype[Any]]
Make = Callable[..., Any]
"""Makes an operation of a key and attributes."""

BATCH: Final = 3
KINKS: Final = (0.0, -0.0, 3.0, -3.0, 6.0, -6.0, 19.5, 20.5, 30.0, -30.0, 80.0, -80.0)
SPECIAL: Final = (np.nan, np.inf, -np.inf)
UNORDERED: Final = ("topk",)
"""What does not say which of equal elements it takes: gets none."""


@dataclass(frozen=True, eq=False)
class Trial:
    case: Case
    inputs: list[Array]
    weights: dict[str, Array]
    verdict: list[Array]
    """The outputs, by the judge."""
    trained: tuple[list[Array], dict[str, Array]] | None
    """The outputs in training, and what was drawn and learned, by the judge; None if training is no other thing."""

    def __str__(self) -> str:
        return str(self.case)


def make(key: str, **attributes: Any) -> Any:
    return ops.get(key)(**attributes)


@cache
def trials(key: str) -> list[Trial]:
    """Those of an operation: each of its rows in the table of tests, on numbers that are all different and on halves,
    which have ties, zeros and whole numbers among them."""
    return list(tried(case for case in [*CASES, *MORE] if case.op == key))


def tried(cases: Iterable[Case]) -> Iterator[Trial]:
    for number, case in enumerate(cases):
        halves = (False, True) if "float" in case.dtypes and case.op not in UNORDERED else (False,)
        for halved in halves:
            yield _trial(case, halved, np.random.default_rng(number))


def _trial(case: Case, halved: bool, random: np.random.Generator) -> Trial:
    judge, kinds = JUDGES[case.op], zip(case.whole(BATCH), case.dtypes, strict=True)
    inputs = [_numbers(case, shape, dtype, halved, random) for shape, dtype in kinds]
    parameters = make(case.op, **case.attributes).parameters(*(x.shape for x in inputs))
    weights = {
        name: random.uniform(0.5, 2, p.shape) if p.kind == "variance" else random.standard_normal(p.shape)
        for name, p in parameters.items()
    }
    asked = [torch.from_numpy(x.copy()) for x in inputs]
    held = {name: torch.from_numpy(w.copy()) for name, w in weights.items()}
    verdict = listed(judge.ask(case.attributes, *asked, **held))
    trained = None
    if judge.train is not None:
        outputs, told = judge.train(case.attributes, *asked, **held)
        trained = listed(outputs), {name: array(value) for name, value in told.items()}
    return Trial(case, inputs, weights, verdict, trained)


def _numbers(case: Case, shape: tuple[int, ...], dtype: str, halved: bool, random: np.random.Generator) -> Array:
    if dtype == "int64":
        return random.integers(0, case.below, shape)
    if dtype == "bool":
        truth = random.random(shape) < 0.5
        truth[..., 0] = True  # a mask must not hide everything
        return truth
    x = random.standard_normal(shape)
    if case.values == "positive":
        x = abs(x) + 0.5
    elif case.values == "unit":
        x = np.tanh(x)
    elif case.values == "negative":
        x = -abs(x) - 1
    elif case.values == "wide":
        x *= 4
        x.reshape(-1)[: len(KINKS)] = KINKS[: x.size]
    elif case.values == "large":
        x *= 1e3
    elif case.values == "tiny":
        x *= 1e-13
    elif case.values == "special":
        x.reshape(-1)[: 7 * len(SPECIAL) : 7] = SPECIAL[: -(-x.size // 7)]
    elif case.values == "infinite":  # where padding stands, too, is nothing larger
        x[..., :3] = -np.inf
    return np.round(2 * x) / 2 if halved else x


def array(value: Any) -> Array:
    found: Array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    return found


def listed(value: Any) -> list[Array]:
    return [array(each) for each in (value if isinstance(value, tuple) else (value,))]


def problem(found: list[Array], wanted: list[Array], tolerance: float) -> str:
    """What is wrong with outputs, or nothing: NaN and infinities must be in their places."""
    if len(found) != len(wanted):
        return f"{len(found)} outputs, not {len(wanted)}"
    for y, due in zip(found, wanted, strict=True):
        if y.shape != due.shape:
            return f"shape {y.shape}, not {due.shape}"
        if y.dtype.kind != due.dtype.kind:
            return f"numbers of kind {y.dtype}, not {due.dtype}"
        if y.dtype.kind != "f":
            if not np.array_equal(y, due):
                return "other whole numbers or truth values"
            continue
        usual = np.isfinite(due)
        if not np.array_equal(y[~usual], due[~usual], equal_nan=True):
            return "other infinities"
        scale, error = (np.abs(x).max(initial=0) for x in (due[usual], y[usual] - due[usual]))
        if not error <= tolerance * scale:
            return f"off by {error:.2g} at a scale of {scale:.2g}"
    return ""


def padded(trial: Trial, op: Any) -> str:
    """What the judge has against the numbers that a word for the padding stands for."""
    if not isinstance(trial.case.attributes.get("padding"), str) or not hasattr(op, "kernel_size"):
        return ""
    (x,) = trial.inputs
    stride, dilation = op.stride or op.kernel_size, getattr(op, "dilation", (1,) * (x.ndim - 2))
    pairs = window_pads(op.padding, x.shape[2:], op.kernel_size, stride, dilation)
    *_, wanted = windows(trial.case.attributes, x, x.ndim - 2, list(stride))
    return "" if [list(pair) for pair in pairs] == wanted else f"padding {pairs}, not {wanted}"


def evaluated(trial: Trial, make: Make = make) -> str:
    """What the judge has against the reference."""
    op = make(trial.case.op, **trial.case.attributes)
    parameters = op.parameters(*(x.shape for x in trial.inputs))
    starts = JUDGES[trial.case.op].starts
    begins = {name: (p.initial or DEFAULTS[p.kind]).distribution(p.fans) for name, p in parameters.items()}
    begun = {name: (begins[name].mean, begins[name].std, p.trainable) for name, p in parameters.items()}
    if starts and begun != {name: starts[name] for name in begun}:
        return f"weights start with {begun}"
    weights = {name: p.shape for name, p in parameters.items()}
    if text := padded(trial, op):
        return text
    if weights != {name: w.shape for name, w in trial.weights.items()}:
        return f"weights {weights}"
    with np.errstate(all="ignore"):
        found = listed(op.reference(*trial.inputs, **trial.weights))
    shapes = tuple(y.shape for y in found)
    if op.infer(*(x.shape for x in trial.inputs)) != shapes:
        return f"shapes {shapes}, not those that are inferred"
    return problem(found, trial.verdict, JUDGES[trial.case.op].tolerance)


def trained(trial: Trial, make: Make = make) -> str:
    """What the judge has against the training of the reference, with the same draws."""
    assert trial.trained is not None
    op = make(trial.case.op, **trial.case.attributes)
    outputs, told = trial.trained
    draws = {}
    for name, draw in op.draws(*(x.shape for x in trial.inputs)).items():
        first = tuple(slice(1) if size == 1 else slice(None) for size in draw.shape)
        draws[name] = told[name][first]
        if draws[name].shape != draw.shape or not (draws[name] == told[name]).all():
            return f"draws {name} of shape {draw.shape}"
        if draw.keep is not None and abs(draw.keep - draws[name].mean()) > 2.5 * draws[name].size ** -0.5:
            return f"keeps {draw.keep:.2g}, and the judge {draws[name].mean():.2g}"  # which is five deviations at least
    with np.errstate(all="ignore"):
        found, learned = op.train(*trial.inputs, **trial.weights, **draws)
    if told.keys() != draws.keys() | learned.keys():
        return f"draws {[*draws]} and learns {[*learned]}, not {[*told]}"
    wanted, tolerance = [*outputs, *(told[name] for name in learned)], JUDGES[trial.case.op].tolerance
    if text := problem([*listed(found), *learned.values()], wanted, tolerance):
        return text
    if not draws:
        return ""
    idle, _ = op.train(*trial.inputs, **trial.weights)
    return problem(listed(idle), trial.verdict, tolerance) and "does not leave out what is not drawn"


def disagreements(trial: Trial, make: Make = make) -> Iterator[str]:
    if text := evaluated(trial, make):
        yield f"{trial}: {text}"
    if trial.trained is not None and (text := trained(trial, make)):
        yield f"{trial}, in training: {text}"


def objections(key: str, make: Make = make) -> Iterator[str]:
    """All that the judge has against an operation."""
    for trial in trials(key):
        yield from disagreements(trial, make)
