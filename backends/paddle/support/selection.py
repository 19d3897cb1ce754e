import paddle
from paddle import Tensor


def scatter(x: Tensor, index: Tensor, source: Tensor, axis: int) -> Tensor:
    """Puts numbers to given places along an axis.

    Of several numbers with one place, Paddle's own has a gradient for the last one
    alone; here each has it.
    """

    def added(y: Tensor) -> Tensor:
        zeros = paddle.zeros_like(x)
        return paddle.put_along_axis(
            zeros, index, y, axis, reduce="add", broadcast=False
        )

    last = paddle.put_along_axis(x, index, source, axis, broadcast=False)
    total = added(source)
    total = total + (last - total).detach()
    return paddle.where(added(paddle.ones_like(source)) > 0, total, x)


def gather_rows(x: Tensor, index: Tensor) -> Tensor:
    """Rows of each sample by its own indices."""
    samples = paddle.arange(x.shape[0]).unsqueeze(1).expand_as(index)
    return paddle.gather_nd(x, paddle.stack([samples, index], axis=-1))


def scatter_add_rows(x: Tensor, index: Tensor, source: Tensor) -> Tensor:
    """Adds rows to those of each sample that its own indices name."""
    samples = paddle.arange(x.shape[0]).unsqueeze(1).expand_as(index)
    places = paddle.stack([samples, index], axis=-1)
    return paddle.scatter_nd_add(x, places, source)


def repeat_flags(x: Tensor, repeats: int, axis: int) -> Tensor:
    """Truth values repeated one by one, for which Paddle has no kernel."""
    x = paddle.repeat_interleave(x.astype("int64"), repeats, axis=axis)
    return x.astype("bool")
