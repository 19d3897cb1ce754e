"""Generated models against those of libraries: torchvision, Keras Applications, PaddlePaddle's vision models.

Float32, batch 8, two threads; inference and one training step (cross-entropy, SGD). Both models of a pair take turns in
one process, with the same input, and for PyTorch and Paddle the same weights (by order of definition). What is
printed is the median of the ratios of neighbouring runs; below one, generated code is the faster.

torchvision need not be installed: `PYTHONPATH` may point to where it was unpacked (`pip install --no-deps --target`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable
from typing import Any

PAIRS: dict[str, dict[str, str]] = {
    "pytorch": {
        "alexnet": "alexnet", "vgg16": "vgg16", "googlenet_bn": "googlenet", "resnet18": "resnet18",
        "resnet50": "resnet50", "resnext50": "resnext50_32x4d", "squeezenet1_0": "squeezenet1_0",
        "densenet121": "densenet121", "mobilenet_v2": "mobilenet_v2", "mobilenet_v3_large": "mobilenet_v3_large",
        "shufflenet_v2_x1_0": "shufflenet_v2_x1_0", "mnasnet1_0": "mnasnet1_0", "efficientnet_b0": "efficientnet_b0",
        "inception_v3": "inception_v3", "convnext_tiny": "convnext_tiny", "vit_b_32": "vit_b_32",
    },
    "keras": {
        "vgg16": "VGG16", "resnet50_keras": "ResNet50", "resnet50_v2_keras": "ResNet50V2", "xception": "Xception",
        "inception_v3_keras": "InceptionV3", "densenet121": "DenseNet121", "mobilenet_v1_100": "MobileNet",
        "mobilenet_v2_keras": "MobileNetV2", "mobilenet_v3_large_keras": "MobileNetV3Large",
        "efficientnet_b0_keras": "EfficientNetB0", "efficientnet_v2_b0": "EfficientNetV2B0",
        "nasnet_mobile": "NASNetMobile", "convnext_tiny": "ConvNeXtTiny",
    },
    "paddle": {
        "alexnet": "alexnet", "vgg16": "vgg16", "resnet18": "resnet18", "resnet50": "resnet50",
        "resnext50": "resnext50_32x4d", "squeezenet1_0": "squeezenet1_0", "densenet121": "densenet121",
        "mobilenet_v1_100": "mobilenet_v1", "mobilenet_v2": "mobilenet_v2", "inception_v3": "inception_v3",
        "mobilenet_v3_large": "mobilenet_v3_large", "shufflenet_v2_x1_0": "shufflenet_v2_x1_0",
    },
}  # fmt: skip
"""Backend: the variant that comes along, and what the library calls it."""

MISSING = """
    _deform_conv2d_backward _ps_roi_align_backward _ps_roi_pool_backward _roi_align_backward
    _roi_pool_backward deform_conv2d nms ps_roi_align ps_roi_pool qnms roi_align roi_pool
"""
"""The operators of torchvision's extension, which need not be there for these networks."""

BATCH = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", choices=PAIRS, action="append")
    parser.add_argument("--only", help="a variant")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--pair", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pair:
        backend, name = options.pair
        print(json.dumps(measure(backend, name, options.runs)))
        return
    for backend in options.to or PAIRS:
        ratios: dict[str, list[float]] = {"inference": [], "training": []}
        for name in PAIRS[backend]:
            if options.only in (None, name):
                found = _apart(backend, name, options.runs)
                if found is None:
                    continue
                cells = []
                for mode, times in found.items():
                    ratio = statistics.median(ours / theirs for ours, theirs in times)
                    ratios[mode].append(ratio)
                    ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
                    cells.append(f"{mode} {ratio:.2f} ({ours * 1e3:.0f} / {theirs * 1e3:.0f} ms)")
                print(f"{backend} {name}: {', '.join(cells)}", flush=True)
        for mode, values in ratios.items():
            if values:
                middle = statistics.median(values)
                print(f"{backend}, {mode}: median {middle:.3f}, largest {max(values):.3f}, of {len(values)}")


def _apart(backend: str, name: str, runs: int) -> dict[str, list[tuple[float, float]]] | None:
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "FLAGS_num_threads"), "2")
    command = [sys.executable, __file__, "--pair", backend, name, "--runs", str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **quiet, **threads})
    if done.returncode:
        print(f"{backend} {name}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", flush=True)
        return None
    found: dict[str, list[tuple[float, float]]] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(backend: str, name: str, runs: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds of ours and theirs, taking turns, by mode."""
    import numpy as np

    import archspec

    model = archspec.load(name)
    program = model.program(backend)
    module = types.ModuleType("generated")
    sys.modules["generated"] = module
    exec(compile(program.source, "generated.py", "exec"), module.__dict__)
    (tensor,) = model.graph.inputs.values()
    image = np.random.default_rng(0).standard_normal((BATCH, *map(int, tensor.shape[1:])), dtype=np.float32)
    labels = np.arange(BATCH, dtype=np.int64)
    make: Callable[..., Any] = {"pytorch": _pytorch, "keras": _keras, "paddle": _paddle}[backend]
    modes = make(getattr(module, program.entry), PAIRS[backend][name], image, labels)
    found: dict[str, list[tuple[float, float]]] = {}
    for mode, (ours, theirs) in modes.items():
        for step in (ours, theirs, ours, theirs):
            step()
        found[mode] = []
        for number in range(runs):
            pair = [_seconds(step) for step in ((ours, theirs) if number % 2 else (theirs, ours))]
            found[mode].append((pair[0], pair[1]) if number % 2 else (pair[1], pair[0]))
    return found


def _seconds(step: Callable[[], Any]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def _pytorch(entry: Any, name: str, image: Any, labels: Any) -> Any:
    import torch

    library = torch.library.Library("torchvision", "DEF")  # operators of an extension that may be missing
    for operator in MISSING.split():
        library.define(f"{operator}(Tensor a) -> Tensor")
    import torchvision

    torch.set_num_threads(2)
    extra = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    models = [entry(), getattr(torchvision.models, name)(weights=None, **extra)]
    state = [value for key, value in models[0].state_dict().items() if not key.endswith("num_batches_tracked")]
    theirs = [value for key, value in models[1].state_dict().items() if not key.endswith("num_batches_tracked")]
    if [value.numel() for value in state] == [value.numel() for value in theirs]:
        for target, source in zip(theirs, state, strict=True):
            target.copy_(source.reshape(target.shape))
    x, y = torch.from_numpy(image), torch.from_numpy(labels)

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


def _keras(entry: Any, name: str, image: Any, labels: Any) -> Any:
    import keras

    extra = {"include_preprocessing": False} if name.startswith(("MobileNetV3", "EfficientNetV2", "ConvNeXt")) else {}
    theirs = getattr(keras.applications, name)(
        weights=None, input_shape=image.transpose(0, 2, 3, 1).shape[1:], classifier_activation=None, **extra
    )
    models = [entry(), theirs]
    x = image.transpose(0, 2, 3, 1).copy()
    for model in models:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=keras.optimizers.SGD(1e-4), loss=loss)
    return {
        "inference": [lambda model=model: model.predict_on_batch(x) for model in models],
        "training": [lambda model=model: model.train_on_batch(x, labels) for model in models],
    }


def _paddle(entry: Any, name: str, image: Any, labels: Any) -> Any:
    import paddle

    models = [entry(), getattr(paddle.vision.models, name)(pretrained=False)]
    state, theirs = (list(model.state_dict().values()) for model in models)
    if [value.shape for value in state] == [value.shape for value in theirs]:
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
