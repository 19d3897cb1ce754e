"""From calls of a framework to operations of the spec, by the backend's table.

The model may have its batch axis anywhere (attention often has it second); the spec has it first. Every step's shapes
follow from its operation, and must be those that the model's value had in both runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

import archspec.ops as ops
from archspec.backend import Moves
from archspec.errors import ShapeError
from archspec.importing.trace import Problem, Size, Trace, Unlike, plain, read_of, values
from archspec.importing.tree import Frame, Origin, Step, Tensor
from archspec.ops.base import DType, Shape
from archspec.spec.lint import UNKNOWN

SPATIAL = frozenset("kernel_size stride padding dilation output_padding output_size scale size patch_size".split())
"""Attributes that may be one number for all axes."""
LARGEST = 4096
"""How many numbers a constant of a spec may have."""


class Refusal(Exception):
    """Why a call has no place in a spec."""


@dataclass(frozen=True, slots=True)
class View:
    """A value as the model has it."""

    tensor: Tensor
    batch: int | None = 0
    """Where its batch axis stands; None: it has none, and the tensor has one of size 1."""
    last: bool = False
    """Whether the model has channels last, which the tensor has second, after the batch."""
    mixed: Shape = ()
    """The sizes, with channels first, that the only axis was flattened from, if the model did so with channels last."""

    @property
    def rank(self) -> int:
        return len(self.tensor.shapes[0]) - (self.batch is None)

    def axis(self, axis: int) -> int:
        """An axis of the model in the spec's order."""
        if axis < 0:
            axis += self.rank
        if self.batch is None:
            return axis + 1
        if self.last:
            return 1 if axis == self.rank - 1 else axis + 1 if axis else 0
        return 0 if axis == self.batch else axis + 1 if axis < self.batch else axis

    def shapes(self) -> tuple[Shape, Shape]:
        """As the model has it."""
        if self.last:
            one, two = ((shape[0], *shape[2:], shape[1]) for shape in self.tensor.shapes)
        else:
            one, two = (_moved(shape, self.batch) for shape in self.tensor.shapes)
        return one, two

    @property
    def layout(self) -> Moves:
        """What makes the tensor, with the batch first, what the model has."""
        rank = self.rank
        return (("transpose", (0, *range(2, rank), 1)),) if self.last and rank > 2 else ()

    def of(self, tensor: Tensor) -> View:
        """Another tensor that lies as this one."""
        return replace(self, tensor=tensor)


def _batch_of(shapes: tuple[Shape, Shape], batches: set[tuple[int, ...]]) -> int | None:
    """Where the batch axis of a value most likely is."""
    return next((axis for axis, sizes in enumerate(zip(*shapes, strict=False)) if sizes in batches), None)


def _moved(shape: Shape, batch: int | None) -> Shape:
    if batch is None:
        return shape[1:]
    rest = shape[1:]
    return (*rest[:batch], shape[0], *rest[batch:])


@dataclass(frozen=True, slots=True)
class Static:
    """An array that no input has a part in: a weight, perhaps moved, or a constant."""

    shape: Shape
    origin: Origin | None = None
    constant: Any = None

    def moved(self, move: tuple[str, Shape]) -> Static:
        """The same, with its numbers elsewhere."""
        kind, numbers = move
        shape = tuple(self.shape[axis] for axis in numbers) if kind == "transpose" else numbers
        if self.constant is not None:
            turned = self.constant.transpose(numbers) if kind == "transpose" else self.constant.reshape(numbers)
            return Static(shape, None, turned)
        assert self.origin is not None
        return Static(shape, Origin(self.origin.weight, (*self.origin.layout, move)))


class Table(Protocol):
    """What a backend knows: by the name of a call, the function that raises it."""

    def __call__(self, func: str) -> Callable[[Call], None] | None: ...


@dataclass(slots=True)
class Call:
    """A call that is being raised."""

    event: Mapping[str, Any]
    raiser: Raiser

    @property
    def func(self) -> str:
        func: str = self.event["func"]
        return func

    def said(self, /, *args: Any, **kwargs: Any) -> Call:
        """The same call with these arguments, as another row takes them."""
        return Call({**self.event, "args": list(args), "kwargs": kwargs}, self.raiser)

    def get(self, name: str, place: int | None = None, default: Any = None) -> Any:
        """An argument, or an attribute of the module."""
        for where in (self.event["kwargs"], self.event["attributes"]):
            if name in where:
                return self._known(where[name])
        args = self.event["args"]
        if place is not None and place < len(args):
            return self._known(args[place])
        return default

    def rest(self, place: int, name: str = "") -> list[Any]:
        """Arguments that may be one list, or several: `permute(0, 2, 1)`."""
        if name in self.event["kwargs"]:
            return list(self._known(self.event["kwargs"][name]))
        found = [self._known(each) for each in self.event["args"][place:]]
        return list(found[0]) if len(found) == 1 and isinstance(found[0], list) else found

    def _known(self, data: Any) -> Any:
        if isinstance(data, Unlike):
            raise Refusal("an argument is another one for inputs of another size")
        if isinstance(data, dict) and "float" in data:
            return float(data["float"])
        return data

    def number(self, name: str, place: int | None = None, default: Any = None) -> Any:
        """An argument that must not follow from the sizes of inputs."""
        found = self.get(name, place, default)
        if any(isinstance(each, (Size, Unlike)) for each in (found if isinstance(found, list) else [found])):
            raise Refusal(f"'{name}' follows from the size of an input")
        return found

    # What is given.

    def is_tensor(self, data: Any) -> bool:
        return isinstance(data, dict) and bool({"value", "weight", "constant"} & data.keys())

    def view(self, name: str = "input", place: int = 0) -> View:
        """A value that is given."""
        return self.raiser.view(self.get(name, place))

    def operand(self, data: Any, like: View) -> Tensor:
        """A tensor that is to be combined with another, with as many axes."""
        return self.raiser.operand(data, like)

    def origin(self, data: Any) -> Origin | None:
        """The weight that is given, if one is."""
        if data is None:
            return None
        known = self.raiser.static(data)
        if known is None or known.origin is None:
            raise Refusal("a weight is computed")
        return known.origin

    def weights(self, **renamed: str) -> dict[str, Origin]:
        """The weights of the module, by the spec's names, which are those of PyTorch."""
        found = {}
        for name, data in self.event["weights"].items():
            origin = self.origin(data)
            assert origin is not None
            found[renamed.get(name, name)] = origin
        return found

    # What is made.

    def step(
        self, op: str, *inputs: View | Tensor, weights: Mapping[str, Origin] | None = None, **attributes: Any
    ) -> list[Tensor]:
        """Adds a step, and returns what it gives."""
        return self.raiser.step(op, [_tensor(each) for each in inputs], weights or {}, attributes, self.event["path"])

    def rounded(self) -> None:
        """Says that the model keeps the numbers of the step that came last as float32."""
        step = self.raiser.frames[-1].items[-1]
        assert isinstance(step, Step)
        step.single = True

    def differs(self, error: float, why: str = "") -> None:
        """Says by how much the model is off from the step that came last, and why, if a spec should say that."""
        step = self.raiser.frames[-1].items[-1]
        assert isinstance(step, Step)
        step.inexact = error
        if why and why not in self.raiser.notes:
            self.raiser.notes.append(why)

    def give(self, *given: View | Tensor) -> None:
        """Says what the call's results are."""
        numbers = list(values(self.event["result"]))
        if any(self.raiser.is_read({"value": number}) for number in numbers[len(given) :]):
            raise Refusal(f"{self.func} gives {len(numbers)} tensors")
        for number, each in zip(numbers, given, strict=False):
            self.raiser.bind(number, each if isinstance(each, View) else View(each))

    def simple(self, op: str, **attributes: Any) -> None:
        """A step of the only input, which keeps its axes."""
        view = self.view()
        (tensor,) = self.step(op, view, **attributes)
        self.give(view.of(tensor))

    def result_shapes(self, place: int = 0) -> tuple[Shape, Shape]:
        """The shapes of a result as the model has it."""
        return self.raiser.trace.shapes[list(values(self.event["result"]))[place]]


def _tensor(each: View | Tensor) -> Tensor:
    return each.tensor if isinstance(each, View) else each


@dataclass(slots=True)
class Raiser:
    """Raises a trace to a tree."""

    trace: Trace
    table: Table
    views: dict[int, View | Static] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    spoiled: set[int] = field(default_factory=set)
    """Values that nothing is known of, since a call was refused."""
    owners: dict[str, Step] = field(default_factory=dict)
    """By name of a weight the first step that uses it."""
    partial: bool = False
    """Whether what has no place in a spec is a step that is unknown."""
    notes: list[str] = field(default_factory=list)
    """What was decided, and loses something."""
    unknown: list[Problem] = field(default_factory=list)
    """Why there are such steps."""
    _read: set[int] | None = None

    def run(self) -> Frame:
        """The tree. Problems are kept."""
        root = Frame("", "", "")
        self.frames, self.paths = [root], [""]
        for name, number in self.trace.inputs.items():
            said = self.trace.kinds[number]
            kind: DType = "int64" if said.startswith("int") else "bool" if said == "bool" else "float"
            self.views[number] = self._input(name, kind, self.trace.shapes[number])
        for event in self.trace.events:
            match event["event"]:
                case "enter":
                    self._enter(event)
                case "leave":
                    self.frames.pop()
                    self.paths.pop()
                case "read":
                    self._refuse(read_of(event).why, event)
                case _:
                    self._call(event)
        return root

    def _input(self, name: str, kind: DType, shapes: tuple[Shape, Shape]) -> View:
        """Images have their channels second in a spec, wherever the model has them."""
        if kind != "float" or len(shapes[0]) < 4 or not self.trace.channels_last:
            return View(Tensor(shapes, kind, name))
        one, two = ((shape[0], shape[-1], *shape[1:-1]) for shape in shapes)
        return View(Tensor((one, two), kind, name), last=True)

    def _enter(self, event: Mapping[str, Any]) -> None:
        path = event["path"]
        outer = self.paths[-1]
        name = path.removeprefix(f"{outer}.") if outer else path
        frame = Frame(name, event["class"], "" if event["container"] else event["kind"], event["arguments"])
        self.frames[-1].items.append(frame)
        self.frames.append(frame)
        self.paths.append(path)

    def _call(self, event: Mapping[str, Any]) -> None:
        results = list(values(event["result"]))
        if any(number in self.spoiled for number in values([event["args"], event["kwargs"]])):
            self.spoiled.update(results)
            return
        try:
            function = self.table(event["func"])
            if function is None:
                raise Refusal(f"there is no operation for {event['func']}")
            function(Call(event, self))
        except Refusal as refusal:
            self._refuse(str(refusal), event)
        except (ShapeError, ValueError) as error:
            text = " ".join(str(error).split())[:200]
            self._refuse(f"{event['func']} is none of the spec's operations here: {text}", event)
        self.spoiled.update(number for number in results if number not in self.views)

    def _refuse(self, why: str, event: Mapping[str, Any]) -> None:
        path = event.get("path") or self.paths[-1]
        kind = event["func"] if event.get("path") else self.frames[-1].kind
        problem = Problem(why, path, kind, event.get("line", ""))
        known = self.partial and event["event"] == "call" and self._leave_unknown(problem, event)
        (self.unknown if known else self.problems).append(problem)

    def _leave_unknown(self, problem: Problem, event: Mapping[str, Any]) -> bool:
        """Whether a step stands for a call now of which no more is known than what goes in and what comes out."""
        given = [self.views.get(number) for number in values([event["args"], event["kwargs"]])]
        inputs = [view.tensor for view in given if isinstance(view, View)]
        numbers = list(values(event["result"]))
        batches = {tuple(shape[0] for shape in tensor.shapes) for tensor in inputs}
        places = [_batch_of(self.trace.shapes[number], batches) for number in numbers]
        if not inputs or not numbers or None in places:
            return False
        outputs = []
        for number, place in zip(numbers, places, strict=True):
            assert place is not None
            one, two = ((shape[place], *shape[:place], *shape[place + 1 :]) for shape in self.trace.shapes[number])
            outputs.append(Tensor((one, two)))
            self.views[number] = View(outputs[-1], place)
        said = " ".join(str(problem).split()).replace("\\", "/").replace('"', "'")
        path, outer = event.get("path") or "", self.paths[-1]
        name = path.removeprefix(f"{outer}.") if outer else path
        self.frames[-1].items.append(Step(UNKNOWN, {"was": said}, list(dict.fromkeys(inputs)), outputs, {}, name))
        return True

    def step(
        self, op: str, inputs: Sequence[Tensor], weights: Mapping[str, Origin], attributes: Mapping[str, Any],
        path: str = "",
    ) -> list[Tensor]:  # fmt: skip
        """Adds a step where the trace is, and returns what it gives. Raises Refusal, ShapeError, ValueError."""
        kind = ops.get(op)
        defaults = {name: each.get_default() for name, each in kind.model_fields.items() if not each.is_required()}
        made = kind(**attributes)
        kept = {
            name: _short(value) if name in SPATIAL else value for name, value in attributes.items()
            if name not in defaults or getattr(made, name) != _normal(kind, name, defaults[name], attributes)
        }  # fmt: skip
        runs = [made.infer(*(tensor.shapes[run] for tensor in inputs)) for run in (0, 1)]
        dtypes = made.result(*(tensor.dtype for tensor in inputs))
        kinds = dtypes if isinstance(dtypes, tuple) else (dtypes,) * len(runs[0])
        outputs = [Tensor((one, two), dtype) for one, two, dtype in zip(*runs, kinds, strict=True)]
        due = made.parameters(*(tensor.shapes[0] for tensor in inputs))
        for name in due:
            if name not in weights:
                raise Refusal(f"{op} has a weight '{name}', which is not there")
        outer = self.paths[-1]
        name = path.removeprefix(f"{outer}.") if outer else path
        step = Step(op, kept, list(inputs), outputs, {name: weights[name] for name in due}, name)
        step.weights_of = self._owner(step)
        self.frames[-1].items.append(step)
        return outputs

    def _owner(self, step: Step) -> Step | None:
        """The earlier step whose weights it uses. Raises Refusal if it is none of the same kind."""
        names = {origin.weight for origin in step.weights.values()}
        owners = {self.owners[name] for name in names if name in self.owners}
        whole = names <= self.owners.keys()
        self.owners.update((name, step) for name in names if name not in self.owners)
        if not owners:
            return None
        owner = next(iter(owners))
        same = owner.op == step.op and owner.attributes == step.attributes
        tied = owner.op == "embedding" and step.op == "linear" and step.attributes.get("bias") is False
        if len(owners) > 1 or not whole or not (same or tied) or step.op in ("parameter", "batch_norm"):
            raise Refusal("it uses weights that another step has, in another way")
        return owner.weights_of or owner

    def bind(self, number: int, view: View) -> None:
        """Says what a value of the trace is. Raises Refusal if it had another shape."""
        if view.shapes() != self.trace.shapes[number]:
            there, here = self.trace.shapes[number][0], view.shapes()[0]
            raise Refusal(f"its result is {list(there)}, and that of our operation would be {list(here)}")
        self.views[number] = view

    def known(self, data: Any) -> View | Static:
        if "weight" in data:
            return Static(self.trace.arrays[f"weight {data['weight']}"].shape, Origin(data["weight"]))
        if "constant" in data:
            array = plain(self.trace, data["constant"])
            if array is None:
                raise Refusal("it is given what Python computed aside from numbers of the input, or from its size")
            return Static(array.shape, None, array)
        return self.views[data["value"]]

    def static(self, data: Any) -> Static | None:
        known = self.known(data) if isinstance(data, dict) else None
        return known if isinstance(known, Static) else None

    def view(self, data: Any) -> View:
        """A value as it is; of a weight or a constant its own step."""
        if not isinstance(data, dict) or not {"value", "weight", "constant"} & data.keys():
            raise Refusal("a tensor is due here")
        known = self.known(data)
        if isinstance(known, View):
            return known
        return View(self._source(known, known.shape), None)

    def operand(self, data: Any, like: View) -> Tensor:
        known = self.known(data)
        if isinstance(known, View):
            if known.of(like.tensor) == like and known.rank == like.rank:
                return known.tensor
            if known.batch is None and known.rank <= like.rank and like.batch in (0, None):
                return self._stretched(known, like)
            raise Refusal("it combines tensors whose axes do not go together in a spec")
        shape = (1,) * (like.rank - len(known.shape)) + known.shape
        if like.last and len(shape) == like.rank:
            order = (0, like.rank - 1, *range(1, like.rank - 1))
            known = known.moved(("reshape", shape)).moved(("transpose", order))
            shape = known.shape
        if like.batch is None:
            return self._source(known, shape)
        if len(shape) != like.rank or shape[like.batch] != 1:
            raise Refusal("it combines an array of its own with each sample of a batch differently")
        return self._source(known, (*shape[: like.batch], *shape[like.batch + 1 :]))

    def _stretched(self, known: View, like: View) -> Tensor:
        wanted = len(like.tensor.shapes[0])
        tensor = known.tensor
        if like.batch is not None and known.rank == like.rank:  # its own first axis is the batch's
            if known.shapes()[0][0] != 1:
                raise Refusal("it combines an array of its own with each sample of a batch differently")
            return self.step("squeeze", [tensor], {}, {"axis": 1})[0]
        while len(tensor.shapes[0]) < wanted:
            tensor = self.step("unsqueeze", [tensor], {}, {"axis": 1})[0]
        return tensor

    def _source(self, known: Static, shape: Shape) -> Tensor:
        """A step that is an array of the network's own, with these axes after that of the batch."""
        if known.origin is not None:
            moves: Moves = known.origin.layout
            if (1, *shape) != known.shape or moves:
                moves = back(moves, (1, *shape), self.trace.arrays[f"weight {known.origin.weight}"].shape)
            origin = Origin(known.origin.weight, moves)
            name = known.origin.weight.replace("/", ".").rpartition(".")[2]
            path = f"{self.paths[-1]}.{name}" if self.paths[-1] else name
            return self.step("parameter", [], {"": origin}, {"shape": list(shape)}, path)[0]
        array = np.asarray(known.constant).reshape(shape)
        if array.size > LARGEST:
            raise Refusal(f"a constant of {array.size:,} numbers is none that a spec should hold")
        dtype = {"f": "float", "i": "int64", "b": "bool"}[array.dtype.kind]
        flat = array.reshape(-1)
        if array.size and (flat == flat[0]).all():
            attributes: dict[str, Any] = {"value": flat[0].item(), "shape": list(shape)}
        else:
            attributes = {"value": array.tolist()}
        if dtype != "float":
            attributes["dtype"] = dtype
        return self.step("constant", [], {}, attributes)[0]

    def keep(self, number: int, known: Static) -> None:
        """Says what a value of the trace is that no input has a part in."""
        self.views[number] = known

    def is_read(self, data: Any) -> bool:
        """Whether anything reads a value, or it comes out of the model."""
        if self._read is None:
            events = [[event.get("args"), event.get("kwargs")] for event in self.trace.events]
            self._read = set(values([events, self.trace.result]))
        return any(number in self._read for number in values(data))


def back(moves: Moves, wanted: Shape, original: Shape) -> Moves:
    """How the spec's array becomes the model's weight: what was made of that, backwards."""
    back: list[tuple[str, tuple[int, ...]]] = []
    shapes = [original]
    for kind, numbers in moves:
        before = shapes[-1]
        if kind == "transpose":
            shapes.append(tuple(before[axis] for axis in numbers))
            back.append(("transpose", tuple(int(axis) for axis in np.argsort(numbers))))
        else:
            shapes.append(numbers)
            back.append(("reshape", before))
    ahead = [("reshape", shapes[-1])] if wanted != shapes[-1] else []
    return tuple(ahead + back[::-1])


def _normal(kind: Any, name: str, default: Any, attributes: Mapping[str, Any]) -> Any:
    """A default as the operation itself would keep it."""
    try:
        return getattr(kind(**{n: v for n, v in attributes.items() if n != name}), name)
    except ValueError:  # it cannot be left out
        return ...


def _short(value: Any) -> Any:
    """A pair of equal numbers is one."""
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, list) and value and all(type(each) is int for each in value) and len(set(value)) == 1:
        return value[0] if len(value) > 1 else value
    return value
