"""Rows of the table of tests: convolution."""

from __future__ import annotations

from typing import Any, Final

from .common import IMAGE, LINE, VOLUME, Table


def conv(**attributes: Any) -> dict[str, Any]:
    return {"out_channels": 4, "kernel_size": 3, **attributes}


TABLE: Final[Table] = {
    "conv1d": [
        (conv(), LINE),
        (conv(stride=2, padding="same"), LINE),
        (conv(kernel_size=4, stride=3, padding=[[3, 0]], groups=2), LINE),
        (conv(dilation=3, padding=2, groups=2, bias=False), LINE),
        (conv(stride=2, dilation=2, padding=[[1, 4]]), LINE),
        (conv(kernel_size=2, padding=[1]), (1, 1)),
        (conv(padding="causal", dilation=2, groups=2), LINE),
        (conv(kernel_size=4, stride=3, padding="causal", bias=False), LINE),
        (conv(out_channels=12, stride=2, dilation=2, padding="causal", groups=6), LINE),
    ],
    "conv2d": [
        (conv(), IMAGE),
        (conv(kernel_size=1, stride=2, bias=False), IMAGE),
        (conv(kernel_size=[3, 2], stride=[1, 3], padding=[2, 0]), IMAGE),
        (conv(stride=2, padding="same"), IMAGE),
        (conv(stride=2, padding="same"), (6, 8, 10)),
        (conv(kernel_size=2, padding="same", bias=False), IMAGE),
        (conv(kernel_size=2, stride=2, padding="same"), (6, 8, 10)),
        (conv(padding=[[0, 1], [2, 0]], stride=2), IMAGE),
        (conv(padding=[[3, 0], [1, 1]], stride=[1, 2], groups=2), IMAGE),
        (conv(out_channels=9, dilation=[1, 2], stride=2, groups=3), IMAGE),
        (conv(dilation=2, padding="same"), IMAGE),
        (conv(out_channels=6, dilation=2, padding=[2, 1], groups=6), IMAGE),
        (conv(out_channels=12, kernel_size=[1, 5], padding=[0, 2], groups=6), IMAGE),
        (conv(kernel_size=5, padding=4), (1, 1, 3)),
    ],
    "conv3d": [
        (conv(out_channels=3), VOLUME),
        (conv(kernel_size=[1, 3, 2], stride=[1, 2, 1], padding=1, groups=2), VOLUME),
        (conv(stride=2, padding="same", bias=False), VOLUME),
        (conv(dilation=[1, 2, 1], padding=[[0, 1], [2, 0], [1, 1]]), VOLUME),
        (conv(kernel_size=[1, 2, 3], stride=[5, 2, 4], padding="same"), VOLUME),
    ],
    "masked_conv2d": [
        (conv(mask="A", padding=1), IMAGE),
        (conv(mask="B", kernel_size=[3, 5], padding="same", stride=[2, 1], bias=False), IMAGE),
        (conv(mask="A", kernel_size=[1, 4], padding=[[0, 1], [2, 0]], groups=2), IMAGE),
        (conv(mask="B", kernel_size=[4, 1], dilation=2, padding=[3, 0], stride=2), IMAGE),
        (conv(mask="B", out_channels=6, dilation=[1, 2], groups=6), IMAGE),
        (conv(mask="B", kernel_size=1), (1, 2, 3)),
    ],
    "depthwise_conv1d": [
        ({"kernel_size": 3}, LINE),
        ({"kernel_size": 4, "stride": 3, "padding": [[0, 2]], "multiplier": 3}, LINE),
        ({"kernel_size": 2, "dilation": 3, "padding": "causal", "bias": False}, LINE),
        ({"kernel_size": 3, "stride": 2, "dilation": 2, "padding": "causal", "multiplier": 2}, LINE),
        ({"kernel_size": 3, "stride": 2, "padding": "same"}, (3, 8)),
        ({"kernel_size": 2, "multiplier": 4, "padding": 1}, (1, 1)),
    ],
    "depthwise_conv2d": [
        ({"kernel_size": 3}, IMAGE),
        ({"kernel_size": [3, 5], "stride": [2, 1], "padding": 2, "multiplier": 3}, IMAGE),
        ({"kernel_size": 3, "dilation": 2, "padding": "same", "bias": False}, IMAGE),
        ({"kernel_size": 3, "stride": 2, "padding": "same", "multiplier": 2}, IMAGE),
        ({"kernel_size": 3, "stride": 2, "dilation": 2, "padding": [[1, 2], [3, 0]]}, IMAGE),
        ({"kernel_size": 2, "multiplier": 4}, (1, 9, 7)),
    ],
    "separable_conv1d": [
        (conv(out_channels=5), LINE),
        (conv(padding=1, stride=2), LINE),
        (conv(kernel_size=2, multiplier=2, bias=False, padding="causal", dilation=3), LINE),
        (conv(stride=2, padding="same", multiplier=3), (3, 8)),
        (conv(stride=3, dilation=2, padding=[[3, 1]], multiplier=2), LINE),
        (conv(kernel_size=4, stride=2, dilation=2, padding="causal", bias=False), (1, 9)),
    ],
    "separable_conv2d": [
        (conv(out_channels=5, padding=1, stride=2), IMAGE),
        (conv(padding=1, stride=2), IMAGE),
        (conv(multiplier=2, bias=False, padding=[[0, 2], [1, 0]]), IMAGE),
        (conv(stride=2, padding="same", multiplier=3), (3, 8, 7)),
        (conv(kernel_size=[2, 3], dilation=2, bias=False), IMAGE),
        (conv(kernel_size=[2, 3], stride=[2, 1]), IMAGE),
        (conv(stride=[1, 3], multiplier=2, bias=False, padding=[[0, 2], [1, 0]]), IMAGE),
        (conv(kernel_size=[2, 3], stride=2, dilation=[1, 2], padding="same"), IMAGE),
        (conv(kernel_size=2, stride=[2, 1], dilation=3, padding=[1, 2], multiplier=2), IMAGE),
    ],
    "conv_transpose1d": [
        (conv(kernel_size=2, stride=2), LINE),
        (conv(stride=3, padding=2, output_padding=2, bias=False), LINE),
        (conv(kernel_size=4, padding=[[0, 3]], stride=2, groups=2), LINE),
        (conv(out_channels=6, dilation=3, stride=2, padding=[[2, 1]], output_padding=1, groups=3), LINE),
        (conv(kernel_size=2, stride=4, padding=[[1, 0]], output_padding=3), LINE),
        (conv(kernel_size=2, padding=5, dilation=4), (1, 9)),
        (conv(kernel_size=2, stride=2, padding=[[1, 2]], dilation=6, output_padding=5), LINE),
    ],
    "conv_transpose2d": [
        (conv(kernel_size=2, stride=2), IMAGE),
        (conv(padding=1, bias=False), IMAGE),
        (conv(kernel_size=[3, 4], stride=[2, 3], padding=[1, 2], output_padding=[1, 2]), IMAGE),
        (conv(stride=2, padding=1, output_padding=1, groups=2), IMAGE),
        (conv(out_channels=8, stride=2, padding=[[0, 1], [2, 1]], dilation=2, groups=2), IMAGE),
        (conv(padding=[[1, 0], [0, 0]], stride=2, output_padding=1), IMAGE),
        (conv(kernel_size=2, stride=4, output_padding=3, dilation=[1, 3]), IMAGE),
        (conv(dilation=2), IMAGE),
        (conv(stride=[3, 1], padding=1, dilation=[1, 3], output_padding=[2, 1], bias=False), IMAGE),
    ],
    "conv_transpose3d": [
        (conv(out_channels=3, kernel_size=2, stride=2), VOLUME),
        (conv(kernel_size=[3, 2, 4], stride=[1, 3, 2], padding=[1, 0, 2], output_padding=[0, 2, 1]), VOLUME),
        (conv(stride=[2, 1, 1], padding=[[0, 1], [1, 2], [1, 0]], bias=False), VOLUME),
        (conv(kernel_size=[1, 3, 2], stride=[2, 1, 3], dilation=[1, 2, 1], padding=1, groups=2), VOLUME),
        (conv(kernel_size=2, stride=[1, 2, 1], dilation=[2, 3, 1], output_padding=[1, 2, 0]), VOLUME),
    ],
}
