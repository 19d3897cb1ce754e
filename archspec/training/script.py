"""Writes the script that trains a generated model in one framework."""

from __future__ import annotations

import ast
import builtins
import hashlib
import json
import keyword
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from archspec.backend import Moves, Network, Program
from archspec.emit.code import Code, Infix, Items, Number, Raw, Template, call, literal
from archspec.emit.docs import class_name, module_docstring
from archspec.emit.printing import WIDTH, Style, broken
from archspec.emit.source import import_lines
from archspec.errors import BackendError
from archspec.graph.mode import Mode
from archspec.training.base import Loss, Rule
from archspec.training.chosen import Chosen, chosen
from archspec.training.groups import Share
from archspec.training.plan import Plan

if TYPE_CHECKING:
    from jinja2 import Environment

HERE: Final = Path(__file__).parent
COMMON: Final = "train_common.py"
"""What lies beside all scripts, and is the same for all: what has to do with no network and no framework."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a framework says what training does: rows for rules, and the file around them."""

    title: str
    folder: Path
    """Where its `train.py.jinja` is, and `bridges.py.jinja`: functions and classes that rows may mention."""
    losses: Mapping[str, Callable[[Any, str, str, Judged], Code]]
    """By the key of the loss: its code, of the names of output and target."""
    optimizers: Mapping[str, Callable[[Any, Code, Plan], Code]]
    """By the key of the optimizer: what makes one, of the code that gives the weights."""
    groups: Callable[[list[Chosen], Plan], list[str]]
    """The statements that make `weights` of a model of which some are trained otherwise than others."""
    separator: str
    """What stands between the parts of a weight's name."""
    tensor: Callable[[Code, str], Code]
    """How an array of the data becomes a tensor, given the kind of its numbers."""
    words: Mapping[str, str] = field(default_factory=dict)
    """What else the file says in its own way."""
    imports: Mapping[str, str] = field(default_factory=dict)
    """Statements by the name that they import, where it is mentioned; those of `*` names, always."""
    corrected: Collection[str] = ()
    """Operations whose gradients are declared inexact, and are exact where `runner.py` has the script train."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An output and its target as a loss sees them."""

    shape: tuple[Any, ...]
    """Of the output, in canonical order."""
    layout: Moves
    """How the framework lays it out."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """What other arrays of the data the loss needs are called, by the attribute that names them."""


@dataclass(frozen=True, slots=True)
class Script:
    """A file that trains a model."""

    model: Network
    plan: Plan
    program: Program
    backend: str
    spelling: Spelling

    @property
    def file(self) -> str:
        """What it is called."""
        return f"train_{self.model.name}_{self.backend}.py"

    @property
    def module(self) -> str:
        """The module of the model's code, which lies beside it."""
        return f"{self.model.name}_{self.backend}"

    @property
    def files(self) -> dict[str, str]:
        """All that must lie beside the model's file, by name: this, and what scripts share."""
        return {self.file: self.text(), COMMON: common()}

    def text(self, *, rounded: bool = False) -> str:
        """The file; for verification with its floats `rounded` to float32, as frameworks keep many of them."""
        plan = self.plan.rounded() if rounded else self.plan
        environment = _environment(self.spelling.folder)
        # Until all is known that the file mentions, it is written with what its own names could be taken for.
        template = environment.get_template("train.py.jinja")
        return template.render(self._words(plan)) + "\n"

    def _words(self, plan: Plan) -> dict[str, Any]:
        spelling, style, accumulate = self.spelling, Style(), plan.accumulate
        inputs = list(self.program.inputs)
        data = {**dict.fromkeys(inputs), **plan.targets}
        names = self._names(data, plan)
        losses = self._losses(plan, names)
        mentioned = {word for code in losses.values() for word in _own_names(_flat(code))}
        groups = chosen(self.shares(plan), plan.optimizer.weight_decay, spelling.separator)
        weights = Raw("weights" if groups else "model.parameters()")
        make = spelling.optimizers[plan.optimizer.key](plan.optimizer, weights, plan)
        mentioned |= _own_names(_flat(make))
        used = set(re.findall(r"(\w+)=", " ".join(map(_flat, [make, *losses.values()]))))
        used |= {"momenta"} if any(each.momentum is not None for each in groups) else set()
        support = bridges(spelling.folder, used, bool(groups))
        for name, text in reversed(list(support.items())):  # each mentions only what stands before it
            if name in mentioned:
                mentioned |= _own_names(text)
        support = {name: text for name, text in support.items() if name in mentioned}
        judge = next((name for name, loss in plan.losses.items() if _classifies(loss, self._shape(name))), None)
        at = f"[{self._outputs().index(judge)}]" if judge and len(self._outputs()) > 1 else ""
        rate, with_heads = self._rate(plan), self.program.training_arguments
        return {
            "plan": plan,
            "name": class_name(self.model),
            "title": spelling.title,
            "file": self.file,
            "note": module_docstring(self.model).split("\n\n")[1].strip(),
            "imports": import_lines(
                [
                    f"from {COMMON[:-3]} import {', '.join(_SHARED[: 6 if judge else 5])}",
                    *(f"import {name}" for name in ("math",) if any("math." in line for line in rate)),
                    self._import(plan),
                    *(text for name, text in spelling.imports.items() if name in mentioned or name[0] == "*"),
                ]
            ),
            "shapes": f"ARRAYS = {broken(_shapes(plan), style, 0, 9, 0)}",
            "entry": names[self.program.entry],
            "spec": fingerprint(self.model),
            "arrays": {name: self._array(name, names[name], plan) for name in data},
            "first": inputs[0],
            "lr": rate,
            "names": ", ".join(names[name] for name in data),
            "parts": partial(_parts, ", ".join(names[name] for name in data)),
            "inputs": ", ".join(names[name] for name in inputs),
            "targets": ", ".join(names[name] for name in plan.targets),
            "parameters": ", ".join([*(names[name] for name in self._outputs()), *(names[n] for n in plan.targets)]),
            "outputs": [names[name] for name in self._outputs()],
            "outputs_of": f"{'*' * (len(self._outputs()) > 1)}model({', '.join(names[name] for name in inputs)})",
            "loss": _sum(losses, plan, style),
            "given": _group([names[name] for name in inputs]),
            "held": self._held(plan, names),
            "packed": [line for lines in self._packed(plan, names).values() for line in lines],
            "fit": self._fit(plan, names, style),
            "scored": at,
            "compiled": self._compiled(losses, make, groups, plan, style),
            "optimizer": [*(spelling.groups(groups, plan) if groups else []), *_statement("optimizer = ", make, style)],
            "grouped": bool(groups),
            "factors": any(each.rate != 1 for each in groups),
            "clip_norm": _flat(Number(plan.clip_norm)) if plan.clip_norm else "",
            "clip_value": _flat(Number(plan.clip_value)) if plan.clip_value else "",
            "ema": _flat(Number(plan.ema)) if plan.ema else "",
            "accumulated": "" if accumulate == 1 else f", {accumulate}",
            "update": "step" if accumulate == 1 else f"step // {accumulate}",
            "update_samples": "batch_size" if accumulate == 1 else f"{accumulate} * batch_size",
            "per_epoch": "STEPS" if accumulate == 1 else f"STEPS / {accumulate}",
            "evaluation": "classes" if judge else "" if self.model.graph.training_outputs else "loss",
            "judged_output": at if len(self.model.graph.results(Mode.EVALUATION)) > 1 else "",
            "judged_at": list(data).index(plan.losses[judge].target) if judge else 0,
            "made": f"{names[self.program.entry]}({', '.join(f'{key}={value}' for key, value in with_heads.items())})",
            "support": list(support.values()),
            **spelling.words,
        }

    # Names ----------------------------------------------------------------------------------------------------------

    def _names(self, data: Mapping[str, Any], plan: Plan) -> dict[str, str]:
        """What arrays, outputs and the model are called in the file, each unlike all that it says itself."""
        taken = _own_words(self.spelling.folder) | set(keyword.kwlist) | set(dir(builtins))
        found: dict[str, str] = {}
        for name in [self.program.entry, *data, *self._outputs()]:
            own = name
            while own in taken or own in found.values():
                own += "_"
            found[name] = own
        return found

    def _import(self, plan: Plan) -> str:
        entry = self._names({}, plan)[self.program.entry]
        renamed = "" if entry == self.program.entry else f" as {entry}"
        return f"from {self.module} import {self.program.entry}{renamed}"

    # Groups ---------------------------------------------------------------------------------------------------------

    def shares(self, plan: Plan) -> dict[str, Share]:
        """How each variable of the generated model is trained. Raises BackendError for one that is several weights
        which are not trained alike."""
        parameters, found = self.model.graph.parameters(), dict[str, Share]()
        for weight in self.program.weights:
            known = parameters.get(weight.parameter)
            if known is None or not known.trainable:
                continue
            share = plan.share(weight.parameter, len(known.shape))
            share = replace(share, decay=share.decay if plan.optimizer.weight_decay else 1.0)
            if found.setdefault(weight.target, share) != share:
                message = f"{weight.target} is one variable for several weights, which are in other groups"
                raise BackendError(f"{self.spelling.title}: {message}")
        return found

    # Parts ----------------------------------------------------------------------------------------------------------

    def _outputs(self) -> list[str]:
        return list(self.program.outputs)

    def _shape(self, output: str) -> tuple[Any, ...]:
        return self.model.graph.outputs[output].shape

    def _losses(self, plan: Plan, names: Mapping[str, str]) -> dict[str, Code]:
        rows = self.spelling.losses
        return {
            name: rows[loss.key](
                loss,
                names[name],
                names[loss.target],
                Judged(self._shape(name), self.program.outputs[name], self._beside(loss, name, names)),
            )
            for name, loss in plan.losses.items()
        }

    def _beside(self, loss: Loss, output: str, names: Mapping[str, str]) -> dict[str, str]:
        dues = loss.dues(self._shape(output))
        return {each: names[getattr(loss, each)] for each in dues if each != "target"}

    def _packed(self, plan: Plan, names: Mapping[str, str]) -> dict[str, list[str]]:
        """By output, the statements that make the one target that a loss of Keras may have of several arrays, where
        there are several."""
        found = {}
        for name, loss in plan.losses.items():
            beside = self._beside(loss, name, names)
            target, own = names[loss.target], _held_name(name, names)
            lines = []
            if lengths := beside.get("lengths"):
                lines.append(f"within = np.arange({target}.shape[1]) < {lengths}[:, None]")
                lines.append(f"{own} = np.where(within, {target}, 0)")
            if times := beside.get("times"):
                lines.append(f"{own} = np.column_stack([{own if lengths else target}, {times}])")
            if lines:
                found[name] = lines
        return found

    def _held(self, plan: Plan, names: Mapping[str, str]) -> str:
        """The targets of a Keras model. One alone is still a tuple beside several outputs: Keras takes an array with as
        many samples as there are outputs for one target of each."""
        packed = self._packed(plan, names)
        held = [
            _held_name(name, names) if name in packed else names[plan.losses[name].target]
            for name in self._outputs()
            if name in plan.losses
        ]
        return f"({held[0]},)" if len(held) == 1 < len(self._outputs()) else _group(held)

    def _fit(self, plan: Plan, names: Mapping[str, str], style: Style) -> list[str]:
        """The statement that trains a Keras model for a pass."""
        given = _group([names[name] for name in self.program.inputs]), self._held(plan, names), "args.batch_size"
        watching = Raw("[averages, watched]" if plan.ema else "[watched]")
        more = {"callbacks": watching, "shuffle": Raw("False"), "verbose": Raw("0")}
        return _statement("", call("model.fit", *map(Raw, given), **more), style)

    def _compiled(
        self, losses: Mapping[str, Code], make: Code, groups: list[Chosen], plan: Plan, style: Style
    ) -> list[str]:
        """The statement that compiles a Keras model."""
        codes = [losses.get(name, Raw("None")) for name in self._outputs()]
        given = {"loss": codes[0] if len(codes) == 1 else Items(tuple(codes), "[]")}
        weights = [plan.losses[name].weight if name in plan.losses else 1.0 for name in self._outputs()]
        if any(weight != 1 for weight in weights):
            given["loss_weights"] = literal(weights)
        lines = []
        if groups:
            lines = [*self.spelling.groups(groups, plan), *_statement("optimizer = ", make, style)]
            make = Raw("optimizer")
        return [*lines, *_statement("", call("model.compile", optimizer=make, **given), style)]

    def _rate(self, plan: Plan) -> list[str]:
        schedule, rate = plan.schedule, plan.optimizer.learning_rate
        time = {"step": "step", "epoch": "step / epoch_steps", "sample": "step * batch_size"}[schedule.per]
        code = schedule.code(rate)
        lines = [f"t = {time}"] if schedule.warmup or re.search(r"\bt\b", code) else []
        if schedule.warmup:
            begin, grow = schedule.warmup_from, 1 - schedule.warmup_from
            share = f"({begin!r} + {grow!r} * t / {schedule.warmup!r})" if begin else f"t / {schedule.warmup!r}"
            lines += [f"if t < {schedule.warmup!r}:", f"    return {rate!r} * {share}", f"t -= {schedule.warmup!r}"]
        return [*lines, f"return {code}"]

    def _array(self, name: str, own: str, plan: Plan) -> dict[str, Any]:
        due = plan.targets.get(name) or plan.inputs[name]
        layout: Moves = self.program.inputs.get(name, ())
        if name in plan.targets and due.dtype == "float":
            layout = next(self.program.outputs[o] for o, loss in plan.losses.items() if loss.target == name)
        array = f'data["{name}"]' + "".join(_moved(step, argument) for step, argument in layout)
        return {
            "tensor": f"{broken(self.spelling.tensor(Raw(array), due.dtype), Style(), 8, 0, 1)},",
            "name": own,
        }


def _parts(names: str, part: str, indent: int) -> str:
    """The statement that gives names to a part of each array, inside of so many spaces."""
    line = f"{names} = ({part} for each in data)"
    pad = "\n" + " " * indent
    return line if indent + len(line) <= WIDTH else f"{names} = ({pad}    {part} for each in data{pad})"


def _held_name(output: str, names: Mapping[str, str]) -> str:
    """What the target of an output is called that several arrays are put into."""
    own = f"target_of_{names[output]}"
    while own in names.values():
        own += "_"
    return own


def _group(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


def _own_names(text: str) -> set[str]:
    """The names in some code but those of attributes: `SGD` is none of `keras.optimizers.SGD`."""
    return set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", text))


def _shapes(plan: Plan) -> Code:
    rows = []
    for name, each in (plan.inputs | plan.targets).items():
        classes: Code = (
            Raw("None")
            if each.below is None
            else call("range", *map(literal, [each.least] if each.least else []), literal(each.below))
        )
        ignored = [getattr(loss, "ignore_index", None) for loss in plan.losses.values() if loss.target == name]
        ignored = [index for index in dict.fromkeys(ignored) if index not in (None, *range(each.below or 0))]
        if ignored:
            classes = Items((Template("*{0}", (classes,)), *map(literal, ignored)), "[]")
        rows.append(Template("{0}: {1}", (literal(name), Items((literal(each.shape), classes)))))
    return Items(tuple(rows), "{}")


def _moved(step: str, argument: tuple[int, ...]) -> str:
    if step not in ("transpose", "reshape"):
        raise AssertionError(f"an input or output is never laid out by {step}")
    return f".{step}({', '.join(map(str, argument))})"


def _flat(code: Code) -> str:
    return broken(code, Style(), 0, -10_000, 0)


def _statement(lead: str, code: Code, style: Style) -> list[str]:
    """The lines of a statement in a function, without the function's indent."""
    first, *rest = broken(code, style, 4, len(lead), 0).splitlines()
    return [lead + first, *(line[4:] for line in rest)]


def _sum(losses: Mapping[str, Code], plan: Plan, style: Style) -> list[str]:
    """Statements that add up losses."""
    lines: list[str] = []
    for index, (name, code) in enumerate(losses.items()):
        weight = plan.losses[name].weight
        term = code if weight == 1 else Infix("*", (Number(weight), code))
        lead = "return " if len(losses) == 1 else "loss = " if not index else "loss = loss + "
        if weight != 1 and len(_flat(term)) + len(lead) + 4 > WIDTH:
            lines += _statement("term = ", code, style)
            term = Infix("*", (Number(weight), Raw("term")))
        lines += _statement(lead, term, style)
    return lines if len(losses) == 1 else [*lines, "return loss"]


def _classifies(loss: Loss, shape: Sequence[Any]) -> bool:
    return loss.key == "cross_entropy" and len(shape) == 2


@cache
def common() -> str:
    """What all scripts share, as text."""
    return (HERE / COMMON).read_text(encoding="utf-8")


def fingerprint(model: Network) -> str:
    """Tells specs apart, and values of their params."""
    text = json.dumps([model.spec.source.data, model.variant, model.params], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def bridges(folder: Path, used: Collection[str], groups: bool = False) -> dict[str, str]:
    """The functions and classes of a backend's `bridges.py.jinja`, by name, as text: with the options that are `used`,
    and with `groups` or without."""
    text = _environment(folder).get_template("bridges.py.jinja").render(used=used, groups=groups)
    return {node.name: ast.get_source_segment(text, node) or "" for node in ast.parse(text).body
            if isinstance(node, (ast.ClassDef, ast.FunctionDef))}  # fmt: skip


def arguments(rule: Rule | Plan, **names: str) -> dict[str, Code]:
    """Attributes of a rule by the names that a framework has for them, without what is zero or false, as it is
    by default in all of them."""
    return {own: literal(value) for own, name in names.items() if (value := getattr(rule, name))}


@cache
def _environment(folder: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader([folder, HERE]),
        undefined=StrictUndefined,
        keep_trailing_newline=False,
        autoescape=False,
    )


@cache
def _own_words(folder: Path) -> frozenset[str]:
    files = (HERE / "script.py.jinja", HERE / "loop.py.jinja", folder / "train.py.jinja")
    texts = (_NO_NAMES.sub(" ", file.read_text(encoding="utf-8")) for file in files)
    bridges = (folder / "bridges.py.jinja").read_text(encoding="utf-8")
    own = {word for text in texts for word in re.findall(r"[A-Za-z_]\w*", text)}
    return frozenset(own.union(re.findall(r"^(?:class|def) (\w+)", bridges, re.MULTILINE), _SHARED))


_SHARED: Final = ("Run", "batches", "load", "options", "reading", "shares")
"""What scripts import of what they share."""
_NO_NAMES: Final = re.compile(r'\{[{%#].*?[}%#]\}|""".*?"""|"[^"\n]*"|#.*', re.DOTALL)
"""What no name of a file's own stands in: what Jinja fills in, texts, and comments."""
