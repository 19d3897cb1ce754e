"""One neural-architecture spec, compiled to PyTorch, Keras and PaddlePaddle and proven to be the same function.

    import archspec

    model = archspec.load("resnet50", num_classes=10)
    print(model.compile("keras"))
    print(model.summary())
    assert archspec.verify("resnet18").ok
    network = model.build("pytorch", weights="start.safetensors")

What is imported here is loaded at its first use: `import archspec` costs next to nothing, and no framework is imported
into this process, but by `build` and `module` the one that they are asked for.
"""

from archspec._version import __version__

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost more than all that is done here

if TYPE_CHECKING:
    from archspec.backend import Backend
    from archspec.errors import ArchspecError, BackendError, Diagnostic, SpecError, UsageError
    from archspec.listing import specs
    from archspec.loading import load
    from archspec.model import Model, Spec
    from archspec.proof import Proof, verify
    from archspec.summary import Summary
    from archspec.training.script import Script
    from archspec.verification.report import Report

__all__ = [
    "ArchspecError", "Backend", "BackendError", "Diagnostic", "Model", "Proof", "Report", "Script", "Spec",
    "SpecError", "Summary", "UsageError", "__version__", "load", "specs", "verify",
]  # fmt: skip

_HOMES = {
    "ArchspecError": "errors",
    "Backend": "backend",
    "BackendError": "errors",
    "Diagnostic": "errors",
    "Model": "model",
    "Proof": "proof",
    "Report": "verification.report",
    "Script": "training.script",
    "Spec": "model",
    "SpecError": "errors",
    "Summary": "summary",
    "UsageError": "errors",
    "load": "loading",
    "specs": "listing",
    "verify": "proof",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'archspec' has no attribute '{name}'")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"archspec.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
