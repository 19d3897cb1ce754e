"""The nodes of a file as events of two runs. Nothing is run: shapes follow from those of the inputs, node by node, and
what no input has a part in is computed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from onnx import defs, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from .file import KINDS, File, FileError
from .merging import GATES, merged, recurrent
from .naming import scopes
from .values import Known, attributes, content, is_weight, plain, read, title

SLOTS = {
    "Conv": (1, 2), "ConvTranspose": (1, 2), "Gemm": (1, 2), "MatMul": (1,), "BatchNormalization": (1, 2, 3, 4),
    "InstanceNormalization": (1, 2), "LayerNormalization": (1, 2), "GroupNormalization": (1, 2), "Gather": (0,),
}  # fmt: skip
"""Of operators with weights the places of these."""
PARTS = ("", "scale", "shift", "mean", "var")
"""What the weights of a norm are."""
ROOM = 2**32
"""How many bytes all computed constants may have."""
MOVES = frozenset(("Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"))
"""What moves the numbers of a weight and changes none."""
RANDOM = re.compile(r"Random|Bernoulli|Multinomial|Loop|Scan|If|Sequence")
"""What is not computed here."""
LISTED = 64
"""How many whole numbers are an argument; more are a constant."""
DRAWN = 4096
"""How many numbers a constant may have that stands in the file as such; more are a weight."""


class Walk:
    """All nodes in their order, as events of both runs."""

    def __init__(
        self, file: File, inputs: Sequence[Mapping[str, Any]], batches: Sequence[int], primes: Sequence[Sequence[int]]
    ) -> None:
        self._file, self._batches = file, batches
        self.env: dict[str, Known] = {}
        self.events: list[dict[str, Any]] = []
        self.shapes: list[Any] = []
        self.kinds: list[str] = []
        self.weights: dict[str, Any] = {}
        self.constants: dict[str, tuple[Any, Any]] = {}
        self.notes: list[str] = []
        self._room = ROOM
        self._contents: dict[Any, str] = {}
        self.given: dict[int, list[Known | None]] = {}
        """What an event was given, by its identity."""
        self._imports = [helper.make_opsetid("", file.opset)]
        self.uses = Counter(read(file.model.graph))
        fixed = {each["sizes"][0] for each in inputs if isinstance(each["sizes"][0], int)}
        self._fixed = fixed.pop() if len(fixed) == 1 else 0
        """The batch that the file has, if that is a number."""
        names = list(dict.fromkeys(size for each in inputs for size in each["sizes"][1:] if isinstance(size, str)))
        for each in inputs:
            one, two = (
                (batches[run], *(primes[names.index(s)][run] if isinstance(s, str) else s for s in each["sizes"][1:]))
                for run in (0, 1)
            )
            self.env[each["name"]] = self._value((one, two), each["kind"])
        ours = file.model.producer_name == "archspec"  # who calls constants so
        for name, array in file.arrays.items():
            weight = is_weight(array) and not (ours and name.startswith("constant "))
            self.env[name] = self._static(array, array, name if weight else "", rooted=weight)
            if weight:
                self._contents.setdefault(content(array), name)

    def nodes(self, nodes: Iterable[Any]) -> None:
        for node in nodes:
            unknown = [name for name in node.input if name and name not in self.env]
            if unknown:
                raise FileError(f"the node {title(node)} reads '{unknown[0][:80]}', which nothing before it gives")
            inputs = [self.env[name] if name else None for name in node.input]
            there = [each for each in inputs if each is not None]
            if node.op_type == "If" and there and there[0].same and there[0].static is not None:
                self._branch(node, bool(np.all(there[0].static[0])))
            elif node.op_type in ("Shape", "Size") and len(there) == 1:
                self._sized(node, there[0])
            elif self._stretched(node, inputs) or self._first_rows(node, inputs):
                pass
            elif all(each.static is not None for each in there) and not RANDOM.search(node.op_type):
                self._fold(node, inputs)
            elif not merged(self, node, inputs):
                self._call(node, inputs)

    def outputs(self, names: Sequence[str]) -> dict[str, Any]:
        for name in names:
            if name not in self.env:
                raise FileError(f"nothing gives its output '{name[:80]}'")
        return {name: self.data(self.env[name])[0] for name in names}

    # Values.

    def _value(self, shapes: Any, kind: str) -> Known:
        known = Known(shapes, kind, number=len(self.shapes))
        self.shapes.append(shapes)
        self.kinds.append(kind)
        return known

    def _static(self, one: Any, two: Any, weight: str = "", *, rooted: bool = False) -> Known:
        one, two = np.asarray(one), one if two is one else np.asarray(two)
        return Known((one.shape, two.shape), one.dtype.name, (one, two), weight=weight, rooted=rooted)

    def data(self, known: Known | None) -> tuple[Any, Any]:
        """What an event says of a value, in both runs."""
        if known is None:
            return None, None
        if known.moved and known.number is None:  # which is an event once something reads it
            node, weight = known.moved
            event = self._event(node, [weight])
            event["moves"] = True
            known.number = self._value(known.shapes, known.kind).number
            event["result"] = {"value": known.number}
        if known.number is not None:
            return {"value": known.number}, {"value": known.number}
        assert known.static is not None
        one, two = known.static
        if known.weight:
            self.weights[known.weight] = one
            return {"weight": known.weight}, {"weight": known.weight}
        whole = one.dtype.kind in "iub"
        if (whole and one.ndim < 2 and max(one.size, two.size) <= LISTED) or one.size == two.size == 1:
            return plain(one), plain(two)
        name = f"constant {len(self.constants)}"
        self.constants[name] = one, two
        return {"constant": name}, {"constant": name}

    def weight(self, array: Any, name: str) -> Known:
        """A weight that is computed: that of the file which has these numbers, or another."""
        return self._static(array, array, self._contents.get(content(array), name), rooted=True)

    # What no input has a part in.

    def _branch(self, node: Any, holds: bool) -> None:
        name = "then_branch" if holds else "else_branch"
        graph = next(each.g for each in node.attribute if each.name == name)
        for each in graph.initializer:
            array = self._file.array(each)
            self.env[each.name] = self._static(array, array, each.name if is_weight(array) else "", rooted=True)
        self.nodes(graph.node)
        for name, inner in zip(node.output, graph.output, strict=False):
            self.env[name] = self.env[inner.name]

    def _sized(self, node: Any, known: Known) -> None:
        more = attributes(node)
        found = [np.array(shape[more.get("start", 0) : more.get("end")], np.int64) for shape in known.shapes]
        if node.op_type == "Size":
            found = [np.array(prod(shape), np.int64) for shape in known.shapes]
        same = np.array_equal(found[0], found[1])
        self.env[node.output[0]] = self._static(found[0], found[0] if same else found[1])

    def _fold(self, node: Any, inputs: Sequence[Known | None]) -> None:
        there = [each for each in inputs if each is not None]
        same, rooted = all(each.same for each in there), any(each.rooted for each in there)
        runs = [self._computed(node, inputs, run) for run in ((0,) if same else (0, 1))]
        for name, one, two in zip(node.output, runs[0], runs[-1], strict=False):
            if not name:
                continue
            if not same and one.shape == two.shape and np.array_equal(one, two):
                two = one
            known = self._static(one, two, rooted=rooted or one.size > DRAWN)
            weight = there[0] if node.op_type in MOVES and there else None
            moved = weight is not None and bool(weight.weight or weight.moved)
            if moved and known.same and is_weight(one) and all(each.same for each in there):
                known.moved = node, weight
            elif known.same and known.rooted and is_weight(one):
                known.weight = self._contents.get(content(one), name)
            self.env[name] = known

    def _stretched(self, node: Any, inputs: list[Known | None]) -> bool:
        """Whether a node gives each sample of a batch the same weight."""
        weight, shape = (*inputs, None, None)[:2]
        if node.op_type != "Expand" or weight is None or shape is None or shape.static is None or shape.same:
            return False
        if not (weight.weight or weight.moved) or shape.static[0].tolist()[1:] != shape.static[1].tolist()[1:]:
            return False
        self._call(node, inputs)
        return True

    def _first_rows(self, node: Any, inputs: Sequence[Known | None]) -> bool:
        """Whether a node takes the first rows of a table, as many as there are places."""
        table = inputs[0] if inputs else None
        if node.op_type not in ("Slice", "Gather") or table is None or not table.weight or len(table.shapes[0]) != 2:
            return False
        if any(each is not None and each.static is None for each in inputs):
            return False
        assert table.static is not None
        found = [self._computed(node, inputs, run)[0] for run in (0, 1)]
        rows = [each[0] if each.ndim == 3 and len(each) == 1 else each for each in found]
        if any(each.shape[1:] != table.shapes[0][1:] or not len(each) for each in rows):
            return False
        if not all(np.array_equal(each, table.static[0][: len(each)]) for each in rows):
            return False
        if rows[0].shape == rows[1].shape == table.shapes[0]:
            return False
        event = self._event(node, [table])
        event |= {"func": "FirstRows", "moves": True}
        known = self._static(found[0], found[1])
        known.number = self._value((rows[0].shape, rows[1].shape), known.kind).number
        event["result"] = {"value": known.number}
        self.env[node.output[0]] = known
        return True

    def _computed(self, node: Any, inputs: Sequence[Known | None], run: int) -> list[Any]:
        arrays = [None if each is None or each.static is None else each.static[run] for each in inputs]
        try:
            size = self._size_of(node, inputs, run)
            self._room -= size
            if self._room < 0:
                raise FileError(f"its constants have more than {ROOM >> 30} GB, at the node {title(node)}")
            if node.op_type == "ConstantOfShape":
                value = attributes(node).get("value", np.zeros(1, np.float32))
                return [np.full(tuple(np.asarray(arrays[0])), value.reshape(-1)[0], value.dtype)]
            if node.op_type == "Constant":
                (found,) = attributes(node).values()
                return [np.asarray(found)]
            if node.op_type == "Dropout":
                return arrays[:1]
            given = {name: array for name, array in zip(node.input, arrays, strict=True) if name}
            found = ReferenceEvaluator(node, opsets={"": self._file.opset}).run(None, given)
            return [np.asarray(each) for each in found]
        except (FileError, MemoryError):
            raise
        except Exception as error:
            text = " ".join(str(error).split())[:200]
            raise FileError(f"the node {title(node)} cannot be computed: {type(error).__name__}: {text}") from None

    def _size_of(self, node: Any, inputs: Sequence[Known | None], run: int) -> int:
        """How many bytes a node gives, where that is told before it is computed."""
        if node.op_type == "Range":
            start, end, step = (float(each.static[run]) for each in inputs)  # type: ignore[union-attr, index]
            return int(max(0, (end - start) / step)) * 8
        if node.op_type == "ConstantOfShape":
            return prod(np.asarray(inputs[0].static[run]).tolist()) * 8  # type: ignore[union-attr, index]
        try:
            shapes = self._inferred(node, inputs, run)
        except FileError:
            return 0  # of what follows from the numbers; it is no larger than what it is given
        return sum(prod(shape) * 8 for shape, _ in shapes.values())

    # What inputs have a part in.

    def _call(self, node: Any, inputs: list[Known | None]) -> None:
        why = ""
        found: list[dict[str, Any]] = []
        if any(each is not None and each.number is not None and self.kinds[each.number] == "" for each in inputs):
            why = "before"  # its inputs are of no known shape, since what gives them is refused
        else:
            try:
                inputs = self._batched(node, inputs)
                found = [self._inferred(node, inputs, run) for run in (0, 1)]
            except FileError as error:
                why = str(error)
        event = self._event(node, inputs)
        results: list[Any] = []
        for name in node.output:
            if not name:
                results.append(None)
                continue
            shapes = ((), ()) if why else tuple(each[name][0] for each in found)
            known = self._value(shapes, "" if why else found[0][name][1])
            known.giver = event
            self.env[name] = known
            results.append({"value": known.number})
        event["result"] = results if len(results) > 1 else results[0] if results else None
        if why:
            event["attributes"] = {"why": why, "op": event["func"]}
            event["func"] = "refused"

    def _event(self, node: Any, inputs: list[Known | None]) -> dict[str, Any]:
        self._slots(node, inputs)
        domain = "" if node.domain in ("", "ai.onnx") else f"{node.domain}."
        said = {name: value for name, value in attributes(node).items() if not isinstance(value, np.ndarray)}
        event = {
            "event": "call", "func": f"{domain}{node.op_type}", "path": "", "line": f"node {title(node)}",
            "args": [self.data(each) for each in inputs], "kwargs": {}, "weights": {},
            "attributes": said, "node": node.name, "scopes": scopes(node), "moves": False,
        }  # fmt: skip
        if node.op_type in GATES and not domain:
            recurrent(self, node, event, inputs)
            event["args"][1:4] = [(None, None)] * 3
        self.given[id(event)] = list(inputs)
        self.events.append(event)
        return event

    def _slots(self, node: Any, inputs: list[Known | None]) -> None:
        """What stands in the place of a weight is one, wherever the file has it; but for norms without."""
        for place in SLOTS.get(node.op_type, ()):
            known = inputs[place] if place < len(inputs) else None
            if known is None or known.weight or known.moved or not known.same or known.static is None:
                continue
            array = known.static[0]
            if array.dtype.kind != "f" or not array.ndim:
                continue
            if "Norm" not in node.op_type:
                known.weight = self._contents.get(content(array), node.input[place])
            elif place > 2 or not _is_plain(inputs):
                inputs[place] = self.weight(array, f"{node.output[0]}.{PARTS[place]}")

    def _batched(self, node: Any, inputs: list[Known | None]) -> list[Known | None]:
        """The inputs with the batch in place of the number that the file has for it in a shape."""
        if not self._fixed or node.op_type not in ("Reshape", "Expand") or len(inputs) < 2 or inputs[1] is None:
            return inputs
        x, shape = inputs[0], inputs[1].static
        if x is None or shape is None or not inputs[1].same or not x.shapes[0] or shape[0].size == 0:
            return inputs
        if shape[0].reshape(-1)[0] != self._fixed or (x.shapes[0][0], x.shapes[1][0]) != tuple(self._batches):
            return inputs
        one, two = ([batch, *shape[0].tolist()[1:]] for batch in self._batches)
        note = f"the file takes a batch of {self._fixed} alone, and the spec any"
        if note not in self.notes:
            self.notes.append(note)
        return [x, self._static(np.array(one), np.array(two)), *inputs[2:]]

    def _inferred(self, node: Any, inputs: Sequence[Known | None], run: int) -> dict[str, tuple[tuple[int, ...], str]]:
        """The shapes and kinds of what a node gives. Raises FileError."""
        if node.domain not in ("", "ai.onnx"):
            raise FileError(f"there is no operation for {node.domain}.{node.op_type}")
        types, data = {}, {}
        for name, each in zip(node.input, inputs, strict=True):
            if each is None:
                continue
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(each.kind))
            types[name] = helper.make_tensor_type_proto(kind, each.shapes[run])
            if each.static is not None and each.static[run].size <= DRAWN:
                data[name] = numpy_helper.from_array(np.ascontiguousarray(each.static[run]), name)
        try:
            schema = defs.get_schema(node.op_type, self._file.opset, "")
            found = shape_inference.infer_node_outputs(schema, node, types, data, opset_imports=self._imports)
        except Exception as error:  # of C++
            text = " ".join(str(error).split())[:160]
            raise FileError(f"{node.op_type} cannot be what it says here: {text}") from None
        known = {}
        for name in filter(None, node.output):
            if name not in found:
                raise FileError(f"what {node.op_type} gives here has no shape that follows from its inputs'")
            tensor = found[name].tensor_type
            sizes = tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim)
            if -1 in sizes or tensor.elem_type not in KINDS:
                why = "a size that follows from numbers, or a kind of numbers that a spec has not"
                raise FileError(f"what {node.op_type} gives here has {why}")
            known[name] = sizes, helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
        if (
            node.op_type == "Reshape"
            and inputs[0] is not None
            and prod(known[node.output[0]][0]) != prod(inputs[0].shapes[run])
        ):
            raise FileError(f"it makes {list(known[node.output[0]][0])} of {list(inputs[0].shapes[run])}")
        return known


def _is_plain(inputs: Sequence[Known | None]) -> bool:
    """Whether the scale and the shift of a norm are the numbers 1 and 0, and no weights."""
    return all(
        each is None or (each.static is not None and not each.weight and bool((each.static[0] == number).all()))
        for each, number in zip(inputs[1:3], (1, 0), strict=False)
    )
