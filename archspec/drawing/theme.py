"""The colours of drawings, in light and dark: each family of operations has one; text tells them apart, too."""

from __future__ import annotations

from typing import Final

from archspec.ops import family

KINDS: Final = {
    "convolution": "convolution", "kernel": "convolution", "linear": "linear, attention",
    "attention": "linear, attention",
    "recurrent": "recurrent", "normalization": "normalization", "activation": "activation, dropout",
    "regularization": "activation, dropout", "pooling": "pooling, mean", "reduction": "pooling, mean",
    "joining": "joins, arithmetic", "elementwise": "joins, arithmetic", "shape": "shape, source",
    "image": "shape, source", "source": "shape, source", "sampling": "shape, source",
    "selection": "shape, source", "spectral": "linear, attention", "unpooling": "pooling, mean",
}  # fmt: skip
"""What a family is called in the legend."""

COLOURS: Final = {  # fill in light, edge in light, fill in dark, edge in dark
    "convolution": ("#dbe8fb", "#7ba3dc", "#20395e", "#5b86c4"),
    "linear, attention": ("#e5defa", "#a08fdc", "#372c63", "#8170c4"),
    "recurrent": ("#fbdfd3", "#dc9473", "#5c3322", "#bf7a5a"),
    "normalization": ("#e0efd5", "#92b876", "#2b4420", "#6f9a55"),
    "activation, dropout": ("#fdeecb", "#d4b265", "#4e3f17", "#ad8c40"),
    "pooling, mean": ("#d2efec", "#70b8b0", "#17433f", "#4b9a92"),
    "joins, arithmetic": ("#f9dbe7", "#d68aa9", "#56273b", "#b56586"),
    "shape, source": ("#e8e9ec", "#a9adb6", "#363a42", "#7a808b"),
}

PLAIN: Final = {  # what has no operation, in light and dark
    "text": ("#1f2328", "#e6e8eb"), "quiet": ("#59616b", "#a3abb6"), "line": ("#8a929c", "#79818c"),
    "label": ("#4d555f", "#aab2bd"), "frame": ("#f6f7f9", "#1a1e24"), "border": ("#c4c9d0", "#474e58"),
    "closed": ("#ffffff", "#262b33"), "badge": ("#3b4652", "#c6ced8"), "on-badge": ("#ffffff", "#14171b"),
    "ground": ("#ffffff", "#14171b"), "head": ("#eceef1", "#2b313a"), "even": ("#f1f2f5", "#20252c"),
    "link": ("#1f5fbf", "#8ab4f8"), "good": ("#1a7f45", "#5ecb8c"), "bad": ("#b3261e", "#ff8f86"),
    "keyword": ("#7a3fb0", "#c79bf2"), "literal": ("#1c6b46", "#86d0a5"),
    "mark": ("#fff3c4", "#453c12"), "hot": ("#e0662a", "#e8813f"), "first": ("#4a9a6b", "#5aa97a"),
    "second": ("#4a7fcb", "#6a97d8"),
}  # fmt: skip


def kind(key: str) -> str:
    """The name in the legend of an operation's family."""
    return KINDS[family(key)]
