"""Keras 3 on TensorFlow: models are made by functions of the functional API, with channels last."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from archspec.backend import Backend, Network, WeightsFile
from archspec.emit.code import Call, Code, literal
from archspec.emit.dialect import Chain, Dialect, Functions

from .initial import Arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from archspec.backend import Program
    from archspec.emit.source import FileGenerator
    from archspec.graph.graph import Graph
    from archspec.training.script import Spelling


def unlayered(mention: str) -> str:
    """The name of an operation of a functional model that is no layer: `absolute` for `ops.abs`, `add` for `+`."""
    module, _, name = mention.rpartition(".")
    if module in ("ops", "keras.ops"):
        return "absolute" if name == "abs" else re.sub("normalization$", "norm", name)
    return OPERATORS.get(mention, "")


def frozen(made: Code) -> Code:
    """A layer that does not learn; nor does the one inside of it, which does not hear of it from Keras."""
    assert isinstance(made, Call)
    inner = made.args[:1] if made.args and isinstance(made.args[0], Call) else ()
    return Call(
        made.target, (*map(frozen, inner), *made.args[len(inner) :]), (*made.kwargs, ("trainable", literal(False)))
    )


OPERATORS: Final = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "//": "floor_divide",
    "**": "power",
    "%": "mod",
    "@": "matmul",
    "-x": "negative",
    "[]": "get_item",
}


def _chain(name: str, layer: str, arguments: tuple[str, ...], what: str) -> Chain:
    return Chain(name, layer, arguments, "layers.BatchNormalization", f"layers.ZeroPadding{layer[-2:]}",
                 f"{what} and batch norm", "padding may be a number of zeros")  # fmt: skip


CHAINS: Final = (
    _chain("conv_bn", "layers.Conv2D", ("filters", "kernel_size"), "Convolution"),
    _chain("depthwise_bn", "layers.DepthwiseConv2D", ("kernel_size",), "Convolution per channel"),
    _chain("separable_bn", "layers.SeparableConv2D", ("filters", "kernel_size"), "Separable convolution"),
)


DIALECT: Final = Dialect(
    title="Keras",
    blocks=Functions(
        model="keras.Model",
        input="keras.Input",
        after="After",
        unlayered=unlayered,
        given=Arguments(),
        frozen=frozen,
        chains=CHAINS,
    ),
    imports={
        "math": "import math",
        "keras": "import keras",
        "np": "import numpy as np",
        "layers": "from keras import layers",
        "ops": "from keras import ops",
    },
    transpose="ops.transpose",
)


def generator(model: Network) -> FileGenerator:
    """Generates the Keras code of a model. Raises BackendError for what Keras cannot express exactly."""
    from archspec.emit.docs import class_name
    from archspec.emit.source import FileGenerator
    from archspec.emit.table import Support, Table

    here = Path(__file__).parent
    # Two files that both have a layer of one name may be used together; the name must not make a line too long.
    rows, support = Table(f"{__name__}.lowering"), Support(here / "support", {"PACKAGE": class_name(model)[:35]})
    return FileGenerator(model, DIALECT, rows, support)


def training() -> Spelling:
    """How scripts that train are written."""
    from .training import SPELLING

    return SPELLING


def raising() -> Any:
    """What people write, as operations."""
    from .raising import raiser

    return raiser


def saved(program: Program, graph: Graph) -> Mapping[str, str]:
    """Where a file of Keras has the weights of a model; see `order`."""
    from . import order

    return order.saved(program, graph)


def live(make: Callable[[], Any], weights: Mapping[str, Any], optional: Collection[str], device: Any) -> Any:
    """A model in this process."""
    from .live import build

    return build(make, weights, optional, device)


BACKEND: Final = Backend(
    name="keras",
    title="Keras",
    framework="keras",
    generator=generator,
    runner=Path(__file__).parent / "runner.py",
    recorder=Path(__file__).parent / "recorder.py",
    tracer=Path(__file__).parent / "tracer.py",
    raising=raising,
    timer=Path(__file__).parent / "timer.py",
    reproduction=Path(__file__).parent / "reproduce.py.jinja",
    training=training,
    live=live,
    weights_file=WeightsFile(".weights.h5", 'model = {entry}()\nmodel.load_weights("{file}")'),
    saved=saved,
)
