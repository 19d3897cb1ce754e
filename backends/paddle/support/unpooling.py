import paddle.nn.functional as F
from paddle import Tensor


def with_int64_indices(pooled: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The largest elements, and their places, which Paddle has as int32."""
    values, indices = pooled
    return values, indices.astype("int64")


def max_unpool1d(
    x: Tensor, indices: Tensor, kernel_size: int, stride: int, padding: int, size: int
) -> Tensor:
    """Puts numbers back to a given size, which `F.max_unpool1d` refuses to take."""
    y = F.max_unpool2d(
        x.unsqueeze(2),
        indices.unsqueeze(2),
        (1, kernel_size),
        stride=(1, stride),
        padding=(0, padding),
        output_size=(1, size),
    )
    return y.squeeze(2)
