"""What stands for the data: pseudo-data, expectation or the data themselves."""

import jax
import numpy as np
import pytest
from ntuples import FEATURES
from settings import observable as settings_of

from hone.analysis.sections import Observation
from hone.events.observation import observe
from hone.events.stream import draw_data, fill_histograms
from hone.observable import create_observable


def test_pseudo_data_are_poisson_counts_of_what_is_expected(analysis):
    config, found, surveys = analysis
    regions = config.channels
    observable, other = (
        create_observable(
            settings_of(kind="network", bins=3, hidden=[8]), FEATURES, np.ones((5, 2)),
            jax.random.key(k),
        ) for k in (0, 1)
    )  # fmt: skip
    nominal = [s for s in found if s.name == s.sample]

    def draw(seed, strength=2.0, which=observable):
        arguments = (nominal, regions, surveys, FEATURES, {"signal": strength}, seed)
        return draw_data([which], *arguments).values

    filled = fill_histograms([observable], nominal, regions, surveys, FEATURES)["hard"]
    expected = filled["background"].values + 2 * filled["signal"].values
    drawn = np.array([draw(seed) for seed in range(30)])
    np.testing.assert_array_equal(drawn, drawn.round())
    # the mean of 30 Poisson numbers, 4 standard deviations wide; and their spread
    assert (np.abs(drawn.mean(axis=0) - expected) <= 4 * np.sqrt((expected + 1) / 30)).all()
    many = expected > 20
    assert (np.abs(drawn.var(axis=0)[many] / expected[many] - 1) < 4 * np.sqrt(2 / 29)).all()
    # the same events, whatever bins they are in
    assert draw(1, which=other).sum() == draw(1).sum()
    np.testing.assert_array_equal(draw(1), drawn[1])


@pytest.mark.parametrize("state", ["blind", "pseudo_data", "unblind"])
def test_the_observation_is_what_the_config_says(analysis, state):
    config, found, surveys = analysis
    observable = create_observable(
        settings_of(kind="network", bins=3, hidden=[8]), FEATURES, np.ones((5, 2)),
        jax.random.key(0),
    )  # fmt: skip
    settings = Observation(mu=2.0, signal="signal", **({} if state == "blind" else {state: True}))
    config = config.model_copy(update={"observation": settings})
    hard = fill_histograms([observable], found, config.channels, surveys, FEATURES)["hard"]
    of_signal = [source for source in found if source.name == "signal"]
    of_others = [source for source in found if source.sample != "signal"]

    def observed(signal, simulated, injected):
        return observe(
            config, signal, [observable], simulated, injected, surveys, ["data.root"], hard
        ).values

    counted = observed("signal", found, [])
    # the same for another hypothesis, into which the signal is injected
    np.testing.assert_array_equal(observed("other", of_others, of_signal), counted)
    expected = 2 * hard["signal"].values + hard["background"].values
    if state == "blind":
        np.testing.assert_allclose(counted, expected, rtol=1e-12)
    else:
        np.testing.assert_array_equal(counted, counted.round())
    if state == "pseudo_data":
        assert abs(counted.sum() - expected.sum()) < 5 * np.sqrt(expected.sum())
    if state == "unblind":
        assert counted.sum() == 300
