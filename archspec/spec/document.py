"""The form of a spec: Pydantic models of the language. What the parts mean is the business of `archspec.graph`."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError
from pydantic_core import ErrorDetails

from archspec.errors import Diagnostic, SpecError
from archspec.expressions import nearest
from archspec.spec.source import Source

RESERVED: Final = frozenset(keyword.kwlist) | {"self", "x", "index", "training", "name", "forward", "batch", "super"}
MAX_NAME: Final = 64


def _identifier(value: Any) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isidentifier() or value.startswith("_"):
        raise ValueError("a name consists of letters, digits and underscores, and begins with a letter")
    if len(value) > MAX_NAME:
        raise ValueError(f"a name has at most {MAX_NAME} characters")
    if keyword.iskeyword(value):
        raise ValueError(f"'{value}' is a word of Python and cannot be a name in generated code")
    return value


def _own_name(value: Any) -> str:
    value = _identifier(value)
    if value in RESERVED:
        raise ValueError(f"'{value}' has a meaning of its own and cannot be the name of a step")
    return value


def _condition(value: Any) -> Any:
    if not isinstance(value, (bool, str)):
        raise ValueError("a condition is true, false, or an expression")
    return value


def _count(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("a count is a whole number or an expression")
    return value


def _scalar_or_list(value: Any) -> Any:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(v, str) for v in values) or not values:
        raise ValueError("a reference is the name of a step, an input or a branch, or a list of such names")
    return value


Identifier = Annotated[str, BeforeValidator(_identifier)]
StepName = Annotated[str, BeforeValidator(_own_name)]
Text = Annotated[str, Field(max_length=2000)]
References = Annotated[str | list[str], BeforeValidator(_scalar_or_list)]
Condition = Annotated[bool | str, BeforeValidator(_condition)]
Count = Annotated[int | str, BeforeValidator(_count)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _Step(_Model):
    name: StepName | None = Field(None, description="What later steps and reports call this step.")
    source: References | None = Field(
        None, alias="from", description="What goes in: a reference or a list of them; by default, the step before."
    )
    when: Condition = Field(True, description="If this does not hold, the step passes its input through.")
    repeat: Count | None = Field(None, description="How many times, one after another; binds `index`.")
    each: list[dict[str, Any]] | str | None = Field(
        None, description="One instance per row, one after another; the row's keys are bound, and `index`."
    )


class OperationStep(_Step):
    """An operation; its other keys are the operation's attributes."""

    model_config = ConfigDict(extra="allow")
    op: str = Field(description="The operation's name.")


class BlockStep(_Step):
    """A block; its other keys are the block's params."""

    model_config = ConfigDict(extra="allow")
    block: str = Field(description="The block's name, or a param of type block.")


class BranchesStep(_Step):
    """Lists of steps that all start from the same input, and the operation that joins their results."""

    branches: dict[Identifier, list[AnyStep]] = Field(min_length=1)
    join: Annotated[str | dict[str, Any], Field(description="An operation that takes several inputs.")]


class SequenceStep(_Step):
    """Steps in order; with a name it opens a scope."""

    layers: list[AnyStep]


_FORMS: Final = {"op": "operation", "block": "block call", "branches": "branches step", "layers": "sequence"}


def _form(value: Any) -> str | None:
    if isinstance(value, _Step):
        return {OperationStep: "op", BlockStep: "block", BranchesStep: "branches"}.get(type(value), "layers")  # type: ignore[arg-type]
    present = [key for key in _FORMS if key in value] if isinstance(value, dict) else []
    return present[0] if len(present) == 1 else None


def _bare(value: Any) -> Any:
    if isinstance(value, str):
        return {"op": value}
    if not isinstance(value, dict):
        raise ValueError("a step is an operation's name, or a mapping with one of op, block, branches, layers")
    present = [key for key in _FORMS if key in value]
    if len(present) != 1:
        found = f"both {present[0]} and {present[1]}" if present else "none of them"
        raise ValueError(f"a step has exactly one of op, block, branches, layers; this one has {found}")
    return value


AnyStep = Annotated[
    Annotated[OperationStep, Tag("op")]
    | Annotated[BlockStep, Tag("block")]
    | Annotated[BranchesStep, Tag("branches")]
    | Annotated[SequenceStep, Tag("layers")],
    Discriminator(_form),
    BeforeValidator(_bare),
]
Step = OperationStep | BlockStep | BranchesStep | SequenceStep

ParamType = Literal["int", "float", "bool", "str", "list", "block", "operation"]
_TYPES: Final = ("int", "float", "bool", "str", "list", "block", "operation")


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


def _param(value: Any) -> Any:
    if isinstance(value, dict):
        if "type" not in value and "default" in value:
            return {**value, "type": type_of(value["default"])}
        return value
    if isinstance(value, str) and value in _TYPES:
        return {"type": value}
    if value is None:
        raise ValueError("a param needs a default value or the name of a type: " + ", ".join(_TYPES))
    return {"type": type_of(value), "default": value}


def type_of(value: Any) -> str:
    """The name of the type of a plain value, as params declare it."""
    return {bool: "bool", int: "int", float: "float", str: "str", list: "list"}.get(type(value), "list")


Params = dict[Identifier, Annotated[Param, BeforeValidator(_param)]]


class ParameterCounts(_Model):
    training: int
    evaluation: int


class Expect(_Model):
    """Facts that `check` must confirm."""

    parameters: int | ParameterCounts | None = Field(
        None, description="Trainable parameters; with auxiliary heads, of the training and the evaluation network."
    )
    multiply_adds: int | None = Field(None, description="Multiply-adds of one evaluation, for one element of a batch.")
    outputs: dict[str, list[int | str]] | None = Field(None, description="Shapes of outputs, without the batch axis.")


class Variant(_Model):
    """A named set of values for the params."""

    model_config = ConfigDict(extra="allow")
    summary: Text = ""
    expect: Expect = Expect()

    @property
    def values(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


def _input(value: Any) -> Any:
    return {"shape": value} if isinstance(value, list) else value


class Input(_Model):
    shape: list[int | str] = Field(description="Sizes without the batch axis; a name is a dimension left open.")
    dtype: Literal["float", "int64", "bool"] = "float"
    below: Count | None = Field(None, description="For whole numbers: they are smaller than this.")
    doc: Text = ""


class Output(_Model):
    source: str = Field(alias="from")
    when: Literal["training"] | None = None
    doc: Text = ""


def _output(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


def _names(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Block(_Model):
    """A reusable sub-graph."""

    summary: Text = ""
    params: Params = {}
    inputs: Annotated[list[Identifier], BeforeValidator(_names), Field(min_length=1)] = ["x"]
    layers: list[AnyStep]
    outputs: dict[Identifier, str] | str | None = None


class Document(_Model):
    """A whole spec."""

    archspec: Literal[1] = Field(description="The version of the language.")
    name: Identifier
    summary: Text = ""
    source: Text = ""
    params: Params = {}
    variants: dict[Identifier, Variant] = {}
    inputs: dict[Identifier, Annotated[Input, BeforeValidator(_input)]] = Field(min_length=1)
    blocks: dict[Identifier, Block] = {}
    layers: list[AnyStep] = Field(min_length=1)
    outputs: dict[Identifier, Annotated[Output, BeforeValidator(_output)]] | str | None = None
    expect: Expect = Expect()


def read(source: Source) -> Document:
    """The document in a source. Raises SpecError with everything that is wrong with its form."""
    if not isinstance(source.data, dict):
        raise SpecError([source.diagnostic((), "a spec is a mapping that begins with 'archspec: 1'")])
    try:
        return Document.model_validate(source.data)
    except ValidationError as error:
        raise SpecError(list(_diagnostics(source, error.errors()))) from None


def _diagnostics(source: Source, errors: list[ErrorDetails]) -> Iterator[Diagnostic]:
    for error in errors:
        path = tuple(part for part in error["loc"] if not (isinstance(part, str) and part in ("[key]",)))
        where = ".".join(str(part) for part in path[-1:])
        match error["type"]:
            case "extra_forbidden":
                parent = _model_at(path)
                yield source.diagnostic(path, f"unknown key '{where}'", key=True, hint=nearest(str(where), parent))
            case "missing":
                shown = f"missing key '{where}'"
                yield source.diagnostic(path[:-1], shown)
            case "value_error":
                key = error["loc"][-1:] == ("[key]",)
                yield source.diagnostic(path, error["msg"].removeprefix("Value error, "), key=key)
            case _:
                key = error["loc"][-1:] == ("[key]",)
                message = error["msg"]
                yield source.diagnostic(path, f"{where}: {message[:1].lower()}{message[1:]}", key=key)


def _model_at(path: tuple[Any, ...]) -> list[str]:
    """The keys that are allowed beside the last part of a path."""
    models = {"op": OperationStep, "block": BlockStep, "branches": BranchesStep, "layers": SequenceStep,
              "params": Param, "variants": Variant, "inputs": Input, "blocks": Block, "outputs": Output,
              "expect": Expect}  # fmt: skip
    for index in range(len(path) - 2, -1, -1):
        if path[index] in models and len(path) - index <= 3:
            model = models[path[index]]
            return [field.alias or name for name, field in model.model_fields.items()]
    return list(Document.model_fields)
