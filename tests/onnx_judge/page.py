"""What the documentation says about the cases, and why some of them are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from . import TABLE, Outcome, outcomes

REASONS: Final[dict[str, int]] = {
    "numbers of fewer than 32 bits as the result of a cast": 41,
    "keys and values of the past": 19,
    "the last of equal elements": 6,
    "half precision, to which the expected numbers are rounded": 14,
    "an axis without elements": 13,
    "scores that are capped": 11,
    "sources of unequal lengths": 9,
    "places by a scale that is not the ratio of the sizes": 8,
    "angles that are given, not computed from the place": 8,
    "a pool with dilation that is not a max pool": 7,
    "division of whole numbers, which cuts off": 7,
    "the nearest of two that are equally near: the one before": 6,
    "a query from which everything is hidden, which we refuse": 4,
    "attention to a window": 4,
    "a pool with padding of more than half its window, which we refuse": 4,
    "a cumulative sum that is exclusive or from the end": 4,
    "random numbers": 4,
    "two groups of axes that are merged at once": 4,
    "fmod, whose sign is that of the dividend": 4,
    "a crop that is resized": 4,
    "resizing against aliasing": 4,
    "a hard sigmoid with another slope than 1/6": 3,
    "normalization by the sum of the absolute values": 3,
    "a product with a vector": 3,
    "one input, where our operation needs two": 3,
    "other places of nearest elements than ours": 3,
    "an order of equal elements, which we leave open": 3,
    "clip without bounds": 2,
    "strings": 2,
    "three inputs, where our operation takes two": 2,
    "classes that are counted from the end, or do not exist": 2,
    "a reduction of truth values": 2,
    "a reduction over no axis": 2,
    "a cubic that leaves out what is outside": 2,
    "a selu with other constants than the paper's": 2,
    "expected numbers that are rounded to four decimals": 1,
    "clip with a minimum above the maximum, which we refuse": 1,
    "columns of a volume": 1,
    "a diagonal, or an ellipsis": 1,
    "indices from the end among the inputs": 1,
    "a bias for each sample": 1,
    "peepholes": 1,
    "blended places that do not keep the middle (asymmetric)": 1,
    "one element at the place 0 (pytorch_half_pixel), and not in the middle as in PyTorch": 1,
    "a slice that goes backwards": 1,
    "swish with another alpha than 1": 1,
}
"""Why cases are left out, and how many are."""

DELIBERATE: Final[dict[str, str]] = {
    "places by a scale that is not the ratio of the sizes": (
        "ONNX takes places by the scale that it is told, 0.6 for 4 elements that become 2. `upsample` takes the ratio "
        "of the sizes, which fits the image onto the image; with a scale that the sizes obey both are the same."
    ),
    "the nearest of two that are equally near: the one before": (
        "`nearest_exact` takes the one after (ONNX's `round_prefer_ceil`), as PyTorch's mode of that name does; the "
        "default of ONNX is `round_prefer_floor`. They differ where a place lies halfway between two elements."
    ),
    "one element at the place 0 (pytorch_half_pixel), and not in the middle as in PyTorch": (
        "for an output of one element PyTorch, whose name the mode bears, takes the middle of the input; so do we."
    ),
    "a pool with padding of more than half its window, which we refuse": (
        "a window could see nothing but padding; PyTorch refuses it, too."
    ),
    "clip with a minimum above the maximum, which we refuse": (
        "ONNX and PyTorch give the maximum, TensorFlow the minimum, and Paddle refuses."
    ),
    "a query from which everything is hidden, which we refuse": (
        "ONNX, and PyTorch's own function, give zeros; the softmax of nothing but -inf is NaN."
    ),
    "an order of equal elements, which we leave open": (
        "`topk` does not say which of equal elements comes first; ONNX: the one with the lower index."
    ),
    "division of whole numbers, which cuts off": (
        "`divide` is of floating-point numbers. The quotient of whole ones is cut off in ONNX, but not in PyTorch and "
        "Keras."
    ),
    "a hard sigmoid with another slope than 1/6": (
        "`hard_sigmoid` is that of MobileNetV3, with a slope of 1/6; the default of ONNX is 0.2."
    ),
    "fmod, whose sign is that of the dividend": "`mod` has the sign of the divisor, as ONNX without `fmod`.",
    "classes that are counted from the end, or do not exist": (
        "`one_hot` takes classes from 0 up. PyTorch refuses others, Keras makes zeros of them."
    ),
    "indices from the end among the inputs": "`gather` takes indices from 0 up. PyTorch refuses others.",
    "two groups of axes that are merged at once": (
        "`flatten` merges neighbours, and never the batch axis; ONNX's makes a matrix of any tensor."
    ),
    "an axis without elements": "sizes are at least 1.",
}
"""Reasons that are not a missing feature: our definition is another one, and why."""

KNOWN: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("pytorch", name): (
        "output 2",
        "PyTorch keeps the unbiased variance of the batch, in which it is alone (see [divergences](divergences.md)); "
        "what it normalizes by is the same.",
    )
    for name in ("batchnorm_example_training_mode", "batchnorm_epsilon_training_mode")
}
"""Backend and case: which output of its code differs, and why. Nothing else does."""


def page() -> Iterator[str]:
    varied = Counter(outcome.case.operator for outcome in outcomes().values() if outcome.case.varied and outcome.twin)
    found = [outcome for outcome in outcomes().values() if not outcome.case.varied]
    run = [outcome for outcome in found if outcome.twin is not None]
    apart = {name for _, name in KNOWN}
    agreeing = sum(outcome.case.name not in apart for outcome in run)
    weighted, times = ", ".join(varied), varied.total()
    yield f"""# The operator tests of ONNX

Made by `make golden` from `tests/onnx_judge`, and held by `tests/test_onnx.py`.

The package `onnx` has tests of its operators, with inputs and expected outputs that NumPy code computes: a judge that
is none of the frameworks. They have {len(found)} cases of the {len(TABLE)} operators that have a counterpart here,
not counting those in which ONNX writes an operator as a function of others, with the same numbers.

- {len(run)} are run: by the reference in float64, and by the generated code of PyTorch, Keras and Paddle in float32.
- {agreeing} of them agree with all four, and the other {len(apart)} with all but one.
- {len(found) - len(run)} are left out, each for a reason.

ONNX has no batch axis, so that most cases get one in front, of size 1, and their axes count from there. Sequences come
batch first; gates are sorted; attention that is told in three axes is split into heads; a direction that is `reverse`
is a sequence that is reversed; double and narrow integers become our kinds of numbers. What ONNX gives and ours does
not is not compared.

In many cases of {weighted} all weights are equal: a flipped kernel, or gates in another
order, would not show. These {times} cases are run once more with random weights, and agree with what ONNX's own
reference evaluator (NumPy, too) makes of those.
"""
    yield "| ONNX | ours | cases | run | agree | left out | not compared |\n| --- | --- | --- | --- | --- | --- | --- |"
    for operator in TABLE:
        yield _row(operator, [outcome for outcome in found if outcome.case.operator == operator], apart)
    yield "\n## Where a backend differs\n"
    for (backend, name), (_, why) in KNOWN.items():
        yield f"- {backend}, `{name}`: {why}"
    yield "\n## Where our definition is another\n"
    yield "The reasons above that are no missing feature, but a choice."
    for reason, why in DELIBERATE.items():
        names = [f"`{outcome.case.name}`" for outcome in found if outcome.reason == reason]
        yield f"\n**{reason[0].upper()}{reason[1:]}** ({len(names)}): {why}\n\n{', '.join(names)}"
    yield ""


def _row(operator: str, found: list[Outcome], apart: set[str]) -> str:
    twins = {outcome.case.name: outcome.twin for outcome in found if outcome.twin is not None}
    keys = ", ".join(f"`{key}`" for key in dict.fromkeys(twin.op for twin in twins.values()))
    left = Counter(outcome.reason for outcome in found if outcome.twin is None)
    ignored = "; ".join(dict.fromkeys(twin.ignored for twin in twins.values() if twin.ignored))
    agree = len(twins.keys() - apart)
    reasons = "; ".join(f"{reason} ({count})" for reason, count in left.items())
    return f"| {operator} | {keys} | {len(found)} | {len(twins)} | {agree} | {reasons} | {ignored} |"
