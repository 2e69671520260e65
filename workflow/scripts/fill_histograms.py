"""Score the evaluation events and the observation, and fill hard and soft histograms."""

from pathlib import Path

import numpy as np

from hone.events import TREE, WEIGHT
from hone.files import read_json
from hone.inputs.check import check_inputs
from hone.inputs.sources import Source, data_source, sources
from hone.inputs.stream import count_data, draw_data, fill_histograms
from hone.observable import load_observable
from hone.regions import Channels, regions_of
from hone.script import job, setup_jax
from hone.templates import write_histograms
from hone.workspace import expected_observation, processes

with job(snakemake) as provenance:
    setup_jax()
    params, files = snakemake.params, snakemake.params.evaluation_files
    observable, _ = load_observable(snakemake.input.model)
    regions, features = regions_of(params.inputs), observable.features
    surveys = {Path(path).stem: read_json(path) for path in snakemake.input.surveys}
    check_inputs(surveys, params.inputs["samples"], regions, {})
    found = sources(params.inputs, list(files), files)
    groups = fill_histograms(observable, found, regions, surveys, features)
    signal, settings = snakemake.wildcards.signal, params.observation
    strength = settings["mu"] if settings["signal"] == signal else 0.0
    if params.blind:
        observed = expected_observation(processes(params.model, signal), groups["hard"], strength)
    elif settings["pseudo_data"]:
        nominal = [source for source in found if source.name == source.sample]
        strengths = {signal: strength}
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
