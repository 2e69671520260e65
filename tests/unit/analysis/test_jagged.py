# ruff: noqa: ARG005
"""Expressions of branches with several values for each event, and of text, against Python loops."""

import operator

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hone.analysis.expressions import Expression, NoValueError
from hone.analysis.jagged import Jagged, Text
from hone.errors import InputError
from hone.sentinels import PADDING

KINDS = ["bool", "i1", "u2", "i4", "i8", "f4", "f8"]


def jagged(lists, kind="f8"):
    content = np.array([x for values in lists for x in values], dtype=kind)
    return Jagged(content, np.array([len(values) for values in lists], dtype=np.int64))


def text(words):
    encoded = [word.encode() for word in words]
    return Text(
        np.frombuffer(b"".join(encoded), dtype=np.uint8), np.array([len(x) for x in encoded])
    )


@st.composite
def columns(draw):
    """Lists of one type, lists of the same lengths, and one number for each event."""
    kind = draw(st.sampled_from(KINDS))
    if kind == "bool":
        number = st.booleans()
    elif kind[0] == "f":
        number = st.floats(-1e4, 1e4, width=8 * int(kind[1]))
    else:
        bounds = np.iinfo(kind)
        low, high = int(bounds.min), int(bounds.max)
        number = st.one_of(st.integers(low, high), st.sampled_from([low, 0, 1, high]))
    first = draw(st.lists(st.lists(number, max_size=4), min_size=1, max_size=5))
    second = [draw(st.lists(st.integers(-3, 3), min_size=len(x), max_size=len(x))) for x in first]
    each = draw(st.lists(st.integers(-2, 4), min_size=len(first), max_size=len(first)))
    return kind, first, second, each


def plain(value):
    """What arithmetic here makes of a Python number: an integer of 64 bits, or a double."""
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, float) or -(2**63) <= value < 2**63 else float(value)


OVER_VALUES = {
    "len(a)": lambda a, b, n: len(a),
    "sum(a)": lambda a, b, n: plain(sum(a)),
    "alt(max(a), -7)": lambda a, b, n: max(a, default=-7),
    "alt(min(a), n)": lambda a, b, n: min(a, default=n),
    "any(a > 1)": lambda a, b, n: any(x > 1 for x in a),
    "all(a > 1)": lambda a, b, n: all(x > 1 for x in a),
    "any(a)": lambda a, b, n: any(x != 0 for x in a),
    "alt(a[0], -7)": lambda a, b, n: a[0] if a else -7,
    "alt(a[-1], -7)": lambda a, b, n: a[-1] if a else -7,
    "alt(a[2], 0)": lambda a, b, n: a[2] if len(a) > 2 else 0,
    "alt(a[n], -7)": lambda a, b, n: a[n] if 0 <= n < len(a) else -7,
    "sum(b[a > 1])": lambda a, b, n: sum(y for x, y in zip(a, b, strict=True) if x > 1),
    "alt(a[b > 0][1], n)": lambda a, b, n: (
        [x for x, y in zip(a, b, strict=True) if y > 0] + [n, n]
        if sum(y > 0 for y in b) > 1 else [n, n]
    )[1],
    "sum((a > n) & (b != 0))": lambda a, b, n: sum(
        x > n and y != 0 for x, y in zip(a, b, strict=True)
    ),
    "sum(b * n)": lambda a, b, n: sum(y * n for y in b),
    "sum(max(b, n))": lambda a, b, n: sum(max(y, n) for y in b),
    "len(a) > 1 && a[1] > 0": lambda a, b, n: len(a) > 1 and a[1] > 0,
    "len(a) < 2 || a[1] > 0": lambda a, b, n: len(a) < 2 or a[1] > 0,
    "(len(a) > 1) & (a[1] > 0)": lambda a, b, n: len(a) > 1 and a[1] > 0,
    "(len(a) < 2) | (a[1] > 0)": lambda a, b, n: len(a) < 2 or a[1] > 0,
    "len(a) > 0 ? a[0] : n": lambda a, b, n: a[0] if a else n,
    "where(len(a) > 0, max(a), n)": lambda a, b, n: max(a) if a else n,
    "Sum$(b > 0) + Length$(a)": lambda a, b, n: sum(y > 0 for y in b) + len(a),
}  # fmt: skip


@given(columns())
def test_values_are_those_of_a_loop(drawn):
    kind, first, second, numbers = drawn
    there = {"a": jagged(first, kind), "b": jagged(second, "i2"), "n": np.array(numbers)}
    for expression, loop in OVER_VALUES.items():
        found = Expression(expression)(there)
        right = [loop(*event) for event in zip(first, second, numbers, strict=True)]
        if any(isinstance(x, float) for x in right):
            np.testing.assert_allclose(found, np.array(right, float), rtol=1e-12, atol=1e-9)
        else:
            assert found.tolist() == right, expression


@given(columns())
def test_an_event_does_not_depend_on_the_others(drawn):
    kind, first, second, numbers = drawn
    there = {"a": jagged(first, kind), "b": jagged(second, "i2"), "n": np.array(numbers)}
    for expression in OVER_VALUES:
        whole = Expression(expression)(there)
        for k in range(len(first)):
            (alone,) = Expression(expression)({x: y[np.array([k])] for x, y in there.items()})
            assert float(alone) == float(whole[k])


def test_against_awkward():
    rng = np.random.default_rng(3)
    counts = rng.poisson(3, 1000)
    pt, phi, eta = (rng.normal(30, 20, counts.sum()) for _ in range(3))
    met = rng.normal(40, 20, 1000)
    a, b, c = (ak.unflatten(x, counts) for x in (pt, phi, eta))
    there = {"pt": Jagged(pt, counts), "phi": Jagged(phi, counts), "eta": Jagged(eta, counts)}
    for expression, right in {
        "sum(pt * cos(phi))": ak.sum(a * np.cos(b), axis=1),
        "sqrt(sum(pt * cos(phi))**2 + sum(pt * sin(phi))**2)": np.hypot(
            ak.sum(a * np.cos(b), axis=1), ak.sum(a * np.sin(b), axis=1)
        ),
        "alt(max(pt[abs(eta) < 25]), 0)": ak.fill_none(ak.max(a[abs(c) < 25], axis=1), 0),
        "alt(pt[eta > 20][1], -1)": ak.fill_none(ak.pad_none(a[c > 20], 2, axis=1)[:, 1], -1),
        "pt[eta > 20][:2][1]": ak.fill_none(ak.pad_none(a[c > 20], 2, axis=1)[:, 1], PADDING),
        "(pt + met)[:9][0]": ak.fill_none(ak.firsts(a + met), PADDING),
        "sum(pt > met)": ak.sum(a > met, axis=1),
        "any((pt > 50) & (eta < 20))": ak.any((a > 50) & (c < 20), axis=1),
    }.items():
        found = Expression(expression)({**there, "met": met})
        np.testing.assert_allclose(found, ak.to_numpy(right), rtol=1e-12, atol=1e-9)


def test_large_integers_are_exact():
    there = {"a": jagged([[2**53, 1], [2**62, 2**62], [2**62, -1]], "i8")}
    assert Expression("sum(a)")(there).tolist() == [2.0**53, 2.0**63, 2.0**62]
    assert (Expression("sum(a) == 9007199254740993")(there)).tolist() == [True, False, False]
    assert Expression("max(a) - 4611686018427387903")(there).tolist() == [2**53 - 2**62 + 1, 1, 1]
    big = {"a": jagged([[2**64 - 1], [3]], "u8")}
    assert Expression("max(a) == 18446744073709551615")(big).tolist() == [True, False]
    with pytest.raises(InputError, match=r"integers above 2\^63 - 1"):
        Expression("sum(a)")(big)


THERE = {
    "a": jagged([[1.0, 2.0], [], [3.0]]),
    "b": jagged([[1.0], [], [3.0]]),
    "x": np.array([1.0, 2, 3]),
    "name": text(["ee", "", "mumu"]),
}


@pytest.mark.parametrize(
    ("expression", "event", "message"),
    [
        ("a[0]", 1, r"there is no a\[0\]; write alt\(a\[0\], -1\)"),
        ("a[1] > 3", 1, r"there is no a\[1\]"),
        ("max(a)", 1, r"there is no max\(a\); write alt\(max\(a\), -1\)"),
        ("alt(a[0], a[1])", 1, r"there is no a\[1\]"),
        ("(a[0] > 1) & (len(a) > 0)", 1, r"there is no a\[0\]"),
        ("sum(a * b)", 0, "2 values of one branch and 1 of another"),
        ("sum(a[b > 1])", 0, "values of one branch"),
        ("(-1e10 * a)[:2][1]", 0, r"a\)\[:2\]\[1\] is not above -1e\+10, which stands for"),
    ],
)
def test_an_event_without_a_value_is_named(expression, event, message):
    with pytest.raises(NoValueError, match=message) as error:
        Expression(expression)(THERE)
    assert error.value.event == event


def test_events_that_do_not_matter_need_no_value():
    found = Expression("a[0] * 2")(THERE, np.array([True, False, True]))
    assert found[[0, 2]].tolist() == [2, 6]
    Expression("(-1e10 * a)[:2][1]")(THERE, np.array([False, True, True]))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("a", r"several values for each event, or none; say what of them, as a\[0\], alt\(a\[0\]"),
        ("a + 1", r"several values for each event, or none; say what of them, as x\[0\]"),
        ("x[0]", "x has one value for each event, not several"),
        ("sum(x)", "x has one value for each event, not several"),
        ("x[:2][0]", "x has one value for each event, not several"),
        ("len(name)", "name is text"),
        ("a[b]", r"as in x\[x > 30\]"),
        ("a[x]", r"x is no integer"),
        ("alt(a, 1)", "alt is of one number for each event, not a"),
        ("name", 'is text; compare it, as in name == "a"'),
        ("name + 1", "text can only be compared"),
        ("name == 1", "text is compared with text"),
        ("name == name", "text is compared with text"),
        ("x == 'ee'", "text is compared with text"),
    ],
)
def test_what_is_no_number_for_each_event_is_refused(expression, message):
    with pytest.raises(InputError, match=message):
        Expression(expression)(THERE)


@given(st.lists(st.text("ab", max_size=2), min_size=1, max_size=8), st.text("ab", max_size=2))
def test_text_is_compared(words, wanted):
    there = {"name": text(words)}
    for expression, function in (("==", operator.eq), ("!=", operator.ne)):
        found = Expression(f'name {expression} "{wanted}"')(there)
        assert found.tolist() == [function(word, wanted) for word in words]
        assert Expression(f"'{wanted}' {expression} name")(there).tolist() == found.tolist()
    found = Expression(f'isin(name, "{wanted}", "ab")')(there)
    assert found.tolist() == [word in (wanted, "ab") for word in words]
