"""Draw the gradient of the training objective against finite differences."""

from hone.reporting.figures import save
from hone.reporting.figures.gradient import draw_gradient
from hone.running.files import read_json
from hone.running.script import job

with job(snakemake):
    checked = read_json(snakemake.input[0])
    save(draw_gradient(checked, snakemake.params.title), snakemake.output)
