"""Muon pairs: kinematics that can be computed otherwise, and what variations change."""

import numpy as np
import pytest

from hone.analysis.samples import Dimuons
from hone.events.dimuons import detect, simulate

DRELL_YAN = Dimuons(boson="drell_yan", minimum_mass=200, events=400)


@pytest.fixture(scope="module")
def muons():
    pytest.importorskip("pythia8mc", reason="needs the extra pythia")
    return simulate(DRELL_YAN, 5)


def exact(muons, **changes):
    return detect(*muons, 1, muon_resolution=0.0, **changes)


def test_pairs_are_back_to_back_and_heavy_enough(muons):
    momenta, weights = muons
    np.testing.assert_allclose(momenta[:, 0, :2], -momenta[:, 1, :2], atol=1e-6)
    assert (weights == 1).all()
    events = exact(muons)
    assert 0 < len(events["mass"]) < 400
    assert events["mass"].min() > 199.9
    np.testing.assert_allclose(events["pt1"], events["pt2"], rtol=1e-9)
    # two massless muons of equal pt: m = 2 pt cosh(difference of eta / 2)
    expected = 2 * events["pt1"] * np.cosh((events["eta1"] - events["eta2"]) / 2)
    np.testing.assert_allclose(events["mass"], expected, rtol=1e-4)
    np.testing.assert_allclose(events["rapidity"], (events["eta1"] + events["eta2"]) / 2, atol=1e-3)
    # and |cos theta*| = tanh(|difference of eta| / 2)
    expected = np.tanh(np.abs(events["eta1"] - events["eta2"]) / 2)
    np.testing.assert_allclose(np.abs(events["cos_theta"]), expected, atol=1e-3)


def test_same_seed_same_collisions(muons):
    np.testing.assert_array_equal(muons[0], simulate(DRELL_YAN, 5)[0])
    assert not np.array_equal(muons[0], simulate(DRELL_YAN, 6)[0])


def test_slices_of_mass_add_up_to_the_whole():
    pytest.importorskip("pythia8mc", reason="needs the extra pythia")
    edges = [150, 200, 250, 400, np.inf]

    def shares(**slices):
        """Of the collisions in bins of mass: weighted, their variance, and unweighted."""
        found = exact(simulate(Dimuons(boson="drell_yan", events=6000, **slices), 3))
        weights = found["weight"]
        sums = [np.histogram(found["mass"], edges, weights=weights**k)[0] for k in (1, 2, 0)]
        return sums[0] / 6000, sums[1] / 6000**2, sums[2] / 6000

    whole, variance, _ = shares()
    sliced, other, counted = shares(slices=[200, 400])
    assert (np.abs(sliced - whole) < 4 * np.sqrt(variance + other)).all()
    assert counted[-1] > 10 * sliced[-1]


def test_a_resonance_is_where_its_mass_is():
    pytest.importorskip("pythia8mc", reason="needs the extra pythia")
    found = simulate(Dimuons(boson="zprime", mass=600, minimum_mass=150, events=300), 1)
    assert np.median(exact(found)["mass"]) == pytest.approx(600, rel=0.02)


def test_the_detector_accepts_and_smears(muons):
    events = detect(*muons, 1)
    assert np.abs([events["eta1"], events["eta2"]]).max() < 2.5
    assert min(events["pt1"].min(), events["pt2"].min()) > 30
    assert (events["pt1"] >= events["pt2"]).all()
    assert (np.diff(events["event"]) > 0).all()


def test_variations_are_the_same_collisions(muons):
    nominal, scaled = detect(*muons, 1), detect(*muons, 1, muon_scale=1.01)
    common = np.isin(scaled["event"], nominal["event"])
    assert common.mean() > 0.95
    both = np.isin(nominal["event"], scaled["event"])
    np.testing.assert_allclose(scaled["mass"][common], 1.01 * nominal["mass"][both], rtol=1e-4)
    wide, exactly = detect(*muons, 1, muon_resolution=2.0), exact(muons)
    spread = [
        np.std(np.log(x["mass"][np.isin(x["event"], exactly["event"])]
                      / exactly["mass"][np.isin(exactly["event"], x["event"])]))
        for x in (nominal, wide)
    ]  # fmt: skip
    assert spread[1] == pytest.approx(2 * spread[0], rel=0.1)
