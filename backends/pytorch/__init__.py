"""PyTorch: models are `nn.Module` classes with a `forward`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from archspec.backend import Backend, Network, WeightsFile
from archspec.emit.code import Call, Code, Global, call, literal, method
from archspec.emit.dialect import Classes, Dialect

from .initial import STARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from archspec.emit.source import FileGenerator
    from archspec.training.script import Spelling

RESERVED: Final = frozenset(
    "T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches "
    "eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict "
    "modules mtia named_buffers named_children named_modules named_parameters parameters register_buffer "
    "register_module register_parameter requires_grad_ set_extra_state set_submodule share_memory state_dict to "
    "to_empty train training type xpu zero_grad".split()
)


def frozen(made: Code) -> Code:
    """What does not learn: a layer, or an array of the model's own."""
    if isinstance(made, Call) and made.target == Global("nn.Parameter"):
        return Call(made.target, made.args, (*made.kwargs, ("requires_grad", literal(False))))
    return method(made, "requires_grad_", literal(False))


DIALECT: Final = Dialect(
    title="PyTorch",
    blocks=Classes(
        base="nn.Module",
        tensor="Tensor",
        method="forward",
        begin="super().__init__()",
        training="self.training",
        sequential="nn.Sequential",
        named="OrderedDict",
        layer_list="nn.ModuleList",
        identity="nn.Identity",
        shape="()",
        buffer=lambda tensor: call("nn.Buffer", tensor, persistent=literal(False)),
        reserved=RESERVED,
        starts=STARTS,
        frozen=frozen,
    ),
    imports={
        "math": "import math",
        "OrderedDict": "from collections import OrderedDict",
        "Callable": "from collections.abc import Callable",
        "Sequence": "from collections.abc import Sequence",
        "torch": "import torch",
        "Tensor": "from torch import Tensor",
        "nn": "from torch import nn",
        "F": "from torch.nn import functional as F",
    },
    unbiased_variance=True,
    keeps_old=False,
)


def generator(model: Network) -> FileGenerator:
    """Generates the PyTorch code of a model. Raises BackendError for what PyTorch cannot express exactly."""
    from archspec.emit.source import FileGenerator
    from archspec.emit.table import Support, Table

    here = Path(__file__).parent
    rows, support = Table(f"{__name__}.lowering"), Support(here / "support")
    return FileGenerator(model, DIALECT, rows, support)


def exact_statistics(model: Network) -> FileGenerator:
    """Generates code that keeps the biased variance of batches, as Keras and PaddlePaddle do; raises as `generator`."""
    from archspec.emit.source import FileGenerator
    from archspec.emit.table import Support, Table

    from .lowering.normalization import biased_batch_norm

    here = Path(__file__).parent
    rows = Table(f"{__name__}.lowering", {"batch_norm": biased_batch_norm})
    return FileGenerator(model, replace(DIALECT, unbiased_variance=False), rows, Support(here / "support"))


def training() -> Spelling:
    """How scripts that train are written."""
    from .training import SPELLING

    return SPELLING


def raising() -> Any:
    """What people write, as operations."""
    from .raising import raiser

    return raiser


def live(make: Callable[[], Any], weights: Mapping[str, Any], optional: Collection[str], device: Any) -> Any:
    """A model in this process."""
    from .live import build

    return build(make, weights, optional, device)


BACKEND: Final = Backend(
    name="pytorch",
    title="PyTorch",
    framework="torch",
    generator=generator,
    runner=Path(__file__).parent / "runner.py",
    reproduction=Path(__file__).parent / "reproduce.py.jinja",
    recorder=Path(__file__).parent / "recorder.py",
    timer=Path(__file__).parent / "timer.py",
    tracer=Path(__file__).parent / "tracer.py",
    raising=raising,
    training=training,
    live=live,
    weights_file=WeightsFile(".pt", 'model = {entry}().eval()\nmodel.load_state_dict(torch.load("{file}"))'),
    exact_statistics=exact_statistics,
)
