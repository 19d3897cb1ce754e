"""Random specs: steps of every form are proposed one after another, run on random numbers, and kept if they fit."""

from __future__ import annotations

import random as stdlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import isclose, prod
from typing import Any, Final

import numpy as np

from archspec import ops

from .attributes import ROWS, Attributes, Sizes, fitted, named_axis
from .interpret import Interpreter, Names, Rejected, Step, Value, Wires, evaluate, random_value, sizes_of

Document = dict[str, Any]

MOST_STEPS: Final = 30
MOST_INPUTS: Final = 6
OPS: Final = ops.names()
POSITIVE: Final = frozenset("log log1p sqrt rsqrt reciprocal power divide".split())
"""What needs numbers above zero, or is steep near it."""
BROADCAST: Final = frozenset(
    "add subtract multiply divide power mod maximum minimum equal not_equal less less_equal greater greater_equal "
    "logical_and logical_or logical_xor".split()
)
STRETCHES: Final = (BROADCAST | {"where", "concat"}) - {"logical_and", "logical_or", "logical_xor"}
"""What takes a source, whose batch axis has size 1, beside other inputs."""
STEADY: Final = (
    "relu tanh sigmoid silu gelu elu celu selu mish softsign softplus hard_swish hard_tanh leaky_relu relu6 abs neg "
    "sin cos erf square batch_norm layer_norm rms_norm prelu dropout drop_path gaussian_noise alpha_dropout softmax"
).split()
"""Without attributes, and for floats of all shapes (a `batch_norm` has channels, if there is an axis)."""
TAMING: Final = (
    "tanh",
    "softsign",
    "sigmoid",
    "layer_norm",
    "l2_normalize",
    "rms_norm",
    {"op": "multiply", "value": 0.1},
)
LARGE: Final = 6.0
SHAPES: Final[list[Sizes]] = [
    (7,),
    (12,),
    (5, 6),
    (6, 11),
    (7, 4),
    (6, 9, 7),
    (4, 6, 5),
    (3, 8, 10),
    (4, 5, 6, 4),
    (2, 3, 5, 4),
]


def document(seed: int) -> Document:
    """The spec of a seed: always the same."""
    drawing = _Drawing(seed)
    return drawing.document()


class _Drawing:
    """What all builders of one document share."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = stdlib.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.blocks: dict[str, Any] = {}
        self.run = Interpreter(self.blocks, self.numbers)
        self.left = self.random.randint(3, MOST_STEPS)
        """How many steps may still come."""
        self.wanted = self.random.sample(OPS, 40)
        """Operations, those to be tried next at the end."""
        self.count = 0

    def number(self) -> int:
        self.count += 1
        return self.count

    def op(self) -> str:
        if not self.wanted:
            self.wanted = self.random.sample(OPS, 40)
        return self.wanted.pop()

    def document(self) -> Document:
        random = self.random
        builder = _Network(self)
        builder.begin()
        tries = 0
        while self.left > 0 and tries < 200:
            tries += 1
            builder.extend()
        outputs, expected = builder.outputs()
        made: Document = {"archspec": 1, "name": f"Random{self.seed}"}
        if builder.params:
            short = {name for name, param in builder.params.items() if param["type"] != "operation"}
            made["params"] = {
                name: param["default"] if name in short and random.random() < 0.5 else param
                for name, param in builder.params.items()
            }
        made["inputs"] = builder.declared
        if self.blocks:
            made["blocks"] = {name: _plain_block(block) for name, block in self.blocks.items()}
        made["layers"] = builder.layers
        made["outputs"] = outputs
        made["expect"] = {"outputs": expected}
        return made


def _plain_block(block: dict[str, Any]) -> dict[str, Any]:
    """A block as people write it: without what is so by default."""
    found = {name: value for name, value in block.items() if value}
    if found["inputs"] == ["x"]:
        del found["inputs"]
    return found


class _Builder:
    """Adds steps to one list of them."""

    def __init__(self, drawing: _Drawing, depth: int) -> None:
        self.drawing, self.random, self.depth = drawing, drawing.random, depth
        self.layers: list[Any] = []
        self.names: Names = {}
        """Everything that references may name."""
        self.env: dict[str, Any] = {}
        """What expressions may name."""
        self.params: dict[str, dict[str, Any]] = {}
        self.current: Wires = ()
        self.read: set[str] = set()
        """References that were read."""
        self.added: list[str] = []
        """Names that the last step brought."""
        self.inner = False
        """Whether the steps stand in a list inside a step, where no new input and param can be had."""

    # What goes in ---------------------------------------------------------------------------------------------------

    def fresh(self, sizes: Sizes, dtype: str = "float", limit: int | None = None) -> str:
        """A new input of these sizes. Raises Rejected if there can be none."""
        raise Rejected("no more inputs here")

    def values(self) -> Iterator[tuple[str, Value]]:
        """What single values references lead to."""
        for name, wires in self.names.items():
            if len(wires) == 1:
                yield name, wires[0]

    def obtain(self, sizes: Sizes, dtype: str, limit: int | None, alone: bool) -> str:
        """A reference to some value of these sizes. `alone`: it may be one that is the same for all samples."""
        fits = [name for name, value in self.values()
                if value.shape[1:] == sizes and value.dtype == dtype and (alone or value.shape[0] > 1)
                and (dtype != "int64" or (value.limit is not None and value.limit <= (limit or 2)))]  # fmt: skip
        if fits and self.random.random() < 0.7:
            return self.random.choice(fits)
        if alone and self.random.random() < 0.5:
            return self.source(sizes, dtype, limit)
        try:
            return self.fresh(sizes, dtype, limit)
        except Rejected:
            if fits:
                return self.random.choice(fits)
            raise

    def source(self, sizes: Sizes, dtype: str, limit: int | None) -> str:
        """A reference to a new parameter or constant."""
        random = self.random
        step: Step
        if dtype == "float" and random.random() < 0.6:
            step = {"op": "parameter", "shape": list(sizes)}
            if random.random() < 0.5:
                step["std"] = 0.02
        else:
            draws: dict[str, Callable[[], Any]] = {
                "float": lambda: round(random.uniform(-2, 2), 2),
                "int64": lambda: random.randrange(limit or 2),
                "bool": lambda: random.random() < 0.5,
            }
            if random.random() < 0.4 or prod(sizes) > 40:
                step = {"op": "constant", "value": draws[dtype](), "shape": list(sizes)}
            else:
                step = {"op": "constant", "value": _nested(sizes, draws[dtype])}
            if dtype != "float":
                step["dtype"] = dtype
        return self.aside(step)

    def aside(self, step: Step) -> str:
        """Adds a named step; the reference to its value."""
        name = self.new_name(step["op"])
        self.keep()
        self.add({**step, "name": name})
        return name

    def new_name(self, key: str) -> str:
        number = self.drawing.number()
        return self.random.choice([f"{key}_{number}", f"s{number}", f"{key}{number}", f"part{number}"])

    def keep(self) -> None:
        """Gives a name to what the last step gave, if nothing would read it otherwise."""
        if not self.layers or any(wires == self.current for wires in self.names.values()):
            return
        if self.random.random() < 0.95:
            self.name_last()

    def name_last(self) -> str:
        """Gives the last step a name, if it has none."""
        if not self.layers:
            raise Rejected("there is no step to name")
        last = self.layers[-1]
        if isinstance(last, str):
            last = self.layers[-1] = {"op": last}
        if "name" not in last:
            name = last["name"] = self.new_name(str(last.get("op", "step")))
            if "layers" in last:  # opens a scope now
                for inner in self.added:
                    self.names[f"{name}.{inner}"] = self.names.pop(inner)
            if len(self.current) > 1 and "op" in last:
                self.names.update((f"{name}.{i}", (value,)) for i, value in enumerate(self.current))
        self.names[last["name"]] = self.current
        return str(last["name"])

    def add(self, step: Step) -> None:
        """Runs a step, and keeps it. Raises Rejected."""
        before = dict(self.names)
        try:
            outputs = self.drawing.run.step(step, self.current, self.env, self.names)
        except Rejected:
            self.names.clear()
            self.names.update(before)
            raise
        self.read.update([step["from"]] if isinstance(step.get("from"), str) else step.get("from", ()))
        self.added = [name for name in self.names if name not in before]
        self.layers.append(step["op"] if step.keys() == {"op"} and self.random.random() < 0.7 else step)
        self.drawing.left -= 1
        self.current = outputs

    def tame(self) -> None:
        """Makes large numbers small again."""
        if len(self.current) == 1 and self.current[0].dtype == "float" and abs(self.current[0].array).max() > LARGE:
            step = self.random.choice(TAMING)
            self.add({"op": step} if isinstance(step, str) else dict(step))

    # Steps ----------------------------------------------------------------------------------------------------------

    def extend(self) -> None:
        """Adds some step, if one is found that fits."""
        forms = {self.operation: 60, self.branches: 9, self.call: 14, self.sequence: 6, self.repeat: 6, self.each: 4,
                 self.optional: 4, self.aliased: 2}  # fmt: skip
        if self.depth > 1:
            forms = {self.operation: 60, self.branches: 4, self.optional: 4, self.repeat: 3}
        form = self.random.choices(list(forms), list(forms.values()))[0]
        try:
            form()
            self.tame()
        except Rejected:
            return

    def operation(self, key: str | None = None) -> None:
        key = key or self.drawing.op()
        for attempt in range(10):
            try:
                step = self.proposed(key, anew=attempt > 6)
                self.add(step)
                return
            except Rejected:
                continue
        raise Rejected(f"no way to {key}")

    def proposed(self, key: str, anew: bool = False) -> Step:
        """An operation with attributes and inputs that may fit. `anew`: on new inputs, with a row's own sizes."""
        random = self.random
        row = random.choice(ROWS[key])
        step: Step = {"op": key}
        if not row.shapes:
            self.keep()
            step |= row.attributes
            step["name"] = self.new_name(key)
            return step
        kinds = row.dtypes
        if anew:
            step |= row.attributes
            first = self.obtain(row.shapes[0], kinds[0], row.below, False)
            attributes, others = row.attributes, list(row.shapes[1:])
        else:
            first, x = self.chosen(len(row.shapes[0]), kinds[0], key)
            try:
                attributes, others = fitted(random, row, x.shape[1:])
            except (IndexError, ValueError):
                raise Rejected("no attributes for these sizes") from None
            if key in ("embedding", "one_hot"):
                if x.limit is None:
                    raise Rejected("whole numbers without a limit")
                attributes = {**attributes, _COUNT[key]: x.limit + random.choice([0, 0, 1, 3])}
            if key == "gather":
                axis = random.randint(1, len(x.shape) - 1)
                attributes = {"axis": named_axis(random, len(x.shape), axis)}
                index = list(x.shape[1:])
                index[axis - 1] = random.randint(1, 6)
                others, row = [tuple(index)], replace(row, below=x.shape[axis])
        if key in POSITIVE:
            first = self.positive(first)
        references = [first]
        for sizes, kind in zip(others, kinds[1:], strict=True):
            reference = self.obtain(sizes, kind, row.below, key in STRETCHES)
            if key in ("power", "divide", "mod") and kind == "float":
                reference = self.positive(reference or self.named())
            references.append(reference)
        if "" in references:
            references = [reference or self.named() for reference in references] if len(references) > 1 else []
        step |= {name: self.expressed(value, name, key) for name, value in attributes.items()}
        if references:
            step["from"] = references[0] if len(references) == 1 else references
            self.keep()
        if random.random() < 0.45 or len(self.current) > 1 or key in ("split", "chunk", "topk", "lstm"):
            step["name"] = self.new_name(key)
        return step

    def chosen(self, rank: int, dtype: str, key: str) -> tuple[str, Value]:
        """A value of that kind: the current one, for which the reference is empty, or another."""
        takes = ops.get(key).takes_each[0] if ops.get(key).takes_each else ops.get(key).takes
        if len(self.current) == 1:
            x = self.current[0]
            if len(x.shape) == rank + 1 and x.dtype in takes and (x.dtype == dtype or self.random.random() < 0.3):
                return "", x
            if len(x.shape) > 1 and x.dtype in takes and self.random.random() < 0.1:
                return "", x  # of another rank than the row
        fits = [(name, value) for name, value in self.values() if len(value.shape) == rank + 1 and value.dtype == dtype]
        unread = [each for each in fits if each[0] not in self.read]
        if unread and self.random.random() < 0.7:
            fits = unread
        if not fits:
            raise Rejected("nothing of that kind")
        return self.random.choice(fits)

    def named(self) -> str:
        """A reference to the current value."""
        for name, wires in self.names.items():
            if wires == self.current:
                return name
        return self.name_last()

    def positive(self, reference: str) -> str:
        """A reference to numbers away from zero that are made of some."""
        steps: list[Step] = self.random.choice([
            [{"op": "softplus"}, {"op": "add", "value": 0.4}], [{"op": "abs"}, {"op": "add", "value": 0.3}],
            [{"op": "sigmoid"}, {"op": "add", "value": 0.5}], [{"op": "clip", "minimum": 0.35, "maximum": 4}],
            [{"op": "square"}, {"op": "add", "value": 0.5}],
        ])  # fmt: skip
        wires = self.names[reference] if reference else self.current
        if len(wires) != 1 or wires[0].dtype != "float":
            raise Rejected("no floats")
        if reference:
            self.keep()
            steps = [{**steps[0], "from": reference}, *steps[1:]]
        for step in steps:
            self.add(dict(step))
        return self.named() if reference else ""

    # Expressions ----------------------------------------------------------------------------------------------------

    def expressed(self, value: Any, name: str, key: str) -> Any:
        """An attribute's value, now and then by an expression."""
        random = self.random
        if isinstance(value, list):
            if any(isinstance(item, str) for item in value):
                return value
            return [self.expressed(item, name, key) for item in value]
        if isinstance(value, str) or value is None or key in ("constant",) or random.random() < 0.55:
            return value
        ways = [text for text in self.expressions(value) if _equal(evaluate(text, self.env), value)]
        if ways and random.random() < 0.8:
            return random.choice(ways)
        if self.can_have_params(name) and random.random() < 0.5:
            param = f"{random.choice(['width', 'size', 'p', 'rate', 'count', name])}{self.drawing.number()}"
            kind = {bool: "bool", int: "int", float: "float"}[type(value)]
            self.params[param] = {"type": kind, "default": value}
            self.env[param] = value
            return param
        return value

    def can_have_params(self, name: str) -> bool:
        return not self.inner

    def expressions(self, value: Any) -> Iterator[str]:
        """Texts that may have this value."""
        for name, known in self.env.items():
            if isinstance(known, bool) or isinstance(value, bool):
                if isinstance(known, bool) and isinstance(value, bool):
                    yield name
                    yield f"not {name}"
                elif isinstance(value, bool) and isinstance(known, int):
                    yield f"{name} > 2"
                    yield f"{name} % 2 == 0"
                continue
            for text, number in _numbers(name, known):
                yield text
                if isinstance(value, float) and number and abs(value * number) < 2**50:  # expressions end at 2**53
                    yield f"{value * number!r} / {text}"
                    yield f"{value / number!r} * {text}"
                    yield (
                        f"{value / abs(number) ** 0.5!r} * sqrt({text})"
                        if number > 0
                        else f"{value + number!r} - {text}"
                    )
                if isinstance(value, int) and isinstance(number, int):
                    gap = value - number
                    yield f"{text} + {gap}" if gap >= 0 else f"{text} - {-gap}"
                    if number and value % number == 0:
                        yield f"{value // number} * {text}"
                    if value > 0 and number >= value:
                        yield f"{text} // {number // value}"
                        yield f"min({text}, {value})"
                    yield f"max({value}, {text} - 3) if {text} > 1 else {value}"

    # Composite steps ------------------------------------------------------------------------------------------------

    def list_of(self, count: int, start: Wires, steady: bool = False) -> list[Any]:
        """Steps from this value on, for a list inside a step."""
        inner = _Builder(self.drawing, self.depth + 1)
        inner.inner = True
        inner.names, inner.env, inner.current = dict(self.names), dict(self.env), start
        for _ in range(count):
            if steady:
                inner.steady()
            else:
                inner.extend()
        return inner.layers

    def steady(self) -> None:
        """A step that leaves the shape as it is."""
        if self.current[0].dtype != "float":
            raise Rejected("no floats")
        x = self.current[0]
        random = self.random
        step: Step = {"op": random.choice(STEADY)}
        rank = len(x.shape)
        if random.random() < 0.4 and rank in (3, 4, 5) and x.shape[1] <= 12:
            step = {"op": f"conv{rank - 2}d", "out_channels": self.expressed(x.shape[1], "out_channels", ""),
                    "kernel_size": random.choice([1, 3]), "padding": "same"}  # fmt: skip
        elif random.random() < 0.3 and x.shape[-1] <= 16:
            step = {"op": "linear", "out_features": self.expressed(x.shape[-1], "out_features", "")}
        self.add(step)

    def one(self) -> Value:
        """The current value, if there is one. Raises Rejected."""
        if len(self.current) != 1:
            raise Rejected("several values")
        return self.current[0]

    def branches(self) -> None:
        random = self.random
        x = self.one()
        count = random.randint(2, 3)
        labels = [f"{random.choice(['main', 'left', 'side', 'way'])}{self.drawing.number()}" for _ in range(count)]
        steady = random.random() < 0.6
        bodies = {label: self.list_of(random.randint(0, 3), self.current, steady) for label in labels}
        axis = named_axis(random, len(x.shape), random.randint(1, max(1, len(x.shape) - 1)))
        joins = ["add", "multiply", "maximum", "concat", "stack", "subtract", "minimum", "less"]
        random.shuffle(joins)
        for join in joins:
            attributes: Attributes = {"axis": axis} if join in ("concat", "stack") and random.random() < 0.7 else {}
            step: Step = {"branches": bodies, "join": {"op": join, **attributes} if attributes else join}
            if random.random() < 0.5:
                step["name"] = self.new_name("join")
            try:
                self.add(step)
                return
            except Rejected:
                continue
        raise Rejected("no way to join")

    def sequence(self) -> None:
        self.one()
        step: Step = {"layers": self.list_of(self.random.randint(1, 4), self.current)}
        if not step["layers"]:
            raise Rejected("empty")
        if self.random.random() < 0.8:
            step["name"] = f"stage{self.drawing.number()}"
        self.add(step)

    def repeat(self) -> None:
        random = self.random
        x = self.one()
        count = random.randint(0, 3)
        step: Step
        self.env["index"] = 0
        try:
            if random.random() < 0.4:
                step = {"layers": self.list_of(random.randint(1, 2), self.current, steady=True)}
            elif random.random() < 0.5 and len(x.shape) in (3, 4, 5) and x.shape[1] <= 12:
                step = {"op": f"conv{len(x.shape) - 2}d", "out_channels": f"{random.randint(1, 3)} * (index + 2)",
                        "kernel_size": 3, "padding": "index + 1", "dilation": "index + 1"}  # fmt: skip
            elif random.random() < 0.5:
                step = {"op": "linear", "out_features": f"{random.randint(2, 5)} + index"}
            else:
                step = {"op": random.choice(STEADY)}
        finally:
            del self.env["index"]
        step["repeat"] = self.expressed(count, "repeat", "")
        # Named steps inside would bring their names again with each repetition.
        step["name"] = f"body{self.drawing.number()}"
        if random.random() < 0.25:
            step["when"] = f"index != {random.randint(0, 2)}"
        self.add(step)

    def each(self) -> None:
        random = self.random
        x = self.one()
        rows: list[dict[str, Any]]
        count = random.randint(1, 3)
        if x.dtype != "float":
            raise Rejected("no floats")
        if len(x.shape) in (3, 4, 5) and random.random() < 0.6:
            rows = [{"c": random.randint(1, 6), "k": random.choice([1, 3, 5]), "wide": random.random() < 0.5}
                    for _ in range(count)]  # fmt: skip
            rank = len(x.shape) - 2
            layers: list[Any] = [
                {"op": f"conv{rank}d", "out_channels": "c", "kernel_size": "k", "padding": "k // 2"},
                {"op": f"max_pool{rank}d", "when": "wide", "kernel_size": "min(k, 2)", "padding": "same", "stride": 1},
            ]
        else:
            rows = [{"n": random.randint(2, 7), "bias": random.random() < 0.5} for _ in range(count)]
            layers = [{"op": "linear", "out_features": "n", "bias": "bias or index == 1"}, "tanh"]
        self.add({"name": f"rows{self.drawing.number()}", "each": rows, "layers": layers})

    def optional(self) -> None:
        """An operation with a condition."""
        flag = next((name for name, known in self.env.items() if isinstance(known, bool)), None)
        if flag is None and not self.inner:
            flag = f"flag{self.drawing.number()}"
            self.env[flag] = self.random.random() < 0.6
            self.params[flag] = {"type": "bool", "default": self.env[flag]}
        condition = flag or self.random.choice([True, "1 < 2", "3 in [1, 2]"])
        self.one()
        for _ in range(8):
            try:
                step = self.proposed(self.random.choice([*STEADY, self.drawing.op()]))
                step.pop("name", None)
                self.add({**step, "when": condition})
                return
            except Rejected:
                continue

    def aliased(self) -> None:
        """An operation that a param names."""
        self.one()
        if self.inner:
            raise Rejected("no params here")
        param = f"activation{self.drawing.number()}"
        self.params[param] = {"type": "operation", "default": self.random.choice(STEADY)}
        self.env[param] = self.params[param]["default"]
        try:
            self.add({"op": param})
        except Rejected:
            del self.params[param], self.env[param]
            raise

    def call(self) -> None:
        """A step that calls a block, a new one or one that is there already."""
        drawing, random = self.drawing, self.random
        known = [name for name, block in drawing.blocks.items() if block["layers"]]
        if known and random.random() < 0.55:
            for _ in range(6):
                try:
                    return self.call_again(random.choice(known))
                except Rejected:
                    continue
        if self.inner or self.depth > 1:
            raise Rejected("no new block here")
        x = self.one()
        name = f"{random.choice(['Cell', 'Basic', 'Unit', 'Mixer'])}{drawing.number()}"
        block = _Block(drawing, self, name)
        block.start(x)
        for _ in range(random.randint(1, 6)):
            block.extend()
        if not block.layers:
            raise Rejected("an empty block")
        drawing.blocks[name] = block.finish()
        step = {"block": name, **block.arguments()}
        if len(block.given) > 1 or random.random() < 0.3:
            step["from"] = [reference or self.named() for reference in block.given]
            self.keep()
        if len(step.get("from", ())) == 1:
            step["from"] = step["from"][0]
        if random.random() < 0.7 or len(drawing.blocks[name]["outputs"] or ()) > 1:
            step["name"] = self.new_name("block")
        try:
            self.add(step)
        except Rejected:
            del drawing.blocks[name]
            raise
        if random.random() < 0.6:
            self.call_again(name)

    def call_again(self, name: str) -> None:
        """A known block with other params, and perhaps on another value."""
        random = self.random
        block = self.drawing.blocks[name]
        step: Step = {"block": name}
        for param, declared in block["params"].items():
            value = declared["default"]
            if random.random() < 0.5:
                continue
            if declared["type"] in ("int", "float") and random.random() < 0.7:
                value = max(0, value + random.randint(-1, 2)) if declared["type"] == "int" else round(value * 0.8, 3)
            elif declared["type"] == "bool":
                value = random.random() < 0.5
            elif declared["type"] == "operation":
                step[param] = random.choice(STEADY)
                continue
            step[param] = self.expressed(value, param, "")
        if len(block["inputs"]) == 1 and len(self.current) == 1:
            if random.random() < 0.3:
                self.keep()
                step["from"] = random.choice([reference for reference, _ in self.values()])
            elif random.random() < 0.3 and len(block["outputs"] or ()) < 2:
                step |= {"repeat": random.randint(1, 3), "name": f"blocks{self.drawing.number()}"}
        else:
            self.keep()
            step["from"] = [random.choice([reference for reference, _ in self.values()]) for _ in block["inputs"]]
        if len(block["outputs"] or ()) > 1:
            step["name"] = self.new_name("block")
        self.add(step)


class _Network(_Builder):
    """The steps of the network itself."""

    def __init__(self, drawing: _Drawing) -> None:
        super().__init__(drawing, 0)
        self.declared: dict[str, Any] = {}

    def begin(self) -> None:
        """The first input, and a first step that takes it."""
        name = self.fresh(self.random.choice(SHAPES))
        self.current = self.names[name]
        while not self.layers:
            try:
                self.operation()
            except Rejected:
                continue
        first = self.layers[0] if isinstance(self.layers[0], dict) else {"op": self.layers[0]}
        if "from" not in first and first["op"] not in ("parameter", "constant"):
            first = {**first, "from": name}  # all inputs would flow in
            self.read.add(name)
        self.layers[0] = first

    def fresh(self, sizes: Sizes, dtype: str = "float", limit: int | None = None) -> str:
        if len(self.declared) >= MOST_INPUTS or prod(sizes) > 1200 or not sizes:
            raise Rejected("enough inputs")
        names = {"float": ["image", "features", "in", "signal"], "int64": ["tokens", "codes"], "bool": ["mask", "bits"]}
        name = f"{self.random.choice(names[dtype])}{self.drawing.number()}"
        if dtype == "float":
            self.declared[name] = list(sizes)
        else:
            self.declared[name] = {"shape": list(sizes), "dtype": dtype}
            if dtype == "int64":
                self.declared[name]["below"] = limit or 2
        self.names[name] = (random_value(self.drawing.numbers, sizes, dtype, limit or 2),)
        return name

    def outputs(self) -> tuple[dict[str, Any], dict[str, list[int]]]:
        """References to what nothing reads, and to the last value; and their sizes."""
        if len(self.current) == 1:
            self.named()
        ends = [name for name, value in self.values() if name not in self.read and name not in self.declared]
        ends = [name for name in ends if not any(other.startswith(f"{name}.") for other in ends)][-6:]
        if not ends:
            ends = [next(name for name, _ in self.values())]
        shown = {f"y{number}": name for number, name in enumerate(ends)}
        expected = {label: list(self.names[name][0].shape[1:]) for label, name in shown.items()}
        return dict(shown), expected


class _Block(_Builder):
    """The steps of a block, drawn while it is called for the first time."""

    def __init__(self, drawing: _Drawing, outer: _Builder, name: str) -> None:
        super().__init__(drawing, outer.depth + 1)
        self.outer, self.name = outer, name
        self.given: list[str] = []
        """What the caller gives; empty: its current value."""

    def start(self, x: Value) -> None:
        self._input("x", x, "")
        self.current = (x,)

    def _input(self, name: str, value: Value, reference: str) -> str:
        self.names[name] = (value,)
        self.env[name] = sizes_of(value)
        self.given.append(reference)
        return name

    def fresh(self, sizes: Sizes, dtype: str = "float", limit: int | None = None) -> str:
        if len(self.given) > 2:
            raise Rejected("enough inputs")
        reference = self.outer.obtain(sizes, dtype, limit, False)
        if not reference:
            raise Rejected("no reference")
        return self._input(f"other{len(self.given)}", self.outer.names[reference][0], reference)

    def arguments(self) -> dict[str, Any]:
        """Values for some of the params; the others keep their defaults."""
        found = {}
        for name, param in self.params.items():
            if self.random.random() < 0.6:
                value = param["default"]
                found[name] = value if param["type"] == "operation" else self.outer.expressed(value, name, "")
        return found

    def finish(self) -> dict[str, Any]:
        inputs = ["x", *(f"other{number}" for number in range(1, len(self.given)))]
        if len(self.current) > 1 or self.random.random() < 0.25:
            if len(self.current) == 1:
                self.named()
            ends = [name for name, _ in self.values() if name not in self.read and name not in inputs][-3:]
            outputs: dict[str, str] | None = {f"out{number}": name for number, name in enumerate(ends)}
            if not ends:
                raise Rejected("no outputs")
        else:
            outputs = None
        return {"params": self.params, "inputs": inputs, "layers": self.layers, "outputs": outputs}


_COUNT: Final = {"embedding": "num_embeddings", "one_hot": "num_classes"}


def _nested(sizes: Sizes, draw: Any) -> Any:
    return [_nested(sizes[1:], draw) for _ in range(sizes[0])] if sizes else draw()


def _numbers(name: str, known: Any) -> Iterator[tuple[str, int | float]]:
    if isinstance(known, (int, float)):
        yield name, known
    elif hasattr(known, "__dict__"):
        for axis, size in vars(known).items():
            yield f"{name}.{axis}", size


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and (isclose(a, b) if isinstance(a, float) else a == b)
