"""Tabulate the inputs, and fail if they cannot be used."""

from pathlib import Path

from hone.analysis import Analysis
from hone.analysis.region_observables import Seen
from hone.events.check import check_inputs
from hone.events.first_look import about_data, format_table, notes, yields_table
from hone.running.files import read_json, write_csv, write_text
from hone.running.script import job, log

with job(snakemake):
    params = snakemake.params
    surveys = {Path(path).stem: read_json(path) for path in snakemake.input.surveys}
    for path in snakemake.input.weights:
        for region, templates in read_json(path)["regions"].items():
            surveys[Path(path).stem]["regions"][region] |= templates
    analysis = Analysis.model_validate(params.analysis)
    observables = {name: Seen(*of_it) for name, of_it in params.observables.items()}
    rows = yields_table(surveys, analysis.systematics)
    remarks = notes(surveys, observables)
    table = format_table(rows) + "".join(f"\n! {text}\n" for text in remarks)
    table += about_data(analysis)
    log.info("inputs:\n%s", table)
    one_fit = bool(analysis.measure)
    check_inputs(
        surveys, analysis.samples, analysis.systematics, analysis.channels, observables, one_fit
    )
    write_csv(snakemake.output.csv, rows)
    write_text(snakemake.output.txt, table)
