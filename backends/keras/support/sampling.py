import numpy as np
from keras import ops


def pixel_places(place, size, padding_mode, align_corners):
    """Places from -1 to 1 as numbers of pixels, those outside brought back inside."""
    if align_corners:
        place = (place + 1) / 2 * (size - 1)
    else:
        place = ((place + 1) * size - 1) / 2
    if padding_mode == "zeros":
        return place
    if padding_mode == "reflection":
        low, span = (0.0, size - 1) if align_corners else (-0.5, size)
        if span == 0:
            return ops.zeros_like(place)
        rest = ops.mod(place - low, 2 * span)
        place = ops.minimum(rest, 2 * span - rest) + low
    return ops.clip(place, 0, size - 1)


def pick_pixels(x, places):
    """The pixels of each image at whole numbers, given for each axis; zeros outside."""
    sizes, index, inside = x.shape[1:-1], 0, True
    for place, size in zip(places, sizes):
        inside = ops.logical_and(inside, ops.logical_and(place >= 0, place < size))
        index = index * size + ops.cast(ops.clip(place, 0, size - 1), "int32")
    flat = ops.reshape(x, (-1, np.prod(sizes), x.shape[-1]))
    index = ops.reshape(index, (-1, np.prod(index.shape[1:]), 1))
    found = ops.take_along_axis(flat, index, axis=1)
    found = ops.reshape(found, (-1, *places[0].shape[1:], x.shape[-1]))
    return ops.where(ops.expand_dims(inside, -1), found, 0)


def grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    """The image at places from -1 to 1, given along the width first."""
    sizes = x.shape[1:-1]
    places = [
        pixel_places(grid[..., -1 - axis], size, padding_mode, align_corners)
        for axis, size in enumerate(sizes)
    ]
    if mode == "nearest":
        return pick_pixels(x, [ops.round(place) for place in places])
    total = 0
    for corner in np.ndindex(*[2] * len(sizes)):
        near = [ops.floor(place) + step for place, step in zip(places, corner)]
        weight = 1
        for place, at in zip(places, near):
            weight = weight * (1 - ops.abs(place - ops.stop_gradient(at)))
        total = total + ops.expand_dims(weight, -1) * pick_pixels(x, near)
    return total


def affine_grid(theta, size, align_corners=False):
    """Where the pixels of such an image are, from -1 to 1, after an affine map."""
    lines = []
    for count in size:
        places = np.arange(count)
        if align_corners:
            lines.append(2 * places / max(count - 1, 1) - 1 if count > 1 else [0.0])
        else:
            lines.append((2 * places + 1) / count - 1)
    axes = [*np.meshgrid(*lines, indexing="ij")[::-1], np.ones(size)]
    places = ops.convert_to_tensor(
        np.stack(axes, -1).reshape(-1, len(axes)), theta.dtype
    )
    grid = ops.matmul(places, ops.swapaxes(theta, 1, 2))
    return ops.reshape(grid, (-1, *size, len(size)))
