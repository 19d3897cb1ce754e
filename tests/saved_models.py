"""Makes generated models in the process of one framework, as people would, and lets it save and load their weights.

Run by itself, with the name of the framework. A request is a line of JSON: `source` and `entry` of a file, `inputs` and
`output` (files of NumPy), and `save` or `load`, paths for the framework's own calls; `save` trains one step before. Or
`places`, a file by which Keras shows where it keeps weights. Answers are what was saved, or what went wrong.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""


def with_pytorch(make: Callable[[], Any], inputs: list[Any], request: dict[str, Any]) -> tuple[Any, list[str]]:
    import torch

    torch.manual_seed(1)
    model, given = make(), [torch.from_numpy(array) for array in inputs]
    saved = []
    if "save" in request:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        first(model(*given)).square().mean().backward()
        optimizer.step()
        saved = [f"{request['save']}.pt", f"{request['save']}_old.pth"]
        torch.save(model.state_dict(), saved[0])
        torch.save(model.state_dict(), saved[1], _use_new_zipfile_serialization=False)
    else:
        model.load_state_dict(torch.load(request["load"], weights_only=True))
    with torch.no_grad():
        return first(model.eval()(*given)).numpy(), saved


def with_paddle(make: Callable[[], Any], inputs: list[Any], request: dict[str, Any]) -> tuple[Any, list[str]]:
    import paddle

    paddle.seed(1)
    model, given = make(), [paddle.to_tensor(array) for array in inputs]
    saved = []
    if "save" in request:
        optimizer = paddle.optimizer.SGD(0.01, parameters=model.parameters())
        first(model(*given)).square().mean().backward()
        optimizer.step()
        saved = [f"{request['save']}.pdparams"]
        paddle.save(model.state_dict(), saved[0])
    else:
        missing, unexpected = model.set_state_dict(paddle.load(request["load"]))
        if unexpected or [name for name in missing if ".cell" not in f".{name}"]:  # a cell's weights have two names
            raise AssertionError(f"missing {missing}, unexpected {unexpected}")
    model.eval()
    with paddle.no_grad():
        return first(model(*given)).numpy(), saved


def with_keras(make: Callable[[], Any], inputs: list[Any], request: dict[str, Any]) -> tuple[Any, list[str]]:
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    model, given = make(), inputs[0] if len(inputs) == 1 else inputs
    saved = []
    if "save" in request:
        model.compile(keras.optimizers.SGD(0.01), loss="mse")
        zeros = [np.zeros(value.shape) for value in everything(model(given))]
        model.train_on_batch(given, zeros[0] if len(zeros) == 1 else zeros)
        saved = [f"{request['save']}{ending}" for ending in (".weights.h5", ".keras", ".h5")]
        model.save_weights(saved[0])
        model.save(saved[1])
        model.save(saved[2])
    else:
        model.load_weights(request["load"])
    return first(model(given, training=False)).numpy(), saved


def places(make: Callable[[], Any], path: str) -> list[str]:
    """Where Keras keeps each weight of a model: the names of its layers, and the path in the file."""
    import h5py
    import keras

    keras.utils.clear_session()
    for random in (keras.initializers.VarianceScaling, keras.initializers.Orthogonal, keras.initializers.RandomNormal):
        random.__call__ = keras.initializers.Zeros.__call__
    make().save_weights(path)
    found: list[str] = []

    def walk(group: Any, names: str, inside: str) -> None:
        model = inside.rpartition("/")[2].startswith("functional")  # one in the other, whose name is left out
        if "vars" in group and inside and not model:
            names = f"{names}/{group['vars'].attrs['name']}".removeprefix("/")
            found.extend(f"{names}/{number} {inside}/vars/{number}" for number in group["vars"])
        for name in group:
            if name != "vars":
                walk(group[name], names, f"{inside}/{name}".removeprefix("/"))

    with h5py.File(path) as file:
        walk(file, "", "")
    return found


def everything(outputs: Any) -> list[Any]:
    values = outputs.values() if isinstance(outputs, dict) else outputs
    return list(values) if isinstance(outputs, (dict, tuple, list)) else [outputs]


def first(outputs: Any) -> Any:
    return everything(outputs)[0]


WITH = {"pytorch": with_pytorch, "keras": with_keras, "paddle": with_paddle}


def main(framework: str) -> None:
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # frameworks print, too
    for line in sys.stdin:
        request = json.loads(line)
        try:
            names: dict[str, Any] = {"__name__": "generated"}
            exec(compile(request["source"], "<generated>", "exec"), names)
            if "places" in request:
                answer: Any = {"saved": places(names[request["entry"]], request["places"])}
                print(json.dumps(answer), file=replies, flush=True)
                continue
            with np.load(request["inputs"]) as stored:
                inputs = list(stored.values())
            output, saved = WITH[framework](names[request["entry"]], inputs, request)
            np.save(request["output"], output)
            answer = {"saved": saved}
        except Exception:
            answer = {"error": traceback.format_exc()[-1500:]}
        print(json.dumps(answer), file=replies, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
