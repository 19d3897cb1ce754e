"""From a network's graph to the nodes of ONNX: values, constants, sizes that are open, and names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from archspec.errors import BackendError
from archspec.expressions import Apply, Const, Dim, Expr, Name, expr_of
from archspec.ops._shapes import inner_axes, inner_axis

from .single import SINGLE

if TYPE_CHECKING:
    from archspec.graph.graph import Graph, Node, Tensor
    from archspec.ops.base import Array, DType, Shape

OPSET: Final = 20
"""The first that has Gelu, the discrete Fourier transform along any axis, and samples of volumes."""

_KINDS: Final = {"int64": TensorProto.INT64, "bool": TensorProto.BOOL}
_GIVES: Final[Mapping[str, DType]] = {
    **dict.fromkeys(("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not"), "bool"),
    **dict.fromkeys(("Shape", "ArgMax", "ArgMin", "Range"), "int64"),
}
"""What nodes give that is not of the kind of their first input."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value of ONNX's graph."""

    name: str
    dtype: DType
    shape: Shape | None = None
    """That of a tensor between steps; None of what a step computes inside."""


Row = Callable[["Step"], Value | Sequence[Value]]
"""How an operation is spelled."""


class Writer:
    """Writes the steps of a network as nodes, one after the other; in float64, what runtimes have in float32 alone is
    computed so, between two casts."""

    def __init__(self, graph: Graph, *, double: bool = False) -> None:
        self.graph, self.double = graph, double
        self.float = TensorProto.DOUBLE if double else TensorProto.FLOAT
        self.sizes: list[NodeProto] = []
        """What computes open sizes from the inputs."""
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.infos: dict[str, ValueInfoProto] = {}
        self.single: dict[str, set[str]] = {}
        """By step what it computes in float32 all the same."""
        self.values: dict[int, Value] = {}
        self._taken = {*graph.inputs, *graph.outputs, *graph.parameters()}
        self._known: dict[Expr, Value] = {}
        self._places = {
            expr_of(size): (name, axis)
            for name, tensor in reversed(graph.inputs.items()) for axis, size in enumerate(tensor.shape)
            if isinstance(expr_of(size), Name)
        }  # fmt: skip
        for name, tensor in graph.inputs.items():
            self.values[id(tensor)] = Value(name, tensor.dtype, tensor.shape)

    def name(self, wanted: str) -> str:
        """A name of its own."""
        found, number = wanted, 2
        while found in self._taken:
            found, number = f"{wanted}_{number}", number + 1
        self._taken.add(found)
        return found

    def write(self, node: Node, row: Row, named: Mapping[int, str]) -> None:
        """The nodes of a step, whose values have the names of the network's outputs if they are such."""
        step = Step(self, node)
        found = row(step)
        values = [found] if isinstance(found, Value) else list(found)
        for tensor, value in zip(node.outputs, values, strict=True):
            name = named.get(id(tensor)) or self.name(tensor.name)
            self.values[id(tensor)] = Value(name, tensor.dtype, tensor.shape)
            step.call(value, name)
            self.infos[name] = self.info(name, tensor)
        step.close()

    def kind(self, dtype: DType) -> int:
        """ONNX's number of a kind of numbers."""
        return _KINDS.get(dtype, self.float)

    def info(self, name: str, tensor: Tensor) -> ValueInfoProto:
        """What is said of a value: open sizes by their names."""
        shape = [shown(size, axis) for axis, size in enumerate(tensor.shape)]
        return helper.make_tensor_value_info(name, self.kind(tensor.dtype), shape)

    def constant(self, value: Any, dtype: DType) -> Value:
        """A constant."""
        return self._constant(np.asarray(value, helper.tensor_dtype_to_np_dtype(self.kind(dtype))), dtype)

    def _constant(self, array: Array, dtype: DType) -> Value:
        """An array, which is there once."""
        key = f"{array.dtype}{array.shape}{array.tobytes().hex()}"
        if key not in self.constants:
            flat = ",".join(map(str, array.reshape(-1).tolist())) if array.size <= 6 else str(len(self.constants))
            self.constants[key] = numpy_helper.from_array(array, self.name(f"constant {flat}"))
        return Value(self.constants[key].name, dtype)

    def exact(self, value: Any) -> Value:
        """A constant in float64, whatever the model has."""
        return self._constant(np.asarray(value, np.float64), "float")

    def scales(self, value: Any) -> Value:
        """A constant in float32, as the scales of Resize are."""
        return self._constant(np.asarray(value, np.float32), "int64")

    def size(self, size: int, axis: int = 1) -> int | Value:
        """A size: a number, or where it is open what computes it, a list of one whole number."""
        if axis == 0:
            size = size if isinstance(size, Dim) or int(size) == 1 else Dim(size, Name("batch"))
        return self._size(expr_of(size))

    def _size(self, expr: Expr) -> int | Value:
        if isinstance(expr, Const):
            return int(expr.value)
        if expr not in self._known:
            self._known[expr] = self._computed(expr)
        return self._known[expr]

    def _computed(self, expr: Expr) -> Value:
        match expr:
            case Name() if expr in self._places:
                name, axis = self._places[expr]
                return self._node("Shape", str(expr), name, start=axis, end=axis + 1)
            case Apply("neg", (one,)):
                return self._node("Neg", str(expr), self._operand(one))
            case Apply("+" | "-" | "*" | "%" as head, (one, two)):
                op = {"+": "Add", "-": "Sub", "*": "Mul", "%": "Mod"}[head]
                return self._node(op, str(expr), self._operand(one), self._operand(two))
            case Apply("//", (one, two)):  # Div cuts off towards zero
                a, b = self._operand(one), self._operand(two)
                rest = self._node("Mod", f"{expr} rest", a, b)
                whole = self._node("Sub", f"{expr} whole", a, rest.name)
                return self._node("Div", str(expr), whole.name, b)
        raise BackendError(f"a size follows from what is open in a way that ONNX is not told: {expr}")

    def _operand(self, expr: Expr) -> str:
        found = self._size(expr)
        return found.name if isinstance(found, Value) else self.constant([found], "int64").name

    def _node(self, op: str, wanted: str, *inputs: str, **attributes: Any) -> Value:
        name = self.name(f"size {wanted}")
        self.sizes.append(helper.make_node(op, inputs, [name], f"/{name}", **attributes))
        self.infos[name] = helper.make_tensor_value_info(name, TensorProto.INT64, [1])
        return Value(name, "int64")


def shown(size: int, axis: int) -> int | str:
    """A size as ONNX has it: a number, or the name, or formula, of an open one."""
    if axis == 0 and not isinstance(size, Dim):
        return 1 if size == 1 else "batch"
    return int(size) if isinstance(expr_of(size), Const) else str(expr_of(size))


class Step:
    """One step of a network while it is written: what a row may ask, and the nodes that it makes by calling it."""

    def __init__(self, writer: Writer, node: Node) -> None:
        self.writer, self.node = writer, node
        self.op: Any = node.op  # whose attributes its row knows
        self.inputs = tuple(writer.values[id(tensor)] for tensor in node.inputs)
        self._nodes: list[NodeProto] = []
        self._given: dict[str, Value] = {}

    def become(self, op: Any, weights: dict[str, Value]) -> None:
        """Goes on as a step of another operation, with these values as its weights."""
        self.op, self._given = op, weights

    @property
    def x(self) -> Value:
        """The first input."""
        return self.inputs[0]

    @property
    def out(self) -> Shape:
        """The shape of the first output."""
        return self.node.outputs[0].shape

    def attr(self, name: str) -> Any:
        return getattr(self.op, name)

    def __call__(
        self, op: str, *inputs: Value | None, gives: DType | None = None, single: bool = False, **attributes: Any
    ) -> Value:
        """A node, and the value that it gives: of the kind of its first input, if nothing else is said or known. It is
        computed in float32, if `single`, as those are that have nothing else."""
        kinds = [value.dtype for value in inputs if value is not None]
        kind = gives or _GIVES.get(op) or kinds[0]
        (found,) = self.several(op, *inputs, gives=[kind], single=single, **attributes)
        return found

    def several(
        self, op: str, *inputs: Value | None, gives: Sequence[DType], single: bool = False, **attributes: Any
    ) -> list[Value]:
        """A node, and the values of these kinds that it gives."""
        kinds = [*gives, *(value.dtype for value in inputs if value is not None)]
        single = self.writer.double and (single or op in SINGLE) and "float" in kinds
        names = ["" if value is None else value.name for value in inputs]
        if single:
            self.writer.single.setdefault(self.node.path, set()).add(op)
            names = [
                self._cast(name, TensorProto.FLOAT) if value is not None and value.dtype == "float" else name
                for name, value in zip(names, inputs, strict=True)
            ]
        outputs = [f"{self.node.path}/{op}_{len(self._nodes)}.{number}" for number in range(len(gives))]
        self._nodes.append(helper.make_node(op, names, outputs, op, **attributes))
        if single:
            outputs = [
                self._cast(name, TensorProto.DOUBLE) if kind == "float" else name
                for name, kind in zip(outputs, gives, strict=True)
            ]
        return [Value(name, kind) for name, kind in zip(outputs, gives, strict=True)]

    def parts(self, value: Value, count: int, axis: int) -> list[Value]:
        """A value in equal parts along an axis."""
        return self.several("Split", value, gives=[value.dtype] * count, axis=axis, num_outputs=count)

    def _cast(self, name: str, kind: int) -> str:
        found = f"{self.node.path}/Cast_{len(self._nodes)}"
        self._nodes.append(helper.make_node("Cast", [name], [found], "Cast", to=kind))
        return found

    def call(self, value: Value, name: str) -> None:
        """Gives a value its name: in the node that makes it, or by another one if it comes from elsewhere."""
        made = next((node for node in self._nodes if value.name in node.output), None)
        if made is None or value.name in (v.name for v in self.writer.values.values()):
            self._nodes.append(helper.make_node("Identity", [value.name], [name], "Identity"))
            return
        for node in self._nodes:
            for names in (node.input, node.output):
                for place, each in enumerate(names):
                    if each == value.name:
                        names[place] = name

    def close(self) -> None:
        """Names the nodes: by the step, or if there are several, by what each is in it."""
        if len(self._nodes) == 1:
            self._nodes[0].name = self.node.path
        else:
            for number, node in enumerate(self._nodes):
                node.name = f"{self.node.path}/{node.op_type}_{number}"
        self.writer.nodes += self._nodes

    # What rows make values of.

    def weight(self, name: str) -> Value:
        """A weight, by the operation's name of it."""
        parameter = self.op.parameters(*(tensor.shape for tensor in self.node.inputs))[name]
        return Value(self.node.parameter(name), "float", parameter.shape)

    def weights(self) -> dict[str, Value]:
        """All weights of the step."""
        return self._given or {
            name: self.weight(name) for name in self.op.parameters(*(t.shape for t in self.node.inputs))
        }

    def floats(self, value: Any) -> Value:
        """A constant of floating-point numbers."""
        return self.writer.constant(value, "float")

    def ints(self, value: Any) -> Value:
        """A constant of whole numbers."""
        return self.writer.constant(value, "int64")

    def like(self, value: Any, other: Value) -> Value:
        """A constant of the kind that another value has."""
        return self.writer.constant(value, other.dtype)

    def cast(self, value: Value, dtype: DType) -> Value:
        """The value as another kind of number."""
        return self("Cast", value, gives=dtype, to=self.writer.kind(dtype))

    def number(self, size: int) -> int:
        """A size that must be a number. Raises BackendError for an open one."""
        if not isinstance(expr_of(size), Const):
            raise BackendError(f"needs a number, and {expr_of(size)} is open")
        return int(size)

    def numbers(self, sizes: Iterable[int]) -> list[int]:
        return [self.number(size) for size in sizes]

    def numbers_of(self, shape: Shape) -> list[int]:
        """The sizes of a shape, which must be numbers, but for that of the batch."""
        return [0, *self.numbers(shape[1:])]

    def is_open(self, *sizes: int) -> bool:
        return any(not isinstance(expr_of(size), Const) for size in sizes)

    def axis(self, axis: int | str, rank: int | None = None) -> int:
        """The number of an axis of the first input."""
        return inner_axis(axis, len(self.node.inputs[0].shape) if rank is None else rank)

    def axes(self, axes: Sequence[int | str], rank: int | None = None) -> list[int]:
        return list(inner_axes(axes, len(self.node.inputs[0].shape) if rank is None else rank))

    def vector(self, sizes: Sequence[int]) -> Value:
        """A shape as a list of whole numbers; computed, where sizes are open."""
        parts = [self.writer.size(size, axis) for axis, size in enumerate(sizes)]
        return self.joined(parts)

    def joined(self, parts: Sequence[int | Value]) -> Value:
        """A list of whole numbers, some of which are computed."""
        if all(isinstance(part, int) for part in parts):
            return self.ints(parts)
        return self("Concat", *(self.ints([p]) if isinstance(p, int) else p for p in parts), axis=0)

    def size(self, size: int) -> Value:
        """A size as a list of one whole number."""
        found = self.writer.size(size)
        return self.ints([found]) if isinstance(found, int) else found

    def reshape(self, value: Value, to: Sequence[int], of: Sequence[int] | None = None) -> Value:
        """A value in another shape; `of` is the one that it has, if it is not known. One size that is open is what
        remains, and so are those that stay where they are."""
        of = value.shape if of is None else of
        same = [of is not None and axis < len(of) and (expr_of(size) == expr_of(of[axis]) if axis else True)
                for axis, size in enumerate(to)]  # fmt: skip
        parts: list[Any] = [
            0 if same[axis] and not (axis and isinstance(expr_of(size), Const)) else self.writer.size(size, axis)
            for axis, size in enumerate(to)
        ]
        if of is not None and len(of) and int(to[0]) != int(of[0]):
            parts[0] = self.writer.size(to[0], 0)
        open_ones = [place for place, part in enumerate(parts) if isinstance(part, Value)]
        if len(open_ones) == 1:
            parts[open_ones[0]] = -1
        return self("Reshape", value, self.joined(parts))


def node(op: str, **attributes: Any) -> Row:
    """A row that is one node, whose attributes are those of the step by name, or else numbers."""

    def row(step: Step) -> Value:
        given = {name: step.attr(value) if isinstance(value, str) else value for name, value in attributes.items()}
        return step(op, *step.inputs, **given)

    return row


def refused(reason: str) -> Row:
    """A row for what ONNX, or its runtime, cannot compute exactly, and why."""

    def row(step: Step) -> Value:
        raise BackendError(reason)

    return row


def along(step: Step, value: Value, axis: int, rank: int, matrix: Array) -> Value:
    """A product with a constant matrix, [size before, size after], along one axis."""
    order = [*(place for place in range(rank) if place != axis), axis]
    back = [order.index(place) for place in range(rank)]
    moved = value if axis == rank - 1 else step("Transpose", value, perm=order)
    product: Value = step("MatMul", moved, step.floats(matrix))
    return product if axis == rank - 1 else step("Transpose", product, perm=back)
