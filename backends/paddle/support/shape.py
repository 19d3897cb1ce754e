import paddle
from paddle import Tensor


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Interleaves the groups of channels of what is no image."""
    channels, *sizes = x.shape[1:]
    x = x.reshape([0, groups, channels // groups, -1]).transpose([0, 2, 1, 3])
    return x.reshape([0, channels, *sizes])


def resize_nearest(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Nearest neighbours, by whole numbers where float32 would pick others."""
    for axis, new in zip((2, 3), size):
        places = paddle.arange(new) * x.shape[axis] // new
        x = paddle.index_select(x, places, axis=axis)
    return x


def resize_bilinear(
    x: Tensor, size: tuple[int, int], align_corners: bool = False
) -> Tensor:
    """Bilinear resizing where F.interpolate is not exact."""
    for axis, new in zip((2, 3), size):
        old = x.shape[axis]
        places = paddle.arange(new, dtype=x.dtype)
        if align_corners:
            places = places * ((old - 1) / max(new - 1, 1))
        else:
            places = ((places + 0.5) * (old / new) - 0.5).clip(min=0)
        low = places.astype("int64").clip(max=old - 1)
        high = (low + 1).clip(max=old - 1)
        weight = (places - low.astype(x.dtype)).reshape([-1] + [1] * (3 - axis))
        before = paddle.index_select(x, low, axis=axis)
        after = paddle.index_select(x, high, axis=axis)
        x = before + (after - before) * weight
    return x
