import paddle
from paddle import Tensor


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Interleaves groups of channels; F.channel_shuffle takes images only."""
    channels, *sizes = x.shape[1:]
    x = x.reshape([0, groups, channels // groups, -1]).transpose([0, 2, 1, 3])
    return x.reshape([0, channels, *sizes])


def resize_nearest(
    x: Tensor, size: tuple[int, ...], half_pixel: bool = False
) -> Tensor:
    """Nearest neighbours by whole numbers, where F.interpolate has others."""
    for axis, new in enumerate(size, 2):
        places = (2 * paddle.arange(new) + int(half_pixel)) * x.shape[axis]
        x = paddle.index_select(x, places // (2 * new), axis=axis)
    return x


def interpolate(
    x: Tensor, size: tuple[int, ...], align_corners: bool = False, cubic: bool = False
) -> Tensor:
    """Blends two elements of each axis, or four, where F.interpolate is not exact."""
    for axis, new in enumerate(size, 2):
        old, places = x.shape[axis], paddle.arange(new)
        if align_corners:
            places, unit = places * (old - 1), max(new - 1, 1)
        else:
            places, unit = (2 * places + 1) * old - new, 2 * new
        low, part = places // unit, (places % unit).astype(x.dtype) / unit
        total = 0
        for step in range(-1, 3) if cubic else range(2):
            d = (part - step).abs()
            weight = 1 - d
            if cubic:
                far = -0.75 * (((d - 5) * d + 8) * d - 4)
                weight = paddle.where(d <= 1, (1.25 * d - 2.25) * d * d + 1, far)
            near = paddle.index_select(x, (low + step).clip(0, old - 1), axis=axis)
            total = total + near * weight.reshape([-1] + [1] * (x.ndim - axis - 1))
        x = total
    return x
