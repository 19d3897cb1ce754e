"""How the weights of each step begin: which rule of which `init` is nearest, with numbers for its params."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from archspec.expressions import Apply, Attribute, Const, Expr, ExpressionError, Name, evaluate
from archspec.graph.frames import Failed, Findings, Frame, plain
from archspec.ops.base import Operation, Parameter, Shape
from archspec.ops.initializers import DEFAULTS, Fans
from archspec.spec.initial import FANS, Initial, Rule, Rules, entries, key_problem, read, renamed
from archspec.spec.source import Path


class Initials:
    """Reads rules, and finds those of a step's weights; errors are recorded."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.lines: set[Path] = set()
        """Where there are rules."""
        self.same: defaultdict[Path, set[Path]] = defaultdict(set)
        """Other lines by which the same instances of blocks begin."""

    def alike(self, rules: Rules, others: Rules) -> None:
        """Notes that an instance of a block is one with another one, whose rules are equal and stand elsewhere."""
        for rule, other in zip(rules, others, strict=True):
            if rule.path != other.path:
                self.same[rule.path].add(other.path)

    def rules(self, raw: Any, frame: Frame, path: Path, operation: bool = False) -> Rules:
        """The rules that hold below `path`: those of its `init`, before those of what is around."""
        if raw is None:
            return frame.initial
        found = []
        for key, text, below in entries(raw):
            where = (*path, "init", *below)
            problem, hint = key_problem(key, operation)
            if problem:
                self.findings.error(where, f"init: {problem}", key=bool(key), hint=hint, frame=frame)
                continue
            try:
                cls, given = read(text)
                bound = {name: _bound(value, frame) if isinstance(value, Expr) else value
                         for name, value in given.items()}  # fmt: skip
                made = cls(**bound)
                made.distribution(Fans(11, 13))
            except (ExpressionError, TypeError) as error:
                offset, hint = (error.offset, error.hint) if isinstance(error, ExpressionError) else (0, "")
                self.findings.error(where, f"init: {error}", offset=offset, hint=hint, frame=frame)
                continue
            self.lines.add(where)
            found.append(Rule(key, made, where, operation))
        return (*sorted(found, key=lambda rule: rule.rank), *frame.initial)

    def of(self, op: Operation, shown: str, inputs: Sequence[Shape], frame: Frame) -> dict[str, Initial]:
        """How the weights of a step begin. Raises Failed after an error."""
        weights = op.parameters(*inputs)
        used: set[int] = set()
        found = {}
        failed = False
        for name, weight in weights.items():
            chosen = [rule for rule in frame.initial if not weight.statistic and rule.matches(op.key, name, weight)]
            if weight.said:
                chosen = [rule for rule in chosen if rule.own]
                for rule in chosen:
                    failed = True
                    self.findings.error(rule.path, f"{shown}: its attributes say how it begins, too", frame=frame)
            used.update(id(rule) for rule in chosen)
            initial = Initial(weight.initial or DEFAULTS[weight.kind], fans(name, weights))
            if chosen:
                initial = Initial(chosen[0].initializer, initial.fans, chosen[0].path)
                failed |= not self._fits(initial, f"{shown}: {name or 'it'}", weight, frame)
            found[name] = initial
        for rule in frame.initial:
            if rule.own and id(rule) not in used:
                failed = True
                has = ", ".join(dict.fromkeys(weight.kind for weight in weights.values() if not weight.statistic))
                hint = renamed(rule.key) or (f"it has {has}" if has else "")
                what = f"has no {rule.key}" if rule.key and weights else "has no weights"
                self.findings.error(rule.path, f"{shown}: {what}", key=bool(rule.key), hint=hint, frame=frame)
        if failed:
            raise Failed
        return found

    def _fits(self, initial: Initial, shown: str, weight: Parameter, frame: Frame) -> bool:
        try:
            problem = initial.distribution.problem(tuple(map(int, weight.shape)))
            problem = f"it {problem}" if problem else ""
        except ExpressionError as error:
            problem = str(error)
        if problem:
            message = f"{shown} cannot begin as {initial.initializer.key}: {problem}"
            self.findings.error(initial.origin, message, frame=frame)
        return not problem


def fans(name: str, weights: Mapping[str, Parameter]) -> Fans:
    """The fans of a weight: its own, or for what is added to a product those of the kernel."""
    weight = weights[name]
    if weight.kind == "bias":
        kernels = {key: each for key, each in weights.items() if each.kind == "weight"}
        if kernels:
            weight = kernels.get(name.replace("bias", "weight"), list(kernels.values())[-1])
    return weight.fans


def _bound(expr: Expr, frame: Frame) -> Expr:
    """An expression with the values of what it reads in place of names, as the spec writes it otherwise."""
    match expr:
        case Name(name) if name in FANS:
            return expr
        case Name() | Attribute():
            return Const(plain(evaluate(expr, frame.values)))
        case Apply(head, args):
            return Apply(head, tuple(_bound(arg, frame) for arg in args), offset=expr.offset)
    return expr
