"""Take a trained network and give it the edges with the best expected CLs on validation events."""

from hone.edges import optimise_edges
from hone.event_sets import load_event_sets
from hone.files import write_csv
from hone.observable import load_observable, save_observable
from hone.script import job, setup_jax
from hone.workspace import processes

with job(snakemake) as provenance:
    setup_jax()
    observable = load_observable(snakemake.input.model)
    validation = load_event_sets(snakemake.input.validation, observable.features)
    edges, objective, history = optimise_edges(
        {name: observable.score(events) for name, events in validation.features.items()},
        validation,
        processes(snakemake.params.model, snakemake.wildcards.signal),
        snakemake.params.observable["bins"],
        snakemake.params.model["staterror"],
    )
    write_csv(snakemake.output.history, history)
    save_observable(
        snakemake.output.model,
        observable.with_edges(edges),
        {**provenance, "validation_objective": objective},
    )
