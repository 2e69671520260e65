"""Score the evaluation events and the observation, and fill hard and soft histograms."""

import numpy as np

from hone.analysis import Analysis, Template
from hone.events import TREE, WEIGHT
from hone.events.check import check_inputs
from hone.events.load import read_surveys
from hone.events.sources import Source, data_source, sources
from hone.events.stream import count_data, draw_data, fill_histograms
from hone.observable import load_observable
from hone.running.script import job, setup_jax
from hone.statmodel.channels import Channels
from hone.statmodel.templates import write_histograms
from hone.statmodel.workspace import expected_observation

with job(snakemake) as provenance:
    setup_jax()
    params = snakemake.params
    analysis, injected = (
        Analysis.model_validate(part) for part in (params.analysis, params.injected)
    )
    observable, _ = load_observable(snakemake.input.model)
    regions, features = analysis.channels, observable.features
    surveys = read_surveys(snakemake.input.surveys)
    check_inputs(surveys, analysis.simulated + injected.samples, regions, {})
    found = sources(analysis, params.files["evaluation"])
    groups = fill_histograms(observable, found, regions, surveys, features)
    settings = analysis.observation
    # The observation is the same for all hypotheses: it may contain the signal of another.
    other = sources(injected, params.files["injected"])
    nominal = [source for source in found if source.name == source.sample] + other
    strengths = {snakemake.wildcards.signal: 0.0, settings.signal: settings.mu}
    if analysis.is_blind:
        hard = (
            groups["hard"] | fill_histograms(observable, other, regions, surveys, features)["hard"]
        )
        observed = expected_observation({s.name: hard[s.name] for s in nominal}, strengths)
    elif settings.pseudo_data:
        observed = draw_data(
            observable, nominal, regions, surveys, features, strengths, settings.seed
        )
    else:
        paths = tuple(snakemake.input.observed)
        source = (
            data_source(analysis.data[0], paths)
            if analysis.data
            else Source(Template("data"), paths, TREE, {"data": WEIGHT})
        )
        observed = count_data(observable, source, regions, features)
    edges = np.asarray(observable.edges)
    write_histograms(
        snakemake.output[0],
        {**groups, "observed": {"data": observed}},
        Channels(regions, len(edges) - 1).edges(edges),
        provenance,
    )
