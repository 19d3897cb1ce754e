"""Scripts that train, and the proof that they train alike."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from textwrap import dedent, indent

import numpy as np
import pytest

from archspec.backend import backends
from archspec.errors import SpecError
from archspec.loading import load
from archspec.model import Model
from archspec.proving import reports
from archspec.results.options import Options
from archspec.training import rules
from archspec.training.base import Schedule
from archspec.training.chosen import told_apart
from archspec.training.groups import Share
from archspec.training.losses import BinaryCrossEntropy
from archspec.training.script import bridges, common
from archspec.training.suspects import losses, wrong_losses
from archspec.verification.workers import Pool

from .trained import CLASSIFIER, CROSS_ENTROPY, HEADS, PICTURES, SGD, SOUND, WORDS, network, tiny


def sgd(rest: str = "", more: str = "", losses: str = CROSS_ENTROPY) -> Model:
    return tiny(f"{{optimizer: sgd, learning_rate: 0.1{rest}}}", more, losses)


def adaptive(key: str, rest: str = "", more: str = "") -> Model:
    return tiny(f"{{optimizer: {key}, learning_rate: 0.01{rest}}}", more)


def averaged(layers: str) -> Model:
    return network(
        CLASSIFIER.replace("  - flatten\n", layers) + "outputs: {logits: fc}", f"{CROSS_ENTROPY}\noptimizer: {SGD}"
    )


def judged(loss: str) -> Model:
    return sgd(losses=f"losses: {{logits: {loss}}}")


MOMENTUM = ", momentum: 0.9"
DECAY = ", momentum: 0.9, weight_decay: 5e-2"
CONFIGURATIONS = {
    "sgd": sgd(),
    "momentum": sgd(MOMENTUM),
    "nesterov": sgd(MOMENTUM + ", nesterov: true"),
    "decay": sgd(", weight_decay: 5e-2"),
    "momentum and decay": sgd(DECAY),
    "decay of matrices": sgd(DECAY + ", decays: matrices"),
    "groups": sgd(
        DECAY + ", decays: matrices",
        "groups:\n  - {of: bias, rate_factor: 2, decay_factor: 0.5}\n  - {of: conv, rate_factor: 0.25}",
    ),
    "frozen": sgd(
        DECAY,
        "groups: [{of: [conv2d, batch_norm.scale], frozen: true}, {of: linear, rate_factor: 3}]\n"
        "clip: {norm: 0.1}\nema: 0.9",
    ),
    "adamw, groups": adaptive(
        "adamw",
        ", weight_decay: 5e-2",
        "groups:\n  - {of: batch_norm, decay_factor: 0}\n  - {of: fc, rate_factor: 2, decay_factor: 2}",
    ),
    "adam, groups": adaptive("adam", ", weight_decay: 5e-2, epsilon: 1e-3", "groups: [{of: bn, rate_factor: 0.5}]"),
    "rmsprop, groups": adaptive(
        "rmsprop",
        ", momentum: 0.9, epsilon: 1e-3, weight_decay: 1e-2",
        "groups: [{of: scale, rate_factor: 2, decay_factor: 0}, {of: linear, frozen: true}]",
    ),
    "adagrad, groups": adaptive("adagrad", ", epsilon: 1e-3", "groups: [{of: fc, rate_factor: 0.1}]"),
    "momenta": sgd(
        DECAY + ", nesterov: true",
        "groups: [{of: bias, momentum: 0.5}, {of: fc, momentum: 0.8, rate_factor: 2}]\n"
        "schedule: {schedule: step, every: 2}",
    ),
    "rmsprop, momenta": adaptive("rmsprop", ", momentum: 0.9, epsilon: 1e-3", "groups: [{of: fc, momentum: 0.5}]"),
    "groups, clip, accumulate": sgd(DECAY, "groups: [{of: bias, rate_factor: 2}]\nclip: {norm: 0.1}\naccumulate: 2"),
    "all in a group": sgd(MOMENTUM, "groups: [{of: [weight, bias, scale], rate_factor: 0.5}]"),
    "steps": sgd(DECAY, "schedule: {schedule: step, every: 2}"),
    "discexp": sgd(MOMENTUM, "schedule: {schedule: discexp, every: 8, factor: 0.5}"),
    "cosine": sgd(MOMENTUM, "schedule: {schedule: cosine, length: 4, warmup: 1, warmup_from: 0.5}"),
    "cosine by epochs": sgd(MOMENTUM, "schedule: {schedule: cosine, length: 2, per: epoch}"),
    "adam": adaptive("adam"),
    "adam, decay": adaptive("adam", ", weight_decay: 5e-2, epsilon: 1e-3"),
    "adam, decay of matrices": adaptive("adam", ", weight_decay: 5e-2, decays: matrices"),
    "adamw": adaptive("adamw"),
    "adamw, decay of matrices": adaptive("adamw", ", weight_decay: 5e-2, decays: matrices"),
    "rmsprop": adaptive("rmsprop"),
    "rmsprop, momentum": adaptive("rmsprop", ", momentum: 0.9, epsilon: 1e-3, weight_decay: 1e-2"),
    "adagrad": adaptive("adagrad", ", epsilon: 1e-3"),
    "clip by norm": sgd(MOMENTUM, "clip: {norm: 0.1}"),
    "clip by value": sgd(MOMENTUM, "clip: {value: 0.01}"),
    "accumulate": sgd(MOMENTUM, "accumulate: 3"),
    "accumulate, adam": adaptive("adam", more="accumulate: 2"),
    "averages": sgd(MOMENTUM, "ema: 0.9"),
    "averages, accumulate": sgd(MOMENTUM, "ema: 0.9\naccumulate: 2"),
    "label smoothing": judged("{loss: cross_entropy, label_smoothing: 0.1}"),
    "class weights": judged("{loss: cross_entropy, class_weights: [1, 2, 0.5, 3, 1]}"),
    "ignored": judged("{loss: cross_entropy, ignore_index: -100}"),
    "ignored class": judged("{loss: cross_entropy, ignore_index: 2}"),
    "binary": judged("binary_cross_entropy"),
    "of probabilities": network(
        CLASSIFIER + "  - {op: softmax, name: p}\noutputs: {p: p}",
        f"losses: {{p: {{loss: cross_entropy, of: probabilities}}}}\noptimizer: {SGD}",
    ),
    "binary, of probabilities": network(
        CLASSIFIER + "  - {op: sigmoid, name: p}\noutputs: {p: p}",
        f"losses: {{p: {{loss: binary_cross_entropy, of: probabilities}}}}\noptimizer: {SGD}",
    ),
    "mse": judged("mse"),
    "l1": judged("l1"),
    "huber": judged("{loss: huber, delta: 0.5}"),
    "kl": judged("kl_divergence"),
    "ctc": network(SOUND, f"losses: {{logits: {{loss: ctc, target: text}}}}\noptimizer: {SGD}"),
    "ctc of lengths": network(
        SOUND, f"losses: {{logits: {{loss: ctc, target: text, times: heard, lengths: letters}}}}\noptimizer: {SGD}"
    ),
    "ctc of times": network(SOUND, f"losses: {{logits: {{loss: ctc, target: text, times: heard}}}}\noptimizer: {SGD}"),
    "heads": network(
        HEADS,
        f"""
        losses:
          logits: {{loss: cross_entropy, target: label}}
          aux: {{loss: cross_entropy, target: label, weight: 0.3}}
        optimizer: {SGD}
        """,
    ),
    "pools": averaged("""
  - {op: local_response_norm, size: 3}
  - {op: avg_pool2d, kernel_size: [3, 1], stride: 1, padding: [1, 0], count_include_pad: false}
  - global_avg_pool2d
"""),
    "one head of two": network(HEADS, f"{CROSS_ENTROPY}\noptimizer: {SGD}"),
    "pictures": network(
        PICTURES,
        f"""
        losses:
          classes: {{loss: cross_entropy, target: label, ignore_index: -1}}
          depth: {{loss: l1, target: depth_map, weight: 2}}
        optimizer: {SGD}
        """,
    ),
    "words": network(WORDS, f"losses: {{logits: {{loss: cross_entropy, target: next}}}}\noptimizer: {SGD}"),
}

ALWAYS = {
    "ctc",
    "frozen",
    "averages, accumulate",
    "discexp",
    "adamw, decay of matrices",
    "accumulate",
    "heads",
    "pictures",
    "pools",
}
"""What the default suite trains; `make long` trains all."""
ROOT = Path(__file__).parents[1]
ADAM = "{optimizer: adam, learning_rate: 0.01}"


@pytest.mark.slow
@pytest.mark.parametrize("first", range(4))
def test_scripts_are_as_ruff_leaves_them(first: int, tmp_path: Path) -> None:
    for number, model in enumerate([load("lenet5_relu"), load("googlenet"), *CONFIGURATIONS.values()][first::4]):
        for backend in backends():
            script = model.script(backend.name)
            (tmp_path / f"{number}_{script.file}").write_text(script.text())
            (tmp_path / "train_common.py").write_text(common())
    for command in (["check"], ["format", "--check", "--diff"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", str(tmp_path)], capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stdout


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool({backend.name: backend.runner for backend in backends()}) as made:
        yield made


@pytest.mark.frameworks
@pytest.mark.parametrize(
    "name", [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.long) for name in CONFIGURATIONS]
)
def test_frameworks_train_alike(name: str, pool: Pool) -> None:
    (report,) = reports(CONFIGURATIONS[name], backends(), pool, Options(steps=4))
    due = {"rates", "losses", "slope", "updates", "state", "others"}
    averages = "averages" in name or name == "frozen"
    for outcome in report.outcomes.values():
        assert outcome.status == "passed", f"{outcome.subject}: {outcome.message}"
        more = ({"statistics"} if name.split()[0] not in ("words", "ctc") else set()) | (
            {"averages"} if averages else set()
        )
        assert outcome.rungs.keys() == due | more
        assert all(not rung.unseen for rung in outcome.rungs.values())
    if name == "pools":
        corrected = "avg_pool2d, global_avg_pool2d, local_response_norm"
        assert (
            f"paddle's gradients of averages, corrected from a float32 1 / n to float64: {corrected}" in report.remarks
        )
    if name in ("sgd", "heads"):
        assert "fed with the same masks: maps, drop" in report.remarks


@pytest.mark.frameworks
@pytest.mark.long
def test_what_is_only_rounding_is_not_compared(pool: Pool) -> None:
    """A bias before batch normalization has no gradient, and Adam makes of its rounding what it makes of any."""
    model = network(CLASSIFIER + "outputs: {logits: fc}", f"{CROSS_ENTROPY}\noptimizer: {ADAM}")
    (report,) = reports(model, backends(), pool, Options(steps=4))
    for outcome in report.outcomes.values():
        assert outcome.status == "passed", f"{outcome.subject}: {outcome.message}"
        assert outcome.rungs["others"].unseen == ("bn.running_mean", "conv.bias")


@pytest.mark.frameworks
@pytest.mark.long
def test_what_is_inexact_is_held_against_others_for_one_step(pool: Pool) -> None:
    """Paddle's SELU has float32 numbers in it, which nothing corrects."""
    (report,) = reports(averaged("  - selu\n  - flatten\n"), backends(), pool, Options(steps=4))
    assert [outcome.status for outcome in report.outcomes.values()] == ["passed"] * 3
    unseen = {name: outcome.rungs["others"].unseen for name, outcome in report.outcomes.items()}
    assert unseen["paddle"] == ("what follows from the second update on",)
    assert unseen["pytorch"] == unseen["keras"] == ()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"losses": "losses: {other: mse}"}, "there is no output 'other'"),
        ({"losses": "losses: {logits: l2}"}, "there is no loss 'l2'"),
        ({"losses": "losses: {logits: {loss: mse, target: image}}"}, "'image' is an input"),
        ({"losses": "losses: {logits: {loss: cross_entropy, class_weights: [1, 2]}}"}, "2 weights for 5 classes"),
        ({"optimizer": "{optimizer: sgd}"}, "missing attribute 'learning_rate'"),
        ({"optimizer": "{optimizer: sgd, learning_rate: 0.1, momentun: 1}"}, "unknown attribute 'momentun'"),
        ({"optimizer": "{optimizer: sgd, learning_rate: rate}"}, "'rate' is not defined here"),
        ({"optimizer": "{optimizer: sgd, learning_rate: 0.1, nesterov: true}"}, "nesterov needs a momentum"),
        ({"more": "schedule: {schedule: multi_step, milestones: [3, 2]}"}, "must rise"),
        ({"more": "clip: {norm: 1, value: 1}"}, "not both"),
        ({"more": "clip: {norm: 0}"}, "norm must be a number above 0"),
        ({"more": "ema: 1.5"}, "ema must be below 1"),
        ({"more": "groups: [{of: bias, momentum: 0.5}]"}, "sgd has none"),
        ({"more": "groups: [{of: bias, momentum: 1}]"}, "momentum must be below 1"),
        ({"more": "groups: [{of: bias, momentum: 0}]"}, "momentum must be a number above 0"),
        ({"more": "epochs: 0"}, "epochs must be a whole number from 1"),
    ],
)
def test_mistakes_are_told(section: dict[str, str], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        tiny(**section).check()


def test_an_output_that_is_not_there_in_a_variant_has_no_loss() -> None:
    heads = HEADS.replace("when: training", "when: training and heads").replace(
        "inputs:", "params: {heads: true}\ninputs:"
    )
    losses = "losses: {logits: cross_entropy, aux: {loss: cross_entropy, weight: 0.3}}"
    spec = network(heads, f"{losses}\noptimizer: {SGD}").spec
    found = [spec.network(params={"heads": heads}).training for heads in (True, False)]
    assert [list(plan.losses) for plan in found if plan is not None] == [["logits", "aux"], ["logits"]]
    with pytest.raises(SpecError, match="none of the outputs that have losses is there"):
        network(heads.replace("true", "false"), f"losses: {{aux: mse}}\noptimizer: {SGD}").check()


@pytest.mark.parametrize(
    ("chosen", "others", "told"),
    [
        (["a.bias", "b.bias"], ["a.weight", "b.weight"], ("endswith", ["bias"])),
        (["stem.0.weight", "stem.1.weight"], ["head.weight"], ("startswith", ["stem."])),
        (["a.bn1.weight", "b.bn1.weight"], ["a.conv.weight", "bn1.bias"], ("endswith", ["bn1.weight"])),
        (["w"], ["w2", "aw"], ("__eq__", ["w"])),
        (["a.0.1.w", "b.0.1.w"], ["a.conv1.w", "b.conv1.w"], ("endswith", [".1.w"])),
    ],
)
def test_names_are_told_apart(chosen: list[str], others: list[str], told: tuple[str, list[str]]) -> None:
    assert told_apart(chosen, others, ".") == told


def test_groups_are_chosen_by_kind_operation_block_and_step() -> None:
    layers = """
    inputs: {image: [3, 8, 8]}
    blocks:
      Unit:
        layers:
          - {op: conv2d, name: conv, out_channels: 3, kernel_size: 1}
          - {op: batch_norm, name: bn}
    layers:
      - {op: conv2d, name: stem, out_channels: 3, kernel_size: 3}
      - {block: Unit, name: units, repeat: 2}
    outputs: {y: units}
    """
    groups = """
    - {of: units.1, frozen: true}
    - {of: [batch_norm, conv2d.bias], decay_factor: 0}
    - {of: Unit, rate_factor: 0.5}
    """
    model = network(dedent(layers), f"losses: {{y: mse}}\noptimizer: {SGD}\ngroups:{indent(dedent(groups), '  ')}")
    assert model.training is not None
    frozen, still, slow = Share(frozen=True), Share(decay=0.0), Share(rate=0.5)
    assert model.training.shares == {
        **dict.fromkeys((f"units.1.{each}" for each in ("conv.weight", "conv.bias", "bn.weight", "bn.bias")), frozen),
        **dict.fromkeys(("stem.bias", "units.0.conv.bias", "units.0.bn.weight", "units.0.bn.bias"), still),
        "units.0.conv.weight": slow,
    }
    with pytest.raises(SpecError, match="'unit' is no kind of weights, operation, block or step of the network"):
        network(dedent(layers), f"losses: {{y: mse}}\noptimizer: {SGD}\ngroups: [{{of: unit}}]").check()


@pytest.mark.parametrize("texts", [[[1, 2, 2]], [[3, 0, 0]], [[0, 0, 0]], [[4, 4, 4]], [[1, 2, 0], [2, 2, 0]]])
def test_ctc_is_the_sum_over_all_alignments(texts: list[list[int]]) -> None:
    target = np.array(texts)
    x = np.random.default_rng(0).normal(size=(len(target), 5, 5))
    p = np.exp(x) / np.exp(x).sum(-1, keepdims=True)
    total = 0.0
    for each, labels in zip(p, target, strict=True):
        chance = 0.0
        for path in product(range(5), repeat=5):
            spoken = [now for before, now in zip((None, *path), path, strict=False) if now and now != before]
            if spoken == [label for label in labels if label]:
                chance += float(np.prod(each[np.arange(5), path]))
        total -= math.log(chance)
    np.testing.assert_allclose(rules("loss")["ctc"]().reference(x, target), total / len(target), rtol=1e-13)  # type: ignore[attr-defined]


def test_ctc_counts_the_times_and_the_classes_that_the_data_says() -> None:
    x, text = np.random.default_rng(0).normal(size=(2, 5, 4)), np.array([[1, 2, 3], [2, 2, 1]])
    data = {"text": text, "heard": np.array([4, 5]), "letters": np.array([1, 2])}
    rule = rules("loss")["ctc"]
    plain = rule(target="text")  # type: ignore[call-arg]
    each = [plain.value(x[:1, :4], {"text": text[:1, :1]}), plain.value(x[1:], {"text": text[1:, :2]})]  # type: ignore[attr-defined]
    counted = rule(target="text", times="heard", lengths="letters")  # type: ignore[call-arg]
    np.testing.assert_allclose(counted.value(x, data), np.mean(each), rtol=1e-14)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("times: text", "the target 'text' is classes below 5 of shape .* and counts from 1"),
        ("times: sound", "'sound' is an input"),
        ("lengths: a-b", "a-b"),
    ],
)
def test_what_counts_for_ctc_has_a_name_of_its_own(more: str, message: str) -> None:
    model = network(SOUND, f"losses: {{logits: {{loss: ctc, target: text, {more}}}}}\noptimizer: {SGD}")
    with pytest.raises(SpecError, match=message):
        model.check()


@pytest.mark.parametrize("name", ["mse", "l1", "huber", "kl", "binary"])
def test_wrong_losses_are_told_apart(name: str) -> None:
    """None gives what the right one gives, or another wrong one: a single reason fits."""
    plan = CONFIGURATIONS[name].script("pytorch").plan
    rng = np.random.default_rng(0)
    output, target = rng.normal(size=(4, 5)), rng.dirichlet(np.ones(5), 4)
    outputs, targets = {"logits": output}, {plan.losses["logits"].target: target}
    others = dict(wrong_losses(plan, 4))
    found = [losses(plan)(outputs, targets), *(each(outputs, targets) for each in others.values())]
    assert len(others) >= 2
    assert np.diff(np.sort(found)).min() > 1e-3


SCHEDULES = {
    "constant": {},
    "step": {"every": 3},
    "discexp": {"every": 24, "factor": 0.3},
    "multi_step": {"milestones": [2, 5]},
    "exponential": {"factor": 0.9, "warmup": 4, "warmup_from": 0.1},
    "cosine": {"length": 8, "least": 0.01, "warmup": 2},
    "one_cycle": {"length": 10, "per": "epoch"},
}


@pytest.mark.parametrize("key", rules("schedule"))
def test_a_script_has_the_rates_of_its_schedule(key: str) -> None:
    given = ", ".join(f"{name}: {value}" for name, value in SCHEDULES[key].items())  # type: ignore[attr-defined]
    model = tiny(more=f"schedule: {{schedule: {key}, {given}}}")
    rule: Schedule = rules("schedule")[key].model_validate(SCHEDULES[key])  # type: ignore[assignment]
    text = model.script("pytorch").text()
    begin = text.index("def lr(")
    scope = {"math": math}
    exec(text[begin : text.index("\n\n\n", begin)], scope)
    found = [scope["lr"](step, 8, 5) for step in range(20)]  # type: ignore[operator]
    np.testing.assert_allclose(found, [rule.at(0.1, step, 8, 5) for step in range(20)], rtol=1e-14)


EXTREMES = {
    "pytorch": "import torch\nfrom torch.nn import functional as F\ntensor, p, y = torch.tensor, {p}, {y}\n"
    "print(F.binary_cross_entropy(tensor(p, dtype=torch.float64), tensor(y, dtype=torch.float64)).item())",
    "keras": "import keras\nfrom keras import ops\n{bridge}\n"
    "p, y = (ops.convert_to_tensor(each, 'float64') for each in ({p}, {y}))\n"
    "print(float(binary_cross_entropy(y, p)))",
    "paddle": "import paddle\nfrom paddle.nn import functional as F\ntensor, p, y = paddle.to_tensor, {p}, {y}\n"
    "print(F.binary_cross_entropy(tensor(p, dtype='float64'), tensor(y, dtype='float64')).item())",
}


@pytest.mark.frameworks
@pytest.mark.long
@pytest.mark.parametrize("name", EXTREMES)
def test_probabilities_may_be_zero_and_one(name: str) -> None:
    p, y = [0.0, 1.0, 0.0, 1.0, 1e-9, 1 - 1e-9, 1e-60, 0.5], [0.0, 1.0, 1.0, 0.25, 0.5, 0.5, 1.0, 0.3]
    bridge = bridges(ROOT / "backends" / "keras" / "training", ())["binary_cross_entropy"]
    code = EXTREMES[name].format(p=p, y=y, bridge=bridge)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    rule = BinaryCrossEntropy(of="probabilities")
    np.testing.assert_allclose(float(ran.stdout), rule.reference(np.array(p), np.array(y)), rtol=1e-14)
