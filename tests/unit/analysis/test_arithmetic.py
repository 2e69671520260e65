"""Arithmetic of branches: Python's integers, whatever the types of the branches; doubles beyond."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hone.analysis.expressions import Expression
from hone.errors import InputError

OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod, "**": operator.pow,
}  # fmt: skip
COMPARISONS = {"<": operator.lt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}
INTEGERS = ["bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
FLOATS = ["f2", "f4", "f8"]
SIZE = 4


def value(text, **columns):
    return Expression(text)({name: np.asarray(x) for name, x in columns.items()})


def branch(kind):
    """Values of a branch of a type, its largest and smallest among them."""
    if kind == "bool":
        values = st.booleans()
    elif kind in FLOATS:
        values = st.floats(-1e4, 1e4, width=8 * int(kind[1]))
    else:
        bounds = np.iinfo(kind)
        top = min(int(bounds.max), 2**63 - 1)
        values = st.one_of(
            st.integers(int(bounds.min), top), st.sampled_from([int(bounds.min), 0, 1, top])
        )
    return st.lists(values, min_size=SIZE, max_size=SIZE).map(lambda x: np.array(x, kind))


LEAVES = st.one_of(
    st.sampled_from(["a", "b", "c"]),
    st.one_of(st.integers(0, 9), st.integers(0, 2**63 - 1)).map(str),
    st.floats(0, 10).map(lambda x: repr(float(x))),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from([*OPERATORS, *COMPARISONS]), inner, inner),
        st.tuples(st.sampled_from(["-", "abs"]), inner),
        st.tuples(st.just("where"), inner, inner, inner),
    ),
    max_leaves=6,
)


def text_of(tree):
    if isinstance(tree, str):
        return tree
    name, *parts = tree
    parts = [text_of(part) for part in parts]
    if len(parts) == 2:
        return f"({parts[0]} {name} {parts[1]})"
    return f"(-{parts[0]})" if name == "-" else f"{name}({', '.join(parts)})"


def doubles(column):
    return np.array([float(x) for x in column])


def of_integers(name, *numbers):
    """By Python; None where there is no integer, or none of 64 bits."""
    try:
        if name == "**" and (numbers[1] < 0 or (numbers[1] > 64 and abs(numbers[0]) > 1)):
            return None
        functions = OPERATORS if len(numbers) == 2 else {"-": operator.neg, "abs": abs}
        found = functions[name](*numbers)
    except ZeroDivisionError:
        return None
    return found if -(2**63) <= found < 2**63 else None


def expected(tree, columns):
    """float64 (n,), or Python's numbers (n,): integers as long as these have 64 bits."""
    if isinstance(tree, str):
        if tree in columns:
            return columns[tree].astype(float if columns[tree].dtype.kind == "f" else object)
        written = float(tree) if "." in tree or "e" in tree else int(tree)
        return np.full(SIZE, written, float if isinstance(written, float) else object)
    name, *parts = tree
    parts = [expected(part, columns) for part in parts]
    if name == "where":
        if any(part.dtype == float for part in parts[1:]):
            parts[1:] = map(doubles, parts[1:])
        return np.where(doubles(parts[0]) != 0, *parts[1:])
    if name in COMPARISONS:
        pairs = [
            pair if all(isinstance(x, int) for x in pair) else map(float, pair)
            for pair in zip(*parts, strict=True)
        ]
        return np.array([COMPARISONS[name](*pair) for pair in pairs], object)
    functions = OPERATORS if len(parts) == 2 else {"-": operator.neg, "abs": np.abs}
    with np.errstate(all="ignore"):
        found = functions[name](*map(doubles, parts))
    if name == "/" or any(part.dtype == float for part in parts):
        return found
    found = found.astype(object)
    for k, numbers in enumerate(zip(*parts, strict=True)):
        if all(isinstance(x, int) for x in numbers):
            exact = of_integers(name, *map(int, numbers))
            found[k] = found[k] if exact is None else exact
    return found


@given(
    tree=TREES,
    columns=st.fixed_dictionaries(
        {name: st.sampled_from(INTEGERS + FLOATS).flatmap(branch) for name in "abc"}
    ),
)
def test_integers_are_pythons_and_all_else_is_doubles(tree, columns):
    found = Expression(text_of(tree))(columns)
    right = expected(tree, columns)
    if np.asarray(found).dtype.kind == "f":
        np.testing.assert_array_equal(np.broadcast_to(found, SIZE), doubles(right))
    else:
        assert np.broadcast_to(found, SIZE).tolist() == [int(x) for x in right]


@given(
    columns=st.fixed_dictionaries(
        {name: st.sampled_from(INTEGERS).flatmap(branch) for name in "ab"}
    )
)
def test_an_event_does_not_depend_on_the_others(columns):
    for text in ("a * b + 1", "a * b % 7", "a ** 3 == b", "where(a > b, a - b, a * b) % 2"):
        whole = np.broadcast_to(Expression(text)(columns), SIZE)
        for k in range(SIZE):
            (one,) = Expression(text)({name: x[k : k + 1] for name, x in columns.items()})
            assert float(one) == float(whole[k]) or np.isnan(one)


@pytest.mark.parametrize(
    ("text", "columns", "right"),
    [
        ("~bad", {"bad": np.array([0, 1], "u1")}, [True, False]),
        ("njet - nbjet", {"njet": np.array([2], "u1"), "nbjet": np.array([3], "u1")}, [-1]),
        ("(njet - nbjet) < 1", {"njet": np.array([2], "u4"), "nbjet": np.array([3], "u4")}, [True]),
        ("-a", {"a": np.array([3], "u1")}, [-3]),
        ("a + b", {"a": np.array([200], "u1"), "b": np.array([100], "u1")}, [300]),
        ("a * a", {"a": np.array([300], "i2")}, [90000]),
        ("a * a", {"a": np.array([100000], "i4")}, [10**10]),
        ("a * a", {"a": np.array([2**40, 3])}, [2.0**80, 9]),
        ("((x > 1) + (x > 2)) >= 2", {"x": np.array([3.0, 2.0])}, [True, False]),
        ("flag + flag", {"flag": np.array([True])}, [2]),
        ("event == 9007199254740993", {"event": np.array([2**53, 2**53 + 1])}, [False, True]),
        ("event % 2", {"event": np.array([2**53 + 1, 2**62 + 1], "u8")}, [1, 1]),
        ("big > 9223372036854775807", {"big": np.array([2**63 - 1, 2**63], "u8")}, [False, True]),
        ("big == 18446744073709551615", {"big": np.array([2**64 - 1], "u8")}, [True]),
        ("(big & 4) == 4", {"big": np.array([2**63 + 4, 2**63], "u8")}, [True, False]),
        ("abs(a)", {"a": np.array([-128], "i1")}, [128]),
        ("abs(a)", {"a": np.array([-(2**63)])}, [2.0**63]),
        ("2 ** a", {"a": np.array([-1, 3], "i1")}, [0.5, 8]),
        ("a // b", {"a": np.array([-7, 7]), "b": np.array([2, 0])}, [-4, np.inf]),
        ("sqrt(a)", {"a": np.array([2], "u1")}, [np.sqrt(2)]),
        ("v * 3", {"v": np.array([0.1], "f4")}, [3 * float(np.float32(0.1))]),
        ("v == 0.1", {"v": np.array([0.1], "f4")}, [False]),
        ("where(n > 3, n, -n)", {"n": np.array([3, 4], "u1")}, [-3, 4]),
    ],
)  # fmt: skip
def test_the_types_of_branches_do_not_matter(text, columns, right):
    np.testing.assert_array_equal(Expression(text)(columns), right)


def test_flags_of_0_and_1_go_with_truth_values():
    flag, x = np.array([0, 1, 1], "u1"), np.array([5.0, 5.0, 1.0])
    np.testing.assert_array_equal(value("flag & (x > 2)", flag=flag, x=x), [False, True, False])
    np.testing.assert_array_equal(value("(x > 2) | ~flag", flag=flag, x=x), [True, True, False])
    np.testing.assert_array_equal(value("(x > 2) != 1", x=x), [False, False, True])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("~n", "~ is for truth values and flags of 0 and 1; write flag == 0"),
        ("n & (x > 2)", "not 0 or 1 everywhere; compare the integer"),
        ("(x > 2) | n", "not 0 or 1 everywhere; compare the integer"),
        ("big + 1", r"integers above 2\^63 - 1, as 9223372036854775808"),
        ("-big", r"integers above 2\^63 - 1"),
        ("(event * event) & 1", "integers of 64 bits"),
    ],
)
def test_what_has_no_one_meaning_is_refused(text, message):
    columns = {"n": [1, 2], "x": [1.0, 3.0], "big": np.array([1, 2**63], "u8"), "event": [2**40, 1]}
    with pytest.raises(InputError, match=message):
        value(text, **columns)


@pytest.mark.parametrize("text", ["x < 1e999", "x + 1" + 400 * "0"])
def test_numbers_that_no_double_holds_are_refused(text):
    with pytest.raises(InputError, match="a number in it is too large"):
        Expression(text)
