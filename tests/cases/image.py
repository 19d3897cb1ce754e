"""Rows of the table of tests: image."""

from __future__ import annotations

from typing import Final

from .common import IMAGE, LINE, VOLUME, Table

TABLE: Final[Table] = {
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
        ({}, IMAGE, (2, 13, 5)),
        ({"mode": "nearest_exact"}, LINE, (3, 14)),
        ({"mode": "bilinear"}, IMAGE, (2, 13, 5)),
        ({"mode": "bilinear", "align_corners": True}, IMAGE, (2, 1, 15)),
        ({"mode": "bicubic"}, IMAGE, (2, 4, 11)),
        ({"mode": "trilinear"}, VOLUME, (1, 3, 11, 5)),
        ({"scale": 2}, LINE),
        ({"scale": [3]}, LINE),
        ({"size": 7}, LINE),
        ({"size": [82]}, (3, 2)),  # where a scale in float32 is off by one
        ({"scale": [2, 1, 3]}, VOLUME),
        ({"size": [3, 11, 5]}, VOLUME),
        ({"scale": 1.5}, IMAGE),
        ({"scale": [0.7, 2]}, (3, 10, 4)),
        ({"scale": 2.0}, (3, 5, 4)),
        ({"scale": 2, "mode": "nearest_exact"}, IMAGE),
        ({"scale": 3, "mode": "nearest_exact"}, LINE),
        ({"scale": 41, "mode": "nearest_exact"}, (1, 2, 1)),  # where a scale in float32 is off by one
        ({"size": [13, 5], "mode": "nearest_exact"}, IMAGE),
        ({"size": 5, "mode": "nearest_exact"}, LINE),
        ({"size": [3, 11, 5], "mode": "nearest_exact"}, VOLUME),
        ({"size": [61], "mode": "nearest_exact"}, (2, 4)),  # where a scale in float32 is off by one
        ({"scale": 2, "mode": "linear"}, LINE),
        ({"size": 5, "mode": "linear"}, LINE),
        ({"size": 1, "mode": "linear"}, LINE),
        ({"size": [21], "mode": "linear", "align_corners": True}, LINE),
        ({"size": 8, "mode": "linear", "align_corners": True}, LINE),
        ({"scale": 1.1, "mode": "bilinear"}, (2, 10, 13)),
        ({"scale": 0.5, "mode": "bilinear"}, (2, 8, 12)),
        ({"scale": 2, "mode": "trilinear"}, VOLUME),
        ({"size": [3, 1, 9], "mode": "trilinear"}, VOLUME),
        ({"size": [9, 11, 13], "mode": "trilinear", "align_corners": True}, VOLUME),
        ({"scale": [2, 1, 1.5], "mode": "trilinear", "align_corners": True}, VOLUME),
        ({"scale": 2, "mode": "bicubic"}, IMAGE),
        ({"size": [13, 5], "mode": "bicubic"}, IMAGE),
        ({"size": [1, 3], "mode": "bicubic"}, (3, 2, 1)),
        ({"scale": 1.5, "mode": "bicubic", "align_corners": True}, IMAGE),
        ({"size": [17, 4], "mode": "bicubic", "align_corners": True}, IMAGE),
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
    "pixel_unshuffle": [
        ({"downscale_factor": 2}, (3, 10, 6)),
        ({"downscale_factor": 3}, (2, 3, 12)),
        ({"downscale_factor": 1}, IMAGE),
    ],
    "space_to_depth": [
        ({"block_size": 2}, (3, 10, 6)),
        ({"block_size": 3}, (2, 3, 12)),
        ({"block_size": 1}, IMAGE),
    ],
    "depth_to_space": [
        ({"block_size": 2}, (12, 5, 3)),
        ({"block_size": 3, "mode": "DCR"}, (18, 1, 4)),
        ({"block_size": 2, "mode": "CRD"}, (12, 5, 3)),
        ({"block_size": 1}, IMAGE),
    ],
    "patches": [
        ({"patch_size": 2}, (3, 10, 6)),
        ({"patch_size": [3, 2]}, (2, 9, 8)),
        ({"patch_size": [5, 7]}, (4, 5, 7)),
        ({"patch_size": 1}, IMAGE),
    ],
    "unfold": [
        ({"kernel_size": 3}, IMAGE),
        ({"kernel_size": [2, 3], "stride": [3, 2]}, IMAGE),
        ({"kernel_size": 3, "stride": 2, "padding": 1, "dilation": [2, 1]}, IMAGE),
        ({"kernel_size": [3, 2], "padding": [2, 0], "dilation": 3}, IMAGE),
        ({"kernel_size": [2, 4], "padding": [[0, 2], [3, 1]], "stride": [1, 3]}, IMAGE),
        ({"kernel_size": [3, 2], "padding": "same", "stride": 2}, IMAGE),
        ({"kernel_size": 1, "padding": 1}, (2, 1, 1)),
    ],
    "fold": [
        ({"output_size": [9, 7], "kernel_size": 3}, (18, 35)),
        ({"output_size": [9, 7], "kernel_size": [2, 3], "stride": [3, 2]}, (12, 9)),
        ({"output_size": [9, 7], "kernel_size": 3, "stride": 2, "padding": 1, "dilation": [2, 1]}, (9, 16)),
        ({"output_size": [9, 7], "kernel_size": [3, 2], "padding": [2, 0], "dilation": 3}, (12, 28)),
        ({"output_size": [9, 7], "kernel_size": [2, 4], "padding": [[0, 2], [3, 1]], "stride": [1, 3]}, (16, 30)),
        ({"output_size": [9, 7], "kernel_size": [3, 2], "padding": [[1, 1], [0, 1]], "stride": 2}, (12, 20)),
        ({"output_size": 6, "kernel_size": 2, "stride": 2}, (8, 9)),
        ({"output_size": [5, 7], "kernel_size": 2, "stride": [2, 2]}, (8, 6)),
        ({"output_size": [5, 7], "kernel_size": 2, "stride": [3, 2]}, (8, 6)),
        ({"output_size": [5, 7], "kernel_size": 2, "stride": [2, 2], "dilation": 2}, (8, 6)),
        ({"output_size": [4, 7], "kernel_size": 2, "stride": [2, 2]}, (8, 6)),
    ],
}
