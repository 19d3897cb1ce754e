"""Expressions: what they mean, what they refuse, how they print, and that simplification changes no value."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.expressions import (
    MAX_LENGTH,
    Apply,
    Const,
    Dim,
    Expr,
    ExpressionError,
    Name,
    build,
    dim,
    evaluate,
    expr_of,
    free_names,
    parse,
    references,
    render,
    substitute,
)
from archspec.ops.base import product

NAMES: dict[str, Any] = {
    "a": 3, "b": 8, "w": 0.75, "deep": True, "flat": False, "sizes": [1, 2, 4], "mode": "same", "x.channels": 16,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("2 - 3 - 4", -5),
        ("7 // 2 * 2", 6),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("7 / 2", 3.5),
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("2 ** -1", 0.5),
        ("0 ** 100", 0),
        ("(-1) ** 101", -1),
        ("--3 + +2", 5),
        ("1e3 + .5", 1000.5),
        ("a * b // 2", 12),
        ("b * w", 6.0),
        ("int(b * w)", 6),
        ("4 * x.channels", 64),
        ("sizes[1] + sizes[-1]", 6),
        ("len(sizes) + sum(sizes)", 10),
        ("sizes[:2]", [1, 2]),
        ("sizes[1:] + sizes[:-2]", [2, 4, 1]),
        ("sizes[a - 2:9][0]", 2),
        ("sum(sizes[:a]) + sum(sizes[:0])", 7),
        ("max(sizes) - min(a, b)", 1),
        ("[a, b][1]", 8),
        ("[1] + [2, 3]", [1, 2, 3]),
        ("[1, 2,]", [1, 2]),
        ("round(2.5) + round(3.5)", 6),
        ("round(2.345, 2)", 2.35 if round(2.345, 2) == 2.35 else 2.34),
        ("ceil(0.1) + floor(-0.1)", 0),
        ("abs(-3) + sqrt(16)", 7.0),
        ("log2(8) + log(exp(2)) + log(1)", 5.0),
        ("make_divisible(b * 5 * w)", 32),
        ("make_divisible(33, 16)", 32),
        ("make_divisible(10, 8, 16)", 16),
        ("2 if a == 3 else 1", 2),
        ("1 if flat else 2 if deep else 3", 2),
        ("deep and not flat", True),
        ("flat or a > 2", True),
        ("not not deep", True),
        ("1 < a <= 3 != 4", True),
        ("a in sizes", False),
        ("a not in sizes", True),
        ("mode == 'same'", True),
        ('mode in ["same", "valid"]', True),
        ("true and True and not false", True),
        ("null == None", True),
        ("flat and 1 // 0 == 1", False),
        ("deep or undefined", True),
        ("1 if deep else undefined", 1),
        ("make_divisible( 16 )", 16),
    ],
)
def test_values(text: str, value: Any) -> None:
    found = evaluate(parse(text), NAMES)
    assert found == value
    assert type(found) is type(value)
    assert evaluate(parse(render(parse(text))), NAMES) == value


@pytest.mark.parametrize("function", ["make_divisible"])
@pytest.mark.parametrize(("value", "expected"), [(12 * 1.4, 16), (32 * 1.1, 32), (24 * 0.35, 8), (16 * 0.75, 16)])
def test_make_divisible_is_that_of_the_papers(function: str, value: float, expected: int) -> None:
    assert evaluate(parse(f"{function}({value})"), {}) == expected


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("", "the expression is empty", 0),
        ("  ", "the expression is empty", 0),
        ("1 +", "expected a number, a name or a bracket, found the end", 3),
        ("(1", r"expected '\)', found the end", 2),
        ("1 2", "expected the end of the expression, found '2'", 2),
        ("a = 3", "expected the end of the expression, found '='", 2),
        ("a b", "expected the end of the expression, found 'b'", 2),
        ("1 if deep", "expected 'else', found the end", 9),
        ("a.3", "expected a name|expected the name of an axis|expected the end", 1),
        ("x.channels.y", "expected the name of an axis", 11),
        ("[1, 2", r"expected ',', found the end", 5),
        ("max(1 2)", "expected ',', found '2'", 6),
        ("a; b", "unexpected character ';'", 1),
        ("a\\b", r"unexpected character '\\\\'", 1),
        ("a & b", "unexpected character '&'", 2),
        ("f'x'", "expected the end of the expression", 1),
        ("lambda: 1", "expected the end of the expression, found ':'", 6),
        ("not", "expected a number, a name or a bracket, found the end", 3),
        ("if", "expected a number, a name or a bracket, found 'if'", 0),
        ("open('x')", "there is no function 'open'", 0),
        ("__import__('os')", "there is no function '__import__'", 0),
        ("a.__class__", "'a.__class__' is not defined here", 0),
        ("().__class__", "expected a number, a name or a bracket", 1),
        ("cc + 1", "'cc' is not defined here", 0),
        ("1 + x.width", "'x.width' is not defined here", 4),
        ("1 // 0", "division by zero", 0),
        ("1 % 0", "division by zero", 0),
        ("0 ** -1", "division by zero", 0),
        ("1 + deep", r"'\+' needs numbers, not a truth value", 0),
        ("-deep", "'-' needs numbers, not a truth value", 0),
        ("'a' * 3", r"'\*' needs numbers, not a text", 0),
        ("sizes * 3", r"'\*' needs numbers, not a list", 0),
        ("'a' < 'b'", "'<' needs numbers, not a text", 0),
        ("null + 1", r"'\+' needs numbers, not null", 0),
        ("not a", "a condition must be true or false, not a number", 4),
        ("1 if a else 2", "a condition must be true or false, not a number", 5),
        ("sizes[3]", "index 3 is out of range: the list has 3 items", 0),
        ("sizes[0.0]", "an index must be a whole number", 0),
        ("sizes[true]", "an index must be a whole number", 0),
        ("mode[0]", "only a list can be indexed, not a text", 0),
        ("mode[:1]", "only a list can be indexed, not a text", 0),
        ("sizes[:1.0]", "an index must be a whole number", 0),
        ("sizes[true:]", "an index must be a whole number", 0),
        ("sizes[null]", "an index must be a whole number", 0),
        ("sizes[::2]", "expected a number, a name or a bracket, found ':'", 7),
        ("sizes[1:2", r"expected '\]', found the end", 9),
        ("1 in 1", "'in' needs a list on its right, not a number", 0),
        ("'a' in 'abc'", "'in' needs a list on its right, not a text", 0),
        ("9**9**9", "a number is larger than 9007199254740992", 0),
        ("2**53 + 1", "a number is larger than 9007199254740992", 0),
        ("99999999999999999999", "a number is larger than 9007199254740992", 0),
        ("1e300 * 1e300", "a number is larger than 9007199254740992", 0),
        ("(-8) ** 0.5", "a negative number has no such power", 1),
        ("sqrt(-1)", "sqrt takes a number from 0", 0),
        ("1 + log(0)", "log takes a number above 0", 4),
        ("exp(1000)", "a number is larger than", 0),
        ("min([])", "min of an empty list", 0),
        ("max()", "max takes one or more arguments, not 0", 0),
        ("len(a)", "len takes a list, not a number", 0),
        ("len('abc')", "len takes a list, not a text", 0),
        ("sum(1, 2)", "sum takes one argument, not 2", 0),
        ("sum([true])", "sum takes numbers, not a truth value", 0),
        ("int('9')", "int takes numbers, not a text", 0),
        ("round(1, 2, 3)", "round takes one to 2 arguments, not 3", 0),
        ("round(5, -1000000000)", "round takes a number of digits from 0 to 15", 0),
        ("make_divisible(8, 0)", "division by zero", 0),
        ("(" * 60 + "1" + ")" * 60, "nested too deeply", 50),
        ("+".join("1" * 300), "more than 100 operators", 0),
        ("1" + "[0]" * 150, "more than 100 operators", 0),
        ("1" * (MAX_LENGTH + 1), f"the limit is {MAX_LENGTH}", 0),
    ],
)
def test_errors(text: str, message: str, offset: int) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        evaluate(parse(text), NAMES)
    assert caught.value.offset == offset


def test_lists_are_bounded() -> None:
    with pytest.raises(ExpressionError, match="a list has more than 10,000 items"):
        evaluate(parse("long + long"), {"long": [0] * 6000})
    nested: Any = [1]
    for _ in range(11):
        nested = evaluate(parse("[l, l]"), {"l": nested})
    with pytest.raises(ExpressionError, match="a list has more than 10,000 items"):
        evaluate(parse("[l, l]"), {"l": nested})


def test_hints() -> None:
    for text, hint in {"chanels + 1": "did you mean 'channels'?", "a = 3": "write == to compare"}.items():
        with pytest.raises(ExpressionError) as caught:
            evaluate(parse(text), {"channels": 3})
        assert caught.value.hint == hint


def test_names() -> None:
    expr = parse("a + max(b, x.channels) if sizes[index] > y.width else a")
    assert free_names(expr) == {"a", "b", "x", "sizes", "index", "y"}
    assert [(str(node), node.offset) for node in references(parse("aa + x.width"))] == [("aa", 0), ("x.width", 5)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("(a)+(b*c)", "a + b * c"),
        ("a-(b-c)", "a - (b - c)"),
        ("(a-b)-c", "a - b - c"),
        ("a*(b//c)", "a * (b // c)"),
        ("(-a)**2", "(-a) ** 2"),
        ("-a**2", "-(a**2)"),
        ("a**-b", "a**-b"),
        ("(a**b)**c", "(a**b) ** c"),
        ("a or b and c", "a or b and c"),
        ("(a or b) and c", "(a or b) and c"),
        ("a or (b and c or d)", "a or (b and c or d)"),
        ("a if b else c if d else e", "a if b else c if d else e"),
        ("a - b * c // d - (e - f)", "a - b * c // d - (e - f)"),
        ("not(a and b)", "not (a and b)"),
        ("not a in b", "a not in b"),
        ("(a if b else c)+1", "(a if b else c) + 1"),
        ("(a if b else c) if d else e", "(a if b else c) if d else e"),
        ("(a==b)==c", "(a == b) == c"),
        ("'it'", '"it"'),
        ("'\"'", "'\"'"),
        ("[a,b][0]", "[a, b][0]"),
        ("a[1 :b+1]", "a[1:b + 1]"),
        ("a[:][-1:]", "a[:][-1:]"),
        ("1e-5", "1e-05"),
        ("null", "None"),
        ("true", "True"),
    ],
)
def test_rendering(text: str, shown: str) -> None:
    assert str(parse(text)) == shown
    assert parse(shown) == parse(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a + a", "2 * a"),
        ("a + b - a", "b"),
        ("2 * a * 3", "6 * a"),
        ("a * b - b * a", "0"),
        ("a + 1 + 1 - 2", "a"),
        ("3 - a", "3 - a"),
        ("-a + b", "b - a"),
        ("4 * (a + b)", "4 * a + 4 * b"),
        ("(4 * a + 2 * b) // 2", "2 * a + b"),
        ("(a - 1) // 2 + 1", "(a - 1) // 2 + 1"),
        ("4 * a % 2", "0"),
        ("4 * a * b // (2 * a)", "2 * b"),
        ("a * b * c % (c * a)", "0"),
        ("(a * b + 2 * b) // b", "a + 2"),
        ("a // (2 * a)", "a // (2 * a)"),
        ("a * b // (b - b)", "a * b // 0"),
        ("(a + 2 - 3) // 1 + 1", "a"),
        ("a if true else b", "a"),
        ("a if deep else a", "a"),
        ("deep and true", "deep"),
        ("[a, b][1]", "b"),
        ("a == a", "True"),
        ("w * 2 // 2", "w * 2 // 2"),  # not a whole number: 0.75 // 1 is 0
        ("w + 1 - w", "w + 1 - w"),  # floats do not add up the same in another order
        ("int(w * 2 // 2) + a + a", "int(w * 2 // 2) + 2 * a"),
        ("sizes + sizes", "sizes + sizes"),
        ("sizes[0] + sizes[0]", "2 * sizes[0]"),
        ("sum(sizes[1:]) + sum(sizes[1:])", "2 * sum(sizes[1:])"),
        ("8 if deep else 8.0", "8 if deep else 8.0"),
    ],
)
def test_simplification(text: str, shown: str) -> None:
    typed = {"w": Name("w", kind="other"), "sizes": Name("sizes", kind="list"), "deep": Name("deep", kind="other")}
    assert str(substitute(parse(text), typed)) == shown


# Properties ---------------------------------------------------------------------------------------------------------

INTEGERS = st.integers(-20, 20)
VARIABLES = ("p", "q", "r")
FLOATS = ("u", "v")


def numbers(variables: tuple[str, ...], constants: st.SearchStrategy[Any], heads: tuple[str, ...]) -> Any:
    leaves = st.one_of(constants.map(Const), st.sampled_from(variables).map(Name))

    def more(children: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
        tests = st.tuples(st.sampled_from(["<", "<=", "==", "!="]), children, children)
        conditions = tests.map(lambda test: Apply(test[0], (test[1], test[2])))
        both = st.tuples(st.sampled_from(["and", "or"]), conditions, conditions)
        conditions = st.one_of(conditions, both.map(lambda test: Apply(test[0], (test[1], test[2]))))
        conditions = st.one_of(conditions, conditions.map(lambda test: Apply("not", (test,))))
        return st.one_of(
            st.tuples(st.sampled_from(heads), children, children).map(lambda t: Apply(t[0], (t[1], t[2]))),
            st.tuples(st.sampled_from(["neg", "abs", "int"]), children).map(lambda t: Apply(t[0], (t[1],))),
            st.tuples(conditions, children, children).map(lambda t: Apply("if", t)),
            st.tuples(st.sampled_from(["max", "min"]), children, children).map(lambda t: Apply(t[0], (t[1], t[2]))),
            st.tuples(children, children).map(lambda t: Apply("[]", (Apply("list", t), Const(1)))),
        )

    return st.recursive(leaves, more, max_leaves=12)


WHOLE = numbers(VARIABLES, INTEGERS, ("+", "-", "*", "//", "%"))
ANY = numbers(
    (*VARIABLES, *FLOATS),
    st.one_of(INTEGERS, st.floats(-4, 4).map(lambda x: round(x, 3))),
    ("+", "-", "*", "//", "%", "/", "**"),
)
WHOLE_VALUES = st.fixed_dictionaries(dict.fromkeys(VARIABLES, INTEGERS))
ANY_VALUES = st.fixed_dictionaries(
    {**dict.fromkeys(VARIABLES, INTEGERS), **{name: st.floats(-3, 3) for name in FLOATS}}
)


def value_of(expr: Expr, names: dict[str, Any]) -> Any:
    """The value, or None where there is none."""
    try:
        return evaluate(expr, names)
    except ExpressionError:
        return None


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one == other or (isinstance(one, float) and math.isnan(one)))


@given(ANY, ANY_VALUES)
@settings(max_examples=100, deadline=None)
def test_what_is_rendered_parses_to_the_same(expr: Expr, names: dict[str, Any]) -> None:
    again = parse(render(expr))
    assert same(value_of(again, names), value_of(expr, names))
    assert render(again) == render(parse(render(again)))


@given(ANY, ANY_VALUES)
@settings(max_examples=100, deadline=None)
def test_rendering_is_python(expr: Expr, names: dict[str, Any]) -> None:
    wanted = value_of(expr, names)
    if wanted is not None:
        assert same(eval(render(expr), {}, dict(names)), wanted)


@given(ANY, ANY_VALUES)
@settings(max_examples=100, deadline=None)
def test_simplification_keeps_the_value(expr: Expr, names: dict[str, Any]) -> None:
    wanted = value_of(expr, names)
    typed = {name: Name(name, kind="other") for name in FLOATS}
    simple = substitute(expr, typed)
    if wanted is not None:
        assert same(value_of(simple, names), wanted)


@given(WHOLE, st.dictionaries(st.sampled_from(VARIABLES), WHOLE), WHOLE_VALUES)
@settings(max_examples=100, deadline=None)
def test_substitution_is_composition(expr: Expr, inner: dict[str, Expr], names: dict[str, Any]) -> None:
    values = {name: value_of(each, names) for name, each in inner.items()}
    if None not in values.values():
        wanted = value_of(expr, {**names, **values})
        if wanted is not None:
            assert same(value_of(substitute(expr, inner), names), wanted)
            assert same(value_of(substitute(expr, inner, whole=type(wanted) is int), names), wanted)


@given(WHOLE, WHOLE_VALUES, WHOLE_VALUES)
@settings(max_examples=100, deadline=None)
def test_part_of_the_values_first(expr: Expr, some: dict[str, int], rest: dict[str, int]) -> None:
    wanted = value_of(expr, {**rest, "p": some["p"]})
    if wanted is not None:
        assert same(value_of(substitute(expr, {"p": Const(some["p"])}), rest), wanted)


# Sizes --------------------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["+", "-", "*", "//", "%", "r+", "r-", "r*", "neg"]),
        st.one_of(st.integers(-5, 9), st.sampled_from(VARIABLES)),
    ),
    max_size=14,
)


@given(STEPS, st.fixed_dictionaries({name: st.integers(1, 40) for name in VARIABLES}))
@settings(max_examples=150, deadline=None)
def test_sizes_are_the_value_of_their_expression(steps: list[tuple[str, int | str]], names: dict[str, int]) -> None:
    dims = {name: Dim(value, Name(name)) for name, value in names.items()}
    size: int = dims["p"]
    plain = int(size)
    for head, operand in steps:
        other: int = dims[operand] if isinstance(operand, str) else operand
        if head in ("//", "%") and other == 0:
            continue
        match head:
            case "+":
                size, plain = size + other, plain + int(other)
            case "-":
                size, plain = size - other, plain - int(other)
            case "*":
                size, plain = size * other, plain * int(other)
            case "//":
                size, plain = size // other, plain // int(other)
            case "%":
                size, plain = size % other, plain % int(other)
            case "r+":
                size, plain = other + size, int(other) + plain
            case "r-":
                size, plain = other - size, int(other) - plain
            case "r*":
                size, plain = other * size, int(other) * plain
            case "neg":
                size, plain = -size, -plain
        if abs(plain) > 2**40:
            break
        assert int(size) == plain
        assert evaluate(expr_of(size), names) == plain


def test_sizes() -> None:
    channels = Dim(16, Name("c"))
    assert isinstance(channels, int)
    assert str(expr_of(4 * channels - channels)) == "3 * c"
    assert str(expr_of((channels + 2 - 3) // 1 + 1)) == "c"
    assert str(expr_of(-(-channels // 2))) == "-(-c // 2)"
    assert str(expr_of(product([channels, 7, 7]))) == "49 * c"
    assert type(channels - channels) is int
    assert type(dim(3, Const(3))) is int
    assert channels / 2 == 8.0
    assert (channels + 0.5, channels == 16, hash(channels), f"{channels}", [0] * 20)[:4] == (16.5, True, hash(16), "16")
    copy = pickle.loads(pickle.dumps(channels))
    assert (copy, copy.expr) == (16, Name("c"))


def test_constants_differ_by_type() -> None:
    assert Const(1) != Const(1.0)
    assert Const(1) != Const(True)
    assert Const((1, 2)) == Const([1, 2])
    assert len({Const([1, [2]]), Const((1, (2,)))}) == 1
    assert str(build("*", (Apply("[]", (Const([1, 2]), Name("i"))), Const(2)))) == "2 * [1, 2][i]"
