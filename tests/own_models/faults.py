"""Faults in models ported by hand: a change of the text, the first step that differs, and words for the reason.

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
    "transformer": ("tests/own_models/transformer.yaml", {}),
    "words": ("bilstm_tagger", {"vocabulary": 50, "embedding_dim": 10, "hidden_size": 12, "num_classes": 5, "unit": "gru"}),
}  # fmt: skip
"""The spec of each kind of port, and its params."""

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
    "pytorch_transformer": [
        F("epsilon", "self.before = nn.LayerNorm(24, eps=1e-6)", "self.before = nn.LayerNorm(24)", "block.0.norm1", "epsilon is 1e-05"),
        F("odd epsilon", "self.last = nn.LayerNorm(24, eps=1e-6)", "self.last = nn.LayerNorm(24, eps=2e-4)", "norm", "epsilon is 0.0002"),
        F("not scaled", " / math.sqrt(24 // self.heads)", "", "block.0.attention", "scale is 1,"),
        F("scaled by d", "math.sqrt(24 // self.heads)", "(24 // self.heads)", "block.0.attention", "divided by d"),
        F("scaled by width", "math.sqrt(24 // self.heads)", "math.sqrt(24)", "block.0.attention", "scale", held=True),
        F("causal", "seen = torch", "scores = scores + torch.full((9, 9), -1e9).triu(1); seen = torch", "block.0.attention", "causal is true"),
        F("softmax axis", "torch.softmax(scores, -1)", "torch.softmax(scores, -2)", "block.0.attention", "", held=True),
        F("heads", "self.heads = 3", "self.heads = 4", "block.0.attention", "num_heads is 4"),
        F("heads not moved", "seen.transpose(1, 2).reshape", "seen.reshape", "block.0.attention", "order"),
        F("no bias", "self.value = nn.Linear(24, 24)", "self.value = nn.Linear(24, 24, bias=False)", "block.0.attention", "bias"),
        F("gelu", "F.gelu(self.up", "F.gelu(approximate='tanh', input=self.up", "block.0.curve", "approximate is tanh"),
        F("relu", "F.gelu(self.up", "F.relu(self.up", "block.0.curve", "relu in place of gelu"),
        F("quick gelu", "F.gelu(self.up(self.between(x)))", "(lambda y: y * torch.sigmoid(1.702 * y))(self.up(self.between(x)))", "block.0.curve", "", held=True),
        F("no shortcut", "x = x + self.attend(self.before(x))", "x = self.attend(self.before(x))", "block.0.attended", "alone"),
        F("norm behind", "x = x + self.attend(self.before(x))", "x = self.before(x + self.attend(x))", "block.0.norm1", ""),
        F("one norm", "self.up(self.between(x))", "self.up(self.before(x))", "block.0.norm2", "", held=True),
        F("no positions", "x = x + self.places[: tokens.shape[1]]", "x = x + 0", "positions", "left out"),
        F("positions from one", "self.places[: tokens.shape[1]]", "self.places[1 : tokens.shape[1] + 1]", "positions", "", held=True),
        F("scaled words", "x = self.words(tokens)", "x = self.words(tokens) * math.sqrt(24)", "positions", "mul"),
        F("largest", "x.mean(1)", "x.amax(1)", "pooled", "max in place of mean"),
        F("last word", "x.mean(1)", "x[:, -1]", "pooled", ""),
        F("no last norm", "x = self.last(x)", "x = x * 1", "norm", "left out"),
    ],
    "paddle_cnn": [
        F("epsilon", "self.norm = nn.BatchNorm2D(16, epsilon=0.001)", "self.norm = nn.BatchNorm2D(16)", "bn1", "epsilon is 1e-05"),
        F("odd epsilon", "self.n = nn.BatchNorm2D(16, epsilon=0.001)", "self.n = nn.BatchNorm2D(16, epsilon=7e-4)", "bn2", "epsilon is 0.0007"),
        F("slope", "0.2)", "0.01)", "act2", "negative_slope is 0.01"),
        F("odd slope", "0.2)", "0.13)", "act2", "negative_slope is 0.13", held=True),
        F("no bound", "nn.ReLU6()", "nn.ReLU()", "act1", "relu in place of relu6"),
        F("hard", "nn.ReLU6()", "nn.Hardswish()", "act1", "hard_swish in place of relu6"),
        F("pool", "F.max_pool2d(x, 3, 2, 1)", "F.avg_pool2d(x, 3, 2, 1)", "pool1", "avg_pool2d in place of max_pool2d"),
        F("border", "F.avg_pool2d(x, 3, 2, 1)", "F.avg_pool2d(x, 3, 2, 1, exclusive=False)", "pool2", "count_include_pad is true"),
        F("dilation", "padding=2, dilation=2", "padding=1", "wide", "dilation is 1"),
        F("kernel", "nn.Conv2D(16, 24, 3, padding=2, dilation=2)", "nn.Conv2D(16, 24, 5, padding=2)", "wide", "kernel_size is 5"),
        F("reflected", "padding=2, dilation=2)", "padding=2, dilation=2, padding_mode='reflect')", "wide", "", held=True),
        F("gelu", "F.gelu(self.fc(x))", "F.gelu(self.fc(x), approximate=True)", "act4", "approximate is tanh"),
        F("no activation", "F.gelu(self.fc(x))", "self.fc(x)", "act4", "left out"),
        F("other curve", "F.elu(self.conv(x))", "F.selu(self.conv(x))", "act3", "selu in place of elu"),
        F("half", "F.elu(self.conv(x))", "F.elu(self.conv(x), 0.5)", "act3", "alpha is 0.5", held=True),
        F("no shortcut", "return x + self.mix(y)", "return self.mix(y)", "add", "alone"),
        F("minus", "return x + self.mix(y)", "return x - self.mix(y)", "add", "subtract"),
        F("batch", "x = self.clip(self.norm", "self.norm.train(); x = self.clip(self.norm", "bn1", "statistics of the batch"),
        F("softmax", "return self.out(x)", "return F.softmax(self.out(x))", "head", "softmax"),
        F("instance", "self.norm = nn.BatchNorm2D(16, epsilon=0.001)", "self.norm = nn.InstanceNorm2D(16, epsilon=0.001)", "bn1", "instance_norm", held=True),
        F("twice", "x = self.body(x)", "x = F.relu(self.body(x))", "pool1", "relu", held=True),
    ],
    "keras_words": [
        F("lstm", "layers.GRU(", "layers.LSTM(", "encoder", "lstm in place of gru"),
        F("rnn", "layers.GRU(", "layers.SimpleRNN(", "encoder", "rnn in place of gru"),
        F("one bias", "return_sequences=True", "return_sequences=True, reset_after=False", "encoder", ""),
        F("no bias", "return_sequences=True", "return_sequences=True, use_bias=False", "encoder", "bias is false"),
        F("one direction", "layers.Bidirectional(layers.GRU(12, return_sequences=True))", "layers.GRU(24, return_sequences=True)", "encoder", ""),
        F("relu", "return_sequences=True", "return_sequences=True, activation='relu'", "encoder", ""),
        F("hard gates", "return_sequences=True", "return_sequences=True, recurrent_activation='hard_sigmoid'", "encoder", "", held=True),
        F("added", "return_sequences=True))", "return_sequences=True), merge_mode='sum')", "encoder", ""),
        F("scaled words", "(x)\n    x = layers.Bidirectional", "(x * 10**0.5)\n    x = layers.Bidirectional", "encoder", "Mul 'functional' comes before"),
        F("tanh", "layers.Dense(5)(x)", "layers.Dense(5)(keras.ops.tanh(x))", "fc", "anh"),
        F("softmax", "layers.Dense(5)", "layers.Dense(5, activation='softmax')", "fc", "oftmax"),
        F("relu at the end", "layers.Dense(5)", "layers.Dense(5, activation='relu')", "fc", "elu", held=True),
        F("no last bias", "layers.Dense(5)", "layers.Dense(5, use_bias=False)", "fc", "bias is false"),
        F("norm", "layers.Dense(5)(x)", "layers.Dense(5)(layers.LayerNormalization()(x))", "fc", "", held=True),
        F("two layers", "    return keras", "    x = layers.Dense(24)(x)\n    return keras", "fc", ""),
        F("flipped words", "layers.Embedding(50, 10)(tokens)", "layers.Embedding(50, 10)(tokens[:, ::-1])", "embedding", "", held=True),
        F("doubled", "layers.Dense(5)(x)", "2.0 * layers.Dense(5)(x)", "fc", "ul"),
        F("shifted", "layers.Dense(5)(x)", "layers.Dense(5)(x) + 1.0", "fc", "dd"),
        F("last word", "layers.Dense(5)(x)", "layers.Dense(5)(x[:, -1])", "fc", ""),
    ],
}  # fmt: skip
