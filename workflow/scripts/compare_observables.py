"""Tabulate all signals, observables and seeds, and summarise them."""

from pathlib import Path

from hone.reporting.comparison_table import headline, latex, markdown, rst, summary
from hone.results.below_floor import below_floor
from hone.results.gains import compared, flatten
from hone.results.selection import selected_files
from hone.running.files import place_of, read_json, write_csv, write_text
from hone.running.script import job

with job(snakemake):
    rows = []
    for path in snakemake.input.limits:
        head = zip(("signal", "observable", "seed"), place_of(path), strict=True)
        rows.append(dict(head) | flatten(read_json(path)))
    floors = {Path(path).parent.name: read_json(path) for path in snakemake.input.floors}
    write_csv(snakemake.output.comparison, rows)
    table = compared(rows, snakemake.params.baseline, snakemake.params.fair)
    write_csv(snakemake.output.table, table)
    published = selected_files(snakemake.input.selected, snakemake.input.limits)
    observed = {place: read_json(path)["observed_limit"] for place, path in published.items()}
    poi, label = snakemake.params.poi, snakemake.params.label
    remarks = below_floor(rows, floors).values()
    for path, text in (
        (snakemake.output.markdown, markdown(table, floors, poi)),
        (snakemake.output.latex, latex(table, floors, poi)),
        (snakemake.output.headline, headline(table, floors, poi, observed, label, remarks)),
        (snakemake.output.first_page, rst(table, floors)),
        (snakemake.output.summary, summary(snakemake.params.name, rows, table, floors)),
    ):
        write_text(path, text)
