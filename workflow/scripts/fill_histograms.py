"""Score the evaluation events and the observation, and fill hard and soft histograms."""

import numpy as np

from hone.analysis import Analysis
from hone.events.check import check_inputs
from hone.events.load import read_surveys
from hone.events.observation import observe
from hone.events.sources import sources
from hone.events.stream import Subsamples, fill_histograms
from hone.observable import load_observable
from hone.results.scored_regions import with_scored_regions
from hone.running.script import job, setup_jax
from hone.statmodel.channels import Channels
from hone.statmodel.templates import write_histograms

with job(snakemake) as provenance:
    setup_jax()
    inputs, params = snakemake.input, snakemake.params
    analysis, others = (
        Analysis.model_validate(part) for part in (params.analysis, params.injected)
    )
    observables = [load_observable(path)[0] for path in inputs.models]
    analysis = with_scored_regions(analysis, inputs.regions)
    regions = analysis.channels
    surveys = read_surveys(inputs.surveys)
    # A signal that is injected is not in one fit with that of the hypothesis.
    samples, one_fit = analysis.simulated + others.samples, not others.samples
    check_inputs(surveys, samples, analysis.systematics, regions, {}, one_fit)
    simulated = sources(analysis, params.files["evaluation"])
    injected = sources(others, params.files["injected"])
    features = observables[0].features
    subsamples = Subsamples(simulated)
    groups = fill_histograms(observables, simulated, regions, surveys, features, subsamples)
    observed = observe(
        analysis, snakemake.wildcards.signal, observables, simulated, injected, surveys,
        params.observed, groups["hard"],
    )  # fmt: skip
    # With folds, each network has its own: the mean is where the figures draw the bins.
    edges = np.mean([observable.edges for observable in observables], axis=0)
    write_histograms(
        snakemake.output[0],
        {**groups, "observed": {"data": observed}},
        Channels(regions, len(edges) - 1).edges(edges),
        provenance,
        subsamples.yields,
    )
