"""What somebody may have taken for a rule: if updates are wrong, one of these may explain them.

Each is a rule that some framework has, or an error that is easily made. None is right: what it gives is compared with
what was observed only after the rule of the spec did not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from archspec.training.base import Optimizer
from archspec.training.groups import Share
from archspec.training.losses import L1, BinaryCrossEntropy, Ctc, Huber, KlDivergence, Mse
from archspec.training.optimizers import Adagrad, Adam, Adamw, Rmsprop, Sgd
from archspec.training.plan import Plan
from archspec.training.replay import Rules, Update

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

Wrong = Callable[[dict[str, "Array"], dict[str, "Array"]], float]
"""A loss, of outputs and targets by name."""


def suspects(plan: Plan, rules: Rules, shares: Mapping[str, Share]) -> Iterator[tuple[str, Rules]]:
    """Other rules, by what is then wrong; `shares` are those of the weights."""
    yield from _rates(plan, rules)
    yield from _factors(rules)
    yield from _decays(plan, rules)
    yield from _clips(plan, rules)
    yield from _momenta(plan, rules, shares)
    kinds = dict.fromkeys(share.momentum for share in shares.values())
    known = {momentum: dict(_updates(plan.optimizer_for(Share(momentum=momentum)))) for momentum in kinds}
    for name in next(iter(known.values()), {}):
        updates = {weight: known[share.momentum][name] for weight, share in shares.items()}
        yield name, replace(rules, updates=updates)


def _rates(plan: Plan, rules: Rules) -> Iterator[tuple[str, Rules]]:
    rates = list(rules.rates)
    base = plan.optimizer.learning_rate
    yield "the schedule is one step late", replace(rules, rates=[base, *rates[:-1]])
    yield "the schedule is one step early", replace(rules, rates=[*rates[1:], rates[-1]])
    yield "the rate stays the same: the schedule is lost", replace(rules, rates=[base] * len(rates))
    yield "nothing is learned: the update is lost", replace(rules, rates=[0.0] * len(rates))


def _factors(rules: Rules) -> Iterator[tuple[str, Rules]]:
    factors = rules.factors
    if len(set(factors.values())) > 1:
        yield "the groups' learning rates are lost: all have that of the rest", replace(
            rules, factors=dict.fromkeys(factors, 1.0)
        )  # fmt: skip
        for factor in dict.fromkeys(factors.values()):
            lost = {name: 1.0 if each == factor else each for name, each in factors.items()}
            if factor != 1:
                yield f"the group with {factor:g} times the learning rate is lost", replace(rules, factors=lost)
        inverse = {name: 1 / each for name, each in factors.items()}
        yield "the groups' learning rates are divided by their factors", replace(rules, factors=inverse)


def _momenta(plan: Plan, rules: Rules, shares: Mapping[str, Share]) -> Iterator[tuple[str, Rules]]:
    own = [value for value in dict.fromkeys(share.momentum for share in shares.values()) if value is not None]
    for value in own:
        lost = {
            name: plan.optimizer.reference if shares[name].momentum == value else update
            for name, update in rules.updates.items()
        }
        yield f"the group with a momentum of {value:g} is lost", replace(rules, updates=lost)
    if len(own) > 1:
        usual = dict.fromkeys(shares, plan.optimizer.reference)
        yield "the groups' momenta are lost: all have that of the rest", replace(rules, updates=usual)


def _decays(plan: Plan, rules: Rules) -> Iterator[tuple[str, Rules]]:
    decay = plan.optimizer.weight_decay
    if not decay:
        return
    everywhere, nowhere = dict.fromkeys(rules.decays, decay), dict.fromkeys(rules.decays, 0.0)
    yield "weight decay is missing", replace(rules, decays=nowhere)
    yield "weight decay draws at all weights: the group without is lost", replace(rules, decays=everywhere)
    for value in dict.fromkeys(each for each in rules.decays.values() if each != decay):
        lost = {name: decay if each == value else each for name, each in rules.decays.items()}
        of = f"with {value / decay:g} times the" if value else "without"
        yield f"the group {of} weight decay is lost", replace(rules, decays=lost)
    swapped = {name: decay - value for name, value in rules.decays.items()}
    yield "weight decay draws at the wrong group", replace(rules, decays=swapped)
    halved = {name: value / 2 for name, value in rules.decays.items()}
    yield "weight decay is half of what it is (of w^2 / 2)", replace(rules, decays=halved)
    doubled = {name: value * 2 for name, value in rules.decays.items()}
    yield "weight decay is twice what it is (of w^2)", replace(rules, decays=doubled)

    def decoupled(
        inner: Update, step: int, rate: float, d: float, w: Array, g: Array, state: dict[str, Array]
    ) -> Array:
        return inner(step, rate, 0.0, w - rate * d * w, g, state)

    def coupled(inner: Update, step: int, rate: float, d: float, w: Array, g: Array, state: dict[str, Array]) -> Array:
        return inner(step, rate, 0.0, w, g + d * w, state)

    def unscaled(inner: Update, step: int, rate: float, d: float, w: Array, g: Array, state: dict[str, Array]) -> Array:
        return inner(step, rate, 0.0, w - d * w, g, state)

    def around(wrong: Callable[..., Array]) -> Rules:
        return replace(rules, updates={name: partial(wrong, inner) for name, inner in rules.updates.items()})

    if isinstance(plan.optimizer, Adamw):
        yield "weight decay is coupled: it is part of the gradient", around(coupled)
    else:
        yield "weight decay is decoupled: it is no part of the gradient", around(decoupled)
    yield "weight decay is not multiplied by the rate", around(unscaled)


def _clips(plan: Plan, rules: Rules) -> Iterator[tuple[str, Rules]]:
    most = plan.clip_norm or plan.clip_value
    if most is None:
        return
    yield "gradients are not clipped", replace(rules, clip=lambda g, norm: g)
    if plan.clip_norm:
        yield "the norm for clipping has 1e-6 added", replace(rules, clip=lambda g, n: g * min(1.0, most / (n + 1e-6)))
        yield "gradients are always scaled to the norm", replace(rules, clip=lambda g, norm: g * most / norm)
        yield (
            "each gradient is clipped by its own norm",
            replace(rules, clip=lambda g, norm: g * min(1.0, most / float(np.linalg.norm(g)))),
        )
        yield "gradients are clipped by value, not by norm", replace(rules, clip=lambda g, n: np.clip(g, -most, most))
    else:
        by_norm = replace(rules, clip=lambda g, norm: g * min(1.0, most / norm))
        yield "gradients are clipped by norm, not by value", by_norm


def _updates(optimizer: Optimizer) -> Iterator[tuple[str, Update]]:
    match optimizer:
        case Sgd() as rule:
            yield from _of_sgd(rule)
        case Adam() as rule:
            yield from _of_adam(rule)
        case Rmsprop() as rule:
            yield from _of_rmsprop(rule)
        case Adagrad() as rule:
            yield "epsilon is inside of the root", _adagrad(rule, lambda s: np.sqrt(s + rule.epsilon))
            yield "epsilon is missing", _adagrad(rule, np.sqrt)
            yield (
                "the sum begins with 0.1",
                _adagrad(rule, lambda s: np.sqrt(s + float(np.float32(0.1))) + rule.epsilon),
            )


def _of_sgd(rule: Sgd) -> Iterator[tuple[str, Update]]:
    m = rule.momentum
    if not m:
        yield "there is a momentum of 0.9", rule.model_copy(update={"momentum": 0.9}).reference
        return

    def inside(step: int, rate: float, d: float, w: Array, g: Array, state: dict[str, Array]) -> Array:
        g = g + d * w
        v = state["velocity"] = m * state["velocity"] - rate * g
        return w + (m * v - rate * g if rule.nesterov else v)

    def dampened(step: int, rate: float, d: float, w: Array, g: Array, state: dict[str, Array]) -> Array:
        v = state["velocity"] = m * state["velocity"] + (1 - m) * (g + d * w)
        return w - rate * v

    yield "the learning rate is inside of the velocity", inside
    yield "the momentum is lost", rule.model_copy(update={"momentum": 0.0, "nesterov": False}).reference
    other = rule.model_copy(update={"nesterov": not rule.nesterov})
    yield "nesterov is missing" if rule.nesterov else "the step is nesterov's", other.reference
    yield "the velocity is dampened", dampened


def _of_adam(rule: Adam) -> Iterator[tuple[str, Update]]:
    a, b, e = rule.beta1, rule.beta2, rule.epsilon
    decoupled = isinstance(rule, Adamw)

    def made(root: Callable[[Array, int], Array], first: Callable[[int], float]) -> Update:
        def update(step: int, rate: float, d: float, w: Array, g: Array, state: dict[str, Array]) -> Array:
            w, g = (w - rate * d * w, g) if decoupled else (w, g + d * w)
            m = state["first"] = a * state["first"] + (1 - a) * g
            v = state["second"] = b * state["second"] + (1 - b) * g**2
            return w - rate * m / first(step) / root(v, step)

        return update

    def corrected(step: int) -> float:
        return 1 - a**step

    yield (
        "epsilon is added before the bias is corrected",
        made(lambda v, t: (np.sqrt(v) + e) / np.sqrt(1 - b**t), corrected),
    )
    yield "epsilon is inside of the root", made(lambda v, t: np.sqrt(v / (1 - b**t) + e), corrected)
    yield "epsilon is missing", made(lambda v, t: np.sqrt(v / (1 - b**t)), corrected)
    yield "the bias is not corrected", made(lambda v, t: np.sqrt(v) + e, lambda t: 1.0)
    yield (
        "the bias is corrected one step late",
        made(lambda v, t: np.sqrt(v / (1 - b ** (t + 1))) + e, lambda t: 1 - a ** (t + 1)),
    )
    swapped = rule.model_copy(update={"beta1": b, "beta2": a})
    yield "beta1 and beta2 are swapped", swapped.reference


def _of_rmsprop(rule: Rmsprop) -> Iterator[tuple[str, Update]]:
    a, e, m = rule.alpha, rule.epsilon, rule.momentum

    def made(root: Callable[[Array], Array], *, inside: bool = False) -> Update:
        def update(step: int, rate: float, d: float, w: Array, g: Array, state: dict[str, Array]) -> Array:
            g = g + d * w
            v = state["square"] = a * state["square"] + (1 - a) * g**2
            u = g / root(v)
            if not m:
                return w - rate * u
            b = state["velocity"] = m * state["velocity"] + (rate * u if inside else u)
            return w - (b if inside else rate * b)

        return update

    def centered(step: int, rate: float, d: float, w: Array, g: Array, state: dict[str, Array]) -> Array:
        g = g + d * w
        v = state["square"] = a * state["square"] + (1 - a) * g**2
        mean = state["mean"] = a * state.get("mean", np.zeros_like(g)) + (1 - a) * g
        return w - rate * g / (np.sqrt(v - mean**2) + e)

    yield "epsilon is inside of the root", made(lambda v: np.sqrt(v + e))
    yield "epsilon is missing", made(np.sqrt)
    if not m:
        yield "gradients are centered: the square of their mean is taken off", centered
    if m:
        yield "the learning rate is inside of the velocity", made(lambda v: np.sqrt(v) + e, inside=True)
        yield (
            "epsilon is inside of the root, and the learning rate inside of the velocity",
            made(lambda v: np.sqrt(v + e), inside=True),
        )
        yield "the momentum is lost", rule.model_copy(update={"momentum": 0.0}).reference


def _adagrad(rule: Adagrad, root: Callable[[Array], Array]) -> Update:
    def update(step: int, rate: float, d: float, w: Array, g: Array, state: dict[str, Array]) -> Array:
        g = g + d * w
        s = state["sum"] = state["sum"] + g**2
        return w - rate * g / root(s)

    return update


def wrong_losses(plan: Plan, batch: int) -> Iterator[tuple[str, Wrong]]:
    """Other losses, by what is then wrong: functions of outputs and targets."""
    right = losses(plan)
    yield "it is the sum over the batch, not the mean", lambda outputs, targets: batch * right(outputs, targets)
    for name, loss in plan.losses.items():
        if len(plan.losses) > 1:
            rest = {key: each for key, each in plan.losses.items() if key != name}
            yield f"the loss of {name} is missing", losses(replace(plan, losses=rest))
        if loss.weight != 1:
            one = plan.losses | {name: loss.model_copy(update={"weight": 1.0})}
            yield f"the weight of {name} is lost", losses(replace(plan, losses=one))
        for attribute, value in (
            ("label_smoothing", 0.0),
            ("class_weights", None),
            ("ignore_index", None),
            ("delta", 1.0),
            ("times", None),
            ("lengths", None),
        ):
            if getattr(loss, attribute, value) != value:
                other = plan.losses | {name: loss.model_copy(update={attribute: value})}
                yield f"{attribute} is lost", losses(replace(plan, losses=other))
        if isinstance(loss, Ctc):
            yield "each sample's loss is divided by the number of its labels", _by_labels(plan, name)
        if getattr(loss, "of", "logits") != "logits":
            other = plan.losses | {name: loss.model_copy(update={"of": "logits"})}
            yield "probabilities are taken for logits", losses(replace(plan, losses=other))
        if (ignored := getattr(loss, "ignore_index", None)) is not None:
            yield "what is ignored counts in the mean", _scaled(plan, name, partial(_kept, ignored))
        if (weights := getattr(loss, "class_weights", None)) is not None:
            yield (
                "the weighted sum is divided by the number of samples",
                _scaled(plan, name, partial(_mean_weight, np.array(weights))),
            )
        yield from _of_elements(plan, name)


def losses(plan: Plan) -> Wrong:
    """The loss of a plan, of outputs and targets by name."""
    return lambda outputs, targets: sum(
        loss.weight * loss.value(outputs[name], targets) for name, loss in plan.losses.items()
    )


def _by_labels(plan: Plan, name: str) -> Wrong:
    loss: Any = plan.losses[name]

    def wrong(outputs: dict[str, Array], targets: dict[str, Array]) -> float:
        each = []
        for index, output in enumerate(outputs[name]):
            own_data = {key: array[index : index + 1] for key, array in targets.items()}
            count = own_data[loss.lengths][0] if loss.lengths else np.count_nonzero(own_data[loss.target])
            each.append(loss.value(output[None], own_data) / max(1, count))
        own: float = loss.weight * loss.value(outputs[name], targets)
        other: float = loss.weight * float(np.mean(each))
        return losses(plan)(outputs, targets) - own + other

    return wrong


def _scaled(plan: Plan, name: str, factor: Callable[[Array, Array], float]) -> Wrong:
    """The loss of one output is so many times what it is; the factor is a function of output and target."""
    loss: Any = plan.losses[name]

    def wrong(outputs: dict[str, Array], targets: dict[str, Array]) -> float:
        output, target = outputs[name], targets[loss.target]
        own: float = loss.weight * loss.value(output, targets)
        return losses(plan)(outputs, targets) + (factor(output, target) - 1) * own

    return wrong


def _kept(ignored: int, output: Array, target: Array) -> float:
    return float(np.mean(target != ignored))


def _mean_weight(weights: Array, output: Array, target: Array) -> float:
    return float(np.mean(weights[target]))


def _of_elements(plan: Plan, name: str) -> Iterator[tuple[str, Wrong]]:
    """Other means of losses that are a mean over elements, and other such losses."""
    loss = plan.losses[name]
    rest = {"target": loss.target, "weight": loss.weight}
    if isinstance(loss, KlDivergence):
        yield "it is the mean over all elements, not over samples", _scaled(plan, name, lambda x, _: len(x) / x.size)
    if not isinstance(loss, Mse | L1 | Huber | BinaryCrossEntropy):
        return
    yield "it is the sum over all elements, not the mean", _scaled(plan, name, lambda x, _: float(x.size))
    yield "it is half of what it is", _scaled(plan, name, lambda x, _: 0.5)
    if isinstance(loss, BinaryCrossEntropy):
        return
    for other, of in ((Mse, "a mean of squares"), (L1, "a mean of absolute values"), (Huber, "a Huber loss")):
        if not isinstance(loss, other):
            yield f"it is {of}", losses(replace(plan, losses=plan.losses | {name: other(**rest)}))
    if isinstance(loss, Huber):
        delta = loss.delta
        yield "it is divided by delta", _scaled(plan, name, lambda x, _: 1 / delta)
