"""PaddlePaddle: models are `nn.Layer` classes with a `forward`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from archspec.backend import Backend, Network, WeightsFile
from archspec.emit.code import Call, Code, Own, call, literal, method
from archspec.emit.dialect import Classes, Dialect
from archspec.errors import BackendError

from .initial import STARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from archspec.emit.source import FileGenerator
    from archspec.training.script import Spelling

RESERVED: Final = frozenset(
    "add_module add_parameter add_sublayer apply astype backward bfloat16 buffers children clear_gradients cpu "
    "create_parameter create_tensor create_variable cuda double eval extra_repr float float16 forward full full_name "
    "get_buffer get_extra_state get_parameter get_sublayer get_submodule half load_dict load_state_dict modules "
    "named_buffers named_children named_modules named_parameters named_sublayers parameters register_buffer "
    "register_forward_hook register_forward_post_hook register_forward_pre_hook register_module register_parameter "
    "register_state_dict_hook requires_grad_ set_dict set_state_dict set_sublayer set_submodule sharded_state_dict "
    "state_dict sublayers to to_static_state_dict train training type xpu zero_grad".split()
)


UNFROZEN: Final = ("nn.SimpleRNN", "nn.LSTM", "nn.GRU")
"""Layers whose kernels want a place for the gradients of all weights."""


def frozen(made: Code) -> Code:
    """What does not learn: a layer, or an array of the model's own."""
    if isinstance(made, Call) and made.target == Own("create_parameter"):
        still = call("paddle.ParamAttr", trainable=literal(False))
        return Call(made.target, made.args, (*made.kwargs, ("attr", still)))
    kind = getattr(made.target, "name", "") if isinstance(made, Call) else ""
    if kind in UNFROZEN:
        raise BackendError(f"{kind} has no gradients, or wrong ones, beside weights that stop them")
    return method(made, "requires_grad_", literal(False))


DIALECT: Final = Dialect(
    title="Paddle",
    blocks=Classes(
        base="nn.Layer",
        tensor="Tensor",
        method="forward",
        begin="super().__init__()",
        training="self.training",
        sequential="nn.Sequential",
        named="",
        layer_list="nn.LayerList",
        identity="nn.Identity",
        shape="[]",
        buffer=lambda tensor: tensor,  # so is every tensor that a layer is given as an attribute
        reserved=RESERVED,
        starts=STARTS,
        frozen=frozen,
    ),
    imports={
        "math": "import math",
        "Callable": "from collections.abc import Callable",
        "Sequence": "from collections.abc import Sequence",
        "paddle": "import paddle",
        "Tensor": "from paddle import Tensor",
        "nn": "from paddle import nn",
        "F": "from paddle.nn import functional as F",
    },
    unbiased_variance=False,
    keeps_old=True,
)


def generator(model: Network) -> FileGenerator:
    """Generates the Paddle code of a model. Raises BackendError for what Paddle cannot express exactly."""
    from archspec.emit.source import FileGenerator
    from archspec.emit.table import Support, Table

    here = Path(__file__).parent
    rows, support = Table(f"{__name__}.lowering"), Support(here / "support")
    return FileGenerator(model, DIALECT, rows, support)


def training() -> Spelling:
    """How scripts that train are written."""
    from .training import SPELLING

    return SPELLING


def raising() -> Any:
    """What models are raised by."""
    from .raising import raiser

    return raiser


def live(make: Callable[[], Any], weights: Mapping[str, Any], optional: Collection[str], device: Any) -> Any:
    """A model in this process."""
    from .live import build

    return build(make, weights, optional, device)


BACKEND: Final = Backend(
    name="paddle",
    title="PaddlePaddle",
    framework="paddle",
    generator=generator,
    runner=Path(__file__).parent / "runner.py",
    reproduction=Path(__file__).parent / "reproduce.py.jinja",
    recorder=Path(__file__).parent / "recorder.py",
    tracer=Path(__file__).parent / "tracer.py",
    raising=raising,
    timer=Path(__file__).parent / "timer.py",
    training=training,
    live=live,
    weights_file=WeightsFile(
        ".pdparams", 'model = {entry}()\nmodel.set_state_dict(paddle.load("{file}"))\nmodel.eval()'
    ),
)
