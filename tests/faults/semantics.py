"""Faults of meaning: generated code that computes something else, in one framework."""

from __future__ import annotations

from typing import Final

from .fault import Fault, both, laid_out, pattern, swapped, text

NETWORKS: Final = {
    "picture": """
        archspec: 1
        name: Picture
        inputs: {image: [4, 15, 19]}
        layers:
          - {op: conv2d, name: conv1, out_channels: 8, kernel_size: 3, stride: 2, padding: 1}
          - {op: batch_norm, name: bn1}
          - {op: relu, name: relu1}
          - {op: max_pool2d, name: pool1, kernel_size: 3, stride: 2, padding: 1, ceil_mode: true}
          - {op: conv2d, name: conv2, out_channels: 8, kernel_size: 3, padding: 2, dilation: 2}
          - {op: leaky_relu, name: leaky, negative_slope: 0.2}
          - {op: conv2d, name: conv3, out_channels: 6, kernel_size: 3, padding: 1}
          - {op: local_response_norm, name: lrn, size: 3, alpha: 0.5, beta: 0.75, k: 1.5}
          - {op: avg_pool2d, name: pool2, kernel_size: 3, stride: 1, padding: 1}
          - {op: flatten, name: flat}
          - {op: linear, name: fc, out_features: 4}
        outputs: {logits: fc}
    """,
    "features": """
        archspec: 1
        name: Features
        inputs: {image: [3, 4, 5]}
        layers:
          - {op: flatten, name: flat}
          - {op: linear, name: fc1, out_features: 48}
          - {op: gelu, name: gelu}
          - {op: linear, name: fc2, out_features: 48}
          - {op: dropout, name: drop, p: 0.5}
          - {op: softmax, name: soft, axis: 1}
        outputs: {scores: soft}
    """,
    "groups": """
        archspec: 1
        name: Groups
        inputs: {image: [8, 5, 6]}
        layers:
          - {op: conv2d, name: conv, out_channels: 8, kernel_size: 3, padding: 1, groups: 2}
          - {op: tanh, name: tanh}
        outputs: {image2: tanh}
    """,
    "shapes": """
        archspec: 1
        name: Shapes
        inputs: {image: [8, 6, 7]}
        layers:
          - {op: channel_shuffle, name: shuffle, groups: 4}
          - {op: conv2d, name: conv, out_channels: 16, kernel_size: 1}
          - {op: pixel_shuffle, name: pixels, upscale_factor: 2}
          - {op: upsample, name: larger, scale: 2, mode: bilinear, align_corners: true}
          - {op: slice, name: part, axis: channels, start: 0, end: 2}
          - {op: hard_sigmoid, name: gate}
          - {op: multiply, name: gated, from: [part, gate]}
          - {op: softmax, name: soft, axis: channels}
          - {op: mean, name: averaged, axis: [height, width], keepdims: true}
          - {op: multiply, name: scaled, from: [soft, averaged]}
        outputs: {result: scaled}
    """,
    "steep": """
        archspec: 1
        name: Steep
        inputs: {image: [6, 5, 7]}
        layers:
          - {op: add, name: large, value: 100}
          - {op: group_norm, name: grouped, num_groups: 3, affine: false}
        outputs: {normal: grouped}
    """,
    "blocks": """
        archspec: 1
        name: Blocks
        blocks:
          Residual:
            params: {channels: int, slope: 0.1}
            layers:
              - branches:
                  main:
                    - {op: conv2d, name: conv1, out_channels: channels, kernel_size: 3, padding: 1, bias: false}
                    - {op: batch_norm, name: bn1}
                    - {op: leaky_relu, name: leaky, negative_slope: slope}
                    - {op: conv2d, name: conv2, out_channels: channels, kernel_size: 3, padding: 1, bias: false}
                  shortcut: []
                join: add
              - {op: relu, name: relu}
          Inception:
            params: {left: int, right: int}
            layers:
              - branches:
                  left:
                    - {op: conv2d, name: reduce, out_channels: left, kernel_size: 1}
                    - {op: conv2d, name: wide, out_channels: left, kernel_size: 5, padding: 2}
                  right:
                    - {op: max_pool2d, name: pool, kernel_size: 3, stride: 1, padding: 1}
                    - {op: conv2d, name: project, out_channels: right, kernel_size: 1}
                join: concat
        inputs: {image: [3, 9, 11]}
        layers:
          - name: stem
            layers:
              - {op: conv2d, out_channels: 6, kernel_size: 3}
              - batch_norm
              - {op: elu, alpha: 0.5}
              - {op: avg_pool2d, kernel_size: 2, stride: 2}
          - {block: Residual, name: body, repeat: 3, channels: 6}
          - {block: Inception, name: inception, left: 4, right: 4}
          - {op: global_avg_pool2d, name: pool}
          - {op: linear, name: fc, out_features: 5}
        outputs: {logits: fc}
    """,
}
"""Small networks with sizes that are odd and unequal, so that no fault can hide."""

CONV2: Final = r"(layers\.Conv2D\([^()]*name='conv2'\))"

PYTORCH: Final = {
    "picture": [
        Fault("epsilon of 1e-3", pattern(r"BatchNorm2d\(8[^)]*\)", "BatchNorm2d(8, eps=0.001)"), "bn1"),
        Fault("padding on the other side", both(text("stride=2, padding=1)\n", "stride=2)\n"),
              text("self.conv1(image)", "self.conv1(F.pad(image, (0, 2, 0, 2)))")), "conv1"),
        Fault("floor for ceil", text(", ceil_mode=True", ""), "pool1"),
        Fault("no relu", text("F.relu(", "(lambda x, inplace: x)("), "relu1"),
        Fault("flattened with channels last", text("flatten(x, 1)", "flatten(x.movedim(1, -1), 1)"), "flat"),
        Fault("stride on the wrong convolution", both(text("stride=2, padding=1)\n", "padding=1)\n"),
              text("6, kernel_size=3, padding=1", "6, kernel_size=3, padding=1, stride=2")), "conv1"),
        Fault("no dilation", text("padding=2, dilation=2", "padding=1"), "conv2"),
        Fault("padding counts in the average", text(", count_include_pad=False", ""), "pool2"),
        Fault("another slope", pattern(r"negative_slope=[\d.]+", "negative_slope=0.01"), "leaky"),
        Fault("average for maximum", text("F.max_pool2d(", "F.avg_pool2d("), "pool1"),
        Fault("mean for variance", swapped("bn1.running_mean", "bn1.running_var"), "bn1"),
        Fault("alpha not divided by size", text("alpha=0.5", "alpha=1.5"), "lrn"),
        Fault("float32 inside", text("self.conv2(x)", "self.conv2(x).float().to(x.dtype)"), "conv2"),
        Fault("half precision in float32 models", text("self.conv2(x)",
              "self.conv2(x.half().float() if x.dtype == torch.float32 else x)"), "conv2", ("float32",)),
    ],
    "features": [
        Fault("the other gelu", text("self.fc1(x)))", "self.fc1(x)), approximate='tanh')"), "gelu"),
        Fault("a transposed square weight", laid_out("fc2.weight", ("transpose", (1, 0))), "fc2"),
        Fault("no bias", text("self.fc1(x)", "(self.fc1(x) - self.fc1.bias)"), "fc1"),
        Fault("off by 1e-8", text("self.fc2(x)", "(self.fc2(x) * (1 + 1e-08))"), "fc2"),
        Fault("one NaN", text("self.fc1(x)", "self.fc1(x).where(torch.arange(48) != 7, torch.nan)"), "fc1"),
        Fault("dropout in evaluation", text("self.drop(", "F.dropout("), "drop"),
        Fault("softmax over the batch", pattern(r"dim=1\)\)$", "dim=0))"), "soft"),
        Fault("dtype of the output", pattern("return (.*)", r"return \1.float()"), "soft"),
        Fault("too precise an output", pattern("return (.*)", r"return \1.double()"), "soft", ("float32",)),
    ],
    "groups": [
        Fault("groups in another order",
              text("self.conv(image)", "self.conv(torch.cat((image[:, 4:], image[:, :4]), dim=1))"), "conv"),
        Fault("a constructor that raises", text("groups=2", "groups=3"), "conv", ()),
    ],
    "shapes": [
        Fault("other groups of a shuffle", text("channel_shuffle(image, 4)", "channel_shuffle(image, 2)"), "shuffle"),
        Fault("pixels of TensorFlow's order",
              text("F.pixel_shuffle(x, 2)", "F.pixel_shuffle(F.channel_shuffle(x, 4), 2)"), "pixels"),
        Fault("corners not aligned", text("align_corners=True", "align_corners=False"), "larger"),
        Fault("nearest for bilinear", text("mode='bilinear', align_corners=True", "mode='nearest'"), "larger"),
        Fault("the other end of a slice", text("x[:, :2]", "x[:, -2:]"), "part"),
        Fault("slope of 0.2", text("F.hardsigmoid(part)", "(0.2 * part + 0.5).clamp(0, 1)"), "gate"),
        Fault("an input twice", text("part * gate", "gate * gate"), "gated"),
        Fault("no keepdim, and the next step raises", text(", keepdim=True", ""), "averaged"),
        Fault("a step raises", text("part * gate", "part @ gate"), "gated"),
        Fault("a step that nobody sees", text("probe(self, 'part', x[:, :2])", "x[:, :2]"), "part"),
    ],
    "steep": [
        Fault("mean of squares less square of mean", text("self.grouped(",
              "(lambda x: (lambda g, m: ((g - m) / ((g * g).mean(2, True) - m * m + 1e-05).sqrt()).reshape(x.shape))("
              "g := x.reshape(x.shape[0], 3, -1), g.mean(2, True)))("), "grouped", ("float32",)),
    ],
    "blocks": [
        Fault("branches in another order",
              pattern(r"cat\(\(left, (.*)\), dim=1", r"cat((\1, left), dim=1"), "inception.concat"),
        Fault("one side of a sum", text("main + x", "main"), "body.0.add"),
        Fault("one repetition too few", text("range(3)", "range(2)"), "body.2.conv1"),
        Fault("the last repetition left out", text("self.body(x)", "self.body[:-1](x)"), "body.2.conv1"),
        Fault("repetitions in another order", text("self.body(x)", "self.body[::-1](x)"), "body.0.conv1"),
        Fault("inside a container", text("nn.ELU(alpha=0.5)", "nn.ELU()"), "stem.2"),
        Fault("in one repetition", laid_out("body.1.conv2.weight", ("transpose", (1, 0, 2, 3))), "body.1.conv2"),
        Fault("inside a branch", text("self.wide(left)", "self.wide(left.flip(3))"), "inception.wide"),
        Fault("weights of equal shape", swapped("body.0.conv2.weight", "body.2.conv2.weight"), "body.0.conv2"),
    ],
}  # fmt: skip

KERAS: Final = {
    "picture": [
        Fault("epsilon of 1e-3", pattern(r"epsilon=[^,)]+", "epsilon=0.001"), "bn1"),
        Fault("padding on the other side", text(
              "layers.Conv2D(8, 3, strides=2, padding='same', name='conv1')(image)",
              "layers.Conv2D(8, 3, strides=2, name='conv1')(layers.ZeroPadding2D(((0, 2), (0, 2)))(image))"), "conv1"),
        Fault("floor for ceil", text("ZeroPadding2D(((1, 2), (1, 2))", "ZeroPadding2D(((1, 1), (1, 1))"), "pool1"),
        Fault("no relu", text("layers.ReLU(name='relu1')(x)", "x"), "relu1"),
        Fault("flattened with channels first", text("layers.Flatten(name='flat')(x)",
              "layers.Flatten(name='flat')(ops.transpose(x, (0, 3, 1, 2)))"), "flat"),
        Fault("weights for another order of features", laid_out("fc.weight", instead=(("transpose", (1, 0)),)), "fc"),
        Fault("stride on the wrong convolution", both(
              text("strides=2, padding='same', name='conv1'", "padding='same', name='conv1'"),
              text("padding='same', name='conv3'", "padding='same', strides=2, name='conv3'")), "conv1"),
        Fault("no dilation", text(", dilation_rate=2", ""), "conv2"),
        Fault("padding counts in the average", pattern(r"(?<=probe\('pool2', ).*\(x\)",
              "layers.AveragePooling2D(3, strides=1)(layers.ZeroPadding2D(1)(x))"), "pool2"),
        Fault("another slope", pattern(r"negative_slope=[\d.]+", "negative_slope=0.01"), "leaky"),
        Fault("average for maximum", text("layers.MaxPooling2D(", "layers.AveragePooling2D("), "pool1"),
        Fault("mean for variance", swapped("bn1.running_mean", "bn1.running_var"), "bn1"),
        Fault("alpha not divided by size", text("alpha / size", "alpha"), "lrn"),
        Fault("float32 inside", pattern(CONV2 + r"\(x\)", r"ops.cast(ops.cast(\1(x), 'float32'), x.dtype)"), "conv2"),
        Fault("half precision in float32 models", pattern(CONV2 + r"\(x\)", r"\1("
              r"ops.cast(ops.cast(x, 'float16'), 'float32') if x.dtype == 'float32' else x)"), "conv2", ("float32",)),
    ],
    "features": [
        Fault("the other gelu", text("layers.Activation('gelu', name='gelu')(x)",
              "layers.Activation(lambda x: keras.activations.gelu(x, approximate=True), name='gelu')(x)"), "gelu"),
        Fault("a transposed square weight", laid_out("fc2.weight", ("transpose", (1, 0))), "fc2"),
        Fault("no bias", text("Dense(48, name='fc1')", "Dense(48, use_bias=False, name='fc1')"), "fc1"),
        # Downstream of Keras' gelu more is allowed than 1e-10: the step alone shows it.
        Fault("off by 1e-8", text("layers.Dense(48, name='fc2')(x)", "layers.Dense(48, name='fc2')(x) * (1 + 1e-08)"),
              "fc2", ("alone",)),
        Fault("one NaN", text("layers.Dense(48, name='fc1')(x)", "keras.ops.where("
              "keras.ops.arange(48) == 7, float('nan'), layers.Dense(48, name='fc1')(x))"), "fc1"),
        Fault("dropout in evaluation", text("layers.Dropout(0.5, name='drop')(x)",
              "layers.Lambda(lambda x: keras.random.dropout(x, 0.5))(x)"), "drop"),
        Fault("softmax over the batch", text("Softmax(name", "Softmax(axis=0, name"), "soft"),
        Fault("dtype of the output",
              text("Model(image, scores", "Model(image, keras.ops.cast(scores, 'float32')"), "soft"),
    ],
    "groups": [
        Fault("groups in another order", text("name='conv')(image)",
              "name='conv')(keras.ops.concatenate([image[..., 4:], image[..., :4]], axis=-1))"), "conv"),
        Fault("a constructor that raises", text("groups=2", "groups=3"), "conv"),
    ],
    "shapes": [
        Fault("other groups of a shuffle", text("channel_shuffle(image, 4)", "channel_shuffle(image, 2)"), "shuffle"),
        Fault("pixels of TensorFlow's order", both(
              text("width, channels, factor, factor", "width, factor, factor, channels"),
              text("(0, 1, 4, 2, 5, 3)", "(0, 1, 3, 2, 4, 5)")), "pixels"),
        Fault("pixels with rows for columns", text("(0, 1, 4, 2, 5, 3)", "(0, 1, 5, 2, 4, 3)"), "pixels"),
        Fault("corners not aligned", pattern(r"(interpolate\(x, scale=\(2, 2\)).*?\)", r"\1)"), "larger"),
        Fault("nearest for bilinear",
              pattern(r"interpolate\(x, scale=\(2, 2\).*?\)", "layers.UpSampling2D(2)(x)"), "larger"),
        Fault("the other end of a slice", text("x[..., :2]", "x[..., -2:]"), "part"),
        Fault("slope of 0.2", text("layers.Activation('hard_sigmoid', name='gate')(part)",
              "ops.clip(0.2 * part + 0.5, 0, 1)"), "gate"),
        Fault("an input twice", text("[part, gate]", "[gate, gate]"), "gated"),
        Fault("no keepdims", text(", keepdims=True", ""), "averaged"),
        Fault("a step raises", text("layers.Multiply(name='gated')([part, gate])", "ops.matmul(part, gate)"), "gated"),
        Fault("a step that nobody sees", text("probe('part', x[..., :2])", "x[..., :2]"), "part"),
    ],
    "steep": [
        Fault("mean of squares less square of mean", pattern(
              r"layers.GroupNormalization\(.*?name='grouped'\)\(x\)",
              "(lambda g, m: keras.ops.reshape((g - m) / keras.ops.sqrt("
              "keras.ops.mean(g * g, (1, 3), keepdims=True) - m * m + 1e-05), (-1, 5, 7, 6)))("
              "g := keras.ops.reshape(x, (-1, 35, 3, 2)), keras.ops.mean(g, (1, 3), keepdims=True))"),
              "grouped", ("float32",)),
    ],
    "blocks": [
        Fault("branches in another order", pattern(r"\[(left\d?), (right\d?)\]", r"[\2, \1]"), "inception.concat"),
        Fault("one side of a sum", pattern(r"layers\.Add\([^()]*\)\(\[main, x\]\)", "main"), "body.0.add"),
        Fault("one repetition too few", text("range(3)", "range(2)"), "body.2.conv1"),
        Fault("inside a loop", text("residual(x, 6,", "residual(x if index != 1 else -x, 6,"), "body.1.conv1"),
        Fault("in a named sequence", text("alpha=0.5, name='stem_2'", "name='stem_2'"), "stem.2"),
        Fault("in one repetition", laid_out("body.1.conv2.weight", ("transpose", (0, 1, 3, 2))), "body.1.conv2"),
        Fault("inside a branch", pattern(r"(name=f'{name}_wide'\))\((\w+)\)", r"\1(\2[:, :, ::-1])"), "inception.wide"),
        Fault("weights of equal shape", swapped("body.0.conv2.weight", "body.2.conv2.weight"), "body.0.conv2"),
    ],
}  # fmt: skip

PADDLE: Final = {
    "picture": [
        Fault("epsilon of 1e-3", pattern(r"BatchNorm2D\(8[^)]*\)", "BatchNorm2D(8, epsilon=0.001)"), "bn1"),
        Fault("padding on the other side",
              text("stride=2, padding=1)\n", "stride=2, padding=[0, 2, 0, 2])\n"), "conv1"),
        Fault("floor for ceil", text(", ceil_mode=True", ""), "pool1"),
        Fault("no relu", text("F.relu(", "("), "relu1"),
        Fault("flattened with channels last", text("flatten(x, 1)", "flatten(x.transpose([0, 2, 3, 1]), 1)"), "flat"),
        Fault("stride on the wrong convolution", both(text("stride=2, padding=1)\n", "padding=1)\n"),
              text("6, kernel_size=3, padding=1", "6, kernel_size=3, padding=1, stride=2")), "conv1"),
        Fault("no dilation", text("padding=2, dilation=2", "padding=1"), "conv2"),
        Fault("same padding, which drops the dilation",
              text("padding=2, dilation=2", "padding='SAME', dilation=2"), "conv2"),
        Fault("padding counts in the average",
              pattern(r"F.avg_pool2d\(x, .*?padding=1", "F.avg_pool2d(x, 3, 1, 1, exclusive=False"), "pool2"),
        Fault("another slope", pattern(r"negative_slope=[\d.]+", "negative_slope=0.01"), "leaky"),
        Fault("average for maximum", text("F.max_pool2d(", "F.avg_pool2d("), "pool1"),
        Fault("mean for variance", swapped("bn1.running_mean", "bn1.running_var"), "bn1"),
        Fault("alpha not divided by size", text("alpha=0.5", "alpha=1.5"), "lrn"),
        Fault("float32 inside", text("self.conv2(x)", "self.conv2(x).astype('float32').astype(x.dtype)"), "conv2"),
        Fault("half precision in float32 models", text("self.conv2(x)", "self.conv2("
              "x.astype('float16').astype('float32') if x.dtype == paddle.float32 else x)"), "conv2", ("float32",)),
    ],
    "features": [
        Fault("the other gelu", text("self.fc1(x)))", "self.fc1(x)), approximate=True)"), "gelu"),
        Fault("a transposed square weight", laid_out("fc2.weight", ("transpose", (1, 0))), "fc2"),
        Fault("no bias", text("self.fc1(x)", "(self.fc1(x) - self.fc1.bias)"), "fc1"),
        Fault("off by 1e-8", text("self.fc2(x)", "(self.fc2(x) + 1e-08 * self.fc2(x))"), "fc2"),
        Fault("one NaN", text("self.fc1(x)",
              "paddle.where(paddle.arange(48) == 7, x.sum() * float('nan'), self.fc1(x))"), "fc1"),
        Fault("dropout in evaluation", text("self.drop(", "nn.functional.dropout("), "drop"),
        Fault("softmax over the batch", pattern(r"axis=1\)\)$", "axis=0))"), "soft"),
        Fault("dtype of the output", pattern("return (.*)", r"return \1.astype('float32')"), "soft"),
    ],
    "groups": [
        Fault("groups in another order", text("self.conv(image)",
              "self.conv(paddle.concat([image[:, 4:], image[:, :4]], axis=1))"), "conv"),
        Fault("a constructor that raises", text("groups=2", "groups=3"), "conv", ()),
    ],
    "shapes": [
        Fault("other groups of a shuffle", text("channel_shuffle(image, 4)", "channel_shuffle(image, 2)"), "shuffle"),
        Fault("pixels of TensorFlow's order",
              text("F.pixel_shuffle(x, 2)", "F.pixel_shuffle(F.channel_shuffle(x, 4), 2)"), "pixels"),
        Fault("corners not aligned", text("align_corners=True", "align_corners=False"), "larger"),
        Fault("nearest for bilinear",
              pattern(r"interpolate\(x, \(24, 28\).*?\)", "F.interpolate(x, (24, 28))"), "larger"),
        Fault("the other end of a slice", text("x[:, :2]", "x[:, -2:]"), "part"),
        Fault("slope of 0.2", text("hard_sigmoid(part)", "(0.2 * part + 0.5).clip(0, 1)"), "gate"),
        Fault("an input twice", text("part * gate", "gate * gate"), "gated"),
        Fault("no keepdim, and the next step raises", text(", keepdim=True", ""), "averaged"),
        Fault("a step raises", text("part * gate", "part @ gate"), "gated"),
        Fault("a step that nobody sees", text("probe(self, 'part', x[:, :2])", "x[:, :2]"), "part"),
    ],
    "steep": [
        Fault("mean of squares less square of mean",
              pattern(r"= GroupNorm\(", "= nn.GroupNorm("), "grouped", ("float32",)),
    ],
    "blocks": [
        Fault("branches in another order",
              pattern(r"concat\(\[left, (.*)\], axis=1", r"concat([\1, left], axis=1"), "inception.concat"),
        Fault("one side of a sum", text("main + x", "main"), "body.0.add"),
        Fault("one repetition too few", text("range(3)", "range(2)"), "body.2.conv1"),
        Fault("the last repetition left out", text("self.body(x)", "self.body[1](self.body[0](x))"), "body.2.conv1"),
        Fault("inside a container", text("nn.ELU(alpha=0.5)", "nn.ELU()"), "stem.2"),
        Fault("in one repetition", laid_out("body.1.conv2.weight", ("transpose", (1, 0, 2, 3))), "body.1.conv2"),
        Fault("inside a branch", text("self.wide(left)", "self.wide(left.flip(3))"), "inception.wide"),
        Fault("weights of equal shape", swapped("body.0.conv2.weight", "body.2.conv2.weight"), "body.0.conv2"),
    ],
}  # fmt: skip

FAULTS: Final = {"pytorch": PYTORCH, "keras": KERAS, "paddle": PADDLE}
"""Backend: network: faults."""
