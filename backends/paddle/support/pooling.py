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
    """The maximum of windows with gaps, one axis after the other."""
    x = F.pad(x, (0, 0, 0, 0, *padding), value=float("-inf"))
    windows = zip(kernel_size, stride, dilation)
    for axis, (size, step, gap) in enumerate(windows, start=2):
        stop = x.shape[axis] - (size - 1) * gap
        starts = [i * gap for i in range(size)]
        parts = [
            paddle.strided_slice(x, [axis], [start], [start + stop], [step])
            for start in starts
        ]
        x = paddle.stack(parts).max(0)
    return x
