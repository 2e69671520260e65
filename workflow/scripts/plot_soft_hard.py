"""Draw soft against hard histograms."""

from hone.figures import save, selected
from hone.figures.histograms import draw_soft_hard
from hone.script import job
from hone.templates import read_histograms

with job(snakemake):
    path = selected(snakemake.input.selected, snakemake.input.histograms)
    hard, edges = read_histograms(path, "hard")
    soft, _ = read_histograms(path, "soft")
    save(draw_soft_hard(soft, hard, edges, snakemake.wildcards.observable), snakemake.output)
