"""Questions about statements: what they need, and whether every variable holds what is meant by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from archspec.emit.aligned import Wire
from archspec.emit.code import Code, Local, Symbol, walk
from archspec.emit.context import symbols
from archspec.emit.statements import Assign, Carried, Do, For, If, Raise, Return, Statement
from archspec.expressions import Expr


def names_read(statements: Iterable[Statement]) -> dict[str, None]:
    """The names of params and sizes that statements read, in order."""
    found: dict[str, None] = {}
    for statement in statements:
        match statement:
            case Assign(_, value) | Return(value) | Raise(value) | Do(value):
                found |= symbols(value)
            case If(condition, body):
                found |= symbols(condition) | names_read(body)
            case For(variables, iterable, body):
                inner = names_read(body)
                for variable in variables:
                    inner.pop(variable, None)
                found |= symbols(iterable) | inner
    return found


def codes(statements: Iterable[Statement]) -> Iterator[Code]:
    """All expressions of statements."""
    for statement in statements:
        match statement:
            case Assign(targets, value, _, kind):
                yield from targets
                yield value
                if kind is not None:
                    yield kind
            case Return(value) | Raise(value) | Do(value):
                yield value
            case If(code, body) | For(_, code, body):
                yield code
                yield from codes(body)


def said(statements: Iterable[Statement]) -> Iterator[Expr]:
    """All expressions in names of params and sizes that statements say, in comments, too."""
    for statement in statements:
        if isinstance(statement, (If, For)):
            yield from said(statement.body)
        elif isinstance(statement, Assign):
            yield from statement.sizes
    for code in codes(statements):
        yield from (part.expr for part in walk(code) if isinstance(part, Symbol))


class Misread(AssertionError):
    """A variable is read that does not hold the value that is meant: a fault of archspec."""


def check_reads(holds: dict[str, Wire], statements: Sequence[Statement]) -> None:
    """Follows what each variable holds, from what `holds` says in the beginning to the end, where it says so again.

    Raises Misread if a variable is read and holds another value than the one that is meant.
    """
    for statement in statements:
        match statement:
            case Assign(targets, value):
                _check(value, holds)
                holds.update((target.name, target.wire) for target in targets if isinstance(target, Local))
            case Return(value) | Raise(value) | Do(value):
                _check(value, holds)
            case If(code, body, carried) | For(_, code, body, carried):
                _check(code, holds)
                _check_body(holds, body, carried, again=isinstance(statement, For))


def _check_body(holds: dict[str, Wire], body: Sequence[Statement], carried: Sequence[Carried], *, again: bool) -> None:
    """What a body sets is void after it, but for what is carried: on one way there the body was not run. A body that is
    run `again` may set nothing else of what there was."""
    for each in carried:
        _held(each.name, each.before, holds)
    inner = dict(holds)
    check_reads(inner, body)
    if body and isinstance(body[-1], (Return, Raise)):
        return
    for each in carried:
        _held(each.name, each.within, inner)
    names = {each.name for each in carried}
    for name in [name for name, wire in holds.items() if inner[name] is not wire and name not in names]:
        if again:
            raise Misread(f"the variable '{name}' is set in a loop that does not hand it on")
        del holds[name]
    holds.update((each.name, each.after) for each in carried)


def _check(code: Code, holds: dict[str, Wire]) -> None:
    for part in walk(code):
        if isinstance(part, Local):
            _held(part.name, part.wire, holds)


def _held(name: str, wire: Wire, holds: dict[str, Wire]) -> None:
    there = holds.get(name)
    if there is not wire:
        holding = f"holds {there.meaning}" if there is not None else "is not set"
        raise Misread(f"the variable '{name}' is read for {wire.meaning}, and {holding}")
