"""Draw the expected CLs against a setting of the observables."""

from hone.reporting.figures import save
from hone.reporting.figures.study import draw_study
from hone.running.files import read_csv, read_json
from hone.running.script import job

with job(snakemake):
    rows = read_csv(snakemake.input.comparison)
    mine = [row for row in rows if row["signal"] == snakemake.wildcards.signal]
    params = snakemake.params
    floor = read_json(snakemake.input.floor) if snakemake.input.floor else {}
    save(draw_study(mine, params.study, params.observables, floor), snakemake.output)
