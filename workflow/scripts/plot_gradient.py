"""Draw the gradient of a training's objective against finite differences."""

from hone.figures import save
from hone.figures.gradient import draw_gradient
from hone.files import read_json
from hone.script import job

with job(snakemake):
    checked = read_json(snakemake.input[0])
    save(draw_gradient(checked, snakemake.params.title), snakemake.output)
