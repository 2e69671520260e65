"""Every public function of the likelihood has an example in its docstring, and the examples run."""

import doctest
from inspect import getdoc, ismodule

import pytest
from pages import run_page

from hone import likelihood
from hone.likelihood import datacard, histfactory, hs3, infer

MODULES = (
    datacard, histfactory, hs3, infer, infer.intervals, infer.intervals.regions,
    infer.test_statistics, infer.utils,
)  # fmt: skip
NAMES = [(m, name) for m in MODULES for name in m.__all__ if not ismodule(getattr(m, name))]
NAMES += [
    (infer.calculators, "AsymptoticCalculator"), (infer.calculators, "EmpiricalDistribution"),
    (infer.calculators, "ToyCalculator"), (infer.calculators, "generate_asimov_data"),
    (infer.mle, "twice_nll"),
    (infer.intervals.upper_limits, "linear_grid_scan"),
    (infer.intervals.upper_limits, "toms748_scan"),
]  # fmt: skip


@pytest.fixture(scope="module")
def names():
    """What the examples go on from."""
    (start,) = doctest.DocTestFinder(recurse=False).find(likelihood, globs={})
    ran = doctest.DocTestRunner()
    assert ran.run(start, clear_globs=False).failed == 0
    return start.globs


@pytest.mark.parametrize(("module", "name"), NAMES, ids=[name for _, name in NAMES])
def test_examples(module, name, names, capsys):
    thing = getattr(module, name)
    members = vars(thing).values() if isinstance(thing, type) else []
    texts = {getdoc(thing), *(getdoc(m) for m in members if callable(m) or isinstance(m, property))}
    assert ">>>" in getdoc(thing)
    for text in sorted(t for t in texts if t and ">>>" in t):
        examples = doctest.DocTestParser().get_doctest(text, dict(names), name, None, None)
        ran = doctest.DocTestRunner().run(examples)
        assert ran.failed == 0, capsys.readouterr().out


def test_the_expressions_of_the_page():
    found = run_page("expressions.md")
    assert found["first"].tolist() == [50, -1, 40]
    assert found["tight"].tolist() == [False, True, False]


def test_the_code_of_the_page_runs():
    found = run_page("likelihood.md")
    assert 0 <= found["low"] < found["high"] < found["observed"]
    assert found["points"].shape == (60, 2)
    parts = found["parts"]
    assert sum(float(x) ** 2 for x in (parts.data, parts.components["background"])) ** 0.5 == (
        pytest.approx(float(parts.total))
    )
    assert found["goodness"].degrees_of_freedom == 1
    assert found["lowest"] < 0 < found["highest"]


def test_the_objective_of_the_page(names):
    model = names["model"]
    expected = infer.sigma_mu(model) + 0.1 * infer.asimov_limit(model)
    assert run_page("observables.md")["loss"](model) == expected
