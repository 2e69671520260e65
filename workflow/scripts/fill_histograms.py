"""Score the evaluation events and the observation, and fill hard and soft histograms."""

import numpy as np

from hone.event_sets import hard_histograms, load_event_sets, soft_histograms
from hone.events import read_events
from hone.observable import load_observable
from hone.script import job, setup_jax
from hone.templates import count, write_histograms

with job(snakemake) as provenance:
    setup_jax()
    observable, _ = load_observable(snakemake.input.model)
    evaluation = load_event_sets(snakemake.input.evaluation, observable.features)
    scores = {name: observable.score(events) for name, events in evaluation.features.items()}
    observed, weights = read_events(snakemake.input.observed, observable.features)
    edges = np.asarray(observable.edges)
    write_histograms(
        snakemake.output[0],
        {
            "hard": hard_histograms(observable, evaluation, scores),
            "soft": soft_histograms(observable, evaluation),
            "observed": {"data": count(observable.score(observed), weights, edges)},
        },
        edges,
        provenance,
    )
