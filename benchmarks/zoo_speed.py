"""Generated models against those of libraries: torchvision, Keras Applications, PaddlePaddle's vision models.

Float32, batch 8; inference and one training step (cross-entropy, SGD). Both models of a pair take turns in one process,
with the same input and the same weights (by order of definition); that both give the same is checked first. What counts
is the median of the ratios of neighbouring runs, which stands noise that lasts longer than a run; below one, generated
code is the faster. Results are kept beside the page, docs/speed.md, that is made of them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

PAIRS: dict[str, dict[str, str]] = {
    "pytorch": {
        "resnet18": "resnet18", "resnet50": "resnet50", "resnext50_32x4d": "resnext50_32x4d",
        "googlenet_bn": "googlenet", "squeezenet1_0": "squeezenet1_0", "densenet121": "densenet121",
        "mobilenet_v2": "mobilenet_v2", "mobilenet_v3_large": "mobilenet_v3_large", "regnet_x_400mf": "regnet_x_400mf",
        "shufflenet_v2_x1_0": "shufflenet_v2_x1_0", "mnasnet_b1": "mnasnet1_0", "efficientnet_b0": "efficientnet_b0",
        "convnext_tiny": "convnext_tiny", "vit_b_32": "vit_b_32",
    },
    "keras": {
        "resnet50_keras": "ResNet50", "resnetv2_50_keras": "ResNet50V2", "xception": "Xception",
        "inception_v3_keras": "InceptionV3", "densenet121_keras": "DenseNet121", "mobilenet_v1_keras": "MobileNet",
        "mobilenet_v2_keras": "MobileNetV2", "mobilenet_v3_large_keras": "MobileNetV3Large",
        "efficientnet_b0_keras": "EfficientNetB0", "efficientnet_v2_b0": "EfficientNetV2B0",
        "nasnet_mobile_keras": "NASNetMobile", "convnext_tiny_keras": "ConvNeXtTiny",
    },
    "paddle": {
        "resnet18": "resnet18", "resnet50": "resnet50", "resnext50_32x4d": "resnext50_32x4d",
        "squeezenet1_0_paddle": "squeezenet1_0", "squeezenet1_1_paddle": "squeezenet1_1",
        "densenet121": "densenet121", "mobilenet_v1": "mobilenet_v1", "mobilenet_v2": "mobilenet_v2",
        "mobilenet_v3_large": "mobilenet_v3_large",
        "mobilenet_v3_small": "mobilenet_v3_small", "shufflenet_v2_x2_0_paddle": "shufflenet_v2_x2_0",
    },
}  # fmt: skip
"""Backend: the variant that comes along, and what the library calls it."""

PAGE = Path(__file__).parent.parent / "docs" / "speed.md"
LIBRARIES = {
    "pytorch": ("torchvision", ("torch", "torchvision")),
    "keras": ("Keras Applications", ("keras", "tensorflow")),
    "paddle": ("paddle.vision.models", ("paddlepaddle",)),
}

MISSING = """
    _deform_conv2d_backward _ps_roi_align_backward _ps_roi_pool_backward _roi_align_backward
    _roi_pool_backward deform_conv2d nms ps_roi_align ps_roi_pool qnms roi_align roi_pool
"""
"""The operators of torchvision's extension, which need not be there for these networks."""

BATCH = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", choices=PAIRS, action="append")
    parser.add_argument("--only", action="append", help="a variant")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--size", type=int, default=160, help="of images, where the network takes it")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pair", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pair:
        backend, name = options.pair
        print(json.dumps(measure(backend, name, options.runs, options.size, options.threads)))
        return
    kept = PAGE.with_suffix(".json")
    results = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for backend in options.to or PAIRS:
        versions = {package: importlib.metadata.version(package) for package in LIBRARIES[backend][1]}
        for name in PAIRS[backend]:
            if options.only and name not in options.only:
                continue
            found = _apart(backend, name, options.runs, options.size, options.threads)
            if found is None:
                continue
            row = {
                "size": found.pop("size"),
                "threads": options.threads,
                "versions": versions,
                **{k: _summary(v) for k, v in found.items()},
            }
            results.setdefault(backend, {})[name] = row
            print(backend, name, row, flush=True)
            kept.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(results), encoding="utf-8")


def _summary(times: list[tuple[float, float]]) -> dict[str, float]:
    ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(a / b for a, b in times)
    return {"ratio": round(ratio, 3), "ours_ms": round(ours * 1e3, 1), "theirs_ms": round(theirs * 1e3, 1)}


def page(results: dict[str, Any]) -> str:
    """The page of all results."""
    parts = [
        "# Speed\n",
        f"""Time of generated models divided by that of the same network, with the same weights, in the framework's own
library: float32, batch {BATCH}, one step of inference and one of training (cross-entropy, SGD). Below 1, generated code
is the faster. Each number is the median of the ratios of runs that took turns in one process: of CPU time with one
thread, else of wall time. Milliseconds are medians. Images are smaller than published, to save time. Made by
`benchmarks/zoo_speed.py --size 112`, with 116, 128 or 299 where the network takes no less.""",
    ]
    for backend, rows in results.items():
        library, _ = LIBRARIES[backend]
        versions = {f"{k} {v}" for row in rows.values() for k, v in row["versions"].items()}
        parts.append(f"\n## {library} ({', '.join(sorted(versions))})\n")
        parts.append(f"| network | image | threads | inference | ms | training | ms |\n|{' --- |' * 7}")
        for name in sorted(rows):
            cells = [f"{m['ratio']:.2f} | {m['ours_ms']:.0f} / {m['theirs_ms']:.0f}" for m in _modes(rows[name])]
            parts.append(f"| {name} | {rows[name]['size']} | {rows[name]['threads']} | {' | '.join(cells)} |")
        for number, mode in enumerate(("inference", "training")):
            ratios = [_modes(row)[number]["ratio"] for row in rows.values()]
            middle = statistics.median(ratios)
            lead = "\n" if number == 0 else ""
            parts.append(
                f"{lead}{mode.capitalize()}: median {middle:.3f}, largest {max(ratios):.3f}, of {len(ratios)}.  "
            )
    return "\n".join(parts).rstrip() + "\n"


def _modes(row: dict[str, Any]) -> list[dict[str, float]]:
    return [row["inference"], row["training"]]


def _apart(backend: str, name: str, runs: int, size: int, count: int) -> dict[str, Any] | None:
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"}
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "FLAGS_num_threads")
    threads = dict.fromkeys(names, str(count))
    command = [sys.executable, __file__, "--pair", backend, name, "--runs", str(runs), "--size", str(size),
               "--threads", str(count)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **quiet, **threads})
    if done.returncode:
        print(f"{backend} {name}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", flush=True)
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(backend: str, name: str, runs: int, size: int, threads: int) -> dict[str, Any]:
    """Seconds of ours and theirs, taking turns, by mode; and the size of the images."""
    import archspec
    from archspec.errors import SpecError

    model = archspec.load(name)
    ((key, tensor),) = model.graph.inputs.items()
    smaller = model.resized({key: (int(tensor.shape[1]), size, size)})
    try:
        model, shape = smaller, next(iter(smaller.graph.inputs.values())).shape
    except SpecError:
        shape = tensor.shape
    program = model.program(backend)
    module = types.ModuleType("generated")
    sys.modules["generated"] = module
    exec(compile(program.source, "generated.py", "exec"), module.__dict__)
    image = np.random.default_rng(0).standard_normal((BATCH, *map(int, shape[1:])), dtype=np.float32)
    labels = np.arange(BATCH, dtype=np.int64)
    if backend == "pytorch":
        import torch

        torch.set_num_threads(threads)
    make: Callable[..., Any] = {"pytorch": _pytorch, "keras": _keras, "paddle": _paddle}[backend]
    modes = make(model, program, getattr(module, program.entry), PAIRS[backend][name], image, labels)
    found: dict[str, Any] = {"size": int(shape[-1])}
    clock = time.process_time if threads == 1 else time.perf_counter
    for mode, steps in modes.items():
        turns = [_turn(clock, steps, number % 2) for number in range(runs + 2)]
        found[mode] = turns[2:]  # the first ones warm up
    return found


def _turn(clock: Callable[[], float], steps: Sequence[Callable[[], Any]], first: int) -> tuple[float, float]:
    """Seconds of ours and theirs; `first` says which begins."""
    seconds = [0.0, 0.0]
    for which in (first, 1 - first):
        started = clock()
        steps[which]()
        seconds[which] = clock() - started
    return seconds[0], seconds[1]


def _pytorch(model: Any, program: Any, entry: Any, name: str, image: Any, labels: Any) -> Any:
    import torch

    library = torch.library.Library("torchvision", "DEF")  # operators of an extension that may be missing
    for operator in MISSING.split():
        library.define(f"{operator}(Tensor a) -> Tensor")
    import torchvision

    extra: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if name.startswith("vit"):
        extra["image_size"] = image.shape[-1]
    models = [entry(), getattr(torchvision.models, name)(weights=None, **extra)]
    for target, source in zip(*(_weights(model) for model in reversed(models)), strict=True):
        target.copy_(source.reshape(target.shape))
    x, y = torch.from_numpy(image), torch.from_numpy(labels)
    with torch.no_grad():
        one, other = (model.eval()(x) for model in models)
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3 * float(other.abs().max()))

    def inference(model: Any) -> Callable[[], Any]:
        def step() -> None:
            model.eval()
            with torch.no_grad():
                model(x)

        return step

    def training(model: Any) -> Callable[[], Any]:
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)

        def step() -> None:
            model.train()
            result = model(x)
            outputs = list(result.values()) if isinstance(result, dict) else result
            outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
            optimizer.zero_grad()
            sum(torch.nn.functional.cross_entropy(output, y) for output in outputs).backward()
            optimizer.step()

        return step

    return {mode.__name__: [mode(model) for model in models] for mode in (inference, training)}


def _weights(model: Any) -> list[Any]:
    """In the order of definition, but those of auxiliary heads last, which libraries define elsewhere."""
    state = {key: value for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}
    return [state[key] for key in sorted(state, key=lambda key: key.startswith("aux"))]


def _keras(model: Any, program: Any, entry: Any, name: str, image: Any, labels: Any) -> Any:
    import keras

    extra = {"include_preprocessing": False} if name.startswith(("MobileNetV3", "EfficientNetV2")) else {}
    sys.path.append(str(Path(__file__).parent.parent))
    from tests.judges.library import keras_variables, pixels_as_they_are

    theirs, defined = keras_variables(
        lambda: getattr(keras.applications, name)(
            weights=None, input_shape=image.transpose(0, 2, 3, 1).shape[1:], classifier_activation=None, **extra
        )
    )
    pixels_as_they_are(theirs)
    models = [entry(), theirs]
    _pour(models[0], model, program, name, defined)
    x = image.transpose(0, 2, 3, 1).copy()
    one, other = (model.predict_on_batch(x) for model in models)
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * float(abs(other).max()))
    for model in models:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=keras.optimizers.SGD(1e-4), loss=loss)
    return {
        "inference": [lambda model=model: model.predict_on_batch(x) for model in models],
        "training": [lambda model=model: model.train_on_batch(x, labels) for model in models],
    }


def _pour(ours: Any, model: Any, program: Any, name: str, defined: Sequence[tuple[str, Any]]) -> None:
    """Gives one of Keras Applications' networks random weights, and ours the same, as the judges of the tests do."""
    from archspec.verification.worker import arrange
    from tests.judges.judge import by_order
    from tests.judges.library import random_weight
    from tests.judges.networks import NETWORKS

    random = np.random.default_rng(0)
    for key, variable in defined:
        variable.assign(random_weight(key, variable.shape, last=True, random=random))
    network = next(each for each in NETWORKS if (each.library, each.theirs) == ("keras", name))
    canonical = by_order(model, program, {key: variable.numpy() for key, variable in defined}, network)
    places = {f"{layer.name}/{weight.name}": weight for layer in ours.layers for weight in layer.weights}
    places |= {weight.path: weight for weight in ours.weights}
    for weight in program.weights:
        if weight.parameter in canonical:  # not those of heads that only training needs
            places[weight.target].assign(arrange(canonical[weight.parameter], weight.layout))


def _paddle(model: Any, program: Any, entry: Any, name: str, image: Any, labels: Any) -> Any:
    import paddle

    models = [entry(), getattr(paddle.vision.models, name)(pretrained=False)]
    state, theirs = (list(model.state_dict().values()) for model in models)
    for target, source in zip(theirs, state, strict=True):
        target.set_value(source)
    x, y = paddle.to_tensor(image), paddle.to_tensor(labels)

    def inference(model: Any) -> Callable[[], Any]:
        def step() -> None:
            model.eval()
            with paddle.no_grad():
                model(x)

        return step

    def training(model: Any) -> Callable[[], Any]:
        optimizer = paddle.optimizer.SGD(1e-4, parameters=model.parameters())

        def step() -> None:
            model.train()
            result = model(x)
            outputs = list(result.values()) if isinstance(result, dict) else result
            outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
            sum(paddle.nn.functional.cross_entropy(output, y) for output in outputs).backward()
            optimizer.step()
            optimizer.clear_grad()

        return step

    return {mode.__name__: [mode(model) for model in models] for mode in (inference, training)}


if __name__ == "__main__":
    main()
