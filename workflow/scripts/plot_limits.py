"""Draw the limits of all hypotheses against their parameter."""

from pathlib import Path

from hone.reporting.figures import save
from hone.reporting.figures.limits import draw_limits
from hone.results.selection import selected
from hone.running.files import read_json
from hone.running.script import job

with job(snakemake):
    params = snakemake.params
    limits = {}
    for choice in snakemake.input.selected:
        signal = Path(choice).parts[-3]
        mine = [p for p in snakemake.input.limits if Path(p).parts[-4] == signal]
        limits[params.values[signal]] = read_json(selected(choice, mine))
    save(draw_limits(limits, params.parameter, snakemake.wildcards.observable), snakemake.output)
