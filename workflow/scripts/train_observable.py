"""Train an observable with one seed."""

from hone.event_sets import load_event_sets
from hone.files import write_csv
from hone.observable import save_observable
from hone.script import job, setup_jax
from hone.training import Settings, train
from hone.workspace import processes

with job(snakemake) as provenance:
    setup_jax()
    observable, features = snakemake.params.observable, snakemake.params.features
    signal = snakemake.wildcards.signal
    names = ("objective", "bins", "edges", "steps", "batch", "learning_rate", "validate_every")
    trained = train(
        Settings(
            **{name: observable[name] for name in names},
            bandwidth=tuple(observable["bandwidth"]),
            hidden=tuple(observable["hidden"]),
            staterror=snakemake.params.model["staterror"],
            evaluation_events=snakemake.params.evaluation_events,
        ),
        features,
        processes(snakemake.params.model, signal),
        load_event_sets(snakemake.input.training, features),
        load_event_sets(snakemake.input.validation, features),
        seed=int(snakemake.wildcards.seed),
    )
    write_csv(snakemake.output.history, trained.history)
    save_observable(
        snakemake.output.model,
        trained.observable,
        {**provenance, "validation_objective": trained.objective},
    )
