"""Expressions of branches: uproot's values, and nothing of Python."""

import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st
from ntuples import columns, write

from hone.analysis.expressions import Expression
from hone.errors import InputError

COLUMNS = {"x": np.array([1.0, 2, -3]), "n": np.array([1, 0, 2]), "a.b": np.array([4.0, 5, 6])}


@pytest.mark.parametrize(
    "text",
    [
        "mass", "2 * pt + mass / 3 - 1", "sqrt(pt)**2", "(mass > 90) & (mass < 160)",
        "90 < mass", "~(pt > 30) | (mass == 0)", "where(mass > 100, pt, -pt)", "-mass % 7",
        "arctan2(pt, mass)", "event // 10", "abs(mass - 125) <= 10",
    ],
)  # fmt: skip
def test_values_are_uproots(tmp_path, text):
    write(tmp_path / "a.root", columns(200, 1, True))
    with uproot.open({tmp_path / "a.root": "events"}) as tree:
        expected = tree.arrays([text], library="np")[text]
        found = Expression(text)(tree.arrays(library="np"))
    np.testing.assert_array_equal(found, expected)


def test_branches_are_found():
    assert Expression("sqrt(x**2 + a.b) * (n > 0) * x").branches == ("x", "a.b", "n")
    assert Expression('get("my branch") + 1').branches == ("my branch",)
    np.testing.assert_array_equal(Expression("a.b - x")(COLUMNS), [3, 3, 9])
    assert Expression("1").branches == ()
    assert Expression("1")({}) == 1


def test_comparisons_chain_as_in_mathematics():
    np.testing.assert_array_equal(Expression("0 < x <= 1")(COLUMNS), [True, False, False])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(1).__class__.__mro__", "only branches may have dots"),
        ("().__class__", "only branches may have dots"),
        ("__import__('os').system('true')", "only branches may have dots|no function"),
        ("__import__('os')", "there is no function '__import__'"),
        ("[x for x in (1, 2)]", "ListComp is not allowed"),
        ("lambda: 0", "Lambda is not allowed"),
        ("x if y else z", "IfExp is not allowed"),
        ("x[0]", "Subscript is not allowed"),
        ("'text'", "'text' is not a number"),
        ("f'{x}'", "JoinedStr is not allowed"),
        ("(y := x)", "NamedExpr is not allowed"),
        ("x and y", r"write \(a\) & \(b\)"),
        ("not x", r"write \(a\) & \(b\)"),
        ("sqr(x)", "no function 'sqr'; did you mean 'sqrt'"),
        ("sqrt(x, out=y)", "plain arguments only"),
        ("sqrt(*x)", "plain arguments only"),
        ("get(x)", "get takes the name"),
        ("sqrt(x, y)", "sqrt takes 1 arguments, not 2"),
        ("where(x, y)", "where takes 3 arguments, not 2"),
        ("x > 110 & x < 140", r"put each of these in parentheses, as \(a > 1\) & \(b < 2\)"),
        ("x > 110 & n", "put each of these in parentheses"),
        ("x @ y", "BinOp is not allowed"),
        ("x; y", "not an expression"),
        ("x +", "not an expression"),
        ("", "not an expression"),
        ("x + True", "True is not a number"),
        ("+" * 5000 + "x", "not an expression"),
        ("1" * 20_000, "longer than"),
    ],
)
def test_nothing_else_is_allowed(text, message):
    with pytest.raises(InputError, match=message):
        Expression(text)


def test_a_mask_is_compared_with_a_number():
    np.testing.assert_array_equal(Expression("(n & 2) == 2")(COLUMNS), [False, False, True])


@pytest.mark.parametrize("text", ["x & 3", "~x", "(x & n) == 1", "n & 2.0"])
def test_bits_of_what_has_none_are_refused(text):
    with pytest.raises(InputError, match="cannot be computed"):
        Expression(text)(COLUMNS)


def test_powers_of_numbers_take_no_time():
    assert np.isinf(Expression("9**9**9**9")({}))


@given(st.text(max_size=30))
def test_any_text_is_an_expression_or_an_input_error(text):
    try:
        found = Expression(text)
    except InputError:
        return
    assert all(isinstance(name, str) for name in found.branches)
