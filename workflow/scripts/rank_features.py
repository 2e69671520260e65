"""Find how much an observable owes to each of its features, on validation events."""

from pathlib import Path

from hone.files import read_json, write_json
from hone.importance import rank_features
from hone.inputs.load import load_events
from hone.inputs.sources import sources
from hone.observable import load_observable
from hone.regions import regions_of
from hone.script import job, setup_jax
from hone.selection import selected
from hone.workspace import processes

with job(snakemake) as provenance:
    setup_jax(brief=True)
    params = snakemake.params
    path = selected(snakemake.input.selected, snakemake.input.models)
    observable, _ = load_observable(path)
    validation = load_events(
        sources(params.inputs, list(params.files), params.files),
        observable.features,
        regions_of(params.inputs),
        {Path(path).stem: read_json(path) for path in snakemake.input.surveys},
        "validation",
        params.sizes,
    )
    samples = processes(params.model, snakemake.wildcards.signal)
    found = rank_features(observable, validation, samples, params.model["staterror"], params.seed)
    seed = read_json(snakemake.input.selected)["seed"]
    write_json(snakemake.output[0], {"seed": seed, **found, "provenance": provenance})
