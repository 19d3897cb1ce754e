"""The process of one library: `python library.py LIBRARY`, which is keras, paddle, torchvision or timm.

Each line on standard input asks for a network: its `name` and `arguments` in the library, the `bridges` over known
differences, what `worker.save` returned for an `image` in canonical layout, and where to write `into`. The network gets
random weights in float64, as the library defines them, and is run. The answer tells `worker.load` how to find these
weights, under the library's own names in the order of their definition, and the outputs at `output 0`, `output 1`, ...,
all laid out as the framework does.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from math import prod, sqrt
from typing import Any

import numpy as np

from archspec.verification.worker import Array, load, save

Bridges = Sequence[Callable[[Any], None]]
Network = tuple[list[tuple[str, Any]], Callable[[Array], Sequence[Array]]]
"""The variables of a network, by name in the order of their definition, and how it is run."""


def random_weight(name: str, shape: Sequence[int], last: bool, random: np.random.Generator) -> Array:
    """A weight that keeps signals at their scale; `last` says whether the last axis counts the outputs of a kernel."""
    kind = name.replace("/", ".").rpartition(".")[2]
    if "var" in kind or (len(shape) == 1 and kind in ("weight", "gamma", "layer_scale")):
        return random.uniform(0.5, 1.5, shape)
    if len(shape) < 2 or "mean" in kind:
        return random.uniform(-0.3, 0.3, shape)
    inputs = prod(shape[:-2] if "depthwise" in kind else shape[:-1]) if last else prod(shape[1:])
    return random.standard_normal(shape) * sqrt(1.5 / inputs)


def _keras() -> tuple[dict[str, str], Callable[..., Network], Callable[[Any, Array], None]]:
    os.environ.update(CUDA_VISIBLE_DEVICES="", KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
    import tensorflow

    # isort: split
    import keras

    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")

    def build(name: str, arguments: Mapping[str, Any], image: Array, bridges: Bridges) -> Network:
        keras.utils.clear_session()
        make = getattr(keras.applications, name)
        size = (*image.shape[2:], image.shape[1])
        model, defined = keras_variables(
            lambda: make(weights=None, classifier_activation=None, input_shape=size, **arguments)
        )
        for bridge in bridges:
            bridge(model)
        return defined, lambda image: [model(image.transpose(0, 2, 3, 1), training=False).numpy()]

    return (
        {"keras": keras.__version__, "tensorflow": tensorflow.__version__},
        build,
        lambda variable, array: variable.assign(array),
    )


def keras_variables(make: Callable[[], Any]) -> tuple[Any, list[tuple[str, Any]]]:
    """A Keras model, and its variables by name in the order of their definition, which the model does not keep."""
    import keras

    defined: list[tuple[str, Any]] = []
    add_weight = keras.Layer.add_weight

    def noting(layer: Any, *args: Any, **kwargs: Any) -> Any:
        variable = add_weight(layer, *args, **kwargs)
        name = f"{layer.name}/{variable.name}"
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            name = name.replace("/kernel", "/depthwise_kernel")
        if not isinstance(layer, keras.layers.Normalization):  # whose statistics stay as they are
            defined.append((name, variable))
        return variable

    keras.Layer.add_weight = noting
    try:
        return make(), defined
    finally:
        keras.Layer.add_weight = add_weight


def _paddle() -> tuple[dict[str, str], Callable[..., Network], Callable[[Any, Array], None]]:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import paddle

    paddle.set_default_dtype("float64")

    def build(name: str, arguments: Mapping[str, Any], image: Array, bridges: Bridges) -> Network:
        model = getattr(paddle.vision.models, name)(**arguments)
        model.to(dtype="float64")  # some layers are made in float32 whatever the default is
        model.eval()
        for bridge in bridges:
            bridge(model)

        def run(image: Array) -> list[Array]:
            with paddle.no_grad():
                outputs = model(paddle.to_tensor(image))
            return [output.numpy() for output in (outputs if isinstance(outputs, (tuple, list)) else [outputs])]

        return list(model.state_dict().items()), run

    return {"paddle": paddle.__version__}, build, lambda variable, array: variable.set_value(array)


def _torch(library: str) -> tuple[dict[str, str], Callable[..., Network], Callable[[Any, Array], None]]:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import torch

    torchvision = torchvision_beside()
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    if library == "timm":
        import timm

        versions = {"torch": torch.__version__, "timm": timm.__version__}
    torch.set_default_dtype(torch.float64)

    def build(name: str, arguments: Mapping[str, Any], image: Array, bridges: Bridges) -> Network:
        make = timm.create_model if library == "timm" else torchvision.models.get_model
        model = make(name, **arguments).eval()
        for bridge in bridges:
            bridge(model)

        def run(image: Array) -> list[Array]:
            with torch.no_grad():
                outputs = model(torch.from_numpy(image))
            return [output.numpy() for output in (outputs.values() if isinstance(outputs, dict) else [outputs])]

        state = model.state_dict()
        return [(key, value) for key, value in state.items() if value.is_floating_point()], run

    return versions, build, lambda variable, array: variable.copy_(torch.from_numpy(array))


def torchvision_beside() -> Any:
    """torchvision beside any build of torch.

    That from PyPI does not load its extension beside the CPU build, and then misses operators that it declares more of.
    """
    try:
        import torchvision
    except RuntimeError:
        import torch

        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision
    return torchvision


# Known differences of the libraries, each bridged by its exact formula.


def pixels_as_they_are(model: Any) -> None:
    """Keras networks scale pixels inside, by constants that go through float32; ours begin after it."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.Rescaling):
            layer.scale, layer.offset = 1.0, 0.0


def exact_normalization(model: Any) -> None:
    """Keras keeps the mean and the variance that `Normalization` is given as float32 numbers."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            for name in ("mean", "variance"):
                array = np.reshape(getattr(layer, f"input_{name}"), getattr(layer, name).shape)
                setattr(layer, name, keras.ops.convert_to_tensor(array, "float64"))


def plain_dropout(model: Any) -> None:
    """Paddle's older networks have dropout that scales in evaluation (`downscale_in_infer`), by 1 - p."""
    import paddle

    for layer in model.sublayers():
        if isinstance(layer, paddle.nn.Dropout):
            layer.mode = "upscale_in_train"


def exact_hard_sigmoid(model: Any) -> None:
    """Paddle's `Hardsigmoid` has the slope 0.1666667."""
    import paddle

    for layer in model.sublayers():
        if isinstance(layer, paddle.nn.Hardsigmoid):
            layer.forward = lambda x: paddle.nn.functional.relu6(x + 3) / 6


def larger_epsilon(model: Any) -> None:
    """timm's EfficientNet v2 has an epsilon of 1e-5 in batch normalization; 1e-3 in ours."""
    for layer in model.modules() if hasattr(model, "modules") else model.sublayers():
        for name in ("eps", "_epsilon"):
            if hasattr(layer, name) and hasattr(layer, "momentum" if name == "eps" else "_momentum"):
                setattr(layer, name, 1e-3)


BRIDGES: dict[str, Callable[[Any], None]] = {
    bridge.__name__: bridge
    for bridge in (
        pixels_as_they_are,
        exact_normalization,
        plain_dropout,
        exact_hard_sigmoid,
        larger_epsilon,
    )
}


def answer(request: Mapping[str, Any], library: str, build: Callable[..., Network], assign: Any) -> dict[str, Any]:
    random = np.random.default_rng(0)
    image = load(**request["image"])["image"]
    bridges = [BRIDGES[name] for name in request["bridges"]]
    variables, run = build(request["name"], request["arguments"], image, bridges)
    found = {}
    for name, variable in variables:
        last = library == "keras" or (library == "paddle" and len(variable.shape) == 2)
        found[name] = random_weight(name, tuple(variable.shape), last, random)
        assign(variable, found[name])
    outputs = run(image)
    return save(request["into"], found | {f"output {index}": output for index, output in enumerate(outputs)})


def main(library: str) -> None:
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print does not disturb the answers
    warnings.simplefilter("ignore")
    libraries = {"keras": _keras, "paddle": _paddle}
    versions, build, assign = _torch(library) if library in ("torchvision", "timm") else libraries[library]()
    print(json.dumps(versions), file=replies, flush=True)
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line), library, build, assign)
        except Exception:
            reply = {"error": traceback.format_exc()[-2000:]}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
