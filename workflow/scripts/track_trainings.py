"""Record every training as a run of MLflow."""

from pathlib import Path

from hone.analysis import Analysis
from hone.running.files import place_of
from hone.running.same_workspace import refuse_foreign
from hone.running.script import job
from hone.training.tracking import TrackedRun, write_runs

with job(snakemake):
    analysis = Analysis.model_validate(snakemake.params.analysis)
    runs = []
    for path in map(Path, snakemake.input.models):
        signal, observable, seed = place_of(path)
        refuse_foreign(path.with_name("workspace.json"), path.with_name("limits.json"))
        settings = analysis.observable(observable)
        runs.append(TrackedRun(signal, observable, seed, settings, path.parent))
    write_runs(snakemake.output[0], analysis.analysis, runs)
