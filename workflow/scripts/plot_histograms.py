"""Draw the histograms of the fit, and soft against hard ones."""

from hone.figures import save, selected
from hone.figures.histograms import draw_soft_hard, draw_templates
from hone.script import job
from hone.templates import read_histograms

with job(snakemake):
    path = selected(snakemake.input.selected, snakemake.input.histograms)
    name, outputs = snakemake.wildcards.observable, snakemake.output
    hard, edges = read_histograms(path, "hard")
    soft, _ = read_histograms(path, "soft")
    observed, _ = read_histograms(path, "observed")
    templates = draw_templates(
        snakemake.params.model,
        snakemake.wildcards.signal,
        hard,
        observed["data"].values,
        edges,
        name,
        snakemake.params.blind,
    )
    save(templates, [outputs.templates_png, outputs.templates_pdf])
    soft_hard = draw_soft_hard(soft, hard, edges, name)
    save(soft_hard, [outputs.soft_hard_png, outputs.soft_hard_pdf])
