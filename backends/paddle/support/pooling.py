import paddle
import paddle.nn.functional as F
from paddle import Tensor


def dilated_max_pool(
    x: Tensor,
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: tuple[int, ...],
) -> Tensor:
    """The maximum of windows with gaps, which Paddle's pools have not; axis by axis."""
    x = F.pad(x, (0, 0, 0, 0, *padding), value=float("-inf"))
    windows = zip(kernel_size, stride, dilation)
    for axis, (size, step, gap) in enumerate(windows, 2):
        stop = x.shape[axis] - (size - 1) * gap
        starts = [i * gap for i in range(size)]
        parts = [
            paddle.strided_slice(x, [axis], [start], [start + stop], [step])
            for start in starts
        ]
        x = paddle.stack(parts).max(0)
    return x


def lp_pool(
    x: Tensor,
    norm_type: float,
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: int | tuple[int, ...] = 0,
) -> Tensor:
    """The norm of what is under each window; F.lp_pool2d adds x^p and not |x|^p."""
    conv = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[x.ndim]
    channels = x.shape[1]
    ones = paddle.ones([channels, 1, *kernel_size], dtype=x.dtype)
    p = paddle.to_tensor(norm_type, dtype=x.dtype)
    total = conv(x.abs() ** p, ones, None, stride, padding, groups=channels)
    zero = total <= 0  # there the gradient is 0, and not that of the root
    return paddle.where(
        zero, total, paddle.where(zero, paddle.ones_like(total), total) ** (1 / p)
    )


def max_of_volume(x: Tensor, keepdim: bool = False) -> Tensor:
    """The maximum of a volume; Paddle's own over three axes has a wrong gradient."""
    y = x.flatten(2).max(-1)
    return y.unsqueeze([2, 3, 4]) if keepdim else y
