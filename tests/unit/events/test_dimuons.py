"""Muon pairs: kinematics that can be computed otherwise, and what variations change."""

import numpy as np
import pytest

from hone.analysis.samples import Dimuons
from hone.events.dimuons import detect, simulate

DRELL_YAN = Dimuons(boson="drell_yan", minimum_mass=200, events=400)


@pytest.fixture(scope="module")
def momenta():
    pytest.importorskip("pythia8mc", reason="needs the extra pythia")
    return simulate(DRELL_YAN, 5)


def exact(momenta, **changes):
    return detect(momenta, 1, muon_resolution=0.0, **changes)


def test_pairs_are_back_to_back_and_heavy_enough(momenta):
    np.testing.assert_allclose(momenta[:, 0, :2], -momenta[:, 1, :2], atol=1e-6)
    events = exact(momenta)
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


def test_same_seed_same_collisions(momenta):
    np.testing.assert_array_equal(momenta, simulate(DRELL_YAN, 5))
    assert not np.array_equal(momenta, simulate(DRELL_YAN, 6))


def test_a_resonance_is_where_its_mass_is():
    pytest.importorskip("pythia8mc", reason="needs the extra pythia")
    found = simulate(Dimuons(boson="zprime", mass=600, minimum_mass=150, events=300), 1)
    assert np.median(exact(found)["mass"]) == pytest.approx(600, rel=0.02)


def test_the_detector_accepts_and_smears(momenta):
    events = detect(momenta, 1)
    assert np.abs([events["eta1"], events["eta2"]]).max() < 2.5
    assert min(events["pt1"].min(), events["pt2"].min()) > 30
    assert (events["pt1"] >= events["pt2"]).all()
    assert (np.diff(events["event"]) > 0).all()


def test_variations_are_the_same_collisions(momenta):
    nominal, scaled = detect(momenta, 1), detect(momenta, 1, muon_scale=1.01)
    common = np.isin(scaled["event"], nominal["event"])
    assert common.mean() > 0.95
    both = np.isin(nominal["event"], scaled["event"])
    np.testing.assert_allclose(scaled["mass"][common], 1.01 * nominal["mass"][both], rtol=1e-4)
    wide, exactly = detect(momenta, 1, muon_resolution=2.0), exact(momenta)
    spread = [
        np.std(np.log(x["mass"][np.isin(x["event"], exactly["event"])]
                      / exactly["mass"][np.isin(exactly["event"], x["event"])]))
        for x in (nominal, wide)
    ]  # fmt: skip
    assert spread[1] == pytest.approx(2 * spread[0], rel=0.1)
