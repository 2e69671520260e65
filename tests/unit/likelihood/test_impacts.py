"""Impacts and the breakdown of an uncertainty: against closed formulas, and against fits."""

import jax
import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from specs import MODELS, everything, pseudo_data, typical, workspaces

from hone.errors import FitError, InputError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer.impacts import MC_STATISTICS


def quadrature(*values):
    return float(np.sqrt(sum(float(x) ** 2 for x in values)))


def linear(signal, background, *shifts):
    """A model that is linear in all parameters: symmetric shifts of the background."""
    background = np.array(background)
    modifiers = [
        {
            "name": f"shift{k}",
            "type": "histosys",
            "data": {
                "hi_data": (background + shift).tolist(),
                "lo_data": (background - shift).tolist(),
            },
        }
        for k, shift in enumerate(map(np.array, shifts))
    ]
    poi = [{"name": "mu", "type": "normfactor", "data": None}]
    samples = [
        {"name": "s", "data": list(signal), "modifiers": poi},
        {"name": "b", "data": background.tolist(), "modifiers": modifiers},
    ]
    return from_pyhf(pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu"))


def test_a_single_bin_has_the_formula_of_a_counting_experiment():
    """mu = (n - b) / s, with an uncertainty of b: both conventions are the same."""
    signal, background, shift = 40.0, 100.0, 7.0
    model = linear([signal], [background], [shift])
    best = infer.best_fit(infer.nominal_asimov(model, 1.0), model)
    found = infer.breakdown(best, model)
    counts = np.sqrt(signal + background) / signal
    assert found.statistical == pytest.approx(counts)
    assert found.data == pytest.approx(counts)
    assert found.systematic == pytest.approx(shift / signal)
    assert found.groups["shift0"] == pytest.approx(shift / signal)
    assert found.components["shift0"] == pytest.approx(shift / signal)
    assert found.total == pytest.approx(quadrature(counts, shift / signal))
    shifts = infer.impacts(best, model)
    # in the fit the parameter is not constrained further: its error stays 1
    assert shifts.errors[0] == pytest.approx(1.0)
    for up in (shifts.linear, shifts.prefit_up, shifts.postfit_up, -shifts.postfit_down):
        np.testing.assert_allclose(up, [-shift / signal], rtol=1e-6)


def test_a_linear_model_is_one_of_least_squares():
    """The covariance is (J^T W J)^-1, with the constraints as further measurements."""
    signal, background = np.array([3.0, 10.0, 30.0]), np.array([200.0, 120.0, 60.0])
    shifts = np.array([[12.0, 3.0, 4.0], [-4.0, 2.0, 5.0], [6.0, 6.0, 3.0]])
    model = linear(signal, background, *shifts)
    best = infer.best_fit(infer.nominal_asimov(model, 1.0), model)
    order = [model.config.par_order.index(n) for n in ("mu", "shift0", "shift1", "shift2")]
    jacobian = np.vstack([np.column_stack([signal, *shifts]), np.eye(4)[1:]])
    weight = np.diag([*(1 / (signal + background)), 1, 1, 1])
    hessian = jacobian.T @ weight @ jacobian
    matrix = np.linalg.inv(hessian)
    # how the estimate follows each measurement
    response = (matrix @ jacobian.T @ weight)[0]
    found = infer.breakdown(best, model, {"both": ["shift0", "shift2"]})
    np.testing.assert_allclose(best.covariance[np.ix_(order, order)], matrix, rtol=1e-6)
    assert found.total == pytest.approx(np.sqrt(matrix[0, 0]))
    assert found.statistical == pytest.approx(1 / np.sqrt(hessian[0, 0]))
    assert found.data == pytest.approx(quadrature(*(response[:3] * np.sqrt(signal + background))))
    assert found.components["both"] == pytest.approx(quadrature(response[3], response[5]))
    assert found.components["shift1"] == pytest.approx(abs(response[4]))
    without = np.linalg.inv(hessian[np.ix_([0, 2], [0, 2])])[0, 0]
    assert found.groups["both"] == pytest.approx(np.sqrt(matrix[0, 0] - without))
    shifted = infer.impacts(best, model)
    assert sorted(shifted.names) == ["shift0", "shift1", "shift2"]
    for name, value in zip(shifted.names, shifted.linear, strict=True):
        k = 1 + int(name[-1])
        assert value == pytest.approx(matrix[0, k] / np.sqrt(matrix[k, k]))
        # all other parameters follow linearly
        assert shifted.postfit_up[shifted.names.index(name)] == pytest.approx(value, rel=0.1)


OBSERVED = {
    "typical": (typical(), pseudo_data(typical(), 1, 1.0)),
    "everything": (everything(3), pseudo_data(everything(3), 2, 2.0)),
}


@pytest.mark.parametrize("name", OBSERVED)
def test_a_component_is_the_shift_with_the_auxiliary_measurement(name):
    """Its definition: the spread of the estimate if what constrains the group was repeated."""
    oracle, data = OBSERVED[name]
    model = from_pyhf(oracle)
    best = infer.best_fit(data, model)
    poi, layout, step = model.config.poi_index, model.layout, 1e-3
    found = infer.breakdown(best, model)
    variance = dict.fromkeys(found.components, 0.0)
    sigma = np.empty(layout.aux_par.size)
    sigma[~layout.aux_poisson] = model.make_pdf(best.pars).sigma
    sigma[layout.aux_poisson] = np.sqrt(data[layout.total_bins :][layout.aux_poisson])
    for k, width in enumerate(sigma):
        parameter = model.config.par_names[layout.aux_par[k]]
        group = next((g for g, names in found.members.items() if parameter in names), None)
        if group is None:
            continue  # fixed or at a bound
        shift = step * width * (np.arange(len(data)) == layout.total_bins + k)
        up, down = (infer.fit(data + s * shift, model, best.pars)[poi] for s in (1, -1))
        variance[group] += ((up - down) / (2 * step)) ** 2
    for group, component in found.components.items():
        assert component == pytest.approx(np.sqrt(variance[group]), rel=1e-3, abs=1e-4), group
    assert quadrature(found.data, *found.components.values()) == pytest.approx(found.total)


@pytest.mark.parametrize("name", OBSERVED)
def test_a_group_is_what_fixing_it_takes_from_the_variance(name):
    oracle, data = OBSERVED[name]
    model = from_pyhf(oracle)
    best = infer.best_fit(data, model)
    poi = model.config.poi_index

    def sigma(fixed):
        pairs = infer.fit(
            data, model, best.pars, fixed_params=~best.moving | fixed, return_uncertainties=True
        )
        assert pairs[poi, 0] == pytest.approx(best.pars[poi], abs=1e-5)
        return pairs[poi, 1]

    found = infer.breakdown(best, model)
    names = np.array(model.config.par_names)
    assert found.total == pytest.approx(sigma(np.full(len(names), False)), rel=1e-6)
    assert found.statistical == pytest.approx(sigma(names != names[poi]), rel=1e-6)
    assert found.systematic == pytest.approx(np.sqrt(found.total**2 - found.statistical**2))
    for group, members in found.members.items():
        wanted = found.total**2 - sigma(np.isin(names, members)) ** 2
        assert found.groups[group] ** 2 == pytest.approx(wanted, rel=1e-4, abs=1e-8), group


def test_groups_are_named_or_by_kind():
    oracle, data = OBSERVED["everything"]
    best, model = infer.best_fit(data, oracle), from_pyhf(oracle)
    members = infer.breakdown(best, model).members
    assert set(members) == {
        "shape", "lumi", "norm", "free0", "free1", "bins0", "bins1", MC_STATISTICS
    }  # fmt: skip
    staterrors = [n for n in members[MC_STATISTICS] if n.startswith(("stat0[", "stat1["))]
    assert members[MC_STATISTICS] == staterrors
    named = infer.breakdown(best, model, {"theory": ["shape", "norm"], "one": ["stat0[0]"]})
    assert named.members["theory"] == ["shape", "norm"]
    assert named.members["one"] == ["stat0[0]"]
    assert named.members[MC_STATISTICS] == staterrors[1:]
    for groups, message in (
        ({"a": ["shap"]}, "group 'a': there is no parameter 'shap'"),
        ({"a": ["shape"], "b": ["shape"]}, "group 'b': 'shape' is in group 'a' too"),
        ({"a": ["mu"]}, "'mu' is the parameter of interest"),
        ({"norm": ["shape"]}, "group 'norm' has the name of a parameter that is not in it"),
    ):
        with pytest.raises(InputError, match=message):
            infer.breakdown(best, model, groups)


def test_a_poi_at_its_bound_has_no_parts():
    oracle = typical()
    best = infer.best_fit(pseudo_data(oracle, 1, 0.0), oracle)
    assert best.at_bound[oracle.config.poi_index]
    for function in (infer.breakdown, infer.impacts):
        with pytest.raises(FitError, match="mu is at its bound in the fit: it has no uncertainty"):
            function(best, oracle)


def test_the_breakdown_is_differentiable():
    """Also where the data follows the model, and the minimum with both."""
    model = from_pyhf(MODELS["typical"])
    observed = pseudo_data(MODELS["typical"], 1, 1.0)

    def parts(m):
        data = (observed + infer.nominal_asimov(m, 1.0)) / 2
        found = infer.breakdown(infer.best_fit(data, m), m)
        numbers = [found.total, found.statistical, found.data, *found.groups.values()]
        xp = np if isinstance(found.total, np.ndarray) else jax.numpy
        return xp.stack([*numbers, *found.components.values()])

    rng, step = np.random.default_rng(5), 1e-4
    leaves = {k: np.asarray(getattr(model, k)) for k in ("nominal", "histosys_hi", "staterror")}
    direction = {k: leaf * rng.normal(size=leaf.shape) for k, leaf in leaves.items()}

    def moved(t):
        return model.replace(**{k: leaf + t * direction[k] for k, leaf in leaves.items()})

    found = jax.jit(lambda t: jax.jvp(lambda t: parts(moved(t)), (t,), (1.0,))[1])(0.0)
    wanted = (parts(moved(step)) - parts(moved(-step))) / (2 * step)
    assert (abs(wanted) > 1e-4).all()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


@given(oracle=workspaces())
@settings(max_examples=12)
def test_parts_are_never_larger_than_the_whole(oracle):
    model = from_pyhf(oracle)
    best = infer.best_fit(infer.nominal_asimov(model, 1.0), model)
    if best.errors is None:
        return
    each = {name: [name] for name in model.config.par_names if name != "mu"}
    found, alone = infer.breakdown(best, model), infer.breakdown(best, model, each)
    total = float(found.total)
    assert total == pytest.approx(best.errors[model.config.poi_index])
    assert quadrature(found.statistical, found.systematic) == pytest.approx(total)
    for parts in (found, alone):
        assert quadrature(parts.data, *parts.components.values()) == pytest.approx(total)
        for group, value in parts.groups.items():
            # together a group explains at least what its constraints do
            assert parts.components[group] <= value + 1e-9 <= total + 2e-9
    shifts = infer.impacts(best, model)
    for name, shift in zip(shifts.names, shifts.linear, strict=True):
        assert alone.groups[name] == pytest.approx(abs(shift), abs=1e-9)
