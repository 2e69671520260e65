"""Draw the limits of all hypotheses against their parameter, and in the plane of two."""

from hone.reporting.figures import save
from hone.reporting.figures.exclusion import draw_exclusion
from hone.reporting.figures.limits import draw_limits
from hone.results.selection import selected_files
from hone.running.files import read_json
from hone.running.script import job

KINDS = ("png", "pdf")

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    shown = snakemake.wildcards.observable, params.label
    found = selected_files(snakemake.input.selected, snakemake.input.limits)
    limits = [(params.points[signal], read_json(path)) for (signal, _), path in found.items()]
    if params.parameter:
        along = {point[params.parameter]: content for point, content in limits}
        figure = draw_limits(along, params.parameter, *shown)
        save(figure, [output[f"limits_{kind}"] for kind in KINDS])
    if params.plane:
        first, second = params.plane
        within = {(point[first], point[second]): content for point, content in limits}
        figure = draw_exclusion(within, (first, second), *shown)
        save(figure, [output[f"exclusion_{kind}"] for kind in KINDS])
