"""Draw the training of all seeds of an observable."""

from pathlib import Path

from hone.figures import save
from hone.figures.training import draw_training
from hone.files import read_csv
from hone.script import job

with job(snakemake):
    histories = {Path(path).parent.name: read_csv(path) for path in snakemake.input.histories}
    save(draw_training(histories, snakemake.wildcards.observable), snakemake.output)
