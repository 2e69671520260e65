"""Score the evaluation events and the observation, and fill hard and soft histograms."""

import numpy as np

from hone.analysis.regions import Channels, regions_of
from hone.events import TREE, WEIGHT
from hone.events.check import check_inputs
from hone.events.load import read_surveys
from hone.events.sources import Source, data_source, sources
from hone.events.stream import count_data, draw_data, fill_histograms
from hone.observable import load_observable
from hone.running.script import job, setup_jax
from hone.statmodel.templates import write_histograms
from hone.statmodel.workspace import expected_observation

with job(snakemake) as provenance:
    setup_jax()
    params, inputs = snakemake.params, snakemake.params.events["inputs"]
    observable, _ = load_observable(snakemake.input.model)
    regions, features = regions_of(inputs), observable.features
    surveys = read_surveys(snakemake.input.surveys)
    samples = inputs["samples"] + params.injected["inputs"]["samples"]
    check_inputs(surveys, samples, regions, {})
    found = sources(inputs, params.events["files"]["evaluation"])
    groups = fill_histograms(observable, found, regions, surveys, features)
    settings = params.observation
    # The observation is the same for all hypotheses: it may contain the signal of another.
    other = sources(params.injected["inputs"], params.injected["files"])
    nominal = [source for source in found if source.name == source.sample] + other
    strengths = {snakemake.wildcards.signal: 0.0, settings["signal"]: settings["mu"]}
    if params.blind:
        hard = (
            groups["hard"] | fill_histograms(observable, other, regions, surveys, features)["hard"]
        )
        observed = expected_observation({s.name: hard[s.name] for s in nominal}, strengths)
    elif settings["pseudo_data"]:
        observed = draw_data(
            observable, nominal, regions, surveys, features, strengths, settings["seed"]
        )
    else:
        paths = tuple(snakemake.input.observed)
        source = (
            data_source(params.data[0], paths)
            if params.data
            else Source("data", paths, TREE, {"data": WEIGHT})
        )
        observed = count_data(observable, source, regions, features)
    edges = np.asarray(observable.edges)
    write_histograms(
        snakemake.output[0],
        {**groups, "observed": {"data": observed}},
        Channels(regions, len(edges) - 1).edges(edges),
        provenance,
    )
