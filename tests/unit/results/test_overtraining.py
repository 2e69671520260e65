"""Limits and scores of sets of events, compared by the same rule."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from blobs import SAMPLES, chosen, events

from hone.analysis.regions import Region
from hone.events.event_sets import EventSets
from hone.observable import create_observable
from hone.results.overtraining import overtraining
from hone.statmodel.templates import Histogram
from hone.training.separation import scored


@pytest.fixture(scope="module")
def large():
    return events("evaluation", 40_000)


@pytest.fixture(scope="module")
def observable(large):
    """Signal first, and at least 40 of 1000 background events in each bin."""
    matrix = np.concatenate([large.features[s.name] for s in SAMPLES])
    found = create_observable(chosen(bins=3), ["x", "y"], matrix, jax.random.key(3))
    inner = np.quantile(found.score(large.features["background"]), [0.04, 0.2])
    return found.with_edges(np.array([0.0, *inner, 1.0]))


def compared(observable, **sets):
    scores = {name: scored(observable, of_set) for name, of_set in sets.items()}
    return overtraining(observable, sets, scores, SAMPLES, 0.05)


def part(events, k, number):
    """Every so many-th event."""
    features = {name: x[k::number] for name, x in events.features.items()}
    weights = {
        name: x[k::number] * len(x) / len(x[k::number]) for name, x in events.weights.items()
    }
    return replace(events, features=features, weights=weights)


def test_limits_of_small_and_large_sets_are_compared_by_one_rule(observable, large):
    """Unbiased, and as far apart as their errors say: a set with few events is no worse."""
    number = 10
    small = {f"{k}": part(part(large, 0, 4), k, number) for k in range(number)}
    found = compared(observable, training=small["0"], evaluation=large, **small)["limits"]
    limits, errors = (np.array([found[k][x] for k in small]) for x in ("limit", "error"))
    whole = found["evaluation"]
    distances = (limits - whole["limit"]) / np.hypot(errors, whole["error"])
    assert abs(distances.mean()) < 3 / np.sqrt(number)
    assert 0.5 < distances.std() < 1.5
    assert whole["error"] == pytest.approx(errors.mean() / np.sqrt(4 * number), rel=0.3)
    fewest = [found[k]["fewest"] for k in small]
    assert whole["fewest"] == pytest.approx(4 * number * np.mean(fewest), rel=0.3)


def with_control(events):
    """Events of one half in a region that is counted, the others in a single bin."""
    features, weights, fixed = {}, {}, {}
    for name, x in events.features.items():
        inside, w = x[:, 0] < 0.3, events.weights[name]
        features[name], weights[name] = x[inside], w[inside]
        fixed[name] = [Histogram(*(np.array([y[~inside].sum()]) for y in (w, w**2)))]
    regions = (Region(name="signal", fit="observable"), Region(name="z-control", fit="count"))
    return replace(events, features=features, weights=weights, regions=regions, fixed=fixed)


def test_events_move_between_regions(observable, large):
    """Of a known yield, more are in one region if there are fewer in the other."""
    single = observable.with_edges(np.array([0.0, 1.0]))
    small = {f"{k}": with_control(part(large, k, 20)) for k in range(20)}
    whole = with_control(large)
    found = compared(single, evaluation=whole, training=small["0"], **small)["limits"]
    limits, errors = (np.array([found[k][x] for k in small]) for x in ("limit", "error"))
    assert 0.6 < limits.std(ddof=1) / errors.mean() < 1.5


def test_events_that_were_learned_by_heart_stand_out(observable, large):
    training, validation, evaluation = (part(large, k, 3) for k in range(3))
    # As if the network knew which of the training events are background.
    matrix = training.features["background"].copy()
    scores = observable.score(matrix)
    tempting = np.flatnonzero(scores < observable.edges[1])
    matrix[tempting[::2]] = matrix[np.argmax(scores)]
    kept = replace(training, features=training.features | {"background": matrix})
    found = compared(observable, training=kept, validation=validation, evaluation=evaluation)
    limits = found["limits"]

    def distance(name):
        both = np.hypot(limits[name]["error"], limits["evaluation"]["error"])
        return (limits[name]["limit"] - limits["evaluation"]["limit"]) / both

    assert distance("training") < -5
    assert abs(distance("validation")) < 3
    assert found["scores"]["background"]["p"] < 1e-3
    assert found["scores"]["signal"]["p"] > 0.01


def test_events_in_common_fluctuate_together(observable, large):
    """A variation that is the sample itself, event by event, adds no noise to the limit."""
    names = ("background", "background__shape_up", "background__shape_down")
    same = dict.fromkeys(names, large.features["background"])
    alone = EventSets(large.features | same, large.weights)
    rows = {name: np.arange(len(same[name])) for name in names}
    shared = replace(alone, rows=rows)
    sets = {"training": alone, "evaluation": shared}
    errors = {name: of["error"] for name, of in compared(observable, **sets)["limits"].items()}
    weighted = replace(
        EventSets(
            {k: x for k, x in alone.features.items() if k not in names[1:]}, alone.weights,
            weighted=dict.fromkeys(names[1:], "background"),
        )
    )  # fmt: skip
    other = compared(observable, training=weighted, evaluation=weighted)["limits"]["training"]
    assert errors["evaluation"] == pytest.approx(other["error"], rel=1e-9)
