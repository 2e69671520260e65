"""Draw what the likelihood says: the CLs, profiles and contours, toys, and the fit."""

from hone.reporting.figures import save
from hone.reporting.figures.breakdown import draw_breakdown
from hone.reporting.figures.fits import draw_correlation, draw_impacts, draw_pulls
from hone.reporting.figures.likelihood import draw_contour, draw_profile, draw_toys
from hone.reporting.figures.limits import draw_cls_scan
from hone.reporting.figures.prediction import draw_prediction
from hone.results.selection import selected
from hone.running.files import read_json
from hone.running.script import job
from hone.statmodel.templates import read_histograms

with job(snakemake):
    inputs, title = snakemake.input, snakemake.params.title
    shown = title, snakemake.params.label
    limits = read_json(selected(inputs.selected, inputs.limits))
    likelihood, fit = read_json(inputs.likelihood), read_json(inputs.fit)
    _, edges = read_histograms(selected(inputs.selected, inputs.histograms), "hard")
    drawn = *shown, edges, snakemake.params.binned
    for kind, draw in {
        "cls_scan": lambda: draw_cls_scan(limits, *shown),
        "profile": lambda: draw_profile(likelihood, *shown),
        "contour": lambda: draw_contour(likelihood, *shown),
        "toys": lambda: draw_toys(likelihood, *shown),
        "prefit": lambda: draw_prediction(fit, "prefit", *drawn),
        "postfit": lambda: draw_prediction(fit, "postfit", *drawn),
        "pulls": lambda: draw_pulls(fit, title),
        "correlation": lambda: draw_correlation(fit, title),
        "impacts": lambda: draw_impacts(fit, title),
        "breakdown": lambda: draw_breakdown(fit, title),
    }.items():
        save(draw(), [snakemake.output[f"{kind}_png"], snakemake.output[f"{kind}_pdf"]])
