"""Draw exclusion contours in the plane of two parameters of the hypotheses."""

from hone.reporting.figures import save
from hone.reporting.figures.exclusion import draw_exclusion
from hone.results.selection import selected_files
from hone.running.files import read_json
from hone.running.script import job

with job(snakemake):
    params = snakemake.params
    first, second = params.plane
    limits = {}
    found = selected_files(snakemake.input.selected, snakemake.input.limits)
    for (signal, _), path in found.items():
        values = params.values[signal]
        limits[values[first], values[second]] = read_json(path)
    figure = draw_exclusion(limits, (first, second), snakemake.wildcards.observable, params.label)
    save(figure, snakemake.output)
