"""Draw the limits of all hypotheses against their parameter."""

from hone.reporting.figures import save
from hone.reporting.figures.limits import draw_limits
from hone.results.selection import selected_files
from hone.running.files import read_json
from hone.running.script import job

with job(snakemake):
    params = snakemake.params
    found = selected_files(snakemake.input.selected, snakemake.input.limits)
    limits = {params.values[signal]: read_json(path) for (signal, _), path in found.items()}
    observable = snakemake.wildcards.observable
    save(draw_limits(limits, params.parameter, observable, params.label), snakemake.output)
