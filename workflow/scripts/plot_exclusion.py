"""Draw what is excluded in the plane of two parameters of the hypotheses."""

from pathlib import Path

from hone.reporting.figures import save
from hone.reporting.figures.exclusion import draw_exclusion
from hone.results.selection import selected
from hone.running.files import read_json
from hone.running.script import job

with job(snakemake):
    params = snakemake.params
    first, second = params.plane
    limits = {}
    for choice in snakemake.input.selected:
        values = params.values[Path(choice).parts[-3]]
        mine = [p for p in snakemake.input.limits if Path(p).parts[:-2] == Path(choice).parts[:-1]]
        limits[values[first], values[second]] = read_json(selected(choice, mine))
    figure = draw_exclusion(limits, (first, second), snakemake.wildcards.observable)
    save(figure, snakemake.output)
