"""Train an observable, with one seed or with several side by side."""

from pathlib import Path

from hone.analysis.regions import regions_of
from hone.events.check import check_inputs
from hone.events.load import load_set, read_surveys
from hone.observable import save_observable
from hone.running.files import write_csv
from hone.running.script import job, setup_jax
from hone.statmodel.workspace import processes
from hone.training.checkpoint import Checkpoint
from hone.training.loop import train
from hone.training.objectives import resolve_objective
from hone.training.settings import Settings

with job(snakemake) as provenance:
    setup_jax()
    params, signal = snakemake.params, snakemake.wildcards.signal
    observable, objective = params.observable, params.observable["objective"]
    models = [Path(path) for path in snakemake.output.models]
    surveys, inputs = snakemake.input.surveys, params.events["inputs"]
    batches = {snakemake.wildcards.observable: observable["batch"]}
    check_inputs(read_surveys(surveys), inputs["samples"], regions_of(inputs), batches)
    training, validation = (
        load_set(params.events, events_set, params.features, surveys, params.sizes)
        for events_set in ("training", "validation")
    )
    # Beside the outputs, not one of them: Snakemake removes the outputs of a job that failed.
    checkpoint = Checkpoint(
        models[0].with_name("checkpoint.safetensors"),
        {
            "settings": provenance["settings"],
            "code": provenance["code"],
            "versions": str(provenance["versions"]),
            "events": training.digest() + validation.digest(),
        },
    )
    trained = train(
        Settings.of(
            observable,
            staterror=params.model["staterror"],
            histograms=params.histograms,
            evaluation_events=params.sizes["evaluation"],
        ),
        observable,
        params.features,
        processes(params.model, signal),
        training,
        validation,
        [int(path.parent.name.removeprefix("seed")) for path in models],
        resolve_objective(objective, params.level, params.own_objective.get("folder", "")),
        params.level,
        checkpoint,
    )
    outputs = zip(
        models, snakemake.output.histories, snakemake.output.snapshots, trained, strict=True
    )
    for path, history, snapshots, result in outputs:
        write_csv(history, result.history)
        result.snapshots.save(snapshots, result.history[-1]["step"], provenance)
        save_observable(
            path,
            result.observable,
            observable,
            {**provenance, "validation_objective": result.objective},
        )
    checkpoint.remove()
