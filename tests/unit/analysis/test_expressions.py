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
        ("'text'", "'text' is not a number"),
        ("f'{x}'", "JoinedStr is not allowed"),
        ("(y := x)", "NamedExpr is not allowed"),
        ("x = 1", "numbers are compared with =="),
        ("sqr(x)", "no function 'sqr'; did you mean 'sqrt'"),
        ("Sqrt(x)", "no function 'Sqrt'; did you mean 'sqrt'"),
        ("x > 1 AND y < 2", r"AND is not read; write \(a > 1\) & \(b < 2\)"),
        ("(x > 1) Or (y < 2)", "Or is not read; write"),
        ("NOT(x > 1)", "no function 'NOT'; NOT is not read; write"),
        ("sqrt(x, out=y)", "plain arguments only"),
        ("sqrt(*x)", "plain arguments only"),
        ("get(x)", "get takes the name"),
        ("sqrt(x, y)", "sqrt takes 1 arguments, not 2"),
        ("where(x, y)", "where takes 3 arguments, not 2"),
        ("x > 110 & x < 140", r"put each of these in parentheses, as \(a > 1\) & \(b < 2\)"),
        ("x > 110 & n", "put each of these in parentheses"),
        # C++ and Python do not agree what these are.
        ("n == 2 & x", "put each of these in parentheses"),
        ("(n & m != 0)", "put each of these in parentheses"),
        ("abs(n | (m) == 1)", "put each of these in parentheses"),
        ("(n) & (m == 1 | m)", "put each of these in parentheses"),
        ("x > 110  # the peak && n", "# begins no comment"),
        ("x > 110  # the peak", "# begins no comment"),
        ("x @ y", "BinOp is not allowed"),
        ("(n >> 3) & 1", "write .* x // 8 for x >> 3"),
        ("n in (1, 2)", r"write isin\(x, 1, 2\)"),
        ("x.size() > 1", r"no function 'x.size'; how many values there are is len\(x\)"),
        ("@x.size() > 1", r"how many values there are is len\(x\)"),
        ("x[1:2]", r"one number, as in x\[0\]"),
        ("x[0, 1]", r"one number, as in x\[0\]"),
        ("x ^ 2", r"write \*\* for a power, and \(a > 1\) != \(b < 2\)"),
        ("x == 'a\nb'", "a text in quotes is on one line"),
        ("!(x == 'a\nb')", "a text in quotes is on one line"),
        ("x < 'a'", "'a' is not a number; text is compared with ==, != or isin"),
        ("isin(x)", "isin takes 2 or more arguments, not 1"),
        ("alt(x)", "alt takes 2 arguments, not 1"),
        ("x ? y", r"a \? needs its :"),
        ("Entry$ > 2", r"Entry\$ is not read; of these there are Sum\$, Length\$"),
        ("TMath::Pi() * x", "TMath::Pi is not read; .* there are abs"),
        ("gROOT::x(1)", "gROOT::x is not read"),
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
    for text in ("(n & 2) == 2", "2 == ( n & (2) )", "(n\n& 2) == 2", "sum == (n & 2) || n == 2",
                 "(n & 2) > 0", "0 < (n & 2) <= 2", "n > 0 && (n & 2) >= 2"):  # fmt: skip
        found = Expression(text)({**COLUMNS, "sum": np.array([1, 1, 1])})
        np.testing.assert_array_equal(found, [False, False, True])
    assert Expression('get("a#b") == 1').branches == ("a#b",)


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


@pytest.mark.parametrize(
    ("root", "python"),
    [
        ("x > 1 && n < 2", "(x > 1) & (n < 2)"),
        ("x > 1 && n < 2 || n == 2", "((x > 1) & (n < 2)) | (n == 2)"),
        ("x > 1 || n < 2 && n == 0", "(x > 1) | ((n < 2) & (n == 0))"),
        ("x>1&&!(n==0)", "(x > 1) & ~(n == 0)"),
        ("!n", "n == 0"),
        ("!n == 1", "(n == 0) == 1"),
        ("!!n + 1", "(n != 0) + 1"),
        ("!sqrt(n) && x", "(n == 0) & (x != 0)"),
        ("!a.b", "a.b == 0"),
        ("x && n", "(x != 0) & (n != 0)"),
        ("x > 0 ? x : -x", "abs(x)"),
        ("n == 0 ? 1 : n == 1 ? 2 : 3", "where(n == 0, 1, where(n == 1, 2, 3))"),
        ("n ? n > 1 ? 1 : 2 : 3", "where(n == 0, 3, where(n > 1, 1, 2))"),
        ("2 * (n ? 1 : 0) + max(n ? 1 : 2, x)", "2 * (n > 0) + max(where(n > 0, 1, 2), x)"),
        ("TMath::Abs(x) + TMath::Sqrt(n) + fabs(x)", "2 * abs(x) + sqrt(n)"),
        ("TMath::Max(x, 1) + std::min(x, 1)", "max(x, 1) + min(x, 1)"),
        ("TMath::Power(x, 2) + pow(n, 2)", "x ** 2 + n ** 2"),
        ("TMath::ATan2(x, 2)", "arctan2(x, 2)"),
        ('get("a.b") && 1e-3 < x', "(a.b != 0) & (0.001 < x)"),
        ("x**2 > 1 && n != 1", "(x**2 > 1) & (n != 1)"),
        ("x > 1 and not n", "(x > 1) & (n == 0)"),
        ("1 if x > 1 else n", "where(x > 1, 1, n)"),
    ],
)
def test_the_spellings_of_root_are_read_as_there(root, python):
    found, right = Expression(root), Expression(python)
    np.testing.assert_array_equal(found(COLUMNS), right(COLUMNS))
    assert set(found.branches) == set(right.branches)


@given(
    st.recursive(
        st.sampled_from(["a", "b", "c", "1", "0"]),
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["&&", "||", "==", "<", "+", "*"]), inner),
            st.tuples(st.just("!"), inner),
            st.tuples(inner, st.just("?"), inner, st.just(":"), inner),
        ),
        max_leaves=8,
    ),
    st.lists(st.integers(0, 2), min_size=3, max_size=3),
)
def test_c_and_here_group_alike(tree, values):
    """Written with the fewest brackets that C++ needs, it is what every bracket says."""
    names = dict(zip("abc", values, strict=True))
    found = Expression(few_brackets(tree)[0])({k: np.array([v]) for k, v in names.items()})
    assert int(np.ravel(found)[0]) == in_c(tree, names)


STRENGTH = {"?": 0, "||": 1, "&&": 2, "==": 3, "<": 4, "+": 5, "*": 6, "!": 7}


def few_brackets(tree):
    if isinstance(tree, str):
        return tree, 8
    if len(tree) == 5:
        parts = [bracketed(part, k) for part, k in ((tree[0], 1), (tree[2], 0), (tree[4], 0))]
        return "{} ? {} : {}".format(*parts), 0
    if tree[0] == "!":
        return f"!{bracketed(tree[1], 7)}", 7
    strength = STRENGTH[tree[1]]
    # Comparisons chain here as in mathematics, so that these always have brackets.
    left = strength + (tree[1] in ("==", "<"))
    if left > strength:
        return f"{bracketed(tree[0], 5)} {tree[1]} {bracketed(tree[2], 5)}", strength
    return f"{bracketed(tree[0], left)} {tree[1]} {bracketed(tree[2], strength + 1)}", strength


def bracketed(tree, strength):
    text, found = few_brackets(tree)
    return text if found >= strength else f"({text})"


def in_c(tree, names):
    if isinstance(tree, str):
        return names.get(tree, int(tree) if tree.isdigit() else 0)
    if len(tree) == 5:
        return in_c(tree[2] if in_c(tree[0], names) else tree[4], names)
    if tree[0] == "!":
        return int(not in_c(tree[1], names))
    left, right = in_c(tree[0], names), in_c(tree[2], names)
    return {
        "&&": int(bool(left and right)), "||": int(bool(left or right)), "==": int(left == right),
        "<": int(left < right), "+": left + right, "*": left * right,
    }[tree[1]]  # fmt: skip


def test_functions_of_several_arguments():
    for text, right in {
        "max(x, n, 1)": [1, 2, 2],
        "min(x, 0.5)": [0.5, 0.5, -3],
        "isin(n, 0, 2)": [False, True, True],
        "isin(x, -3)": [False, False, True],
        "max(n, 1)": [1, 1, 2],
    }.items():
        np.testing.assert_array_equal(Expression(text)(COLUMNS), right)
    big = {"n": np.array([2**53 + 1, 5])}
    assert Expression("max(n, 2)")(big).tolist() == [2**53 + 1, 5]
    assert Expression("isin(n, 9007199254740993)")(big).tolist() == [True, False]
