"""Draw the observables side by side."""

from hone.figures import save
from hone.figures.comparison import draw_comparison
from hone.files import read_csv, read_json
from hone.script import job

with job(snakemake):
    rows = read_csv(snakemake.input.comparison)
    mine = [row for row in rows if row["signal"] == snakemake.wildcards.signal]
    floor = read_json(snakemake.input.floor) if snakemake.input.floor else {}
    save(draw_comparison(mine, floor), snakemake.output)
