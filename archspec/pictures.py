"""Pictures as inputs of networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archspec.errors import UsageError

if TYPE_CHECKING:
    from archspec.ops.base import Array


def as_input(path: Path, shape: tuple[int, ...]) -> Array:
    """A picture as a batch of this shape (batch, channels, height, width), in float32 and between -2 and 2.

    It is scaled to the size; every second element of the batch is its mirror image. Raises UsageError if the file is no
    picture, or if the channels are neither one (grey) nor three (red, green, blue).
    """
    import numpy as np

    try:
        from PIL import Image
    except ImportError:
        raise UsageError("reading pictures needs Pillow: pip install 'archspec-nn[images]'") from None
    batch, channels, height, width = shape
    if channels not in (1, 3):
        raise UsageError(f"a picture has 1 or 3 channels, and the network takes {channels}")
    try:
        with Image.open(path) as image:
            scaled = image.convert("L" if channels == 1 else "RGB").resize((width, height))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UsageError(f"cannot read the picture {path}: {error}") from None
    pixels = np.asarray(scaled, np.float32).reshape(height, width, channels).transpose(2, 0, 1)
    values = pixels / np.float32(63.75) - np.float32(2)
    return np.stack([values if index % 2 == 0 else values[:, :, ::-1] for index in range(batch)])
