import keras
from keras import layers, ops


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
