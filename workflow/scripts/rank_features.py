"""Find how much an observable owes to each of its features, on validation events."""

from hone.files import read_json, write_json
from hone.importance import rank_features
from hone.inputs.load import load_set
from hone.observable import load_observable
from hone.script import job, setup_jax
from hone.selection import selected
from hone.workspace import processes

with job(snakemake) as provenance:
    setup_jax(brief=True)
    params = snakemake.params
    path = selected(snakemake.input.selected, snakemake.input.models)
    observable, _ = load_observable(path)
    validation = load_set(
        params.events, "validation", observable.features, snakemake.input.surveys, params.sizes
    )
    samples = processes(params.model, snakemake.wildcards.signal)
    found = rank_features(observable, validation, samples, params.model["staterror"], params.seed)
    seed = read_json(snakemake.input.selected)["seed"]
    write_json(snakemake.output[0], {"seed": seed, **found, "provenance": provenance})
