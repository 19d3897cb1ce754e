"""Faults that comparing numbers with a single bound does not see: beside larger ones, in small ones, in all alike."""

from __future__ import annotations

from typing import Final

from .fault import Edit, Fault, Shared, pattern, text

NETWORKS: Final = {
    "levels": """
        archspec: 1
        name: Levels
        inputs: {x: [6]}
        layers:
          - {op: linear, name: plain, out_features: 8}
          - {op: multiply, name: large, value: 1000000.0}
          - {op: multiply, name: small, from: plain, value: 0.001}
          - {op: concat, name: both, from: [large, small]}
          - {op: tanh, name: bent, from: plain}
          - {op: multiply, name: tiny, from: bent, value: 1.0e-15}
          - {op: softmax, name: shares, from: bent}
          - {op: sum, name: one, axis: features, keepdims: true}
          - {op: subtract, name: rest, value: 1.0}
          - {op: relu, name: rectified}
          - {op: add, name: still, from: [bent, rectified]}
        outputs: {both: both, tiny: tiny, still: still}
    """,
    "masked": """
        archspec: 1
        name: Masked
        inputs: {tokens: [5, 6], hidden: {shape: [5, 5], dtype: bool}}
        layers:
          - {op: linear, name: q, from: tokens, out_features: 6}
          - {op: linear, name: k, from: tokens, out_features: 6}
          - {op: einsum, name: scores, equation: "btf,bsf->bts", from: [q, k]}
          - {op: multiply, name: scaled, value: 0.4}
          - {op: constant, name: far, value: -1.0e9, shape: [1, 1]}
          - {op: where, name: masked, from: [hidden, far, scaled]}
          - {op: softmax, name: weights, axis: -1}
          - {op: matmul, name: read, from: [weights, tokens]}
        outputs: {read: read}
    """,
}
"""Networks with numbers of many sizes; `rest` is zero but for rounding, which is right."""

SMALL: Final = "small numbers"
MASKS: Final = "beside a mask"
PYTORCH: Final = {
    "levels": [
        Fault("a small half, by a millionth", text("(large, small)", "(large, small * 1.000001)"), "both", kind=SMALL),
        Fault("a small half, in float32", text("(large, small)",
              "(large, small * (1.001 if small.dtype == torch.float32 else 1))"), "both", ("float32",), kind=SMALL),
        Fault("one small number", text("(large, small)", "(large, small[:, :1] * 1.00001, small[:, 1:])"), "both",
              kind=SMALL),
        Fault("results of 1e-15, doubled", pattern(r"bent \* [\d.e-]+", "bent * 2e-15"), "tiny", kind=SMALL),
        Fault("results of 1e-15, doubled in float32", pattern(r"(bent \* [\d.e-]+)",
              r"\1 * (2 if bent.dtype == torch.float32 else 1)"), "tiny", ("float32",), kind=SMALL),
    ],
    "masked": [
        Fault("scores, by a thousandth", pattern(r"(?<=self\.far\), )scaled", "scaled * 1.001"), "masked", kind=MASKS),
        Fault("scores, by 1e-8", pattern(r"(?<=self\.far\), )scaled", "scaled + 1e-8"), "masked", kind=MASKS),
        Fault("-1e4 for -1e9", text("-1000000000.0", "-10000.0"), "far", kind=MASKS),
    ],
}  # fmt: skip

KERAS: Final = {
    "levels": [
        Fault("a small half, by a millionth", text("[large, small]", "[large, small * 1.000001]"), "both", kind=SMALL),
        Fault("a small half, in float32", text("[large, small]",
              "[large, small * (1.001 if small.dtype == 'float32' else 1)]"), "both", ("float32",), kind=SMALL),
        Fault("one small number", text("[large, small]", "[large, small[:, :1] * 1.00001, small[:, 1:]]"), "both",
              kind=SMALL),
        Fault("results of 1e-15, doubled", pattern(r"times\(bent, [\d.e-]+\)", "times(bent, 2e-15)"), "tiny",
              kind=SMALL),
        Fault("results of 1e-15, doubled in float32", pattern(r"(times\(bent, [\d.e-]+\))",
              r"\1 * (2 if bent.dtype == 'float32' else 1)"), "tiny", ("float32",), kind=SMALL),
    ],
    "masked": [
        Fault("scores, by a thousandth", text("where(hidden, far, scaled)", "where(hidden, far, scaled * 1.001)"),
              "masked", kind=MASKS),
        Fault("scores, by 1e-8", text("where(hidden, far, scaled)", "where(hidden, far, scaled + 1e-8)"), "masked",
              kind=MASKS),
        Fault("-1e4 for -1e9", text("-1000000000.0", "-10000.0"), "far", kind=MASKS),
    ],
}  # fmt: skip

PADDLE: Final = {
    "levels": [
        Fault("a small half, by a millionth", text("[large, small]", "[large, small * 1.000001]"), "both", kind=SMALL),
        Fault("a small half, in float32", text("[large, small]",
              "[large, small * (1.001 if small.dtype == paddle.float32 else 1)]"), "both", ("float32",), kind=SMALL),
        Fault("one small number", text("[large, small]", "[large, small[:, :1] * 1.00001, small[:, 1:]]"), "both",
              kind=SMALL),
        Fault("results of 1e-15, doubled", pattern(r"bent \* [\d.e-]+", "bent * 2e-15"), "tiny", kind=SMALL),
        Fault("results of 1e-15, doubled in float32", pattern(r"(bent \* [\d.e-]+)",
              r"\1 * (2 if bent.dtype == paddle.float32 else 1)"), "tiny", ("float32",), kind=SMALL),
    ],
    "masked": [
        Fault("scores, by a thousandth", pattern(r"(?<=self\.far\), )scaled", "scaled * 1.001"), "masked", kind=MASKS),
        Fault("scores, by 1e-8", pattern(r"(?<=self\.far\), )scaled", "scaled + 1e-8"), "masked", kind=MASKS),
        Fault("-1e4 for -1e9", text("-1000000000.0", "-10000.0"), "far", kind=MASKS),
    ],
}  # fmt: skip

FAULTS: Final = {"pytorch": PYTORCH, "keras": KERAS, "paddle": PADDLE}

_IS_FLOAT32: Final = {
    "pytorch": "x.dtype == torch.float32", "keras": "x.dtype == 'float32'", "paddle": "x.dtype == paddle.float32",
}  # fmt: skip
_SECOND: Final = {
    "pytorch": "self.fc2(x)", "keras": "layers.Dense(48, name='fc2')(x)", "paddle": "self.fc2(x)",
}  # fmt: skip


def _second(change: str, *backends: str) -> dict[str, Edit]:
    """The second linear layer of `features`, in each of the backends, with a change."""
    return {
        name: text(_SECOND[name], _SECOND[name] + change.replace("FLOAT32", _IS_FLOAT32[name])) for name in backends
    }


ALIKE: Final = [
    Shared("everything doubled in float32, in all", "features",
           _second(" * (2 if FLOAT32 else 1)", "pytorch", "keras", "paddle"), "fc2", ("float32",)),
    Shared("everything off by 1e-5 in float32, in all", "features",
           _second(" * (1.00001 if FLOAT32 else 1)", "pytorch", "keras", "paddle"), "fc2", ("float32",)),
    Shared("everything off by 1e-5 in float32, in two of three", "features",
           _second(" * (1.00001 if FLOAT32 else 1)", "pytorch", "paddle"), "fc2", ("float32",)),
    Shared("everything doubled, in all", "features", _second(" * 2", "pytorch", "keras", "paddle"), "fc2"),
    Shared("another epsilon, in all", "picture", {
        "pytorch": pattern(r"BatchNorm2d\(8[^)]*\)", "BatchNorm2d(8, eps=0.001)"),
        "keras": pattern(r"epsilon=[^,)]+", "epsilon=0.001"),
        "paddle": pattern(r"BatchNorm2D\(8[^)]*\)", "BatchNorm2D(8, epsilon=0.001)"),
    }, "bn1"),
]  # fmt: skip
