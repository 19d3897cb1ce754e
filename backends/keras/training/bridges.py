class SGD(keras.optimizers.SGD):
    # Keras has the rate inside of the velocity, and no weight decay in the gradient.
    def __init__(self, l2=0.0, groups=(), **given):
        super().__init__(**given)
        self.l2, self.groups = l2, dict(groups)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        path = self._trainable_variables[index].path
        factor, share = self.groups.get(path, (1.0, 1.0))
        rate = factor * ops.cast(learning_rate, variable.dtype)
        step = gradient + share * self.l2 * variable
        if self.momentum:
            velocity = self.momentums[index]
            self.assign(velocity, self.momentum * velocity + step)
            step = step + self.momentum * velocity if self.nesterov else velocity
        self.assign_sub(variable, rate * step)


class Adam(keras.optimizers.Adam):
    # Keras adds epsilon before it corrects the bias; `l2` is Adam's, `decay` AdamW's.
    def __init__(self, l2=0.0, decay=0.0, groups=(), **given):
        super().__init__(**given)
        self.l2, self.decay, self.groups = l2, decay, dict(groups)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        path = self._trainable_variables[index].path
        factor, share = self.groups.get(path, (1.0, 1.0))
        rate = factor * ops.cast(learning_rate, variable.dtype)
        step = ops.cast(self.iterations + 1, variable.dtype)
        first, second = self._momentums[index], self._velocities[index]
        gradient = gradient + share * self.l2 * variable
        self.assign(first, self.beta_1 * first + (1 - self.beta_1) * gradient)
        self.assign(second, self.beta_2 * second + (1 - self.beta_2) * gradient**2)
        root = ops.sqrt(second / (1 - ops.power(self.beta_2, step))) + self.epsilon
        mean = first / (1 - ops.power(self.beta_1, step))
        self.assign_sub(variable, rate * (share * self.decay * variable + mean / root))


class RMSprop(keras.optimizers.RMSprop):
    # Keras has epsilon inside of the root, and the rate inside of the velocity.
    def __init__(self, l2=0.0, groups=(), **given):
        super().__init__(**given)
        self.l2, self.groups = l2, dict(groups)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        path = self._trainable_variables[index].path
        factor, share = self.groups.get(path, (1.0, 1.0))
        rate = factor * ops.cast(learning_rate, variable.dtype)
        square = self._velocities[index]
        gradient = gradient + share * self.l2 * variable
        self.assign(square, self.rho * square + (1 - self.rho) * gradient**2)
        step = gradient / (ops.sqrt(square) + self.epsilon)
        if self.momentum:
            velocity = self._momentums[index]
            self.assign(velocity, self.momentum * velocity + step)
            step = velocity
        self.assign_sub(variable, rate * step)


class Adagrad(keras.optimizers.Adagrad):
    # Keras has epsilon inside of the root.
    def __init__(self, l2=0.0, groups=(), **given):
        super().__init__(initial_accumulator_value=0.0, **given)
        self.l2, self.groups = l2, dict(groups)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        path = self._trainable_variables[index].path
        factor, share = self.groups.get(path, (1.0, 1.0))
        rate = factor * ops.cast(learning_rate, variable.dtype)
        squares = self._accumulators[index]
        gradient = gradient + share * self.l2 * variable
        self.assign(squares, squares + gradient**2)
        self.assign_sub(variable, rate * gradient / (ops.sqrt(squares) + self.epsilon))


def cross_entropy(smoothing=0.0, weights=None, ignored=None, probabilities=False):
    # Keras smooths one-hot labels only, divides weighted sums by the number of samples,
    # and clips probabilities.
    def loss(label, output):
        log = ops.log(output) if probabilities else ops.log_softmax(output)
        label = ops.cast(label, "int32")
        at = ops.expand_dims(ops.maximum(label, 0), -1)
        each = -(1 - smoothing) * ops.take_along_axis(log, at, -1)[..., 0]
        if smoothing:
            each = each - smoothing * ops.mean(log, axis=-1)
        share = ops.ones_like(each)
        if weights is not None:
            share = ops.take(ops.convert_to_tensor(weights, dtype=log.dtype), label)
        if ignored is not None:
            share = ops.cast(label != ignored, log.dtype)
        return ops.sum(share * each) / ops.sum(share)

    return loss


def binary_cross_entropy(target, output):
    # Keras clips probabilities.
    def log(p):
        known = ops.log(ops.where(p > 0, p, 1.0))
        return ops.maximum(ops.where(p > 0, known, -100.0), -100.0)

    return -ops.mean(target * log(output) + (1 - target) * log(1 - output))


def kl_divergence(target, output):
    # Keras clips, and takes no logits.
    there = target > 0
    logs = ops.log(ops.where(there, target, 1.0)) - ops.log_softmax(output)
    each = ops.where(there, target * logs, 0.0)
    return ops.sum(each) / ops.cast(ops.shape(output)[0], output.dtype)


def ctc(target, output):
    # Keras adds 1e-7 to probabilities. Blanks stand between the labels, and around them.
    log, label = ops.log_softmax(output), ops.cast(target, "int32")
    count, never = ops.sum(ops.cast(label != 0, "int32"), 1, keepdims=True), -1e30
    pairs = ops.stack([ops.zeros_like(label), label], -1)
    states = ops.pad(ops.reshape(pairs, (-1, 2 * label.shape[1])), [[0, 0], [0, 1]])
    before = ops.pad(states, [[0, 0], [2, 0]])[:, :-2]
    skips = ops.logical_and(states != 0, states != before)
    seen = ops.transpose(ops.take_along_axis(log, states[:, None, :], -1), (1, 0, 2))
    first = ops.where(ops.arange(states.shape[1]) < 2, seen[0], never)

    def step(reached, now):
        one, two = (
            ops.pad(reached, [[0, 0], [n, 0]], constant_values=never)[:, :-n]
            for n in (1, 2)
        )
        reached = ops.logaddexp(reached, one)
        reached = ops.logaddexp(reached, ops.where(skips, two, never)) + now
        return reached, None

    reached, _ = ops.scan(step, first, seen[1:])
    end = ops.take_along_axis(reached, 2 * count, 1)
    other = ops.take_along_axis(reached, ops.maximum(2 * count - 1, 0), 1)
    other = ops.where(count > 0, other, never)
    return -ops.mean(ops.logaddexp(end, other))
