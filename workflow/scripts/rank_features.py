"""Rank the features of an observable by importance, on validation events."""

from hone.analysis import Analysis
from hone.events.load import load_set
from hone.observable import load_observable
from hone.results.scored_regions import with_scored_regions
from hone.results.selection import selected
from hone.running.files import read_json, write_json
from hone.running.script import job, setup_jax
from hone.statmodel.workspace import processes
from hone.training.importance import rank_features

with job(snakemake) as provenance:
    setup_jax(brief=True)
    params = snakemake.params
    path = selected(snakemake.input.selected, snakemake.input.models)
    observable, _ = load_observable(path)
    analysis = with_scored_regions(
        Analysis.model_validate(params.analysis), snakemake.input.regions
    )
    (events_set,) = params.files
    validation = load_set(analysis, params.files, events_set, snakemake.input.surveys)
    samples = processes(analysis, snakemake.wildcards.signal)
    staterror = analysis.workspace.staterror
    found = rank_features(observable, validation, samples, staterror, params.seed)
    seed = read_json(snakemake.input.selected)["seed"]
    write_json(snakemake.output[0], {"seed": seed, **found, "provenance": provenance})
