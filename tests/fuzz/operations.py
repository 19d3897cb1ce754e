"""Steps of one operation: attributes and inputs are proposed until they fit."""

from __future__ import annotations

from typing import Final

from archspec import ops
from archspec.errors import ShapeError

from ..cases import Case
from .attributes import ROWS, Attributes, Random, Sizes, fitted, named_axis
from .builder import Builder
from .expressions import expressed
from .interpret import Rejected, Step, Value

POSITIVE: Final = frozenset("log log1p sqrt rsqrt reciprocal power divide".split())
"""What needs numbers above zero, or is steep near it."""
STRETCHES: Final = frozenset(
    "add subtract multiply divide power mod maximum minimum equal not_equal less less_equal greater greater_equal "
    "where concat".split()
)
"""What takes a source, whose batch axis has size 1, beside other inputs."""
STEADY: Final = (
    "relu tanh sigmoid silu gelu elu celu selu mish softsign softplus hard_swish hard_tanh leaky_relu relu6 abs neg "
    "sin cos erf square batch_norm layer_norm rms_norm prelu dropout drop_path gaussian_noise "
    "stop_gradient alpha_dropout softmax"
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
POOLS: Final = tuple(f"max_pool{rank}d_with_indices" for rank in (1, 2, 3))
SEVERAL: Final = ("split", "chunk", "topk", "lstm", "unbind", "rfft", "fft", "ifft", *POOLS)
"""What gives several values, which are named."""
COUNTS: Final = {"embedding": "num_embeddings", "one_hot": "num_classes"}
"""Where an operation has the number that its whole numbers are less than."""


def operation(builder: Builder) -> None:
    """Some operation, one that has not come for long."""
    key = builder.drawing.op()
    for attempt in range(10):
        try:
            step = _proposed(builder, key, anew=attempt > 6)
            builder.add(step)
            return
        except Rejected:
            continue
    raise Rejected(f"no way to {key}")


def _proposed(builder: Builder, key: str, *, anew: bool = False) -> Step:
    """An operation with attributes and inputs that may fit. `anew`: on new inputs, with a row's own sizes."""
    random = builder.random
    row = random.choice(ROWS[key])
    step: Step = {"op": key}
    if not row.shapes:
        builder.keep()
        step |= row.attributes
        step["name"] = builder.new_name(key)
        return step
    kinds = row.dtypes
    if anew:
        step |= row.attributes
        first = builder.obtain(row.shapes[0], kinds[0], row.below, False)
        attributes, others, below = row.attributes, list(row.shapes[1:]), row.below
    else:
        first, x = _chosen(builder, len(row.shapes[0]), kinds[0], key)
        attributes, others, below = _adapted(random, row, x)
    if key in POSITIVE:
        first = _positive(builder, first)
    references = [first or builder.named()] if others else [first]
    for number, (sizes, kind) in enumerate(zip(others, kinds[1:], strict=True), 1):
        if number in row.shared:
            reference = builder.source(sizes, kind, below)
        else:
            reference = builder.obtain(sizes, kind, below, key in STRETCHES)
        if key in ("power", "divide", "mod") and kind == "float":
            reference = _positive(builder, reference)
        references.append(reference or builder.named())
    step |= {name: expressed(builder, value, name) for name, value in attributes.items()}
    if references != [""]:
        step["from"] = references[0] if len(references) == 1 else references
        builder.keep()
    if random.random() < 0.45 or len(builder.current) > 1 or key in SEVERAL:
        step["name"] = builder.new_name(key)
    return step


def _adapted(random: Random, row: Case, x: Value) -> tuple[Attributes, list[Sizes], int]:
    """Attributes for a first input, the sizes of the other inputs, and what whole numbers in them are less than."""
    try:
        attributes, others = fitted(random, row, x.shape[1:])
    except (IndexError, ValueError):
        raise Rejected("no attributes for these sizes") from None
    if row.op in COUNTS:
        if x.limit is None:
            raise Rejected("whole numbers without a limit")
        attributes = {**attributes, COUNTS[row.op]: x.limit + random.choice([0, 0, 1, 3])}
    if row.op == "gather":
        axis = random.randint(1, len(x.shape) - 1)
        attributes = {"axis": named_axis(random, len(x.shape), axis)}
        index = list(x.shape[1:])
        index[axis - 1] = random.randint(1, 6)
        others = [tuple(index)]
    try:
        op = ops.get(row.op).model_validate(attributes)
        counted = op.indexes(x.shape, *((x.shape[0], *sizes) for sizes in others))
    except (ShapeError, ValueError):
        raise Rejected("no places for these sizes") from None
    return attributes, others, min([count for count, _ in counted.values()], default=row.below)


def _chosen(builder: Builder, rank: int, dtype: str, key: str) -> tuple[str, Value]:
    """A value of that kind: the current one, for which the reference is empty, or another."""
    takes = ops.get(key).takes_each[0] if ops.get(key).takes_each else ops.get(key).takes
    if len(builder.current) == 1:
        x = builder.current[0]
        if len(x.shape) == rank + 1 and x.dtype in takes and (x.dtype == dtype or builder.random.random() < 0.3):
            return "", x
        if len(x.shape) > 1 and x.dtype in takes and builder.random.random() < 0.1:
            return "", x  # of another rank than the row
    fits = [(name, value) for name, value in builder.values() if len(value.shape) == rank + 1 and value.dtype == dtype]
    unread = [each for each in fits if each[0] not in builder.read]
    if unread and builder.random.random() < 0.7:
        fits = unread
    if not fits:
        raise Rejected("nothing of that kind")
    return builder.random.choice(fits)


def _positive(builder: Builder, reference: str) -> str:
    """A reference to numbers away from zero that are made of some."""
    steps: list[Step] = builder.random.choice([
        [{"op": "softplus"}, {"op": "add", "value": 0.4}], [{"op": "abs"}, {"op": "add", "value": 0.3}],
        [{"op": "sigmoid"}, {"op": "add", "value": 0.5}], [{"op": "clip", "minimum": 0.35, "maximum": 4}],
        [{"op": "square"}, {"op": "add", "value": 0.5}],
    ])  # fmt: skip
    if reference:
        builder.keep()
        steps = [{**steps[0], "from": reference}, *steps[1:]]
    for step in steps:
        builder.add(dict(step))
    return builder.named() if reference else ""


def steady(builder: Builder) -> None:
    """A step that leaves the shape as it is."""
    if builder.current[0].dtype != "float":
        raise Rejected("no floats")
    x = builder.current[0]
    random = builder.random
    step: Step = {"op": random.choice(STEADY)}
    rank = len(x.shape)
    if random.random() < 0.4 and rank in (3, 4, 5) and x.shape[1] <= 12:
        step = {"op": f"conv{rank - 2}d", "out_channels": expressed(builder, x.shape[1], "out_channels"),
                "kernel_size": random.choice([1, 3]), "padding": "same"}  # fmt: skip
    elif random.random() < 0.3 and x.shape[-1] <= 16:
        step = {"op": "linear", "out_features": expressed(builder, x.shape[-1], "out_features")}
    builder.add(step)


def tame(builder: Builder) -> None:
    """Makes large numbers small again."""
    current = builder.current
    if len(current) == 1 and current[0].dtype == "float" and abs(current[0].array).max() > LARGE:
        step = builder.random.choice(TAMING)
        builder.add({"op": step} if isinstance(step, str) else dict(step))


def optional(builder: Builder) -> None:
    """An operation with a condition."""
    flag = next((name for name, known in builder.env.items() if isinstance(known, bool)), None)
    if flag is None and not builder.inner:
        flag = f"flag{builder.drawing.number()}"
        builder.env[flag] = builder.random.random() < 0.6
        builder.params[flag] = {"type": "bool", "default": builder.env[flag]}
    condition = flag or builder.random.choice([True, "1 < 2", "3 in [1, 2]"])
    builder.one()
    for _ in range(8):
        try:
            step = _proposed(builder, builder.random.choice([*STEADY, builder.drawing.op()]))
            step.pop("name", None)
            builder.add({**step, "when": condition})
            return
        except Rejected:
            continue


def aliased(builder: Builder) -> None:
    """An operation that a param names."""
    builder.one()
    if builder.inner:
        raise Rejected("no params here")
    param = f"activation{builder.drawing.number()}"
    builder.params[param] = {"type": "operation", "default": builder.random.choice(STEADY)}
    builder.env[param] = builder.params[param]["default"]
    try:
        builder.add({"op": param})
    except Rejected:
        del builder.params[param], builder.env[param]
        raise
