"""Draw the training of all seeds of an observable, and its bin edges during training."""

from pathlib import Path

from hone.reporting.figures import save
from hone.reporting.figures.training import draw_edges, draw_training
from hone.running.files import read_csv
from hone.running.script import job

with job(snakemake):
    histories = {Path(path).parent.name: read_csv(path) for path in snakemake.input.histories}
    name, outputs = snakemake.params.title, snakemake.output
    save(draw_training(histories, name), [outputs.training_png, outputs.training_pdf])
    save(draw_edges(histories, name), [outputs.edges_png, outputs.edges_pdf])
