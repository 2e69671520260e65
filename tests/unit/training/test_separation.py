"""Signal against background in an observable, and its scores in different sets of events."""

from collections import namedtuple

import jax
import numpy as np
import pytest
from blobs import CUTS, chosen, events
from scipy.stats import ks_2samp, kstest, norm
from sklearn.metrics import roc_auc_score

from hone.analysis import Template
from hone.observable import create_observable
from hone.reporting.figures.separation import draw_overtraining, draw_roc
from hone.training.separation import Scored, kolmogorov_smirnov, roc, scored, separation

picture = pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40}, remove_text=False)


class Sample(namedtuple("Sample", "name is_signal systematics")):
    def templates(self):
        varied = [Template(self.name, s, side) for s in self.systematics for side in ("up", "down")]
        return [Template(self.name), *varied]


SAMPLES = [Sample("s", True, ("small",)), Sample("b", False, ("small", "large"))]


def gaussian(mean, size=20_000, seed=0, spread=0.0):
    """Scores in (0, 1), of a Gaussian of width 1, with weights that know nothing of them."""
    generator = np.random.default_rng([seed, int(1e6 * (mean + 9))])
    weights = generator.uniform(1 - spread, 1 + spread, size)
    return Scored(norm.cdf(generator.normal(mean, 1, size), scale=2), weights)


@pytest.mark.parametrize("distance", [0.0, 1.0, 2.0])
def test_the_area_of_two_gaussians(distance):
    found = roc([gaussian(distance, 100_000, 1, 0.5)], [gaussian(0, 100_000, 2, 0.5)])
    assert found.area == pytest.approx(norm.cdf(distance / np.sqrt(2)), abs=0.005)
    assert found.signal[[0, -1]].tolist() == found.background[[0, -1]].tolist() == [0, 1]


def test_the_area_is_that_of_scikit_learn_with_weights_ties_and_several_samples():
    parts = [gaussian(mean, 500, spread=0.9) for mean in (1, 0.5, 0, -0.5)]
    parts = [Scored(np.round(scores, 1), weights) for scores, weights in parts]
    scores, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    oracle = roc_auc_score(np.repeat([1, 1, 0, 0], 500), scores, sample_weight=weights)
    assert roc(parts[:2], parts[2:]).area == pytest.approx(oracle, rel=1e-12)


def test_the_area_of_negative_weights_is_the_mean_over_pairs():
    signal, background = (gaussian(mean, 300) for mean in (1, 0))
    background = background._replace(weights=np.where(np.arange(300) % 4, 1.0, -1.0))
    above = signal.scores[:, None] > background.scores
    pairs = np.outer(signal.weights, background.weights)
    found = roc([signal], [background]).area
    assert found == pytest.approx((pairs * above).sum() / pairs.sum(), rel=1e-12)


def test_the_distance_is_that_of_scipy_and_knows_weights():
    first, second = gaussian(0, 4000), gaussian(0.03, 3000)
    distance, p = kolmogorov_smirnov(first, second)
    oracle = ks_2samp(first.scores, second.scores, method="exact")
    assert distance == pytest.approx(oracle.statistic, rel=1e-12)
    assert p == pytest.approx(oracle.pvalue, abs=0.02)  # asymptotic
    assert 0.01 < p < 0.9
    weights = np.arange(4000) % 3 + 1
    repeated = Scored(np.repeat(first.scores, weights), np.ones(weights.sum()))
    weighted = first._replace(weights=weights.astype(float))
    assert kolmogorov_smirnov(weighted, second)[0] == pytest.approx(
        kolmogorov_smirnov(repeated, second)[0], rel=1e-12
    )


def test_equal_distributions_agree_and_shifted_ones_do_not():
    """p-values of weighted events are uniform where nothing differs."""
    found = [
        kolmogorov_smirnov(gaussian(0, 1000, k, 1.0), gaussian(0, 2000, -k - 1 + 1000, 1.0))[1]
        for k in range(300)
    ]
    assert kstest(found, "uniform").pvalue > 0.01
    assert kolmogorov_smirnov(gaussian(0, 2000, 1), gaussian(0.3, 2000, 2))[1] < 1e-9


def sets(sign=1, seed=0):
    found = {"s": gaussian(sign, seed=seed), "s__small_up": gaussian(1.05 * sign)}
    found |= {"s__small_down": gaussian(0.95 * sign), "b": gaussian(-sign, seed=seed)}
    found |= {"b__small_up": gaussian(-1.1 * sign), "b__small_down": gaussian(-1.01 * sign)}
    return found | {"b__large_up": gaussian(0), "b__large_down": gaussian(-1.5 * sign)}


@pytest.mark.parametrize("sign", [1, -1])
def test_variations_that_move_the_area_most_on_whatever_side_the_signal_is(sign):
    found = separation(np.linspace(0, 1, 6), sets(sign), SAMPLES)
    assert list(found.curves) == ["nominal", "large up", "large down", "small up"]
    areas = {name: curve.area for name, curve in found.curves.items()}
    # of both samples together
    expected = {"nominal": 2, "large up": 1, "large down": 2.5, "small up": 2.15}
    for name, distance in expected.items():
        assert areas[name] == pytest.approx(norm.cdf(distance / np.sqrt(2)), abs=0.006)
    # bins lose some of it
    assert 0.9 * areas["nominal"] < found.bins.area < areas["nominal"]


def test_bins_are_in_the_order_of_signal_over_background():
    """The signal is in the middle: cuts on the score cannot separate it, bins do."""
    signal = Scored(np.random.default_rng(0).uniform(0.4, 0.6, 1000), np.ones(1000))
    background = Scored(np.random.default_rng(1).uniform(0, 1, 1000), np.ones(1000))
    samples = [Sample("s", True, ()), Sample("b", False, ())]
    found = separation(np.linspace(0, 1, 6), {"s": signal, "b": background}, samples)
    inside = ((background.scores >= 0.4) & (background.scores < 0.6)).mean()
    assert found.bins.area == pytest.approx(1 - inside / 2)
    # nor do scores, which the curves therefore do not take as they are
    assert roc([signal], [background]).area < 0.6
    assert found.reordered
    assert found.curves["nominal"].area == pytest.approx(found.bins.area, abs=0.03)
    assert "order of signal" in draw_roc(found, "o").axes[0].get_title(loc="right")
    numbers = [x._replace(scores=np.floor(5 * x.scores) + 0.5) for x in (signal, background)]
    again = separation(np.arange(6.0), dict(zip("sb", numbers, strict=True)), samples)
    assert again.curves["nominal"].area == again.bins.area == pytest.approx(found.bins.area)


def test_reordered_bins_lose_nothing_of_the_order_within_them():
    """Of two Gaussians with halves of their scores exchanged, the curve is that before."""
    exchange = {"s": gaussian(1), "b": gaussian(-1)}
    samples = [Sample("s", True, ()), Sample("b", False, ())]
    ordered = separation(np.linspace(0, 1, 5), exchange, samples)
    assert not ordered.reordered
    # nor does a bin that is empty make another order
    assert not separation(np.array([0, 1e-9, 0.5, 1 - 1e-9, 1]), exchange, samples).reordered
    for name, (scores, weights) in exchange.items():
        exchange[name] = Scored((scores + 0.5) % 1.0, weights)
    found = separation(np.linspace(0, 1, 5), exchange, samples)
    assert found.reordered
    assert found.curves["nominal"].area == pytest.approx(ordered.curves["nominal"].area, abs=1e-6)


def test_fluctuations_of_bins_make_no_separation():
    """In the order of signal over background, areas would be 0.63 instead of 0.5."""
    samples, none = [Sample("s", True, ()), Sample("b", False, ())], []
    for seed in range(20):
        events = {"s": gaussian(0, 200, seed), "b": gaussian(1e-6, 200, seed)}
        found = separation(np.linspace(0, 1, 21), events, samples)
        plain = roc([events["s"]], [events["b"]]).area
        assert not found.reordered
        assert found.curves["nominal"].area == pytest.approx(max(plain, 1 - plain), abs=1e-12)
        none.append((found.curves["nominal"].area, found.bins.area))
    # the larger of the two sides, of a standard deviation of 0.03
    np.testing.assert_allclose(np.mean(none, axis=0), 0.523, atol=0.015)


def test_events_that_fail_a_cut_are_the_last_that_a_looser_cut_would_take():
    matrix = np.concatenate(list(events("training", 500).features.values()))
    cuts = create_observable(chosen(kind="cuts", cuts=CUTS), ["x", "y"], matrix, jax.random.key(0))
    found = scored(cuts, events("evaluation", 2000))
    passing = {name: np.isfinite(x.scores).mean() for name, x in found.items()}
    samples = [Sample("signal", True, ()), Sample("background", False, ())]
    bins = separation(cuts.edges, found, samples).bins
    assert bins.signal.tolist() == pytest.approx([0, passing["signal"], 1])
    assert bins.background.tolist() == pytest.approx([0, passing["background"], 1])
    names = ("training", "validation", "evaluation")
    none = {"limit": None, "error": None}
    compared = {
        "limits": dict.fromkeys(names, none),
        "scores": {s.name: {"distance": 0.0, "p": 1.0} for s in samples},
    }
    figure = draw_overtraining(dict.fromkeys(names, found), compared, cuts.edges, samples, "cuts")
    assert "training none" in figure.get_suptitle()


@picture
def test_overtraining_of_the_background():
    names = ("training", "validation", "evaluation")
    found = {name: sets(seed=k) for k, name in enumerate(names)}
    found["training"]["b"] = gaussian(-1.1)
    compared = {
        "limits": {name: {"limit": 0.3 + k / 100, "error": 0.01} for k, name in enumerate(names)},
        "scores": {"s": {"distance": 0.01, "p": 0.3}, "b": {"distance": 0.2, "p": 1e-9}},
    }
    figure = draw_overtraining(found, compared, np.array([0, 0.2, 0.6, 1]), SAMPLES, "neos")
    signal, background = (axes.get_title(loc="right") for axes in figure.axes)
    assert "p = " in signal
    assert "p < 0.0001" in background
    return figure


@picture
def test_roc():
    return draw_roc(separation(np.array([0, 0.2, 0.6, 1]), sets(), SAMPLES), "neos")
