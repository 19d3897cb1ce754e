"""What evaluation does not show: rates and kinds of what is random, which weights are learned, and how they start."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import cache
from textwrap import dedent
from typing import Final

import pytest

from archspec.backend import Program, backends
from archspec.graph.graph import rounded
from archspec.graph.mode import Mode
from archspec.model import Model, Spec
from archspec.verification.run import examine
from archspec.verification.subject import generated
from archspec.verification.workers import Pool

from .faults import pattern

BACKENDS: Final = {backend.name: backend for backend in backends()}
SPEC: Final = """
    archspec: 1
    name: Random
    inputs: {image: [4, 6, 7], words: [5, 8]}
    layers:
      - {op: conv2d, name: conv, out_channels: 4, kernel_size: 3, from: image}
      - {op: dropout, name: single, p: 0.3}
      - {op: dropout2d, name: channel, p: 0.2}
      - {op: drop_path, name: path, p: 0.1}
      - {op: gaussian_noise, name: noise, std: 0.4}
      - {op: alpha_dropout, name: alpha, p: 0.25}
      - {op: batch_norm, name: bn}
      - {op: lstm, name: lstm, hidden_size: 3, num_layers: 3, dropout: 0.35, from: words}
      - {op: multi_head_attention, name: mha, num_heads: 2, dropout: 0.15, from: words}
      - {op: multi_head_attention, name: own, num_heads: 2, dropout: 0.45, causal: true, bias: [q, v]}
      - {op: unsqueeze, name: heads, axis: 1}
      - {op: scaled_dot_product_attention, name: sdpa, dropout: 0.05, from: [heads, heads, heads]}
      - {op: parameter, name: token, shape: [6, 50], init: normal(0.02)}
    outputs: {a: bn, b: lstm, c: token, d: sdpa}
"""

pytestmark = pytest.mark.frameworks


@cache
def model() -> Model:
    return Spec.parse(dedent(SPEC), "random.yaml").network()


@cache
def program(backend: str) -> Program:
    made = BACKENDS[backend].generate(model())
    forms = {form: ast.unparse(ast.parse(getattr(made, form))) for form in ("probed", "written", "rounded")}
    return replace(made, probed=forms["probed"], written=forms["written"], rounded=forms["rounded"])


@pytest.mark.parametrize("mode", [Mode.EVALUATION, Mode.TRAINING])
def test_all_is_as_the_spec_says(mode: Mode, pool: Pool) -> None:
    report = examine(rounded(model().graph), generated({name: program(name) for name in BACKENDS}), pool, mode=mode)
    assert {name: each.message for name, each in report.outcomes.items()} == dict.fromkeys(BACKENDS, "")
    for outcome in report.outcomes.values():
        assert outcome.rungs["random"].compared == 9
        assert not outcome.rungs["random"].unseen


TORCH: Final = [
    ("another rate", r"nn.Dropout\(0.3\d*\)", "nn.Dropout(0.31)", "single"),
    ("a rate that scales as another", r"nn.Dropout\(0.3\d*\)", "nn.Sequential(nn.Dropout(0.5), Scaled())", "single"),
    ("elements for channels", r"nn.Dropout2d\(0.2\d*\)", "nn.Dropout(0.2)", "channel"),
    ("channels for elements", r"nn.Dropout\(0.3\d*\)", "nn.Dropout2d(0.3)", "single"),
    ("paths of the whole batch", r"\[x.shape\[0\]\]", "[1]", "path"),
    ("a path that is not scaled", r"x \* F.dropout\(ones, self.p\)", "x * (F.dropout(ones, self.p) > 0)", "path"),
    ("another deviation", r"std \* torch.randn_like\(x\)", "std * 1.2 * torch.randn_like(x)", "noise"),
    ("noise that is uniform over a sample", r"torch.randn_like\(x\)", "torch.randn_like(x[:1])", "noise"),
    ("noise that is not normal", r"torch.randn_like\(x\)", "(torch.rand_like(x) - 0.5) * 12**0.5", "noise"),
    ("noise divided by its own deviation", r"torch.randn_like\(x\)", "(lambda z: z / z.std())(torch.randn_like(x))",
     "noise"),
    ("noise divided by the deviation of each sample", r"torch.randn_like\(x\)",
     "(lambda z: z / z.std((1, 2, 3), correction=0, keepdim=True))(torch.randn_like(x))", "noise"),
    ("the same noise at every call", r"torch.randn_like\(x\)",
     "torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).to(x)", "noise"),
    ("the same paths at every call", r"x \* F.dropout\(ones, self.p\)",
     "x * (torch.rand(ones.shape, generator=torch.Generator().manual_seed(1)) >= self.p) / (1 - self.p)", "path"),
    ("dropout for alpha dropout", r"nn.AlphaDropout\(0.25\)", "nn.Dropout(0.25)", "alpha"),
    ("no dropout between layers", r", dropout=0.3[45]\d*", "", "lstm"),
    ("attention that drops more", r"(nn.MultiheadAttention.*)dropout=0.1\d*", r"\1dropout=0.2", "mha"),
    ("attention that drops nothing", r"DroppingAttention\(0.05\d*\)", "DroppingAttention(0.0)", "sdpa"),
    ("a dropout that is never called", r"self.single\((probe\(self, 'conv', self.conv\(image\)\))\)", r"\1",
     "the layer 'single' is called 0 times"),
    ("a dropout that overwrites", r"nn.Dropout\(0.3\d*\)", "nn.Dropout(0.3, inplace=True)",
     "the layer 'single' overwrites what it is given"),
    ("a frozen convolution", r"(self.conv = .*)", r"\1.requires_grad_(False)", "'conv.weight' is not trainable"),
    ("all frozen", r"(self.token = .*)", r"\1; self.requires_grad_(False)", "'token' is not trainable"),
    ("a parameter that is a buffer", r"nn.Parameter\(", "nn.Buffer(", "'token' is not trainable"),
    ("another mean", r"self.token, std", "self.token, mean=0.01, std", "'token' starts with mean 0.0"),
    ("another start", r"self.token, std=0.02", "self.token, std=0.03", "'token' starts with deviation 0.03"),
    ("scales of zero", r"(self.bn = .*)", r"\1; nn.init.zeros_(self.bn.weight)", "'bn.weight' starts with 0, and not"),
    ("a dropout where no step is", r"(?s)(self.conv = .*?\n)(.*)(self\.conv\(image\))",
     r"\1        self.more = nn.Dropout(0.1)\n\2self.more(\3)", "random in training, where no step is: more"),
]  # fmt: skip
KERAS: Final = [
    ("another rate", r"layers.Dropout\(0.3(?!5|4)\d*", "layers.Dropout(0.31", "single"),
    ("elements for channels", "SpatialDropout2D", "Dropout", "channel"),
    ("paths of the whole batch", r"noise_shape=\(None, ", "noise_shape=(1, ", "path"),
    ("paths of elements", r", noise_shape=\(None, 1, 1, 1\)", "", "path"),
    ("another deviation", r"GaussianNoise\(0.4\d*", "GaussianNoise(0.45", "noise"),
    ("dropout for alpha dropout", "AlphaDropout", "Dropout", "alpha"),
    ("no dropout between layers", r"layers.Dropout\(0.3[45]\d*, name='lstm_dropout1'\)\(x\)", "x", "lstm_dropout1"),
    ("attention that drops more", r"(layers.MultiHeadAttention.*)dropout=0.1\d*", r"\1dropout=0.2", "mha"),
    ("own attention that drops less", r"(BiasedMultiHeadAttention.*)dropout=0.4\d*", r"\1dropout=0.4", "own"),
    ("a dropout where no step is", r"layers.Conv2D\(.*?\)\(image\)", r"layers.Dropout(0.1, name='more')(\g<0>)",
     "random in training, where no step is: more"),
    ("a frozen convolution", r"Conv2D\(4, 3, ", "Conv2D(4, 3, trainable=False, ", "'conv/kernel' is not trainable"),
    ("a parameter that is a buffer", r"name='value'\)", "name='value', trainable=False)",
     "'token/value' is not trainable"),
    ("another mean", r"RandomNormal\(stddev", "RandomNormal(0.01, stddev", "'token/value' starts with mean 0.0"),
    ("scales of zero", r"layers.BatchNormalization\(", "layers.BatchNormalization(gamma_initializer='zeros', ",
     "'bn/gamma' starts with 0, and not"),
]  # fmt: skip
PADDLE: Final = [
    ("another rate", r"nn.Dropout\(0.3\d*\)", "nn.Dropout(0.31)", "single"),
    ("a dropout that is not scaled", r"nn.Dropout\(0.3\d*\)", "nn.Dropout(0.3, mode='downscale_in_infer')", "single"),
    ("elements for channels", r"nn.Dropout2D\(0.2\d*\)", "nn.Dropout(0.2)", "channel"),
    ("paths of the whole batch", r"axis=0", "axis=1", "path"),
    ("attention that drops more", r"(nn.MultiHeadAttention.*)dropout=0.1\d*", r"\1dropout=0.2", "mha"),
    ("another deviation", r"self.std \* paddle", "1.2 * self.std * paddle", "noise"),
    ("a dropout where no step is", r"(?s)(self.conv = .*?\n)(.*)(self\.conv\(image\))",
     r"\1        self.more = nn.Dropout(0.1)\n\2self.more(\3)", "random in training, where no step is: more"),
    ("a frozen convolution", r"(self.conv = .*)", r"\1; self.conv.weight.stop_gradient = True",
     "'conv.weight' is not trainable"),
    ("another mean", r"self.token, std", "self.token, 0.01, std", "'token' starts with mean 0.0"),
]  # fmt: skip


@pytest.mark.parametrize("backend", ["pytorch", "paddle"])
def test_a_dropout_that_never_drops_is_found_in_training(backend: str, pool: Pool) -> None:
    changed = pattern(r"self.single\(", "(self.single.eval(), self.single)[1](")(program(backend))
    subjects = generated({backend: changed})
    outcome = examine(rounded(model().graph), subjects, pool, mode=Mode.TRAINING).outcomes[backend]
    assert outcome.status == "error"
    assert "the layer 'single' is called 0 times" in outcome.message


SCALED: Final = """

class Scaled(nn.Module):
    def forward(self, x):
        return x * (1 - 0.5) / (1 - 0.3) if self.training else x
"""
FAULTS: Final[dict[str, list[tuple[str, str, str, str]]]] = {"pytorch": TORCH, "keras": KERAS, "paddle": PADDLE}


@pytest.mark.parametrize(
    ("backend", "old", "new", "said"),
    [pytest.param(name, *fault[1:], id=f"{name}: {fault[0]}") for name, faults in FAULTS.items() for fault in faults],
)
def test_a_fault_is_found(backend: str, old: str, new: str, said: str, pool: Pool) -> None:
    """In every mode: what evaluation and training show of the values is right."""
    changed = pattern(old, new)(program(backend))
    if "Scaled" in new:
        changed = replace(changed, source=changed.source + SCALED, probed=changed.probed + SCALED,
                          written=changed.written + SCALED, rounded=changed.rounded + SCALED)  # fmt: skip
    outcome = examine(rounded(model().graph), generated({backend: changed}), pool).outcomes[backend]
    if said in program(backend).random:
        assert outcome.status == "failed"
        assert outcome.culprit is not None
        assert outcome.culprit.step == said
        assert outcome.rungs["random"].wrong
    elif "starts" in said:
        assert outcome.status == "failed"
        assert said in outcome.message
    else:
        assert outcome.status == "error"
        assert outcome.failure is not None
        assert outcome.failure.kind == "shipped"
        assert said in outcome.failure.message


@pytest.mark.frameworks
def test_layers_of_heads_that_only_training_has_are_not_asked_for_in_evaluation(pool: Pool) -> None:
    spec = """
        archspec: 1
        name: Head
        inputs: {x: [6]}
        layers:
          - {op: linear, name: body, out_features: 4}
          - {op: dropout, name: dropped, p: 0.3}
          - {op: linear, name: head, out_features: 2}
          - {op: linear, name: fc, from: body, out_features: 3}
        outputs: {logits: fc, aux: {from: head, when: training}}
    """
    model = Spec.parse(dedent(spec)).network()
    made = {backend.name: backend.generate(model) for backend in backends()}
    for mode in (Mode.EVALUATION, Mode.AUXILIARY):
        report = examine(rounded(model.graph), generated(made), pool, mode=mode)
        assert {name: each.message for name, each in report.outcomes.items()} == dict.fromkeys(made, "")
