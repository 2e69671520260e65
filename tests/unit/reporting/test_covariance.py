"""The background's covariance against pyhf and cabinetry."""

import cabinetry
import numpy as np
import pyhf
import pytest
from specs import everything

from hone.errors import FitError, InputError
from hone.reporting.publication.covariance import (
    background_prediction,
    correlation,
    systematic_shifts,
)


def workspace(free=False, backgrounds=("b", "c"), data=None, symmetric=False):
    """Two channels with all constrained modifiers; with ``free`` a normalisation that floats.

    Where they are ``symmetric``, down is the mirror image of up.
    """
    rng = np.random.default_rng(5)
    channels = []
    for name, bins, scale in (("control", 2, 300.0), ("signal_region", 3, 30.0)):
        poi = {"name": "mu", "type": "normfactor", "data": None}
        stat = f"stat_{name}"
        signal = rng.uniform(1, 8, bins) * (name != "control")
        samples = [
            {
                "name": "s",
                "data": signal.tolist(),
                "modifiers": [poi, {"name": stat, "type": "staterror", "data": [0.3] * bins}],
            }
        ]
        for sample in backgrounds:
            nominal = scale * rng.uniform(0.7, 1.3, bins)
            up, down = (
                nominal * f for f in (1 + rng.uniform(0, 0.1, bins), 1 - rng.uniform(0, 0.1, bins))
            )
            if symmetric:
                down = 2 * nominal - up
            varied = {"hi_data": up.tolist(), "lo_data": down.tolist()}
            errors = (0.05 * nominal).tolist()
            modifiers = [
                {"name": "shape", "type": "histosys", "data": varied},
                {
                    "name": "rate",
                    "type": "normsys",
                    "data": {"hi": 1.06, "lo": 0.94 if symmetric else 0.95},
                },
                {"name": "lumi", "type": "lumi", "data": None},
                {"name": stat, "type": "staterror", "data": errors},
            ]
            if sample == "c":
                bins_own = {"name": f"own_{name}", "type": "shapesys", "data": errors}
                modifiers.append(bins_own)
            elif free:
                modifiers.append({"name": "k", "type": "normfactor", "data": None})
            samples.append({"name": sample, "data": nominal.tolist(), "modifiers": modifiers})
        channels.append({"name": name, "samples": samples})
    lumi = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "inits": [1.0]}
    lumi["bounds"] = [[0.8, 1.2]]
    totals = [np.sum([s["data"] for s in c["samples"][1:]], axis=0) for c in channels]
    data = data or [np.round(total).tolist() for total in totals]
    return {
        "channels": channels,
        "observations": [
            {"name": c["name"], "data": d} for c, d in zip(channels, data, strict=True)
        ],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": [lumi]}}],
        "version": "1.0.0",
    }


def of_pyhf(spec):
    """pyhf's model without the signal."""
    channels = [{**c, "samples": c["samples"][1:]} for c in spec["channels"]]
    return pyhf.Workspace({**spec, "channels": channels}).model(poi_name=None)


def propagated(model, pars, errors, correlations):
    """Of each parameter the larger of pyhf's changes up and down, with its sign, correlated."""
    nominal = model.expected_data(pars, include_auxdata=False)
    changes = []
    for unit in np.diag(errors):
        up, down = (
            model.expected_data(pars + sign * unit, include_auxdata=False) - nominal
            for sign in (1, -1)
        )
        sign = np.where(up * down > 0, np.sign(up), np.sign(up - down))
        changes.append(sign * np.maximum(abs(up), abs(down)))
    return np.array(changes).T @ correlations @ np.array(changes)


@pytest.mark.parametrize("symmetric", [False, True])
def test_prefit_covariance_is_pyhfs_at_one_sigma(symmetric):
    spec = workspace(symmetric=symmetric)
    found = background_prediction(spec, "s")
    model = of_pyhf(spec)
    pars = np.array(model.config.suggested_init())
    widths = cabinetry.model_utils.prefit_uncertainties(model)
    assert (widths > 0).all()
    expected = propagated(model, pars, widths, np.eye(pars.size))
    assert found.kind == "pre-fit"
    assert found.channels == {"control": 2, "signal_region": 3}
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-9)
    np.testing.assert_allclose(found.rates, model.expected_data(pars, include_auxdata=False))


def test_symmetric_prefit_band_is_cabinetrys():
    spec = workspace(symmetric=True)
    model = of_pyhf(spec)
    pars = np.array(model.config.suggested_init())
    widths = cabinetry.model_utils.prefit_uncertainties(model)
    bands, _ = cabinetry.model_utils.yield_stdev(model, pars, widths, np.eye(pars.size))
    expected = np.concatenate([channel[-1] for channel in bands])
    found = np.sqrt(np.diag(background_prediction(spec, "s").covariance))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize(("up", "down"), [(-44, -45), (45, 44), (30, -45), (0, 45)])
def test_a_total_is_no_smaller_than_its_largest_part(up, down):
    """One-sided shifts cancelled: 0.5 where both sides change a bin by -44 and -45."""
    spec = workspace(backgrounds=("b",))
    sample = spec["channels"][0]["samples"][1]
    sample["modifiers"][0]["data"] = {
        "hi_data": [x + up for x in sample["data"]], "lo_data": [x + down for x in sample["data"]],
    }  # fmt: skip
    total = np.sqrt(np.diag(background_prediction(spec, "s").covariance))
    _, shifts = systematic_shifts(pyhf.Workspace(spec).model())
    largest = np.max([np.abs(s[:-1].sum(axis=0)) for sides in shifts.values() for s in sides], 0)
    assert largest[0] > 44
    assert (total >= largest).all()


def test_mc_statistics_are_the_backgrounds_own():
    """In the workspace, signal and background share a relative error; that would be too small."""
    spec = workspace(backgrounds=("b",))
    for channel in spec["channels"]:
        channel["samples"][0]["data"] = [1e4] * len(channel["samples"][0]["data"])
        background = channel["samples"][1]
        background["modifiers"] = [m for m in background["modifiers"] if m["type"] == "staterror"]
    found = background_prediction(spec, "s")
    errors = np.concatenate([c["samples"][1]["modifiers"][0]["data"] for c in spec["channels"]])
    np.testing.assert_allclose(found.covariance, np.diag(errors**2), atol=1e-12)


@pytest.mark.parametrize("blind", [False, True])
def test_a_free_normalisation_takes_its_uncertainty_from_a_fit_of_the_backgrounds(blind):
    spec = workspace(free=True)
    for observation in spec["observations"]:
        observation["data"] = [round(1.1 * n) for n in observation["data"]]
    found = background_prediction(spec, "s", blind)
    assert found.kind == "post-fit"
    model = of_pyhf(spec)
    start = model.config.suggested_init()
    data = pyhf.Workspace(spec).data(model)
    if blind:
        data = model.expected_data(start)
        nominal = model.expected_data(start, include_auxdata=False)
        np.testing.assert_allclose(found.rates, nominal, rtol=1e-6)
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-4))
    try:
        pars, correlations = pyhf.infer.mle.fit(
            data, model, return_uncertainties=True, return_correlations=True
        )
    finally:
        pyhf.set_backend("numpy", "scipy")
    pars, errors = pars.T
    expected = propagated(model, pars, errors, correlations)
    np.testing.assert_allclose(
        found.covariance, expected, rtol=0.02, atol=0.01 * expected.diagonal().max()
    )
    np.testing.assert_allclose(found.rates, model.expected_data(pars)[:5], rtol=1e-3)
    # the observation knows the total better than the constraints alone
    prior = background_prediction(workspace(), "s").covariance
    assert found.covariance.sum() < prior.sum()


def test_without_uncertainties_the_covariance_is_zero():
    spec = workspace()
    with_all = background_prediction(spec, "s")
    for channel in spec["channels"]:
        for sample in channel["samples"][1:]:
            sample["modifiers"] = []
    found = background_prediction({**spec, "channels": spec["channels"][::-1]}, "s")
    assert found.channels == with_all.channels
    np.testing.assert_allclose(found.rates, with_all.rates)
    assert not found.covariance.any()


def test_parameters_that_cannot_be_told_apart_have_no_covariance():
    spec = workspace(free=True)
    for channel in spec["channels"]:
        again = {"name": "k2", "type": "normfactor", "data": None}
        channel["samples"][1]["modifiers"].append(again)
    with pytest.raises(FitError, match="cannot tell"):
        background_prediction(spec, "s")


def test_what_is_one_sided_is_named():
    assert background_prediction(workspace(), "s").curved == ()
    spec = workspace()
    shape = spec["channels"][1]["samples"][1]["modifiers"][0]["data"]
    nominal = np.array(spec["channels"][1]["samples"][1]["data"])
    # both sides up
    shape["hi_data"] = shape["lo_data"] = (1.5 * nominal).tolist()
    assert background_prediction(spec, "s").curved == ("shape",)


def test_a_channel_without_background_is_refused():
    spec = workspace()
    spec["channels"][0]["samples"] = spec["channels"][0]["samples"][:1]
    with pytest.raises(InputError, match="no background besides 's' in control"):
        background_prediction(spec, "s")


def test_correlation():
    covariance = background_prediction(workspace(), "s").covariance
    found = correlation(covariance)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), 1)
    assert (np.abs(found) <= 1).all()
    assert np.linalg.eigvalsh(found).min() > 0
    sigma = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(found * np.outer(sigma, sigma), covariance, rtol=1e-12)
    covariance[1] = covariance[:, 1] = 0
    undefined = np.isnan(correlation(covariance))
    assert undefined[1].all()
    assert undefined[:, 1].all()
    assert undefined.sum() == 2 * len(covariance) - 1


def test_shifts_are_what_pyhf_expects_at_one_sigma():
    model = everything()
    yields, shifts = systematic_shifts(model)
    start = np.array(model.config.suggested_init())
    start[model.config.poi_index] = 1.0
    np.testing.assert_allclose(
        yields.sum(axis=0), model.expected_data(start, include_auxdata=False)
    )
    # neither MC statistics nor what is free
    assert set(shifts) == {"shape", "norm", "lumi", "bins0", "bins1"}
    samples = model.config.samples
    for name, width in (("shape", 1.0), ("norm", 1.0), ("lumi", 0.02)):
        moved = start.copy()
        moved[model.config.par_slice(name)] += width
        expected = model.expected_data(moved, include_auxdata=False)
        np.testing.assert_allclose((yields + shifts[name][1]).sum(axis=0), expected)
    np.testing.assert_allclose(shifts["lumi"][0], -shifts["lumi"][1])
    assert not shifts["bins0"][1][samples.index("bkg")].any()
    # each bin by its own uncertainty, and those of the other channel not at all
    (extra,) = (
        m["data"]
        for m in model.spec["channels"][0]["samples"][samples_of(model, "other")]["modifiers"]
        if m["type"] == "shapesys"
    )
    moved = shifts["bins0"][1][samples.index("other")]
    np.testing.assert_allclose(moved[1:4], extra[1:])
    assert not moved[4:].any()


def samples_of(model, name):
    return [s["name"] for s in model.spec["channels"][0]["samples"]].index(name)
