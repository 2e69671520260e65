"""Record every training as a run of MLflow."""

from pathlib import Path

from hone.analysis import Analysis
from hone.analysis.files import Files
from hone.running.files import place_of, read_json
from hone.running.same_workspace import refuse_foreign
from hone.running.script import job
from hone.training.tracking import TrackedRun, write_runs

with job(snakemake):
    analysis = Analysis.model_validate(snakemake.params.analysis)
    files, runs = Files(analysis), []
    for path in map(Path, snakemake.input.models):
        signal, observable, seed = place_of(path)
        refuse_foreign(path.with_name("workspace.json"), path.with_name("limits.json"))
        settings = analysis.observable(observable)
        if observable in files.tuned:
            tuned = read_json(files.of_observable("tuned.json", signal, observable))
            settings = settings.with_settings(tuned["settings"])
        runs.append(TrackedRun(signal, observable, seed, settings, path.parent))
    write_runs(snakemake.output[0], analysis.analysis, runs)
