"""Draw the observables side by side, and their gains over the baseline."""

from hone.reporting.figures import save
from hone.reporting.figures.comparison import draw_comparison, draw_gain
from hone.reporting.figures.limits import draw_limit_summary
from hone.results.selection import selected_files
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
    found = selected_files(snakemake.input.selected, snakemake.input.limits)
    limits = {observable: read_json(path) for (_, observable), path in found.items()}
    summary = draw_limit_summary(limits, floor, snakemake.params.label)
    save(summary, [output.limit_summary_png, output.limit_summary_pdf])
    if snakemake.params.gain:
        save(draw_gain(table), [output.gain_png, output.gain_pdf])
