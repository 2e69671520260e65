"""Animate the training of the selected seed of an observable."""

from hone.figures import selected
from hone.figures.animation import animate_training
from hone.figures.pages import save_animation
from hone.files import read_csv
from hone.script import job

with job(snakemake):
    rows = read_csv(selected(snakemake.input.selected, snakemake.input.histories))
    save_animation(animate_training(rows, snakemake.wildcards.observable), snakemake.output[0])
