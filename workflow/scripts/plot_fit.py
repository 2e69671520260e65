"""Draw the fit of a workspace: predictions before and after it, pulls, impacts, and so on."""

from hone.reporting.figures import save
from hone.reporting.figures.fits import draw_breakdown, draw_correlation, draw_impacts, draw_pulls
from hone.reporting.figures.prediction import draw_prediction
from hone.running.files import read_json
from hone.running.script import job

with job(snakemake):
    content, name = read_json(snakemake.input[0]), snakemake.params.title
    label = snakemake.params.label
    for kind, figure in {
        "prefit": draw_prediction(content, "prefit", name, label),
        "postfit": draw_prediction(content, "postfit", name, label),
        "pulls": draw_pulls(content, name),
        "correlation": draw_correlation(content, name),
        "impacts": draw_impacts(content, name),
        "breakdown": draw_breakdown(content, name),
    }.items():
        save(figure, [snakemake.output[f"{kind}_png"], snakemake.output[f"{kind}_pdf"]])
