"""Weights that begin otherwise than the spec says: what they are filled with afterwards is right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Final

from .fault import Fault, both, pattern, text

NETWORKS: Final[Mapping[str, str]] = {
    "starts": """
        archspec: 1
        name: Starts
        inputs: {image: [16, 9, 9]}
        init: {conv2d: kaiming_normal(fan_out), linear: trunc_normal(0.02)}
        layers:
          - {op: conv2d, name: conv, out_channels: 64, kernel_size: 3}
          - {op: conv2d, name: wide, out_channels: 64, kernel_size: 3}
          - {op: batch_norm, name: norm}
          - {op: conv2d, name: deep, out_channels: 64, kernel_size: 3}
          - relu
          - global_avg_pool2d
          - {op: linear, name: hidden, out_features: 256}
          - {op: linear, name: fc, out_features: 10, init: {weight: zeros}}
    """,
}

start = partial(Fault, rungs=("float32",), kind="a start")


def _in_loops(layer: str, same: str, zeros: str) -> dict[str, list[Fault]]:
    """Those of frameworks that fill weights in a loop; `same` gives one layer the numbers of another, and
    `zeros` is what is said of biases."""
    fans = f"nn.init.kaiming_normal_({layer}.weight, mode='fan_out', nonlinearity='relu')"
    cut = f"nn.init.trunc_normal_({layer}.weight, std=0.02, a=-0.04, b=0.04)"
    biases = f"nn.init.uniform_({layer}.bias, -0.01, 0.01)"
    return {
        "starts": [
            start("the fan of inputs for that of outputs", text(fans, fans.replace("fan_out", "fan_in")), "conv"),
            start("a uniform distribution for a normal one", text(fans, fans.replace("normal", "uniform")), "conv"),
            start("another deviation", text(cut, cut.replace("0.02", "0.022")), "hidden"),
            start("a normal distribution that is not cut", text(cut, f"nn.init.normal_({layer}.weight, std=0.0175925)"),
                  "hidden"),
            start("biases at random", pattern(re.escape(cut) + zeros, f"{cut}; {biases}"), "hidden"),
            start("a last layer that does not begin with zeros", text("nn.init.zeros_(self.fc.weight)", "pass"), "fc"),
            start("one draw for two layers", text("nn.init.zeros_(self.fc.weight)",
                                                  f"nn.init.zeros_(self.fc.weight); {same}"), "deep"),
        ]
    }  # fmt: skip


_CUT: Final = "keras.initializers.VarianceScaling(2.0, 'fan_out', 'truncated_normal')"
_NORMAL: Final = "kaiming_normal('fan_out')"
_MODEL: Final = "def Starts("

FAULTS: Final[Mapping[str, Mapping[str, list[Fault]]]] = {
    "pytorch": _in_loops("module", "self.deep.weight.data = self.wide.weight.data.clone()",
                         r"\n *nn.init.zeros_\(module.bias\)"),
    "keras": {
        "starts": [
            start("the fan of inputs for that of outputs",
                  text(f"{_NORMAL}, name='conv'", f"{_NORMAL.replace('fan_out', 'fan_in')}, name='conv'"), "conv"),
            start("a normal distribution that is cut and scaled up again",
                  text(f"{_NORMAL}, name='wide'", f"{_CUT}, name='wide'"), "wide"),
            start("a normal distribution that is not cut", text("TruncatedNormal(", "RandomNormal("), "hidden"),
            start("biases at random", text("name='hidden'", "bias_initializer='glorot_uniform', name='hidden'"),
                  "hidden"),
            start("scales of a half", text("name='norm'", "gamma_initializer=keras.initializers.Constant(0.5), "
                                                          "name='norm'"), "norm"),
            start("a last layer that does not begin with zeros",
                  text("kernel_initializer='zeros', name='fc'", "name='fc'"), "fc"),
            start("one initializer for two layers",
                  both(text(_MODEL, f"start = {_NORMAL}\n\n{_MODEL}"),
                       both(text(f"{_NORMAL}, name='wide'", "start, name='wide'"),
                            text(f"{_NORMAL}, name='deep'", "start, name='deep'"))), "deep"),
        ]
    },
    "paddle": _in_loops("layer", "self.deep.weight.set_value(self.wide.weight)", ""),
}  # fmt: skip
