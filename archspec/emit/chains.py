"""Layers that follow one another again and again in a file, as a convolution and its normalization, get a function.

That is settled once all blocks are written, and only what is printed follows from it: blocks as data stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from archspec.emit.aligned import Wire
from archspec.emit.code import Call, Code, Global, LayerName, Local, Probe, Raw, Symbol, call, literal, walk
from archspec.emit.dialect import Chain
from archspec.emit.names import Scope
from archspec.emit.printing import Style
from archspec.emit.statements import Assign, For, If, Return, Statement, print_statements, signature_lines
from archspec.expressions import Apply, Const, free_names

MOST: Final = 4
"""How many statements a chain may consist of."""


@dataclass(frozen=True, slots=True)
class Link:
    """One place where layers follow one another."""

    given: Code
    args: tuple[Code, ...]
    kwargs: Mapping[str, Code]
    """What the first layer is told besides, its padding left out."""
    padding: Code | None
    """The padding: what the layer knows by itself, or zeros."""
    zeros: bool
    """Whether a layer of its own may pad with zeros before."""
    after: Mapping[str, Code]
    """What the second is told."""
    names: tuple[LayerName, LayerName]
    said: Sequence[Statement]
    """The statements that it consists of."""
    style: Style
    """How its block is printed."""

    @property
    def key(self) -> tuple[Any, ...]:
        """What must be the same in all places that share a function."""
        begins = [(key, code if _fixed(code) else None) for key, code in self.kwargs.items()
                  if key == "use_bias" or key.endswith("_initializer")]  # fmt: skip
        return len(self.args), *begins, *self.after.items()


@dataclass(frozen=True, slots=True)
class Helper:
    """A function for a chain, in one file."""

    chain: Chain
    name: str
    scope: Scope
    links: Sequence[Link]
    """The places where it is called."""

    @property
    def key(self) -> tuple[Any, ...]:
        return self.links[0].key

    @property
    def zeros(self) -> bool:
        return any(link.zeros for link in self.links)

    @property
    def fixed(self) -> dict[str, Code]:
        """What the first layer is told wherever it is called; a padding that a layer before it may take is no part."""
        first, *others = map(self._told, self.links)
        return {key: code for key, code in first.items() if _fixed(code) and not (self.zeros and key == "padding")
                and all(other.get(key) == code for other in others)}  # fmt: skip

    def _told(self, link: Link) -> dict[str, Code]:
        own = {} if link.padding is None else {"padding": link.padding}
        return own | dict(link.kwargs)

    def _word(self, word: str) -> str:
        return self.scope.spell(word, word)

    def saves(self) -> bool:
        """Whether the file has fewer lines with it."""

        def lines(statements: Sequence[Statement], style: Style) -> int:
            return sum(text.count("\n") + 1 for text in print_statements(statements, style, 4))

        before = sum(lines(link.said, link.style) for link in self.links)
        after = sum(lines([self.call(link)], link.style) for link in self.links)
        return before > after + "\n".join(self.lines(Style())).count("\n") + 3

    def call(self, link: Link) -> Statement:
        """The call in one place."""
        given = {key: code for key, code in self._told(link).items() if key not in self.fixed}
        names = zip((NAME, self._word(NORM)), link.names, strict=True)
        value = Call(Global(self.name), (link.given, *link.args), (*given.items(), *names))
        first, last = link.said[-2:]
        if isinstance(first, Assign) and isinstance(last, Assign):
            return replace(last, value=value, sizes=last.sizes or first.sizes)
        return Return(value)

    def lines(self, style: Style) -> list[str]:
        """Its definition."""
        x, padding, norm, options = map(self._word, ("x", "padding", NORM, "options"))
        words = [self._word(word) for word in self.chain.arguments]
        told = self.fixed | {"name": Raw(NAME)}
        parameters = [x, *words]
        body: list[Statement] = []
        if self.zeros:
            parameters.append(f'{padding}="valid"')
            pad = call(self.chain.pad, Raw(padding), name=Raw(f'f"{{{NAME}}}_pad"'))
            zeros: list[Statement] = [
                Assign((Raw(x),), Call(pad, (Raw(x),))),
                Assign((Raw(padding),), literal("valid")),
            ]
            body.append(If(Raw(f"not isinstance({padding}, str)"), zeros))
            told = {"padding": Raw(padding)} | told
        parameters += ["*", NAME, norm]
        if any(self._told(link).keys() - told.keys() for link in self.links):
            parameters.append(f"**{options}")
            told["**"] = Raw(options)
        layer = Call(Global(self.chain.layer), tuple(map(Raw, words)), tuple(told.items()))
        after = Call(Global(self.chain.after), (), (*self.links[0].after.items(), ("name", Raw(norm))))
        body += [
            Assign((Raw(x),), Probe("", Raw(NAME), Call(layer, (Raw(x),)))),
            Return(Probe("", Raw(norm), Call(after, (Raw(x),)))),
        ]
        doc = self.chain.doc + (f"; {self.chain.padded}." if self.zeros else ".")
        return [*signature_lines(self.name, parameters, "", 0), f'    """{doc}"""', *print_statements(body, style, 4)]


NAME: Final = "name"
NORM: Final = "norm_name"
"""The arguments for the names of the two layers."""


def helpers(chains: Sequence[Chain], written: Sequence[tuple[Sequence[Statement], Style]], file: Scope) -> list[Helper]:
    """The functions with which a file is shorter, by the statements of each block and how they are printed."""
    found: list[Helper] = []
    for chain in chains:
        places: dict[tuple[Any, ...], list[Link]] = {}
        for statements, style in written:
            for link in _links(statements, chain, style):
                places.setdefault(link.key, []).append(link)
        links = max(places.values(), key=len, default=[])
        if len(links) > 1 and (helper := Helper(chain, chain.name, Scope(file), links)).saves():
            found.append(replace(helper, name=file.spell(("chain", chain.name), chain.name)))
    return found


def shorter(statements: Sequence[Statement], made: Sequence[Helper], style: Style) -> list[Statement]:
    """The statements with calls of such functions."""
    found: list[Statement] = []
    index = 0
    while index < len(statements):
        statement = statements[index]
        links = ((helper, _link(statements[index : index + MOST], helper.chain, style)) for helper in made)
        helper, link = next(((h, each) for h, each in links if each is not None and each.key == h.key), (None, None))
        if helper is not None and link is not None:
            found.append(helper.call(link))
            index += len(link.said)
            continue
        if isinstance(statement, (If, For)):
            statement = replace(statement, body=shorter(statement.body, made, style))
        found.append(statement)
        index += 1
    return found


def _links(statements: Sequence[Statement], chain: Chain, style: Style) -> Iterator[Link]:
    index = 0
    while index < len(statements):
        statement, link = statements[index], _link(statements[index : index + MOST], chain, style)
        if link is not None:
            yield link
        elif isinstance(statement, (If, For)):
            yield from _links(statement.body, chain, style)
        index += len(link.said) if link is not None else 1


def _link(statements: Sequence[Statement], chain: Chain, style: Style) -> Link | None:
    """The chain that begins with the first statement, if one does."""
    padding = _padding(statements, chain.pad)
    start = padding.count if padding is not None else 0
    if len(statements) < start + 2:
        return None
    made, second = _applied(statements[start], chain.layer), _applied(statements[start + 1], chain.after)
    if made is None or second is None:
        return None
    layer, given, wire = made
    after, read, _ = second
    if (
        not isinstance(read, Local)
        or read.wire is not wire
        or wire.uses != 1
        or len(layer.args) != len(chain.arguments)
    ):
        return None
    kwargs, told = dict(layer.kwargs), dict(after.kwargs)
    names, own = (_name(layer), _name(after)), kwargs.pop("padding", None)
    del kwargs["name"], told["name"]
    if not all(map(_fixed, told.values())):
        return None
    link = Link(given, layer.args, kwargs, own, False, told, names, statements[: start + 2], style)
    if padding is None:
        return link
    known = isinstance(given, Local) and given.wire is padding.result
    if not known or style.layers(padding.name) != f'{style.layers(link.names[0])[:-1]}_pad"':
        return None
    return replace(link, given=padding.given, padding=padding.code, zeros=True)


@dataclass(frozen=True, slots=True)
class _Padding:
    """What pads with zeros before a layer."""

    given: Code
    code: Code
    name: LayerName
    result: Wire
    count: int


def _padding(statements: Sequence[Statement], pad: str) -> _Padding | None:
    """What the statements begin with: a layer that pads, or one in a condition, whose input may be copied before."""
    match statements:
        case [Assign() as statement, *_] if (made := _applied(statement, pad)) is not None:
            layer, given, result = made
            assert result is not None  # an assignment has one
            return _Padding(given, layer.args[0], _name(layer), result, 1)
        case [Assign((Local(_, copy),), Local() as value), If() as condition, *_]:
            found = _optional(condition, pad)
            if found is not None and isinstance(found.given, Local) and found.given.wire is copy:
                return replace(found, given=value, count=2)
        case [If() as condition, *_]:
            return _optional(condition, pad)
    return None


def _optional(statement: If, pad: str) -> _Padding | None:
    """Zeros where the condition holds; where it does not, the layer pads by itself, as `same`."""
    made = _applied(statement.body[0], pad) if len(statement.body) == len(statement.carried) == 1 else None
    if made is None or not isinstance(statement.condition, Symbol):
        return None
    layer, given, _ = made
    match layer.args[0]:
        case Symbol(expr):
            zeros = expr
        case Raw(text) if text.isdecimal():
            zeros = Const(int(text))
        case _:
            return None
    code = Symbol(Apply("if", (statement.condition.expr, zeros, Const("same"))))
    return _Padding(given, code, _name(layer), statement.carried[0].after, 1)


def _applied(statement: Statement, target: str) -> tuple[Call, Code, Wire | None] | None:
    """A layer of this kind that a statement makes and calls, what on, and what it gives."""
    value = statement.value if isinstance(statement, (Assign, Return)) else None
    match value.value if isinstance(value, Probe) else value:
        case Call(Call(Global(name)) as made, (given,), ()) if name == target:
            match statement:
                case Assign((Local(_, wire),)):
                    return made, given, wire
                case Return():
                    return made, given, None
    return None


def _name(layer: Call) -> LayerName:
    name = dict(layer.kwargs)["name"]
    assert isinstance(name, LayerName)
    return name


def _fixed(code: Code) -> bool:
    """Whether an argument is the same wherever it stands."""
    return not any(isinstance(part, (Local, LayerName)) or (isinstance(part, Symbol) and free_names(part.expr))
                   for part in walk(code))  # fmt: skip
