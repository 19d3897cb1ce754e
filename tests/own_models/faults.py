"""Faults in models that were ported by hand: a change of the text, the first step that differs, and words for the reason.

Those that are `held` back were chosen before the reasons were ever tried on them, and nothing was changed for them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    name: str
    old: str
    new: str
    step: str
    words: str
    """What the reason must say."""
    held: bool = False


PORTS: dict[str, tuple[str, dict[str, object]]] = {
    "cnn": ("tests/own_models/cnn.yaml", {}),
    "tagger": ("bilstm_tagger", {"vocabulary": 50, "embedding_dim": 10, "hidden_size": 12, "num_classes": 5}),
}
"""The spec of each port, and its params."""

F = Fault
FAULTS: dict[str, list[Fault]] = {
    "pytorch_cnn": [
        F("epsilon", "self.norm = nn.BatchNorm2d(16, eps=0.001)", "self.norm = nn.BatchNorm2d(16)", "bn1", "epsilon is 1e-05"),
        F("odd epsilon", "self.n = nn.BatchNorm2d(16, eps=0.001)", "self.n = nn.BatchNorm2d(16, eps=7e-4)", "bn2", "epsilon is 0.0007"),
        F("slope", "0.2)", "0.01)", "act2", "negative_slope is 0.01"),
        F("odd slope", "0.2)", "0.17)", "act2", "negative_slope is 0.17", held=True),
        F("no bound", "self.clip = nn.ReLU6()", "self.clip = nn.ReLU()", "act1", "relu in place of relu6"),
        F("pool", "F.max_pool2d(x, 3, 2, 1)", "F.avg_pool2d(x, 3, 2, 1)", "pool1", "avg_pool2d in place of max_pool2d"),
        F("border", "count_include_pad=False", "count_include_pad=True", "pool2", "count_include_pad is true"),
        F("dilation", "padding=2, dilation=2", "padding=1", "wide", "dilation is 1"),
        F("kernel", "nn.Conv2d(16, 24, 3, padding=2, dilation=2)", "nn.Conv2d(16, 24, 5, padding=2)", "wide", "kernel_size is 5"),
        F("reflected", "padding=2, dilation=2)", "padding=2, dilation=2, padding_mode='reflect')", "wide", "", held=True),
        F("gelu", "F.gelu(self.fc(x))", "F.gelu(self.fc(x), approximate='tanh')", "act4", "approximate is tanh"),
        F("no activation", "F.gelu(self.fc(x))", "self.fc(x)", "act4", "left out"),
        F("other curve", "F.elu(self.conv(x))", "F.selu(self.conv(x))", "act3", "selu in place of elu"),
        F("half", "F.elu(self.conv(x))", "F.elu(self.conv(x), 0.5)", "act3", "alpha is 0.5", held=True),
        F("no shortcut", "return x + self.mix(y)", "return self.mix(y)", "add", "alone"),
        F("minus", "return x + self.mix(y)", "return x - self.mix(y)", "add", "subtract"),
        F("batch", "x = self.clip(self.norm", "self.norm.train(); x = self.clip(self.norm", "bn1", "statistics of the batch"),
        F("scaled", "x = self.drop(x)", "x = self.drop(x) * 0.7", "hidden", "mul", held=True),
        F("softmax", "return self.out(x)", "return self.out(x).softmax(1)", "head", "softmax"),
        F("instance", "self.norm = nn.BatchNorm2d(16, eps=0.001)", "self.norm = nn.InstanceNorm2d(16, eps=0.001, affine=True)", "bn1", "instance_norm", held=True),
        F("twice", "x = self.body(x)", "x = F.relu(self.body(x))", "pool1", "relu", held=True),
    ],
    "pytorch_tagger": [
        F("gru", "nn.LSTM(", "nn.GRU(", "encoder", "gru in place of lstm"),
        F("rnn", "nn.LSTM(", "nn.RNN(", "encoder", "rnn in place of lstm"),
        F("no bias", "batch_first=True,", "batch_first=True, bias=False,", "encoder", "bias is false"),
        F("time first", "batch_first=True, ", "", "encoder", "", held=True),
        F("scaled words", "self.drop(self.words(tokens))", "self.drop(self.words(tokens)) * 10 ** 0.5", "encoder", "mul"),
        F("tanh", "self.classify(self.drop(states))", "self.classify(self.drop(states).tanh())", "fc", "tanh"),
        F("softmax", "return self.classify(self.drop(states))", "return self.classify(self.drop(states)).softmax(-1)", "fc", "softmax", held=True),
        F("reversed", "self.words(tokens)", "self.words(tokens.flip(1))", "embedding", "", held=True),
        F("no last bias", "nn.Linear(24, 5)", "nn.Linear(24, 5, bias=False)", "fc", "bias is false"),
    ],
    "keras_cnn": [
        F("epsilon", "self.norm = layers.BatchNormalization(epsilon=0.001", "self.norm = layers.BatchNormalization(epsilon=1e-5", "bn1", "epsilon is 1e-05"),
        F("odd epsilon", "self.n = layers.BatchNormalization(epsilon=0.001", "self.n = layers.BatchNormalization(epsilon=6e-4", "bn2", "epsilon is 0.0006", held=True),
        F("slope", "self.per_channel(x)), 0.2)", "self.per_channel(x)), 0.3)", "act2", "negative_slope is 0.3"),
        F("no bound", "layers.ReLU(max_value=6)", "layers.ReLU()", "act1", "relu in place of relu6"),
        F("border", "self.first(self.border(x))", "self.first(x)", "stem", "padding is 0"),
        F("same", 'self.border = layers.ZeroPadding2D(1)', 'self.border = layers.ZeroPadding2D(((0, 1), (0, 1)))', "stem", "padding is"),
        F("zeros", "constant_values=-1e9", "constant_values=0", "pool1", ""),
        F("dilation", 'dilation_rate=2', 'dilation_rate=1', "wide", "dilation is 1"),
        F("gelu", 'activation="gelu"', 'activation=lambda x: ops.gelu(x, approximate=True)', "act4", "approximate is tanh"),
        F("relu", 'activation="gelu"', 'activation="relu"', "act4", "relu in place of gelu"),
        F("no activation", 'activation="gelu"', 'activation=None', "act4", "left out", held=True),
        F("plain average", "x = odd_average(x)", "x = self.average(x)", "pool2", "", held=True),
        F("selu", "ops.elu(self.conv(x))", "ops.selu(self.conv(x))", "act3", "selu in place of elu"),
        F("half", "ops.elu(self.conv(x))", "ops.elu(self.conv(x), 0.5)", "act3", "alpha is 0.5", held=True),
        F("no shortcut", "return x + self.mix(y)", "return self.mix(y)", "add", "alone"),
        F("minus", "return x + self.mix(y)", "return x - self.mix(y)", "add", "subtract"),
        F("batch", "self.norm(self.first(self.border(x)))", "self.norm(self.first(self.border(x)), training=True)", "bn1", "statistics of the batch"),
        F("softmax", "return self.out(x)", "return ops.softmax(self.out(x))", "head", "oftmax"),
    ],
}  # fmt: skip
