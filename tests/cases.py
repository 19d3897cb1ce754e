"""The table of tests: what every backend's spelling of every operation is held against.

One row per operation, attributes and shapes of the inputs (without the batch axis). Sizes are odd and unequal wherever
the operation lets them be, so that swapped axes and half-pixel errors show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Shape = tuple[int, ...]
Values = Literal["normal", "negative", "wide"]


@dataclass(frozen=True)
class Case:
    """One operation with attributes, on inputs of some shapes."""

    op: str
    attributes: dict[str, Any]
    shapes: tuple[Shape, ...]
    """Of the inputs, without the batch axis."""
    values: Values = "normal"
    """What the inputs hold: normal numbers; negative ones, to which a padding of zeros is the maximum; or numbers from
    all regions of an activation, its kinks included."""
    dtype: str = "float"
    below: int = 2
    """For whole numbers: they are smaller than this."""
    refused: dict[str, str] = field(default_factory=dict)
    """Backend: words of the reason why it cannot express this case."""

    def __str__(self) -> str:
        shown = [f"{key}={value}" for key, value in self.attributes.items()]
        shapes = "+".join("x".join(map(str, shape)) for shape in self.shapes)
        extra = [self.dtype] if self.dtype != "float" else []
        extra += [self.values] if self.values != "normal" else []
        return f"{self.op}({','.join([*shown, shapes, *extra])})".replace(" ", "")


Row = tuple[Any, ...]
"""Attributes and shapes; then perhaps what else a `Case` takes, as a dict."""

LINE, IMAGE, VOLUME = (6, 11), (6, 9, 7), (4, 5, 6, 7)


def conv(**attributes: Any) -> dict[str, Any]:
    return {"out_channels": 4, "kernel_size": 3, **attributes}


POOLS_1D: Final[list[Row]] = [
    ({"kernel_size": 2}, LINE),
    ({"kernel_size": 3, "stride": 2, "padding": 1}, LINE),
    ({"kernel_size": 3, "stride": 2, "padding": 1}, LINE, {"values": "negative"}),
    ({"kernel_size": 4, "stride": 3, "padding": [[2, 0]], "ceil_mode": True}, LINE, {"values": "negative"}),
    ({"kernel_size": 4, "stride": 2, "padding": [[0, 2]]}, LINE),
    ({"kernel_size": 2, "stride": 2, "padding": 1, "ceil_mode": True}, (3, 7)),
    ({"kernel_size": 3, "stride": 2, "ceil_mode": True}, (3, 8)),
    ({"kernel_size": 3, "stride": 2, "padding": "same"}, (3, 8), {"values": "negative"}),
    ({"kernel_size": 2, "stride": 3, "padding": "same", "ceil_mode": True}, (3, 8)),
    ({"kernel_size": 5, "stride": 1, "padding": "same"}, (3, 1)),
]

POOLS_2D: Final[list[Row]] = [
    ({"kernel_size": 2}, IMAGE),
    ({"kernel_size": [3, 2], "stride": [1, 3], "padding": [1, 0]}, IMAGE),
    ({"kernel_size": 3, "stride": 2, "padding": 1}, IMAGE, {"values": "negative"}),
    ({"kernel_size": 3, "stride": 2, "ceil_mode": True}, (3, 8, 10)),
    ({"kernel_size": 2, "stride": 2, "padding": 1, "ceil_mode": True}, (3, 7, 9)),  # a last window in the padding
    ({"kernel_size": 2, "stride": 2, "padding": [[0, 1], [0, 1]], "ceil_mode": True}, (3, 6, 7)),
    ({"kernel_size": [2, 4], "stride": [4, 3], "padding": [[0, 1], [2, 0]], "ceil_mode": True}, (3, 7, 11)),
    ({"kernel_size": 4, "stride": 3, "padding": [[2, 1], [0, 2]]}, IMAGE, {"values": "negative"}),
    ({"kernel_size": 3, "stride": 2, "padding": "same"}, (3, 8, 11)),
    ({"kernel_size": 2, "stride": 1, "padding": "same"}, IMAGE, {"values": "negative"}),
    ({"kernel_size": [2, 3], "stride": [3, 2], "padding": "same", "ceil_mode": True}, (3, 7, 8)),
    ({"kernel_size": 3, "stride": 2, "padding": "same"}, (3, 1, 4)),
]


def averages(rows: list[Row]) -> Iterator[Row]:
    """Pools with and without padding that counts."""
    for attributes, *rest in rows:
        yield (attributes, *rest)
        if attributes.get("padding", 0) != 0:
            yield ({**attributes, "count_include_pad": True}, *rest)


ACTIVATED: Final[list[Row]] = [
    ({}, IMAGE, {"values": "wide"}),
    ({}, (13,), {"values": "wide"}),
    ({}, (3, 1, 5), {"values": "wide"}),
]

REPEATED: Final[list[Row]] = [({}, IMAGE, IMAGE), ({}, (5,), (5,)), ({}, IMAGE, (6, 1, 1)), ({}, (1, 9, 7), IMAGE)]

TABLE: Final[dict[str, list[Row]]] = {
    "conv1d": [
        (conv(), LINE),
        (conv(stride=2, padding="same"), LINE),
        (conv(kernel_size=4, stride=3, padding=[[3, 0]], groups=2), LINE),
        (conv(dilation=3, padding=2, groups=2, bias=False), LINE),
        (conv(stride=2, dilation=2, padding=[[1, 4]]), LINE),
        (conv(kernel_size=2, padding=[1]), (1, 1)),
    ],
    "conv2d": [
        (conv(), IMAGE),
        (conv(kernel_size=1, stride=2, bias=False), IMAGE),
        (conv(kernel_size=[3, 2], stride=[1, 3], padding=[2, 0]), IMAGE),
        (conv(stride=2, padding="same"), IMAGE),
        (conv(stride=2, padding="same"), (6, 8, 10)),
        (conv(kernel_size=2, padding="same", bias=False), IMAGE),
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
    ],
    "depthwise_conv2d": [
        ({"kernel_size": 3}, IMAGE),
        ({"kernel_size": [3, 5], "stride": [2, 1], "padding": 2, "multiplier": 3}, IMAGE),
        ({"kernel_size": 3, "dilation": 2, "padding": "same", "bias": False}, IMAGE),
        ({"kernel_size": 3, "stride": 2, "padding": "same", "multiplier": 2}, IMAGE),
        ({"kernel_size": 3, "stride": 2, "dilation": 2, "padding": [[1, 2], [3, 0]]}, IMAGE),
        ({"kernel_size": 2, "multiplier": 4}, (1, 9, 7)),
    ],
    "separable_conv2d": [
        (conv(padding=1, stride=2), IMAGE),
        (conv(multiplier=2, bias=False, padding=[[0, 2], [1, 0]]), IMAGE),
        (conv(stride=2, padding="same", multiplier=3), (3, 8, 7)),
        (conv(kernel_size=[2, 3], dilation=2, bias=False), IMAGE),
        (conv(kernel_size=[2, 3], stride=[2, 1]), IMAGE, {"refused": {"keras": "unequal strides"}}),
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
    ],
    "linear": [
        ({"out_features": 5}, (7,)),
        ({"out_features": 7}, (7,)),  # square: a transposed weight fits
        ({"out_features": 5, "bias": False}, (3, 4, 7)),
        ({"out_features": 1}, (3, 1)),
    ],
    "embedding": [
        ({"num_embeddings": 11, "embedding_dim": 4}, (5,), {"dtype": "int64", "below": 11}),
        ({"num_embeddings": 5, "embedding_dim": 1}, (3, 4), {"dtype": "int64", "below": 5}),
        ({"num_embeddings": 2, "embedding_dim": 3}, (), {"dtype": "int64", "below": 2}),
    ],
    "matmul": [
        ({}, (3, 4), (4, 5)),
        ({"transpose_b": True}, (3, 4, 6), (1, 5, 6)),
        ({"transpose_a": True}, (4, 3), (4, 5)),
        ({"transpose_a": True, "transpose_b": True}, (1, 4, 4), (3, 4, 4)),
    ],
    "max_pool1d": [
        *POOLS_1D,
        ({"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2}, LINE, {"values": "negative"}),
        ({"kernel_size": 2, "dilation": 3, "ceil_mode": True}, LINE),
    ],
    "max_pool2d": [
        *POOLS_2D,
        ({"kernel_size": 3, "stride": 1, "padding": 1, "dilation": 2}, IMAGE, {"values": "negative"}),
        ({"kernel_size": 2, "stride": [2, 1], "padding": "same", "dilation": [2, 3]}, IMAGE, {"values": "negative"}),
        ({"kernel_size": [3, 2], "stride": 2, "dilation": [1, 2], "ceil_mode": True}, (3, 8, 10)),
    ],
    "avg_pool1d": list(averages(POOLS_1D)),
    "avg_pool2d": list(averages(POOLS_2D)),
    **{
        f"adaptive_{kind}_pool1d": [
            ({"output_size": 1}, LINE),
            ({"output_size": 4}, LINE),
            ({"output_size": 7}, (3, 5)),
        ]
        for kind in ("avg", "max")
    },
    **{
        f"adaptive_{kind}_pool2d": [
            ({"output_size": 1}, IMAGE),
            ({"output_size": [3, 1]}, IMAGE),
            ({"output_size": [4, 5]}, IMAGE),
            ({"output_size": [7, 3]}, (3, 5, 7)),
            ({"output_size": 7}, (2, 7, 7)),
        ]
        for kind in ("avg", "max")
    },
    **{
        f"global_{kind}_pool{rank}d": [
            ({}, shape),
            ({"keepdims": True}, shape, {"values": "negative"}),
            ({}, (3, *(1,) * rank)),
        ]
        for kind in ("avg", "max")
        for rank, shape in ((1, LINE), (2, IMAGE))
    },
    "batch_norm": [
        ({}, IMAGE),
        ({"epsilon": 0.001, "momentum": 0.01}, (5,)),
        ({"affine": False}, LINE),
        ({"epsilon": 0.3}, VOLUME),
        ({"affine": False, "epsilon": 1.0}, (1, 1, 1)),
    ],
    "layer_norm": [
        ({}, (5, 7)),
        ({"epsilon": 0.001, "affine": False}, (5, 7)),
        ({"epsilon": 0.1}, (5, 7), {"refused": {"paddle": "its epsilon is at most 0.001"}}),
        ({"axis": "channels"}, IMAGE),
        ({"axis": ["channels", "height", "width"], "epsilon": 1e-6}, IMAGE),
        ({"axis": [-2, -1]}, IMAGE),
        ({"axis": "height", "affine": False}, IMAGE),
        ({}, (6,)),
    ],
    "group_norm": [
        ({"num_groups": 2}, IMAGE),
        ({"num_groups": 6, "epsilon": 0.01}, LINE),
        ({"num_groups": 1, "affine": False}, VOLUME),
        ({"num_groups": 3}, (15,)),
        ({"num_groups": 3, "affine": False}, (3, 1, 5)),
    ],
    "instance_norm": [
        ({}, IMAGE),
        ({"affine": True, "epsilon": 0.01}, LINE),
        ({"affine": True}, IMAGE),
        ({"epsilon": 0.5}, VOLUME),
        ({}, LINE),
    ],
    "local_response_norm": [
        ({"size": 5}, IMAGE),
        ({"size": 4, "alpha": 0.5, "beta": 0.6, "k": 2.0}, IMAGE),
        ({"size": 3, "alpha": 1.0}, LINE),
        ({"size": 2, "alpha": 0.7, "k": 0.5}, VOLUME),
        ({"size": 9, "alpha": 2.0, "beta": 0.5}, (3, 5, 2)),
        ({"size": 1, "alpha": 0.1}, IMAGE),
    ],
    **{
        op: list(ACTIVATED)
        for op in ("relu", "relu6", "selu", "silu", "mish", "sigmoid", "tanh", "hard_sigmoid", "hard_swish")
    },
    "leaky_relu": [
        *ACTIVATED,
        ({"negative_slope": 0.2}, IMAGE, {"values": "wide"}),
        ({"negative_slope": -1.5}, (5,), {"refused": {"keras": "its slope is not negative"}}),
    ],
    "prelu": [
        ({}, IMAGE),
        ({"per_channel": False}, IMAGE),
        ({}, (5,)),
        ({}, LINE),
        ({"per_channel": False}, (5,)),
        ({}, VOLUME),
    ],
    "elu": [*ACTIVATED, ({"alpha": 0.3}, IMAGE, {"values": "wide"}), ({"alpha": 2}, (5,))],
    "gelu": [*ACTIVATED, ({"approximate": "tanh"}, IMAGE, {"values": "wide"}), ({"approximate": "tanh"}, (5,))],
    "softplus": [
        *ACTIVATED,
        ({"beta": 0.7}, IMAGE, {"values": "wide"}),
        ({"beta": 2.0, "threshold": 3.0}, IMAGE, {"values": "wide"}),
    ],
    **{
        op: [
            ({}, (7,)),
            ({"axis": "channels"}, IMAGE),
            ({"axis": 2}, IMAGE),
            ({"axis": -1}, (3, 1)),
            ({"axis": 1}, (5, 4)),
        ]
        for op in ("softmax", "log_softmax")
    },
    "add": [*REPEATED, ({}, (5, 3), (5, 3), (5, 1))],
    "subtract": [*REPEATED, ({}, (1,), (5,))],
    "multiply": [*REPEATED, ({}, (5, 3), (1, 3), (5, 1))],
    "divide": [*REPEATED, ({}, (5, 3), (1, 3))],
    "concat": [
        ({}, IMAGE, (2, 9, 7)),
        ({"axis": "width"}, IMAGE, (6, 9, 1), (6, 9, 3)),
        ({"axis": -2}, IMAGE, (6, 2, 7)),
        ({}, (5,), (1,)),
        ({"axis": 1}, (5, 3), (2, 3)),
    ],
    "split": [
        ({"sections": 3}, IMAGE),
        ({"sizes": [1, 2, 3]}, IMAGE),
        ({"sizes": [4, 3], "axis": "width"}, IMAGE),
        ({"sections": 2, "axis": -1}, (3, 8)),
        ({"sections": 1}, (3, 4)),
        ({"sizes": [5, 1]}, (6,), {"dtype": "int64", "below": 9}),
    ],
    "flatten": [
        ({}, IMAGE),
        ({"start_axis": "height"}, IMAGE),
        ({"end_axis": 2}, VOLUME),
        ({"start_axis": 2, "end_axis": 3}, VOLUME),
        ({"start_axis": 1, "end_axis": 1}, (3, 4)),
        ({}, (5,)),
        ({}, (3, 4), {"dtype": "int64", "below": 9}),
    ],
    "reshape": [
        ({"shape": [7, 6, 9]}, IMAGE),
        ({"shape": [3, -1]}, IMAGE),
        ({"shape": [-1]}, IMAGE),
        ({"shape": [2, 3, 1, 4]}, (24,)),
        ({"shape": [-1, 1, 4]}, (24,), {"dtype": "int64", "below": 9}),
    ],
    "permute": [
        ({"axes": ["width", "channels", "height"]}, IMAGE),
        ({"axes": [2, 3, 1]}, IMAGE),
        ({"axes": [2, 1]}, (5, 3)),
        ({"axes": [4, 1, 3, 2]}, VOLUME),
        ({"axes": [2, 1]}, (5, 3), {"dtype": "int64", "below": 9}),
    ],
    "pad": [
        ({"padding": [[1, 2], [0, 3]]}, IMAGE),
        ({"padding": [2], "value": -1.5}, LINE),
        ({"padding": [[0, 2], [1, 0], [3, 1]], "value": 0.7}, IMAGE),
        ({"padding": [[1, 2]]}, (5,)),
        ({"padding": [[1, 2], [3, 0]], "mode": "reflect"}, IMAGE),
        ({"padding": [[2, 1]], "mode": "reflect"}, IMAGE),
        ({"padding": [[3, 2]], "mode": "replicate"}, LINE),
        ({"padding": [[8, 9], [0, 1]], "mode": "replicate"}, IMAGE),
        ({"padding": [[1, 0], [2, 1], [0, 2]], "mode": "replicate"}, VOLUME),
        ({"padding": [[1, 0], [2, 1], [0, 2]], "mode": "reflect"}, VOLUME),
    ],
    "slice": [
        ({"axis": "channels", "start": 1}, IMAGE),
        ({"axis": "width", "start": -5, "end": -1, "step": 2}, IMAGE),
        ({"axis": -2, "step": 4}, IMAGE),
        ({"axis": 1, "end": 3}, (5,)),
        ({"axis": 2, "start": 2, "end": 3}, (5, 3)),
        ({"axis": 1, "end": 2}, (5,), {"dtype": "int64", "below": 9}),
    ],
    "upsample": [
        ({"scale": 2}, IMAGE),
        ({"scale": [3, 1]}, IMAGE),
        ({"scale": [41, 2]}, (2, 2, 3)),  # where a scale in float32 is off by one
        ({"size": [13, 5]}, IMAGE),
        ({"size": 4}, (3, 9, 7)),
        ({"size": [22, 46]}, (1, 26, 14)),  # where scales in float32 are off by one
        ({"scale": 2, "mode": "bilinear"}, IMAGE),
        ({"size": [13, 5], "mode": "bilinear"}, IMAGE),
        ({"size": [1, 3], "mode": "bilinear"}, IMAGE),
        ({"scale": [2, 3], "mode": "bilinear", "align_corners": True}, IMAGE),
        ({"size": [5, 15], "mode": "bilinear", "align_corners": True}, IMAGE),
        ({"size": [1, 4], "mode": "bilinear", "align_corners": True}, (3, 1, 7)),
    ],
    "channel_shuffle": [
        ({"groups": 3}, IMAGE),
        ({"groups": 2}, LINE),
        ({"groups": 2}, VOLUME),
        ({"groups": 1}, IMAGE),
        ({"groups": 6}, IMAGE),
    ],
    "pixel_shuffle": [
        ({"upscale_factor": 2}, (12, 5, 3)),
        ({"upscale_factor": 3}, (9, 1, 4)),
        ({"upscale_factor": 1}, IMAGE),
    ],
    "mean": [
        ({"axis": -1}, IMAGE),
        ({"axis": ["height", "width"], "keepdims": True}, IMAGE),
        ({"axis": ["width", "channels"]}, IMAGE),
        ({"axis": "time"}, (5, 3)),
        ({"axis": [1, 2], "keepdims": True}, (5, 3)),
        ({"axis": 1}, (5,)),
    ],
    "dropout": [({}, IMAGE), ({"p": 0.0}, (5,)), ({"p": 0.7}, (5, 3))],
}


def made() -> Iterator[Case]:
    for op, rows in TABLE.items():
        for attributes, *rest in rows:
            options = rest.pop() if isinstance(rest[-1], dict) else {}
            yield Case(op, attributes, tuple(rest), **options)


CASES: Final = list(made())
