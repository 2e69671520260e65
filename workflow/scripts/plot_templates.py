"""Draw the histograms of the fit: stack, uncertainty bands and observation."""

from hone.figures import save, selected
from hone.figures.histograms import draw_templates
from hone.script import job
from hone.templates import read_histograms

with job(snakemake):
    path = selected(snakemake.input.selected, snakemake.input.histograms)
    hard, edges = read_histograms(path, "hard")
    observed, _ = read_histograms(path, "observed")
    figure = draw_templates(
        snakemake.params.model,
        snakemake.wildcards.signal,
        hard,
        observed["data"].values,
        edges,
        snakemake.wildcards.observable,
    )
    save(figure, snakemake.output)
