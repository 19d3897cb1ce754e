"""Scripts that train, and the proof that they train alike."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from archspec.backend import backends
from archspec.errors import SpecError
from archspec.proof import stepped
from archspec.training import rules
from archspec.training.base import Schedule
from archspec.verification.workers import Pool

from .trained import tiny

CONFIGURATIONS = {
    "sgd": tiny(),
    "momentum": tiny("{optimizer: sgd, learning_rate: 0.1, momentum: 0.9}"),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_scripts_are_as_ruff_leaves_them(name: str, tmp_path: Path) -> None:
    for backend in backends():
        script = CONFIGURATIONS[name].script(backend.name)
        (tmp_path / script.file).write_text(script.text())
    for command in (["check"], ["format", "--check", "--diff"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", str(tmp_path)], capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stdout


@pytest.mark.frameworks
def test_frameworks_train_alike() -> None:
    chosen = backends()
    with Pool({backend.name: backend.runner for backend in chosen}) as pool:
        for name, model in CONFIGURATIONS.items():
            (report,) = stepped(model, chosen, pool, 4, seed=0, timeout=300, sizes=None)
            for outcome in report.outcomes.values():
                assert outcome.status == "passed", f"{name}: {outcome.subject}: {outcome.message}"
                assert outcome.rungs.keys() == {
                    "rates", "losses", "slope", "updates", "state", "statistics", "others"
                }  # fmt: skip
            assert any("fed with the same masks: maps, drop" in remark for remark in report.remarks)


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
        ({"more": "ema: 1.5"}, "ema must be a number between 0 and 1"),
        ({"more": "epochs: 0"}, "epochs must be a whole number from 1"),
    ],
)
def test_mistakes_are_told(section: dict[str, str], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        tiny(**section).check()


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
