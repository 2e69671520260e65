"""One table of all signals, observables and seeds, and its summary."""

from pathlib import Path

from hone.files import read_json, replacing, write_csv
from hone.script import job
from hone.tables import flatten, summary

with job(snakemake):
    rows = []
    for path in map(Path, snakemake.input.limits):
        signal, observable, seed = path.parts[-4:-1]
        head = {"signal": signal, "observable": observable, "seed": int(seed.removeprefix("seed"))}
        rows.append(head | flatten(read_json(path)))
    floors = {Path(path).parent.name: read_json(path) for path in snakemake.input.floors}
    write_csv(snakemake.output.comparison, rows)
    with replacing(snakemake.output.summary) as partial:
        partial.write_text(summary(snakemake.wildcards.analysis, rows, floors))
