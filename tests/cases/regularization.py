"""Rows of the table of tests: regularization."""

from __future__ import annotations

from typing import Final

from .common import IMAGE, LINE, VOLUME, Table

TABLE: Final[Table] = {
    "dropout": [({}, IMAGE), ({"p": 0.0}, (5,)), ({"p": 0.7}, (5, 3))],
    "dropout1d": [({}, LINE), ({"p": 0.0}, LINE), ({"p": 0.7}, (5, 1))],
    "dropout2d": [({}, IMAGE), ({"p": 0.0}, IMAGE), ({"p": 0.7}, (1, 5, 3))],
    "dropout3d": [({}, VOLUME), ({"p": 0.0}, VOLUME), ({"p": 0.7}, (3, 1, 2, 5))],
    "alpha_dropout": [({}, IMAGE), ({"p": 0.0}, (5,)), ({"p": 0.7}, LINE)],
    "drop_path": [({}, IMAGE), ({"p": 0.0}, (5,)), ({"p": 0.7}, LINE), ({"p": 0.2}, VOLUME)],
    "stop_gradient": [({}, IMAGE), ({}, (5,)), ({}, LINE)],
    "gaussian_noise": [({}, IMAGE), ({"std": 0.0}, (5,)), ({"std": 3.5}, LINE)],
}
