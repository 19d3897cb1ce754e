"""What ONNX Runtime computes in float32 alone, or in float64 no better: not compared in float64."""

from __future__ import annotations

from typing import Final

SINGLE: Final = frozenset(
    "Acos Acosh Asin Asinh Atan Atanh AveragePool Celu Col2Im Conv ConvTranspose Cosh Elu Erf GRU Gelu "
    "InstanceNormalization LRN LSTM LeakyRelu Mish OneHot PRelu RNN Resize Selu Shrink Sigmoid Sinh Softplus "
    "Softsign Tan".split()
)
"""Most have no kernel for float64 in its own list (`get_all_opkernel_def`). Of the others Celu is of float32 by its
definition, Mish a function of such, the kernels of GRU and LSTM raise, Shrink has its numbers in float32, and Sigmoid
loses what is far below 0."""
