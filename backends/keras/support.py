"""What Keras lacks, as functions that stand at the top of a generated file that needs them."""

from __future__ import annotations

from textwrap import dedent
from typing import Final

SUPPORT: Final[dict[str, str]] = {
    name: dedent(code).strip()
    for name, code in {
        "local_response_norm": '''
            def local_response_norm(x, size, alpha, beta, k):
                """Divides by a power of the mean square over neighbouring channels."""
                channels = x.shape[-1]
                squares = ops.pad(
                    ops.square(x),
                    [[0, 0]] * (len(x.shape) - 1) + [[size // 2, (size - 1) // 2]],
                )
                total = sum(squares[..., i : i + channels] for i in range(size))
                return x / ops.power(k + total * (alpha / size), beta)
        ''',
        "channel_shuffle": '''
            def channel_shuffle(x, groups):
                """Interleaves the groups of channels."""
                *sizes, channels = x.shape[1:]
                x = ops.reshape(x, (-1, *sizes, groups, channels // groups))
                return ops.reshape(ops.swapaxes(x, -1, -2), (-1, *sizes, channels))
        ''',
        "pixel_shuffle": '''
            def pixel_shuffle(x, factor):
                """Moves channels into blocks of factor x factor pixels."""
                height, width, channels = x.shape[1:]
                channels = channels // factor**2
                x = ops.reshape(x, (-1, height, width, channels, factor, factor))
                x = ops.transpose(x, (0, 1, 4, 2, 5, 3))
                return ops.reshape(x, (-1, height * factor, width * factor, channels))
        ''',
        "softplus": '''
            def softplus(x, beta, threshold):
                """log(1 + exp(beta x)) / beta, and x itself where beta x is over the threshold."""
                return ops.where(x * beta > threshold, x, ops.softplus(x * beta) / beta)
        ''',
        "partial_average_pool": '''
            def partial_average_pool(x, pool_size, strides, padding, border=None):
                """The mean of those elements under a window that are in the input or its border."""
                ones = ops.ones_like(x[..., :1])
                if border is not None:
                    x, ones = ops.pad(x, border), ops.pad(ones, border, constant_values=1)
                total, share = (
                    ops.average_pool(ops.pad(part, padding), pool_size, strides)
                    for part in (x, ones)
                )
                return total / share
        ''',
        "adaptive_average_pool": '''
            def adaptive_average_pool(x, output_size):
                """Averages over windows that share an axis evenly, overlapping if they must."""
                for axis, count in enumerate(output_size, start=1):
                    size = x.shape[axis]
                    bounds = [
                        (i * size // count, -(-(i + 1) * size // count)) for i in range(count)
                    ]
                    windows = [
                        ops.mean(ops.take(x, range(start, stop), axis=axis), axis=axis)
                        for start, stop in bounds
                    ]
                    x = ops.stack(windows, axis=axis)
                return x
        ''',
        "adaptive_max_pool": '''
            def adaptive_max_pool(x, output_size):
                """The largest element of windows that share an axis evenly, overlapping if they must."""
                for axis, count in enumerate(output_size, start=1):
                    size = x.shape[axis]
                    bounds = [
                        (i * size // count, -(-(i + 1) * size // count)) for i in range(count)
                    ]
                    windows = [
                        ops.max(ops.take(x, range(start, stop), axis=axis), axis=axis)
                        for start, stop in bounds
                    ]
                    x = ops.stack(windows, axis=axis)
                return x
        ''',
        "dilated_max_pool": '''
            def dilated_max_pool(x, kernel_size, strides, dilation):
                """The largest element under windows with gaps, one axis after the other."""
                axes = zip(kernel_size, strides, dilation)
                for axis, (size, stride, gap) in enumerate(axes, start=1):
                    stop = x.shape[axis] - (size - 1) * gap
                    shifted = [
                        ops.take(x, range(i * gap, i * gap + stop, stride), axis=axis)
                        for i in range(size)
                    ]
                    x = ops.max(ops.stack(shifted), axis=0)
                return x
        ''',
        "replicate_pad": '''
            def replicate_pad(x, padding):
                """Repeats the border of each axis."""
                for axis, (before, after) in enumerate(padding):
                    if before or after:
                        size = x.shape[axis]
                        index = [0] * before + list(range(size)) + [size - 1] * after
                        x = ops.take(x, index, axis=axis)
                return x
        ''',
        "resize_nearest": '''
            def resize_nearest(x, size):
                """Copies the pixel at or before each place."""
                for axis, count in enumerate(size, start=1):
                    index = [i * x.shape[axis] // count for i in range(count)]
                    x = ops.take(x, index, axis=axis)
                return x
        ''',
        "resize_bilinear": '''
            def resize_bilinear(x, size, align_corners=False):
                """Blends the two nearest pixels of each axis."""
                for axis, count in enumerate(size, start=1):
                    length = x.shape[axis]
                    if align_corners:
                        places = np.arange(count) * ((length - 1) / max(count - 1, 1))
                    else:
                        places = np.maximum((np.arange(count) + 0.5) * (length / count) - 0.5, 0)
                    low = np.minimum(np.floor(places).astype(int), length - 1)
                    high = np.minimum(low + 1, length - 1)
                    shape = [count if i == axis else 1 for i in range(4)]
                    share = ops.convert_to_tensor((places - low).reshape(shape), dtype=x.dtype)
                    first, second = ops.take(x, low, axis=axis), ops.take(x, high, axis=axis)
                    x = first * (1 - share) + second * share
                return x
        ''',
        "ConvTranspose2D": '''
            @keras.saving.register_keras_serializable()
            class ConvTranspose2D(layers.Layer):
                """Transposed convolution with groups and dilation."""

                def __init__(
                    self,
                    filters,
                    kernel_size,
                    strides=1,
                    padding=0,
                    output_padding=0,
                    dilation=1,
                    groups=1,
                    use_bias=True,
                    **kwargs,
                ):
                    super().__init__(**kwargs)
                    self.filters, self.groups, self.use_bias = filters, groups, use_bias
                    self.kernel_size, self.strides = pair(kernel_size), pair(strides)
                    self.padding = [pair(item) for item in pair(padding)]
                    self.output_padding, self.dilation = pair(output_padding), pair(dilation)

                def get_config(self):
                    names = "filters groups use_bias kernel_size strides padding output_padding dilation"
                    return {
                        **super().get_config(),
                        **{name: getattr(self, name) for name in names.split()},
                    }

                def build(self, input_shape):
                    shape = (*self.kernel_size, input_shape[-1], self.filters // self.groups)
                    self.kernel = self.add_weight(shape=shape, name="kernel")
                    if self.use_bias:
                        shape, zeros = (self.filters,), "zeros"
                        self.bias = self.add_weight(shape=shape, initializer=zeros, name="bias")

                def call(self, x):
                    for axis in (1, 2):
                        gap, size = self.strides[axis - 1], x.shape[axis]
                        zeros = [ops.zeros_like(x)] * (gap - 1)
                        x = ops.stack([x, *zeros], axis=axis + 1)
                        shape = [-1, *x.shape[1:axis], size * gap, *x.shape[axis + 2 :]]
                        x = ops.take(ops.reshape(x, shape), range((size - 1) * gap + 1), axis=axis)
                    borders = []
                    for size, gap, pads, extra in zip(
                        self.kernel_size, self.dilation, self.padding, self.output_padding
                    ):
                        reach = (size - 1) * gap
                        borders.append((reach - pads[0], reach - pads[1] + extra))
                    x = ops.pad(x, [[0, 0], *[[max(a, 0), max(b, 0)] for a, b in borders], [0, 0]])
                    (top, bottom), (left, right) = [(max(-a, 0), max(-b, 0)) for a, b in borders]
                    x = x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]
                    kernel = ops.flip(self.kernel, axis=(0, 1))
                    kernels = ops.split(kernel, self.groups, axis=2)
                    parts = [
                        ops.conv(part, own, dilation_rate=self.dilation)
                        for part, own in zip(ops.split(x, self.groups, axis=-1), kernels)
                    ]
                    x = ops.concatenate(parts, axis=-1)
                    return x + self.bias if self.use_bias else x


            def pair(value):
                """One number for both axes, or one for each."""
                return tuple(value) if isinstance(value, (list, tuple)) else (value, value)
        ''',
    }.items()
}
"""Name that a row mentions: the code that must stand before it."""
