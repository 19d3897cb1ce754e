"""What the author of a file had as modules: events put into them, and those with weights named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

_WEIGHT = re.compile(r"[_./]((weight|kernel|w|bias|b|scale|s|gamma|beta|mean|var|rm|riv|running_mean|running_var|slope)"
                     r"(_\d+)?|(weight|bias)_[ih]h_l\d+\w*)$")  # fmt: skip
"""What the name of a weight says of itself."""
MOVES = frozenset(("Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"))


POOLS = re.compile(r".*Pool|Reshape|Flatten|Gemm|Softmax|Dropout")
"""What stands between modules rather than at the end of one, if nothing is known of it."""


def placed(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events between those that enter and leave modules."""
    paths = _paths(events)
    counts = Counter(paths)
    outer = {path[:place] for path in counts for place, sign in enumerate(path) if sign == "."}
    homes = [_frames(path, outer, counts) if path else None for path in paths]
    _anonymous(events, homes)
    found: list[dict[str, Any]] = []
    inside: list[str] = []
    for event, path, home in zip(events, paths, homes, strict=True):
        frames = home or []
        event["path"] = path
        if path and frames and path == frames[-1]:
            weights = list(weights_of(event))
            event["path"] = f"{path}.{_part(weights[0], path) or _plain(event['func'])}" if weights else ""
        elif event["func"] in MOVES:
            event["path"] = ""
        while inside and inside != frames[: len(inside)]:
            inside.pop()
            found.append({"event": "leave", "result": None})
        for each in frames[len(inside) :]:
            kind = event["scopes"].get(each, "")
            found.append({"event": "enter", "path": each, "class": kind.rpartition(".")[2], "kind": kind,
                          "container": kind.startswith("torch.nn"), "arguments": {}})  # fmt: skip
            inside.append(each)
        found.append({name: value for name, value in event.items() if name not in ("node", "scopes", "moves")})
    return [*found, *({"event": "leave", "result": None} for _ in inside)]


def _frames(path: str, outer: Collection[str], counts: Mapping[str, int]) -> list[str]:
    """The modules around a step, which may be one itself."""
    frames = [path[:place] for place, sign in enumerate(path) if sign == "."]
    return [*frames, path] if path in outer or counts[path] > 1 else frames


def _paths(events: Sequence[dict[str, Any]]) -> list[str]:
    """What the author calls each step, without what all are in; if none has parts, up to the number of a block."""
    paths = [_path(event) for event in events]
    first = {path.partition(".")[0] for path in paths if path}
    if len(first) == 1 and all("." in path for path in paths if path):
        paths = [path.partition(".")[2] for path in paths]
    if not any("." in path for path in paths):
        blocks = Counter(found[1] for found in map(_NUMBERED.match, dict.fromkeys(paths)) if found)
        if sum(count > 2 for count in blocks.values()) > 1:
            paths = [_NUMBERED.sub(r"\1.\2", path) for path in paths]
    return paths


_NUMBERED = re.compile(r"^(.*?\d+[a-z]?(?:_(?:block|unit|layer)?\d+)*)_(.+)$")
"""`res2_0_branch2a`, `conv2_block1_1_conv`."""


def _anonymous(events: Sequence[dict[str, Any]], homes: list[list[str] | None]) -> None:
    """Steps of which nothing is known are where the last of what they read comes from; pools and such where both
    neighbours are."""
    made: dict[int, list[str]] = {}
    for place, event in enumerate(events):
        if homes[place] is None:
            if event["moves"]:
                homes[place] = homes[place - 1] if place else []
                continue
            read = [number for one, _ in event["args"] for number in _values(one) if number in made]
            before = [made[max(read)]] if read else []
            if POOLS.fullmatch(event["func"]):
                following = next((home for home in homes[place + 1 :] if home is not None), [])
                before = [*before, following]
            homes[place] = _common(before)
        for number in _values(event["result"]):
            made[number] = homes[place] or []


def _common(several: Sequence[list[str]]) -> list[str]:
    found = []
    for each in zip(*several, strict=False):
        if len(set(each)) > 1:
            break
        found.append(each[0])
    return found


def _values(data: Any) -> Iterator[int]:
    if isinstance(data, dict) and "value" in data:
        yield data["value"]
    elif isinstance(data, list):
        for each in data:
            yield from _values(each)


def weights_of(event: Mapping[str, Any]) -> Iterator[str]:
    """The names of weights that an event reads, that which tells most of its own name first."""
    if event["event"] != "call":
        return
    yield from (each["weight"] for each in event["weights"].values())
    args = event["args"][::-1] if event["func"] == "BatchNormalization" else event["args"]  # second scales are last
    for one, _ in args:
        if isinstance(one, dict) and "weight" in one:
            yield one["weight"]


def _path(event: Mapping[str, Any]) -> str:
    """What an author calls a step: `layer1.0.conv1`; empty if nothing tells it."""
    if event["moves"]:
        return ""  # it is no step
    if event["scopes"]:
        return str(list(event["scopes"])[-1])
    name, op = event["node"], event["func"].rpartition(".")[2]
    if name and not re.fullmatch(rf"({op}|node|n|op)?_?\d*", name, re.IGNORECASE):
        parts = name.strip("/").split("/")
        if re.fullmatch(rf"{op}(_\d+)?", parts[-1], re.IGNORECASE):
            del parts[-1]
        path: list[str] = []
        for part in parts:  # `layer1/layer1.0` is one inside the other, and said twice
            if path and part.startswith(f"{path[-1]}."):
                path.pop()
            path.append(part)
        return ".".join(path)
    return next((_WEIGHT.sub("", name).replace("/", ".") for name in weights_of(event) if "::" not in name), "")


def _part(weight: str, path: str) -> str:
    """What a weight says of a step in a module; nothing, if it has the module's name."""
    name = _WEIGHT.sub("", weight).replace("/", ".")
    return name.rpartition(f"{path}.")[2] if f"{path}." in name else ""


def _plain(func: str) -> str:
    return {"MatMul": "linear", "Gemm": "linear", "BatchNormalization": "bn", "LayerNormalization": "norm"}.get(
        func, func.rpartition(".")[2].lower()
    )


def scopes(node: Any) -> dict[str, str]:
    """The modules that a node is of, with their classes, as PyTorch's exporter notes them."""
    said = {each.key: each.value[:4000] for each in node.metadata_props}
    names, kinds = (
        re.findall(r"'([^']*)'", said.get(f"pkg.torch.onnx.{part}", "")) for part in ("name_scopes", "class_hierarchy")
    )
    if len(names) < 2 or len(names) != len(kinds):
        return {}
    return {name: kind for name, kind in zip(names[:-1], kinds[:-1], strict=True) if name}
