"""Train an observable with one or several seeds, or a trial of settings that are searched."""

from functools import partial
from pathlib import Path

from hone.analysis import Analysis
from hone.analysis.region_observables import seen
from hone.analysis.settings import plain
from hone.events.check import check_inputs
from hone.events.load import load_set, read_surveys
from hone.events.streamed_sets import training_set
from hone.observable import load_observable, save_observable
from hone.results.scored_regions import with_scored_regions
from hone.running.files import place_of, read_json, write_csv
from hone.running.processes import end_all_but_first
from hone.running.provenance import digest
from hone.running.script import job, setup_jax
from hone.statmodel.workspace import processes
from hone.training.checkpoint import Checkpoint
from hone.training.loop import history_of_trial, train
from hone.training.objectives import resolve_objective
from hone.training.settings import Settings

several = snakemake.params.analysis["observables"][0].get("devices", 1) > 1
with job(snakemake, in_processes=several) as provenance:
    setup_jax(accelerated=True)
    params, signal = snakemake.params, snakemake.wildcards.signal
    analysis = with_scored_regions(
        Analysis.model_validate(params.analysis), snakemake.input.regions
    )
    (observable,) = analysis.observables
    for path in snakemake.input.tuned:
        observable = observable.with_settings(read_json(path)["settings"])
    outputs = snakemake.output
    surveys = snakemake.input.surveys
    check_inputs(
        read_surveys(surveys),
        analysis.samples,
        analysis.systematics,
        analysis.channels,
        seen(analysis),
    )
    training = training_set(analysis, params.files, surveys, params.fold, observable.streamed)
    validation = load_set(analysis, params.files, "validation", surveys, params.fold)
    level = analysis.limits.level
    # Not an output: Snakemake removes the outputs of failed jobs.
    checkpoint = Checkpoint(
        Path(outputs.histories[0]).with_name("checkpoint.safetensors"),
        {
            "settings": provenance["settings"],
            "code": provenance["code"],
            "versions": str(provenance["versions"]),
            "events": training.digest() + validation.digest(),
            "tuned": digest(plain(observable)) if snakemake.input.tuned else "",
            "start": digest([Path(path).read_bytes().hex() for path in snakemake.input.start]),
        },
    )
    run = partial(
        train,
        Settings.of(analysis, observable),
        observable,
        analysis.features,
        processes(analysis, signal),
        training,
        validation,
        [place_of(path)[-1] for path in outputs.histories],
        resolve_objective(
            observable.objective, level, params.own_objective.get("folder", ""), analysis.measured
        ),
        level,
        checkpoint,
        [load_observable(path)[0] for path in snakemake.input.start],
    )
    is_trial = not hasattr(outputs, "models")
    found = history_of_trial(run) if is_trial else run()
    end_all_but_first()
    if is_trial:
        write_csv(outputs.histories[0], found)
    else:
        files = zip(outputs.models, outputs.histories, outputs.snapshots, found, strict=True)
        for path, history, snapshots, result in files:
            write_csv(history, result.history)
            result.snapshots.save(snapshots, result.history[-1]["step"], provenance)
            save_observable(
                path,
                result.observable,
                observable,
                {**provenance, "validation_objective": result.objective},
            )
    checkpoint.remove()
