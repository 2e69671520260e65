"""Draw the training of all seeds of an observable, its bin edges, and trials if there are any."""

from pathlib import Path

from hone.reporting.figures import save
from hone.reporting.figures.training import draw_edges, draw_training
from hone.reporting.figures.trials import draw_trials
from hone.running.files import read_csv, read_json
from hone.running.script import job

with job(snakemake):
    histories = {Path(path).parent.name: read_csv(path) for path in snakemake.input.histories}
    name, outputs = snakemake.params.title, snakemake.output
    save(draw_training(histories, name), [outputs.training_png, outputs.training_pdf])
    save(draw_edges(histories, name), [outputs.edges_png, outputs.edges_pdf])
    for path in snakemake.input.tuned:
        save(draw_trials(read_json(path), name), [outputs.trials_png, outputs.trials_pdf])
