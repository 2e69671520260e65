"""Draw CLs against the signal strength."""

from hone.reporting.figures import save
from hone.reporting.figures.limits import draw_cls_scan
from hone.results.selection import selected
from hone.running.files import read_json
from hone.running.script import job

with job(snakemake):
    limits = read_json(selected(snakemake.input.selected, snakemake.input.limits))
    params = snakemake.params
    save(draw_cls_scan(limits, params.title, params.label), snakemake.output)
