"""Convolutions and products whose weights come from steps: fixed kernels (blurs, Haar, Sobel), and kernels that are
computed (standardized, normalized or modulated weights).

Each is the layer of its name, with what flows in as weights, whose batch axis has size 1.
"""
# mypy: disable-error-code="override, no-any-return"
# An operation names its inputs and weights, where `Operation` takes any; NumPy's arithmetic has the type Any.

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from archspec.errors import ShapeError
from archspec.ops._windows import CAUSAL_PADDING, DILATION, PADDING, STRIDE
from archspec.ops.base import (
    CausalPadding1d,
    Offset1d,
    Offset2d,
    Operation,
    Padding1d,
    Padding2d,
    Padding3d,
    Positive,
    Shape,
    Window1d,
    Window2d,
    Window3d,
    check_rank,
    show,
)
from archspec.ops.convolution import CROP, GROUPS, OUTPUT_PADDING, Conv1d, Conv2d, Conv3d, _Cropped
from archspec.ops.convolution import ConvTranspose1d as Transposed1d
from archspec.ops.convolution import ConvTranspose2d as Transposed2d
from archspec.ops.linear import Linear

if TYPE_CHECKING:
    from archspec.ops.base import Array


class _With(Operation):
    linear: ClassVar[bool] = True
    arity: ClassVar[tuple[int, int | None]] = (2, 3)
    like: ClassVar[type[Any]]
    """The layer that has such weights of its own."""

    def layer(self, x: Shape, weight: Shape, *bias: Shape) -> Any:
        """That layer, with all its attributes. Raises ShapeError if these weights are none of its."""
        made, own = self._made(x, weight, bias), tuple(weight[1:])
        needed = made.parameters(x)
        if own != tuple(needed["weight"].shape):
            raise ShapeError(f"needs weights {show((1, *needed['weight'].shape))} for {show(x)}, not {show(weight)}")
        if bias and tuple(bias[0][1:]) != tuple(needed["bias"].shape):
            raise ShapeError(f"needs a bias {show((1, *needed['bias'].shape))}, not {show(bias[0])}")
        return made

    def _made(self, x: Shape, weight: Shape, bias: Sequence[Shape]) -> Any:
        raise NotImplementedError

    def infer(self, x: Shape, weight: Shape, *bias: Shape) -> tuple[Shape, ...]:
        for shape in (weight, *bias):
            if shape[0] != 1:
                raise ShapeError(
                    f"needs weights that are the same for all samples, not {show(shape)}",
                    hint="scale channels before and after it; or unfold, and matmul with those of each sample",
                )
        return self.layer(x, weight, *bias).infer(x)

    def cost(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int:
        return self.layer(*inputs).cost(inputs[:1], outputs)

    def reference(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        shapes = [array.shape for array in (x, weight, bias) if array is not None]
        return self.layer(*shapes).reference(x, weight[0], None if bias is None else bias[0])


def _check_weight(weight: Shape, rank: int) -> None:
    if len(weight) != rank:
        raise ShapeError(
            f"needs weights with {rank} axes, not {show(weight)}", hint="the first is the batch axis, of size 1"
        )


class LinearWith(_With):
    """y = x weight^T + bias, on the last axis, with a weight and perhaps a bias that flow in.

    Inputs: batch, ..., features, a weight 1, out_features, features, and perhaps a bias 1, out_features.
    Output: batch, ..., out_features.
    """

    wish: ClassVar = ("features", "spec", "spec")
    like: ClassVar[type[Any]] = Linear

    def _made(self, x: Shape, weight: Shape, bias: Sequence[Shape]) -> Any:
        _check_weight(weight, 3)
        return Linear.model_construct(out_features=weight[1], bias=bool(bias))


class _ConvWith(_With):
    wish: ClassVar = ("image", "spec", "spec")
    transposed: ClassVar[bool] = False

    def _made(self, x: Shape, weight: Shape, bias: Sequence[Shape]) -> Any:
        check_rank(x, self.like.rank + 2)
        _check_weight(weight, self.like.rank + 3)
        given = {name: getattr(self, name) for name in type(self).model_fields}
        out = weight[2] * given["groups"] if self.transposed else weight[1]
        return self.like.model_construct(out_channels=out, kernel_size=tuple(weight[3:]), bias=bool(bias), **given)


class Conv1dWith(_ConvWith):
    """y = conv1d of x with a kernel, and perhaps a bias, that flow in.

    Inputs: batch, channels, length, a kernel 1, out_channels, channels / groups, kernel_size, and perhaps a bias
    1, out_channels. Output: batch, out_channels, length.
    """

    like: ClassVar[type[Any]] = Conv1d
    stride: Window1d = STRIDE
    padding: CausalPadding1d = CAUSAL_PADDING
    dilation: Window1d = DILATION
    groups: Positive = GROUPS


class Conv2dWith(_ConvWith):
    """y = conv2d of x with a kernel, and perhaps a bias, that flow in.

    Inputs: batch, channels, height, width, a kernel 1, out_channels, channels / groups, height, width, and perhaps a
    bias 1, out_channels. Output: batch, out_channels, height, width.
    A fixed kernel blurs before it strides: Zhang, Making convolutional networks shift-invariant again, 2019. A computed
    one has standardized weights: Qiao et al., Weight standardization, 2019, https://arxiv.org/abs/1903.10520.
    """

    like: ClassVar[type[Any]] = Conv2d
    stride: Window2d = STRIDE
    padding: Padding2d = PADDING
    dilation: Window2d = DILATION
    groups: Positive = GROUPS


class Conv3dWith(_ConvWith):
    """y = conv3d of x with a kernel, and perhaps a bias, that flow in.

    Inputs: batch, channels, depth, height, width, a kernel 1, out_channels, channels / groups, depth, height, width,
    and perhaps a bias 1, out_channels. Output: batch, out_channels, depth, height, width.
    """

    like: ClassVar[type[Any]] = Conv3d
    stride: Window3d = STRIDE
    padding: Padding3d = PADDING
    dilation: Window3d = DILATION
    groups: Positive = GROUPS


class ConvTranspose1dWith(_Cropped, _ConvWith):
    """y = conv_transpose1d of x with a kernel, and perhaps a bias, that flow in.

    Inputs: batch, channels, length, a kernel 1, channels, out_channels / groups, kernel_size, and perhaps a bias
    1, out_channels. Output: batch, out_channels, length.
    """

    like: ClassVar[type[Any]] = Transposed1d
    transposed: ClassVar[bool] = True
    stride: Window1d = STRIDE
    padding: Padding1d = CROP
    output_padding: Offset1d = OUTPUT_PADDING
    dilation: Window1d = DILATION
    groups: Positive = GROUPS


class ConvTranspose2dWith(_Cropped, _ConvWith):
    """y = conv_transpose2d of x with a kernel, and perhaps a bias, that flow in.

    Inputs: batch, channels, height, width, a kernel 1, channels, out_channels / groups, height, width, and perhaps a
    bias 1, out_channels. Output: batch, out_channels, height, width.
    """

    like: ClassVar[type[Any]] = Transposed2d
    transposed: ClassVar[bool] = True
    stride: Window2d = STRIDE
    padding: Padding2d = CROP
    output_padding: Offset2d = OUTPUT_PADDING
    dilation: Window2d = DILATION
    groups: Positive = GROUPS
