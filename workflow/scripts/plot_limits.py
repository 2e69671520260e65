"""Draw the limits of all hypotheses against their parameter."""

from pathlib import Path

from hone.figures import save
from hone.figures.limits import draw_limits
from hone.files import read_json
from hone.script import job
from hone.selection import selected

with job(snakemake):
    params = snakemake.params
    limits = {}
    for choice in snakemake.input.selected:
        signal = Path(choice).parts[-3]
        mine = [p for p in snakemake.input.limits if Path(p).parts[-4] == signal]
        limits[params.values[signal]] = read_json(selected(choice, mine))
    save(draw_limits(limits, params.parameter, snakemake.wildcards.observable), snakemake.output)
