"""Faults put into scripts that train, one at a time: `verify --steps` finds each, and says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from archspec.backend import Program, backends
from archspec.verification.steps import examine
from archspec.verification.trial import Trial
from archspec.verification.workers import Pool

from .test_steps import CONFIGURATIONS

pytestmark = pytest.mark.frameworks

FAULTS = [
    # What frameworks do by themselves, where a bridge stands.
    ("discexp", "keras", r"optimizer=SGD\(", "optimizer=keras.optimizers.SGD(",
     "the learning rate is inside of the velocity"),
    ("momentum and decay", "keras", r"optimizer=SGD\(\s*l2", "optimizer=keras.optimizers.SGD(weight_decay",
     "weight decay is decoupled"),
    ("adam", "keras", r"optimizer=Adam\(", "optimizer=keras.optimizers.Adam(",
     "epsilon is added before the bias is corrected"),
    ("adamw", "keras", r"optimizer=Adam\(\s*decay", "optimizer=keras.optimizers.Adam(weight_decay",
     "epsilon is added before the bias is corrected"),
    ("rmsprop", "keras", r"optimizer=RMSprop\(", "optimizer=keras.optimizers.RMSprop(",
     "epsilon is inside of the root"),
    ("rmsprop", "paddle", r"optimizer = RMSProp\(", "optimizer = paddle.optimizer.RMSProp(",
     "epsilon is inside of the root"),
    ("rmsprop, momentum", "paddle", r"optimizer = RMSProp\(", "optimizer = paddle.optimizer.RMSProp(",
     "epsilon is inside of the root"),
    ("adagrad", "keras", r"optimizer=Adagrad\(", "optimizer=keras.optimizers.Adagrad(initial_accumulator_value=0.0, ",
     "epsilon is inside of the root"),
    ("adagrad", "keras", "initial_accumulator_value=0.0", "initial_accumulator_value=0.1", "the sum begins with 0.1"),
    ("clip by norm", "pytorch", r" / norm\)", " / (norm + 1e-6))", "the norm for clipping has 1e-6 added"),
    ("clip by norm", "keras", "global_clipnorm", "clipnorm", "each gradient is clipped by its own norm"),
    ("ignored", "paddle", r"of_kept\(F.cross_entropy, logits, target, -100\)",
     "F.cross_entropy(logits, target, ignore_index=-100)", "what is ignored counts in the mean"),
    ("class weights", "keras", r"ops.sum\(share\)", "ops.cast(ops.shape(each)[0], each.dtype)",
     "the weighted sum is divided by the number of samples"),
    # What is easily lost, or done twice.
    ("momentum", "pytorch", r", momentum=[\d.]+", "", "the momentum is lost"),
    ("momentum", "pytorch", r"(momentum=)([\d.]+)", r"\1\2, dampening=\2", "by no rule that is known"),
    ("nesterov", "pytorch", r"nesterov=True", "nesterov=False", "nesterov is missing"),
    ("nesterov", "paddle", r"gradient \+ self._momentum \* velocity", "velocity", "nesterov is missing"),
    ("nesterov", "keras", r"nesterov=True", "nesterov=False", "nesterov is missing"),
    ("decay", "pytorch", r"weight_decay=[\d.]+", "weight_decay=0.0", "weight decay is missing"),
    ("decay", "paddle", r"weight_decay=([\d.]+),", r"weight_decay=2 * \1,", "weight decay is twice what it is"),
    ("decay", "keras", r"l2=([\d.]+)", r"l2=\1 / 2", "weight decay is half of what it is"),
    ("decay of matrices", "pytorch", r'"weight_decay": 0.0', '"weight_decay": 0.05000000074505806',
     "the group without is lost"),
    ("decay of matrices", "keras", "groups=groups", "groups={}", "the group without is lost"),
    ("adamw, decay of matrices", "paddle", "        if name", "        if not name",
     "weight decay draws at the wrong group"),
    ("adamw", "pytorch", "torch.optim.AdamW", "torch.optim.Adam", "weight decay is coupled"),
    ("adam, decay", "pytorch", r"torch.optim.Adam\(", "torch.optim.AdamW(", "weight decay is decoupled"),
    ("adam", "pytorch", r"betas=\(([\d.]+), ([\d.]+)\)", r"betas=(\2, \1)", "beta1 and beta2 are swapped"),
    ("adam, decay", "keras", r"power\(self.beta_2, step\)\)\) \+ self.epsilon",
     "power(self.beta_2, step)) + self.epsilon)", "epsilon is inside of the root"),
    ("adam, decay", "keras", r"self.iterations \+ 1,", "self.iterations + 2,", "the bias is corrected one step late"),
    ("steps", "pytorch", r"lr\(step,", "lr(max(step - 1, 0),", "the schedule is one step late"),
    ("cosine", "keras", r"lr\(step,", "lr(step + 1,", "the schedule is one step early"),
    ("cosine by epochs", "paddle", r"batch_size, len\(order\)\)\n", "batch_size, len(order) + 1)\n", "step 1 has"),
    ("discexp", "paddle", r"optimizer.set_lr\(rate\)", "pass", "the rate stays the same: the schedule is lost"),
    ("clip by norm", "paddle", "grad_clip=", "grad_clip=None and ", "gradients are not clipped"),
    ("clip by value", "keras", "clipvalue", "global_clipnorm", "gradients are clipped by norm, not by value"),
    ("accumulate", "pytorch", r"\(loss / 3\)", "loss", "the gradient of the first loss is 3 times what it is"),
    ("accumulate", "keras", "gradient_accumulation_steps=3", "gradient_accumulation_steps=2", "in another way"),
    ("sgd", "pytorch", r"F.cross_entropy\(logits, label", 'F.cross_entropy(logits, label, reduction="sum"',
     "it is the sum over the batch, not the mean"),
    ("label smoothing", "pytorch", r"label_smoothing=[\d.]+", "label_smoothing=0.0", "label_smoothing is lost"),
    ("class weights", "paddle", "weight=paddle", "weight=None and paddle", "class_weights is lost"),
    ("huber", "paddle", "delta=0.5", "delta=1.0", "delta is lost"),
    ("heads", "keras", r"loss_weights=\[1.0, [\d.]+\]", "loss_weights=[1.0, 1.0]", "the weight of aux is lost"),
    ("heads", "pytorch", r"loss = loss \+ .*\n", "pass\n", "the loss of aux is missing"),
    ("binary, of probabilities", "paddle", r"F.binary_cross_entropy\(", "F.binary_cross_entropy_with_logits(",
     "probabilities are taken for logits"),
    ("ctc", "pytorch", r', reduction="none"\).mean\(\)', ")", "divided by the number of its labels"),
    ("ctc", "keras", r"ops.log_softmax\(output\)", "ops.log(ops.softmax(output) + 1e-7)", None),
    ("ctc", "paddle", r"\(target != 0\).sum\(1\)", "paddle.full([len(target)], target.shape[1], 'int64')", None),
    ("ctc of lengths", "pytorch", "times=heard, ", "", "times is lost"),
    ("ctc of lengths", "paddle", ", lengths=letters", "", "lengths is lost"),
    ("ctc of lengths", "keras", r"< times", "< times + 99", "times is lost"),
    # Groups.
    ("groups", "pytorch", r' \* group\["factor"\]', "", "the groups' learning rates are lost"),
    ("groups", "paddle", r'"learning_rate": 2.0', '"learning_rate": 1.0',
     "the group with 2 times the learning rate is lost"),
    ("groups", "keras", r"= 2.0, 0.5", "= 2.0, 1.0", "the group with 0.5 times the weight decay is lost"),
    ("adamw, groups", "keras", r"factor \* ops.cast", "ops.cast", "the groups' learning rates are lost"),
    ("adamw, groups", "paddle", r'"weight_decay": 0.0', '"weight_decay": 0.05000000074505806',
     "the group without weight decay is lost"),
    ("momenta", "pytorch", r', "momentum": 0.5', "", "the group with a momentum of 0.5 is lost"),
    ("momenta", "keras", r"1.0, 1.0, 0.5", "1.0, 1.0, 0.8999999761581421", "the group with a momentum of 0.5 is lost"),
    ("momenta", "paddle", r', "momentum": [\d.]+', "", "the groups' momenta are lost"),
    ("frozen", "pytorch", r"weight.requires_grad_\(False\)", 'weights[1]["params"].append(weight)', "it is frozen"),
    ("frozen", "keras", "weight.trainable = False", "pass", "it is frozen"),
    ("frozen", "paddle", r"\(gradients\):", "(gradients[:3]):", "by no rule that is known"),
    ("frozen", "paddle", r"weight.need_clip = False", 'weights[1]["params"].append(weight)', "it is frozen"),
    # The data, and what the model makes of it.
    ("sgd", "paddle", r"args.seed, epoch\)", "epoch, args.seed)", None),
    ("sgd", "keras", r"args.seed, epoch\)", "args.seed, 1)", None),
    ("sgd", "pytorch", r"model.train\(\)", "model.eval()", None),
    # What is kept of weights.
    ("averages", "keras", r"([\d.]+) \* average", r"\1 * (average if self.model.optimizer.iterations > 1 else weight)",
     "they begin with the weights after the first update"),
    ("averages", "pytorch", r"follow\(averages, model\)\n",
     "[average.copy_(weight.detach()) for average, weight in zip(averages, trained(model))] if step == 0 else "
     "follow(averages, model)\n", "they begin with the weights after the first update"),
    ("averages", "pytorch", r"alpha=1 - ([\d.]+)", r"alpha=\1", "by no rule that is known"),
    ("averages", "paddle", r" if not each.stop_gradient\]", "]", "bn.running_mean is averaged, and not trained"),
    ("averages", "paddle", r"        follow\(averages, model\)\n", "", "they are never moved"),
    # Losses over elements.
    ("huber", "keras", "delta=0.5", "delta=1.0", "delta is lost"),
    ("huber", "pytorch", r"F.huber_loss\(", "2 * F.huber_loss(", "it is divided by delta"),
    ("mse", "pytorch", r"mse_loss\((\w+), (\w+)", r'mse_loss(\1, \2, reduction="sum"',
     "it is the sum over all elements, not the mean"),
    ("mse", "keras", "MeanSquaredError", "MeanAbsoluteError", "it is a mean of absolute values"),
    ("mse", "paddle", r"return F.mse_loss\(", "return 0.5 * F.mse_loss(", "it is half of what it is"),
    ("l1", "pytorch", "l1_loss", "smooth_l1_loss", "it is a Huber loss"),
    ("l1", "keras", "MeanAbsoluteError", "MeanSquaredError", "it is a mean of squares"),
    ("l1", "paddle", r"return F.l1_loss\(", "return 5 * F.l1_loss(", None),
    ("kl", "pytorch", '"batchmean"', '"mean"', "it is the mean over all elements, not over samples"),
    ("kl", "paddle", r"F.log_softmax\(logits, axis=1\)", "logits", None),
    # What else must be found in each framework.
    ("discexp", "pytorch", r'group\["lr"\] = rate', "pass", "the rate stays the same: the schedule is lost"),
    ("momentum and decay", "pytorch", r"weight_decay=[\d.]+", "weight_decay=0.0", "weight decay is missing"),
    ("momentum and decay", "paddle", r" \+ self._regularization_coeff \* weight", "", "weight decay is missing"),
    ("adam", "paddle", r"beta1=([\d.]+),(\s+)beta2=([\d.]+)", r"beta1=\3,\2beta2=\1", "beta1 and beta2 are swapped"),
    ("adam, decay", "paddle", r"paddle.optimizer.Adam\(", "paddle.optimizer.AdamW(", "weight decay is decoupled"),
    ("adamw", "paddle", r"paddle.optimizer.AdamW\(", "paddle.optimizer.Adam(", "weight decay is coupled"),
    ("rmsprop", "pytorch", r"RMSprop\(", "RMSprop(centered=True, params=", "gradients are centered"),
    ("rmsprop, momentum", "pytorch", r"momentum=[\d.]+", "momentum=0.0", "the momentum is lost"),
    ("rmsprop, momentum", "keras", r"self.momentum \* velocity \+ step", "step", "the momentum is lost"),
    ("adagrad", "pytorch", r", eps", ", initial_accumulator_value=0.10000000149011612, eps", "the sum begins with 0.1"),
    ("adagrad", "paddle", r"Adagrad\(", "Adagrad(initial_accumulator_value=0.10000000149011612, ",
     "the sum begins with 0.1"),
    ("momentum", "keras", r"momentum=[\d.]+", "momentum=0.0", "the momentum is lost"),
    ("momentum", "paddle", r"momentum=[\d.]+", "momentum=0.0", "the momentum is lost"),
    ("decay of matrices", "paddle", r'"weight_decay": 0.0', '"weight_decay": 0.05000000074505806',
     "the group without is lost"),
    ("steps", "keras", r"lr\(step,", "lr(max(step - 1, 0),", "the schedule is one step late"),
    ("steps", "paddle", r"lr\(step,", "lr(max(step - 1, 0),", "the schedule is one step late"),
    ("cosine", "pytorch", r"lr\(step,", "lr(step + 1,", "the schedule is one step early"),
    ("cosine", "paddle", r"lr\(step,", "lr(step + 1,", "the schedule is one step early"),
    ("clip by value", "pytorch", r"torch.nn.utils.clip_grad_value_\(.*\)", "pass", "gradients are not clipped"),
    ("clip by value", "paddle", r"ClipGradByValue\(", "ClipGradByGlobalNorm(", "clipped by norm, not by value"),
    ("accumulate", "paddle", r"\(loss / 3\)", "loss", "the gradient of the first loss is 3 times what it is"),
    ("sgd", "keras", r"Crossentropy\(", 'Crossentropy(reduction="sum", ', "it is the sum over the batch, not the mean"),
    ("sgd", "paddle", r"F.cross_entropy\(logits, label", 'F.cross_entropy(logits, label, reduction="sum"',
     "it is the sum over the batch, not the mean"),
    ("label smoothing", "keras", r"smoothing=0.1\d+", "smoothing=0.0", "label_smoothing is lost"),
    ("label smoothing", "paddle", r"smoothing=[\d.]+", "smoothing=0.0", "label_smoothing is lost"),
    ("class weights", "pytorch", "weight=logits", "weight=None and logits", "class_weights is lost"),
    ("ignored", "pytorch", r"F.cross_entropy\(logits, target\)",
     'F.cross_entropy(logits, target, reduction="sum") / len(target)', "what is ignored counts in the mean"),
    ("ignored", "keras", r"ops.sum\(share \* each\) / ops.sum\(share\)", "ops.mean(share * each)",
     "what is ignored counts in the mean"),
    ("heads", "paddle", r"loss = loss \+ .*\n", "pass\n", "the loss of aux is missing"),
    ("binary, of probabilities", "pytorch", r"F.binary_cross_entropy\(", "F.binary_cross_entropy_with_logits(",
     "probabilities are taken for logits"),
    ("binary, of probabilities", "keras", r"def binary_cross_entropy\(target, output\):",
     r"\g<0>\n    output = ops.sigmoid(output)", "probabilities are taken for logits"),
    ("ctc", "keras", r"-ops.mean\(ops.logaddexp\(end, other\)\)",
     "-ops.mean(ops.logaddexp(end, other) / ops.cast(count, output.dtype))", "divided by the number of its labels"),
    ("ctc", "paddle", r', reduction="none"\).mean\(\)', ")", "divided by the number of its labels"),
    ("l1", "paddle", "l1_loss", "mse_loss", "it is a mean of squares"),
    ("kl", "keras", r"ops.sum\(each\) / ops.cast\(ops.shape\(output\)\[0\], output.dtype\)", "ops.mean(each)",
     "it is the mean over all elements, not over samples"),
    ("kl", "paddle", '"batchmean"', '"mean"', "it is the mean over all elements, not over samples"),
]  # fmt: skip
"""Configuration, framework, what stands in its script and what is put there, and what is said."""

MEASURED = (
    "sgd", "momentum", "nesterov", "momentum and decay", "decay", "decay of matrices", "steps", "discexp", "cosine",
    "adam", "adam, decay", "adamw", "rmsprop", "rmsprop, momentum", "adagrad", "clip by norm", "clip by value",
    "accumulate", "averages", "label smoothing", "class weights", "ignored", "binary, of probabilities", "mse", "l1",
    "huber", "kl", "ctc", "ctc of lengths", "heads", "groups", "momenta", "frozen",
)  # fmt: skip
"""What frameworks were measured at, and differ in by themselves or by what is easily lost."""


@pytest.mark.parametrize("backend", ["pytorch", "keras", "paddle"])
def test_all_that_was_measured_has_a_fault_with_a_name_in_each_framework(backend: str) -> None:
    unnamed = (None, "by no rule that is known")
    named = {name for name, where, *_, said in FAULTS if where == backend and said not in unnamed}
    assert not {*MEASURED} - named


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool({backend.name: backend.runner for backend in backends()}) as made:
        yield made


def _case(index: int, fault: tuple[str, str, str, str, str | None]) -> Any:
    name, backend, old, _, said = fault
    marks = [] if index % 8 == 0 else [pytest.mark.long]
    return pytest.param(*fault, id=f"{backend}: {said or old} ({name})", marks=marks)


@pytest.mark.parametrize(("name", "backend", "old", "new", "said"), [_case(*each) for each in enumerate(FAULTS)])
def test_faults_are_found_and_named(name: str, backend: str, old: str, new: str, said: str | None, pool: Pool) -> None:
    script = CONFIGURATIONS[name].script(backend)
    trial = Trial.of(CONFIGURATIONS[name], [script], 4, 0, None)
    text, count = re.subn(old, new, trial.scripts[backend])
    assert count
    wrong = replace(trial, scripts={backend: text})
    outcome = examine(wrong, [script], pool, 60).outcomes[backend]
    assert outcome.status == "failed", outcome.message
    if said is not None:
        assert said in outcome.message


class Unpermuted(Trial):
    """The masks of Keras in the spec's order of axes."""

    def masks(self, program: Program) -> dict[str, dict[str, Any]]:
        found = super().masks(program)
        return {layer: each | {"layout": ()} if layer == "drop" else each for layer, each in found.items()}


class Idle(Trial):
    """Nothing is dropped."""

    def masks(self, program: Program) -> dict[str, dict[str, Any]]:
        return {layer: each | {"p": 0.0} for layer, each in super().masks(program).items()}


@pytest.mark.parametrize(
    ("kind", "said"),
    [(Unpermuted, "the mask is in another order of axes than what it is for"), (Idle, "nothing is dropped")],
)
def test_wrong_masks_are_found_and_named(kind: type[Trial], said: str, pool: Pool) -> None:
    script = CONFIGURATIONS["sgd"].script("keras")
    outcome = examine(kind.of(CONFIGURATIONS["sgd"], [script], 4, 0, None), [script], pool, 60).outcomes["keras"]
    assert outcome.status == "failed"
    assert said in outcome.message


@pytest.mark.parametrize(
    "backend", ["pytorch", *(pytest.param(name, marks=pytest.mark.long) for name in ("keras", "paddle"))]
)
def test_a_variance_that_is_corrected_otherwise_is_found_and_named(backend: str, pool: Pool) -> None:
    script = CONFIGURATIONS["sgd"].script(backend)
    trial = Trial.of(CONFIGURATIONS["sgd"], [script], 4, 0, None)
    program = trial.programs[backend]
    other = replace(program, unbiased_variance=not program.unbiased_variance)
    outcome = examine(replace(trial, programs={backend: other}), [script], pool, 60).outcomes[backend]
    assert outcome.status == "failed"
    assert "the variance is corrected by n - 1, or not" in outcome.message
