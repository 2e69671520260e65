"""A sample with a negative yield: trained with, and fitted as pyhf does."""

import jax.numpy as jnp
import numpy as np
import pyhf
import pytest
from blobs import SAMPLES, events, trained_with

from hone.errors import FitError
from hone.events.event_sets import EventSets, hard_histograms, scores_of
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import build_workspace

QUICK = {"steps": 10, "validate_every": 10}


@pytest.fixture
def with_interference(monkeypatch):
    """Samples, and a function that makes their sets of events."""
    names = ["background", "interference"]
    background = SAMPLES[-1]
    both = tuple(m.model_copy(update={"sample": names}) for m in background.modifiers)
    samples = [
        *SAMPLES[:-1],
        background._replace(modifiers=both),
        background._replace(name="interference", modifiers=both),
    ]
    monkeypatch.setattr("blobs.SAMPLES", samples)

    def sets(name, size):
        """Events as those of the background and its variations, ``-size`` times as many."""
        found = events(name)
        copies = {n: n.replace("background", "interference") for n in found.weights}
        of_background = {n: copy for n, copy in copies.items() if n != copy}
        features = {copy: found.features[n] for n, copy in of_background.items()}
        weights = {copy: -size * found.weights[n] for n, copy in of_background.items()}
        return EventSets(found.features | features, found.weights | weights)

    return samples, sets


def test_a_training_with_an_interference_is_fitted_as_by_pyhf(with_interference):
    samples, sets = with_interference
    (found,) = trained_with(
        training=sets("training", 0.3), validation=sets("validation", 0.3),
        objective="bce", edges="equal", **QUICK,
    )  # fmt: skip
    assert [row["skipped"] for row in found.history[1:]] == [0]
    evaluation = sets("evaluation", 0.3)
    scores = scores_of(found.observable, evaluation)
    inner = np.quantile(scores["background"], [0.25, 0.5, 0.75])
    observable = found.observable.with_edges(np.array([0.0, *inner, 1.0]))
    histograms = hard_histograms(observable, evaluation, scores)
    assert (histograms["interference"].values < 0).all()
    # A tenth of the variations: with all of them there are two minima, and pyhf ends in the higher.
    for sample in samples[1:]:
        nominal = histograms[sample.name].values
        for template in sample.templates()[1:]:
            values, variances = histograms[template.name]
            histograms[template.name] = Histogram(nominal + (values - nominal) / 10, variances)
    oracle = pyhf.Workspace(build_workspace(samples, histograms, np.full(4, 9.0), True)).model()
    start = oracle.config.suggested_init()
    total = sum(histograms[s.name].values for s in samples)
    np.testing.assert_allclose(oracle.expected_data(start, include_auxdata=False), total)
    start[oracle.config.poi_index] = 0.0
    data = oracle.expected_data(start)
    _, bands = pyhf.infer.hypotest(1.0, data, oracle, test_stat="qtilde", return_expected_set=True)
    np.testing.assert_allclose(infer.expected_cls(from_pyhf(oracle)), np.ravel(bands), rtol=1e-4)


def test_an_interference_that_outweighs_the_background_is_named(with_interference):
    _, sets = with_interference
    with pytest.raises(
        FitError,
        match=r"In the soft histograms of the batch, bin \d: the expectation is negative .*, "
        r"because of 'interference' \(-",
    ):
        trained_with(
            training=sets("training", 3.0), validation=sets("validation", 3.0),
            objective="z_a", of_model=lambda model: jnp.nan * model.nominal.sum(), **QUICK,
        )  # fmt: skip
