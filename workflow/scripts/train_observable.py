"""Train an observable, with one seed or with several side by side."""

from pathlib import Path

from hone.files import read_json, write_csv
from hone.inputs.check import check_inputs
from hone.inputs.load import load_events
from hone.inputs.sources import sources
from hone.objectives import resolve_objective
from hone.observable import save_observable
from hone.regions import regions_of
from hone.script import job, setup_jax
from hone.training import Checkpoint, Settings, train
from hone.workspace import processes

with job(snakemake) as provenance:
    setup_jax()
    params, signal = snakemake.params, snakemake.wildcards.signal
    observable, objective = params.observable, params.observable["objective"]
    models = [Path(path) for path in snakemake.output.models]
    surveys = {Path(path).stem: read_json(path) for path in snakemake.input.surveys}
    batches = {snakemake.wildcards.observable: observable["batch"]}
    check_inputs(surveys, params.inputs["samples"], regions_of(params.inputs), batches)
    training, validation = (
        load_events(
            sources(params.inputs, list(files), files),
            params.features,
            regions_of(params.inputs),
            surveys,
            events_set,
            params.sizes,
        )
        for events_set, files in (
            ("training", params.training_files),
            ("validation", params.validation_files),
        )
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
