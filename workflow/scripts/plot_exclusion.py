"""Draw what is excluded in the plane of two parameters of the hypotheses."""

from pathlib import Path

from hone.figures import save
from hone.figures.exclusion import draw_exclusion
from hone.files import read_json
from hone.script import job
from hone.selection import selected

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
