"""Draw CLs against the signal strength."""

from hone.figures import save
from hone.figures.limits import draw_cls_scan
from hone.files import read_json
from hone.script import job
from hone.selection import selected

with job(snakemake):
    limits = read_json(selected(snakemake.input.selected, snakemake.input.limits))
    save(draw_cls_scan(limits, snakemake.params.title), snakemake.output)
