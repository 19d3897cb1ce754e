import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="PACKAGE")
class ConvTranspose(layers.Layer):
    """Transposed convolution with groups and dilation, along any number of axes."""

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
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.filters, self.groups, self.use_bias = filters, groups, use_bias
        self.kernel_size, self.strides, self.padding = kernel_size, strides, padding
        self.output_padding, self.dilation = output_padding, dilation

    def get_config(self):
        geometry = "kernel_size strides padding output_padding dilation"
        names = f"filters groups use_bias {geometry}"
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names.split()},
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }

    def build(self, input_shape):
        kernel_size = per_axis(self.kernel_size, len(input_shape) - 2)
        shape = (*kernel_size, input_shape[-1], self.filters // self.groups)
        start = self.kernel_initializer
        self.kernel = self.add_weight(shape=shape, initializer=start, name="kernel")
        if self.use_bias:
            shape, start = (self.filters,), self.bias_initializer
            self.bias = self.add_weight(shape=shape, initializer=start, name="bias")

    def call(self, x):
        names = "strides padding output_padding dilation groups"
        geometry = (getattr(self, name) for name in names.split())
        x = conv_transpose(x, self.kernel, *geometry)
        return x + self.bias if self.use_bias else x


def conv_transpose(
    x, kernel, strides=1, padding=0, output_padding=0, dilation=1, groups=1
):
    """Transposed convolution with groups and dilation, along any number of axes."""
    rank = len(x.shape) - 2
    given = (tuple(kernel.shape[:rank]), strides, dilation, padding, output_padding)
    borders, crops = [(0, 0)], [slice(None)]
    geometry = zip(*(per_axis(value, rank) for value in given))
    for axis, (size, stride, gap, border, extra) in enumerate(geometry, start=1):
        length = x.shape[axis]
        zeros = [ops.zeros_like(x)] * (stride - 1)
        x = ops.stack([x, *zeros], axis=axis + 1)
        shape = [-1, *x.shape[1:axis], length * stride, *x.shape[axis + 2 :]]
        length = (length - 1) * stride + 1
        x = ops.take(ops.reshape(x, shape), range(length), axis=axis)
        before, after = per_axis(border, 2)
        reach = (size - 1) * gap
        before, after = reach - before, reach - after + extra
        borders.append((max(before, 0), max(after, 0)))
        length += max(before, 0) + after
        crops.append(slice(max(-before, 0), length))
    x = ops.pad(x, [*borders, (0, 0)])[tuple(crops)]
    kernels = ops.split(ops.flip(kernel, axis=tuple(range(rank))), groups, axis=rank)
    parts = zip(ops.split(x, groups, axis=-1), kernels)
    parts = [ops.conv(*part, dilation_rate=dilation) for part in parts]
    return ops.concatenate(parts, axis=-1)


def grouped_conv(x, kernel, groups, **options):
    """`ops.conv` with groups of channels, each convolved on its own."""
    parts = zip(ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=-1))
    return ops.concatenate([ops.conv(*part, **options) for part in parts], axis=-1)


@keras.saving.register_keras_serializable(package="PACKAGE")
class MaskedConv2D(layers.Conv2D):
    """A convolution that sees what comes before its centre, row by row.

    With mask "B" it sees the centre, too; with "A" it does not.
    """

    def __init__(self, filters, kernel_size, mask, **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        self.mask = mask

    def get_config(self):
        return {**super().get_config(), "mask": self.mask}

    def convolution_op(self, inputs, kernel):
        height, width = self.kernel_size
        count = height // 2 * width + width // 2 + (self.mask == "B")
        seen = ops.reshape(ops.arange(height * width) < count, (height, width, 1, 1))
        return super().convolution_op(inputs, kernel * ops.cast(seen, kernel.dtype))


def per_axis(value, count):
    """One item for all axes, or one for each, as a tuple."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,) * count
