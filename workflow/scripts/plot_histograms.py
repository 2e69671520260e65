"""Draw the histograms of the fit, soft against hard ones, and the effects of systematics."""

from hone.analysis import Analysis
from hone.reporting.figures import save
from hone.reporting.figures.histograms import draw_soft_hard, draw_templates
from hone.reporting.figures.pages import save_pages
from hone.reporting.figures.systematics import draw_systematics, variations
from hone.results.selection import selected
from hone.running.script import job
from hone.statmodel.channels import channel_sizes
from hone.statmodel.postprocessing import postprocess
from hone.statmodel.templates import read_histograms
from hone.statmodel.workspace import processes

with job(snakemake):
    params, wildcards = snakemake.params, snakemake.wildcards
    path = selected(snakemake.input.selected, snakemake.input.histograms)
    name, outputs = snakemake.params.title, snakemake.output
    hard, edges = read_histograms(path, "hard")
    soft, _ = read_histograms(path, "soft")
    observed, _ = read_histograms(path, "observed")
    analysis = Analysis.model_validate(params.analysis)
    samples = processes(analysis, wildcards.signal)
    channels = channel_sizes(edges, analysis.channels)
    templates = draw_templates(
        samples,
        hard,
        observed["data"].values,
        edges,
        channels,
        name,
        params.blind,
        params.label,
        params.binned,
    )
    save(templates, [outputs.templates_png, outputs.templates_pdf])
    soft_hard = draw_soft_hard(soft, hard, edges, name, params.binned)
    save(soft_hard, [outputs.soft_hard_png, outputs.soft_hard_pdf])
    # As in the workspace.
    filled = soft if analysis.workspace.histograms == "soft" else hard
    _, fitted, effects = postprocess(
        samples, filled, channels, analysis.smoothed, analysis.workspace.pruning
    )
    shown = variations(samples, filled, fitted, effects, channels)
    pages = draw_systematics(
        shown, {s.name: fitted[s.name] for s in samples}, edges, name, params.binned
    )
    save_pages(pages, outputs.systematics_png, outputs.systematics_pdf)
