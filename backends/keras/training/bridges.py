class SGD(keras.optimizers.SGD):
    # Keras has the rate inside of the velocity, and no weight decay in the gradient.
    def __init__(self, l2=0.0, **given):
        super().__init__(**given)
        self.l2 = l2

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        decay = self.l2 if self._use_weight_decay(variable) else 0.0
        step = gradient + decay * variable
        if self.momentum:
            velocity = self.momentums[self._get_variable_index(variable)]
            self.assign(velocity, self.momentum * velocity + step)
            step = step + self.momentum * velocity if self.nesterov else velocity
        self.assign_sub(variable, rate * step)


class Adam(keras.optimizers.Adam):
    # Keras adds epsilon before it corrects the bias; its own weight decay is AdamW's.
    def __init__(self, l2=0.0, **given):
        super().__init__(**given)
        self.l2 = l2

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        step = ops.cast(self.iterations + 1, variable.dtype)
        index = self._get_variable_index(variable)
        first, second = self._momentums[index], self._velocities[index]
        decay = self.l2 if self._use_weight_decay(variable) else 0.0
        gradient = gradient + decay * variable
        self.assign(first, self.beta_1 * first + (1 - self.beta_1) * gradient)
        self.assign(second, self.beta_2 * second + (1 - self.beta_2) * gradient**2)
        root = ops.sqrt(second / (1 - ops.power(self.beta_2, step))) + self.epsilon
        mean = first / (1 - ops.power(self.beta_1, step))
        self.assign_sub(variable, rate * mean / root)


class RMSprop(keras.optimizers.RMSprop):
    # Keras has epsilon inside of the root, and the rate inside of the velocity.
    def __init__(self, l2=0.0, **given):
        super().__init__(**given)
        self.l2 = l2

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        index = self._get_variable_index(variable)
        square = self._velocities[index]
        decay = self.l2 if self._use_weight_decay(variable) else 0.0
        gradient = gradient + decay * variable
        self.assign(square, self.rho * square + (1 - self.rho) * gradient**2)
        step = gradient / (ops.sqrt(square) + self.epsilon)
        if self.momentum:
            velocity = self._momentums[index]
            self.assign(velocity, self.momentum * velocity + step)
            step = velocity
        self.assign_sub(variable, rate * step)


class Adagrad(keras.optimizers.Adagrad):
    # Keras has epsilon inside of the root.
    def __init__(self, l2=0.0, **given):
        super().__init__(initial_accumulator_value=0.0, **given)
        self.l2 = l2

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        squares = self._accumulators[self._get_variable_index(variable)]
        decay = self.l2 if self._use_weight_decay(variable) else 0.0
        gradient = gradient + decay * variable
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
