"""Draw the observables side by side, and their gains over the baseline."""

from hone.reporting.figures import save
from hone.reporting.figures.comparison import draw_comparison, draw_gain
from hone.running.files import read_csv, read_json
from hone.running.script import job

with job(snakemake):
    output, signal = snakemake.output, snakemake.wildcards.signal
    rows, table = (
        [row for row in read_csv(path) if row["signal"] == signal]
        for path in (snakemake.input.comparison, snakemake.input.table)
    )
    floor = read_json(snakemake.input.floor) if snakemake.input.floor else {}
    save(draw_comparison(rows, floor), [output.comparison_png, output.comparison_pdf])
    if snakemake.params.gain:
        save(draw_gain(table), [output.gain_png, output.gain_pdf])
