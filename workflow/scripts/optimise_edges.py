"""Find the best bin edges of a trained network for an objective, on validation events."""

from hone.events.event_sets import scores_of
from hone.events.load import load_set
from hone.observable import load_observable, save_observable
from hone.running.files import write_csv
from hone.running.script import job, setup_jax
from hone.statmodel.workspace import processes
from hone.training.bin_edges import optimise_edges
from hone.training.objectives import resolve_objective

with job(snakemake) as provenance:
    setup_jax()
    params = snakemake.params
    observable, settings = load_observable(snakemake.input.model)
    validation = load_set(
        params.events, "validation", observable.features, snakemake.input.surveys, params.sizes
    )
    name = params.observable.get("objective", "cls")
    of_model = resolve_objective(name, params.level, params.own_objective.get("folder", ""))
    assert of_model is not None, "the config allows no objective of events here"
    edges, objective, history = optimise_edges(
        scores_of(observable, validation),
        validation,
        processes(params.model, snakemake.wildcards.signal),
        params.observable["bins"],
        params.model["staterror"],
        of_model,
    )
    write_csv(snakemake.output.histories[0], history)
    save_observable(
        snakemake.output.models[0],
        observable.with_edges(edges),
        {**settings, "edges": "equal"},
        {**provenance, "validation_objective": objective},
    )
