"""The form of a spec: Pydantic models of the language. What the parts mean is the business of `archspec.graph`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

from archspec import ops
from archspec.expressions import MAX_NUMBER
from archspec.ops.base import describe
from archspec.spec.values import (
    MAX_PARAMS,
    NOT_INPUTS,
    Condition,
    Count,
    Identifier,
    Initials,
    InputName,
    Label,
    Over,
    ParamName,
    References,
    Rows,
    Size,
    StepName,
    StepReference,
    Text,
    join_form,
    named,
    one_of,
    problem,
)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


# Steps --------------------------------------------------------------------------------------------------------------


class _Step(_Model):
    name: StepName | None = Field(None, description="What later steps and reports call this step.")
    source: References | None = Field(
        None, alias="from", description="What goes in: a reference or a list of them; by default, the step before."
    )
    when: Condition = Field(True, description="If this does not hold, the step passes its input through.")
    repeat: Count | None = Field(None, description="How many times, one after another; binds `index`.")
    each: Rows | None = Field(
        None, description="One instance per row, one after another; the row's keys are bound, and `index`."
    )
    init: Initials = Field(None, description="How its weights begin, and those of all steps in it.")
    frozen: Condition = Field(False, description="If this holds, training leaves its weights and statistics alone.")


class OperationStep(_Step):
    """An operation; its other keys are the operation's attributes."""

    model_config = ConfigDict(extra="allow")
    op: str = Field(description="The operation's name.")
    weights_of: StepReference | None = Field(
        None, description="An earlier step whose weights this one uses, instead of weights of its own."
    )


class BlockStep(_Step):
    """A block; its other keys are the block's params."""

    model_config = ConfigDict(extra="allow")
    block: str = Field(description="The block's name, or a param of type block.")
    weights_of: StepReference | None = Field(
        None, description="An earlier call of the block whose weights this one uses, instead of weights of its own."
    )
    over: Over | None = Field(
        None, description="The axis along which the block is called for each place, with state that it carries on."
    )
    reverse: Condition = Field(False, description="With over: whether it begins with the last place.")


class BranchesStep(_Step):
    """Lists of steps that all start from the same input, and the operation that joins their results."""

    branches: dict[Label, list[AnyStep]] = Field(min_length=1)
    join: Annotated[
        str | dict[str, Any],
        BeforeValidator(join_form),
        Field(description="An operation that takes several inputs."),
    ]

    @cached_property
    def joined(self) -> OperationStep:
        """The operation that joins the results, as a step."""
        return OperationStep.model_validate({"op": self.join} if isinstance(self.join, str) else self.join)


class SequenceStep(_Step):
    """Steps in order; with a name it opens a scope."""

    layers: list[AnyStep]


class BrokenStep(_Step):
    """Stands for a step whose form is wrong, so that the rest of a spec can still be checked. No valid spec has it."""

    names: tuple[str, ...] = ()
    """All names that the step or one inside it has."""
    raw: Any = None
    """What the spec writes."""


_FORMS: Final = ("op", "block", "branches", "layers")


def _form(value: Any) -> str | None:
    present = [key for key in _FORMS if key in value] if isinstance(value, dict) else []
    return f"<{present[0]}>" if len(present) == 1 else None


def _step(value: Any) -> Any:
    if isinstance(value, str):
        return {"op": value}
    if not isinstance(value, dict):
        due = "an operation's name, or a mapping with op, block, branches or layers"
        raise problem(f"a step is {due}, not {describe(value)}")
    present = [key for key in _FORMS if key in value]
    if len(present) != 1:
        found = f"both {present[0]} and {present[1]}" if present else "none of them"
        known = ops.names()
        meant = next((word for pair in value.items() for word in pair if word in known), None)
        hint = f"write {{op: {meant}, ...}}" if meant and not present else ""
        raise problem(f"a step has exactly one of op, block, branches, layers; this one has {found}", hint)
    return value


def _unless_broken(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    return value if isinstance(value, BrokenStep) else handler(value)


AnyStep = Annotated[
    Annotated[OperationStep, Tag("<op>")]
    | Annotated[BlockStep, Tag("<block>")]
    | Annotated[BranchesStep, Tag("<branches>")]
    | Annotated[SequenceStep, Tag("<layers>")],
    Discriminator(_form),
    BeforeValidator(_step),
    WrapValidator(_unless_broken),
]
StepForm = OperationStep | BlockStep | BranchesStep | SequenceStep


# Params -------------------------------------------------------------------------------------------------------------

ParamType = Literal["int", "float", "bool", "str", "list", "block", "operation"]
_DUE: Final[dict[str, str]] = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text", "list": "a list",
    "block": "the name of a block", "operation": "the name of an operation",
}  # fmt: skip
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "int": (int,), "float": (int, float), "bool": (bool,), "str": (str,), "list": (list, tuple), "block": (str,),
    "operation": (str,),
}  # fmt: skip


class Param(_Model):
    """A hyperparameter: a value, the name of a type (required), or the long form."""

    type: ParamType
    default: Any = None
    choices: list[Any] | None = None
    minimum: float | None = None
    doc: Text = ""

    @property
    def required(self) -> bool:
        return self.default is None

    def problem(self, value: Any) -> str:
        """What is wrong with a value for it; empty if nothing is."""
        if not isinstance(value, _TYPES[self.type]) or (isinstance(value, bool) and self.type != "bool"):
            return f"must be {_DUE[self.type]}, not {describe(value)}"
        if unlike := _unlike_text(value):
            return unlike
        if self.choices is not None and value not in self.choices:
            return f"(={value}) must be one of {', '.join(map(str, self.choices))}"
        if self.minimum is not None and isinstance(value, (int, float)) and value < self.minimum:
            return f"(={value}) must be at least {self.minimum:g}"
        return ""


def _unlike_text(value: Any) -> str:
    """What is wrong with a value that no text of a spec can have given; empty if nothing is."""
    match value:
        case list() | tuple():
            return next(filter(None, map(_unlike_text, value)), "")
        case dict():
            return next(filter(None, map(_unlike_text, [*value, *value.values()])), "")
        case int() | float() if not abs(value) <= MAX_NUMBER:
            return f"(={value}) must be a finite number" + ", at most 2**53" * isfinite(value)
        case None | str() | int() | float():
            return ""
    return f"must be plain data, not {describe(value)}"


def _param(value: Any) -> Any:
    if isinstance(value, dict):
        if "type" not in value and value.get("default") is not None:
            return {**value, "type": type_of(value["default"])}
        return value
    if isinstance(value, str) and value in _TYPES:
        return {"type": value}
    if value is None:
        raise problem("a param needs a default value, or the name of a type: " + ", ".join(_TYPES))
    return {"type": type_of(value), "default": value}


def type_of(value: Any) -> str:
    """The name of the type of a plain value, as params declare it."""
    return {bool: "bool", int: "int", float: "float", str: "str", list: "list"}.get(type(value), "list")


Params = Annotated[dict[ParamName, Annotated[Param, BeforeValidator(_param)]], Field(max_length=MAX_PARAMS)]


# The document -------------------------------------------------------------------------------------------------------


class ParameterCounts(_Model):
    training: int
    evaluation: int


def _kind(value: Any) -> str:
    return "<str>" if isinstance(value, str) else "<int>" if isinstance(value, int) else "<dict>"


Counts = Annotated[
    Annotated[int, Tag("<int>")] | Annotated[ParameterCounts, Tag("<dict>")],
    Discriminator(_kind),
    BeforeValidator(one_of((int, dict), "a whole number, or a mapping with training and evaluation")),
]


class Expect(_Model):
    """Facts that `check` must confirm."""

    parameters: Counts | None = Field(
        None, description="Trainable parameters; with auxiliary heads, of the training and the evaluation network."
    )
    multiply_adds: int | None = Field(None, description="Multiply-adds of one evaluation, for one element of a batch.")
    outputs: dict[str, list[Size]] | None = Field(None, description="Shapes of outputs, without the batch axis.")


class Variant(_Model):
    """A named set of values for the params."""

    model_config = ConfigDict(extra="allow")
    summary: Text = ""
    source: Text = Field("", description="Where it comes from, if not from where the spec does.")
    expect: Expect = Expect()

    @property
    def values(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


def _input(value: Any) -> Any:
    if not isinstance(value, (list, dict)):
        raise problem(f"must be a list of sizes, or a mapping with shape, not {describe(value)}", "as in [3, 224, 224]")
    return {"shape": value} if isinstance(value, list) else value


class Input(_Model):
    shape: list[Size] = Field(description="Sizes without the batch axis; a name is a dimension left open.")
    dtype: Literal["float", "int64", "bool"] = "float"
    below: Count | None = Field(None, description="For whole numbers: they are smaller than this.")
    doc: Text = ""


class Output(_Model):
    source: str = Field(alias="from")
    when: Condition = Field(True, description="Whether it is there: `training`, or an expression over it and params.")
    doc: Text = ""


def _output(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


def _names(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _block_input(value: Any) -> Any:
    named(NOT_INPUTS, "an input")(value.removesuffix("?") if isinstance(value, str) else value)
    return value


def _block_inputs(values: list[str]) -> list[str]:
    if len({name.removesuffix("?") for name in values}) < len(values):
        raise problem("two inputs have the same name")
    needed = [not name.endswith("?") for name in values]
    if values and (not needed[0] or needed != sorted(needed, reverse=True)):
        raise problem("inputs that may be absent come after at least one that must be given")
    return values


_OUTPUTS: Final = (
    Discriminator(_kind),
    BeforeValidator(
        one_of((str, dict), "the name of a step, or a mapping of names to steps", "as in outputs: {logits: fc}")
    ),
)
Outputs = Annotated[
    Annotated[dict[Identifier, Annotated[Output, BeforeValidator(_output)]], Tag("<dict>")]
    | Annotated[str, Tag("<str>")],
    *_OUTPUTS,
]
BlockOutputs = Annotated[Annotated[dict[Identifier, str], Tag("<dict>")] | Annotated[str, Tag("<str>")], *_OUTPUTS]


class Block(_Model):
    """A reusable sub-graph."""

    summary: Text = ""
    params: Params = {}
    takes: Annotated[
        list[Annotated[str, BeforeValidator(_block_input)]],
        BeforeValidator(_names),
        AfterValidator(_block_inputs),
        Field(alias="inputs", min_length=1, description="Names; those that end with a question mark may be absent."),
    ] = ["x"]
    init: Initials = Field(None, description="How the weights of its steps begin.")
    layers: list[AnyStep]
    outputs: BlockOutputs | None = None

    @cached_property
    def inputs(self) -> list[str]:
        """The names of its inputs, in order."""
        return [name.removesuffix("?") for name in self.takes]

    @cached_property
    def optional(self) -> list[str]:
        """The names of the inputs, the last ones, that may be absent; in expressions, whether they are there."""
        return [name.removesuffix("?") for name in self.takes if name.endswith("?")]

    @property
    def hidden(self) -> frozenset[str]:
        """The document's params that cannot be read in the block, because its own names come first."""
        return frozenset([*self.params, *self.inputs])


# Training -----------------------------------------------------------------------------------------------------------


def _chosen(kind: str) -> Callable[[Any], Any]:
    """For a rule without attributes its name is enough."""

    def check(value: Any) -> Any:
        if isinstance(value, str):
            return {kind: value}
        if not isinstance(value, dict) or not isinstance(value.get(kind), str):
            raise problem(f"must be the name of a{'n' * (kind == 'optimizer')} {kind}, or a mapping with {kind}")
        return value

    return check


class NoLosses(dict[str, Any]):
    """The losses whose form is right, if others' is not: there may be none."""


def _some(value: Any) -> Any:
    if value == {} and not isinstance(value, NoLosses):
        raise problem("must not be empty")
    return value


class LossForm(_Model):
    """A loss; its other keys are its attributes."""

    model_config = ConfigDict(extra="allow")
    loss: str = Field(description="The loss's name.")


class OptimizerForm(_Model):
    """An optimizer; its other keys are its attributes."""

    model_config = ConfigDict(extra="allow")
    optimizer: str = Field(description="The optimizer's name.")


class ScheduleForm(_Model):
    """A schedule; its other keys are its attributes."""

    model_config = ConfigDict(extra="allow")
    schedule: str = Field(description="The schedule's name.")


Number = Annotated[float | str, BeforeValidator(one_of((int, float, str), "a number or an expression"))]


class Clip(_Model):
    """How gradients are made smaller before they are used."""

    norm: Number | None = Field(None, description="The largest norm that all gradients together may have.")
    value: Number | None = Field(None, description="The largest absolute value that an element may have.")


def _keys(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Group(_Model):
    """Weights that are trained in a way of their own."""

    of: Annotated[
        list[Annotated[str, BeforeValidator(one_of((str,), "a kind of weights, an operation, a block or a step"))]],
        BeforeValidator(_keys),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
        Field(min_length=1, description="Kinds of weights, operations, blocks or steps."),
    ]
    rate_factor: Number = Field(1.0, description="What their learning rate is multiplied by.")
    decay_factor: Number | None = Field(None, description="What their weight decay is multiplied by.")
    momentum: Number | None = Field(None, description="Their momentum, instead of the optimizer's.")
    frozen: Condition = Field(False, description="Whether they stay as they begin.")


class Training(_Model):
    """How the network is trained."""

    losses: Annotated[
        dict[Identifier, Annotated[LossForm, BeforeValidator(_chosen("loss"))]],
        BeforeValidator(_some),
        Field(description="By output: what training makes small.", json_schema_extra={"minProperties": 1}),
    ]
    optimizer: Annotated[OptimizerForm, BeforeValidator(_chosen("optimizer"))]
    schedule: Annotated[ScheduleForm, BeforeValidator(_chosen("schedule"))] = ScheduleForm(schedule="constant")
    groups: list[Group] = Field([], description="Weights that are trained otherwise; the first one that fits holds.")
    clip: Clip = Clip()
    accumulate: Count = Field(1, description="How many batches one update adds up.")
    ema: Number | None = Field(None, description="The share of the old in averages of weights, which are evaluated.")
    batch_size: Count = Field(32, description="How many samples are one batch.")
    epochs: Count = Field(10, description="How often training passes over the data.")


class Use(_Model):
    """Another file, whose blocks are used."""

    file: str = Field(description="Its name: beside the spec, below its folder, or one that comes along.")
    blocks: list[Identifier] | None = Field(
        None, min_length=1, description="The blocks that are meant, and with them those that they call; else all."
    )
    params: dict[ParamName, Any] = Field(
        {}, description="Values for params of that file, over the params of this one; else their defaults there."
    )


@dataclass(frozen=True, eq=False, slots=True)
class Used:
    """The file that a block comes from, and how it is used."""

    document: Document
    given: Mapping[str, Any]
    """What `use` gives for its params."""
    path: tuple[str | int, ...]
    """Where the spec says so."""
    around: Used | None = None
    """The file that uses it, if it is not the spec."""

    def inside(self, around: Used) -> Used:
        """The same in a file that is itself used."""
        return replace(self, path=around.path, around=around if self.around is None else self.around.inside(around))

    def same(self, other: Used) -> bool:
        """Whether a block of the file is the same block in both."""
        return self.document is other.document and not self.given and not other.given


def _uses(value: Any) -> Any:
    each = value if isinstance(value, list) else [value]
    for item in each:
        if not isinstance(item, (str, dict)):
            due = "the name of a file, or a mapping with file, blocks and params"
            raise problem(f"must be {due}, not {describe(item)}", "as in use: resnet.yaml")
    return [{"file": item} if isinstance(item, str) else item for item in each]


class Document(_Model):
    """A whole spec."""

    archspec: Literal[1] = Field(description="The version of the language.")
    name: Identifier
    summary: Text = ""
    source: Text = ""
    params: Params = {}
    variants: dict[Identifier, Variant] = {}
    inputs: dict[InputName, Annotated[Input, BeforeValidator(_input)]] = Field(min_length=1)
    use: Annotated[list[Use], BeforeValidator(_uses)] = Field([], description="Files whose blocks are used here.")
    blocks: dict[Identifier, Block] = {}
    init: Initials = Field(None, description="How weights begin, unless a block or a step says otherwise.")
    layers: list[AnyStep] = Field(min_length=1)
    outputs: Outputs | None = None
    training: Training | None = None
    expect: Expect = Expect()
    _used: dict[str, Used] = PrivateAttr(default_factory=dict)

    @property
    def used(self) -> dict[str, Used]:
        """Those of `blocks` that come from other files."""
        return self._used
