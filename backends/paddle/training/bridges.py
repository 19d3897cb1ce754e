class Momentum(paddle.optimizer.Momentum):
    # Paddle keeps momentum and weight decay as float32 numbers, in float64, too.
    def __init__(self, l2=0.0, momentum=0.0, **given):
        super().__init__(momentum=momentum, **given)
        self.l2 = l2

    def _append_optimize_op(self, block, param_and_grad):
        l2 = self.l2
        if isinstance(param_and_grad, dict):
            l2 = param_and_grad.get("l2", l2)
            param_and_grad = self._update_param_group(param_and_grad)
        weight, gradient = param_and_grad
        step = gradient + l2 * weight
        if self._momentum:
            velocity = self._get_accumulator_master(self._velocity_acc_str, weight)
            velocity.set_value(self._momentum * velocity + step)
            step = step + self._momentum * velocity if self._use_nesterov else velocity
        rate = self._create_param_lr(param_and_grad)
        weight.set_value(weight - rate.astype(weight.dtype) * step)


class RMSProp(paddle.optimizer.RMSProp):
    # Paddle has epsilon inside of the root, and the rate inside of the velocity.
    def _append_optimize_op(self, block, param_and_grad):
        if isinstance(param_and_grad, dict):
            param_and_grad = self._update_param_group(param_and_grad)
        weight, gradient = param_and_grad
        square = self._get_accumulator_master(self._mean_square_acc_str, weight)
        square.set_value(self._rho * square + (1 - self._rho) * gradient**2)
        step = gradient / (paddle.sqrt(square) + self._epsilon)
        if self._momentum:
            velocity = self._get_accumulator_master(self._momentum_acc_str, weight)
            velocity.set_value(self._momentum * velocity + step)
            step = velocity
        rate = self._create_param_lr(param_and_grad)
        weight.set_value(weight - rate.astype(weight.dtype) * step)


def of_kept(loss, output, label, ignored, **given):
    # Paddle's own mean divides by all samples if the index is negative.
    total = loss(output, label, ignore_index=ignored, reduction="sum", **given)
    return total / (label != ignored).sum().astype(total.dtype)


def smoothed(output, label, smoothing, ignored=None, axis=-1):
    # Paddle's own label smoothing is a float32 number.
    log = F.log_softmax(output, axis=axis)
    kept = paddle.ones_like(label) if ignored is None else label != ignored
    at = paddle.where(kept.astype("bool"), label, paddle.zeros_like(label))
    each = paddle.take_along_axis(log, at.unsqueeze(axis), axis).squeeze(axis)
    each = (1 - smoothing) * each + smoothing * log.mean(axis)
    kept = kept.astype(each.dtype)
    return -(kept * each).sum() / kept.sum()


def ctc(output, target):
    # Paddle's own mean divides each sample's loss by the number of its labels.
    times = paddle.full([len(target)], output.shape[1], "int64")
    counts, target = (target != 0).sum(1), target.astype("int32")
    output = output.transpose([1, 0, 2])
    return F.ctc_loss(output, target, times, counts, reduction="none").mean()
