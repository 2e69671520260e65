"""Write the numbers of the selected seeds as LaTeX macros, and their yields as tables."""

from pathlib import Path

from hone.reporting.publication.latex import number_macros, yields_tables
from hone.reporting.publication.selected import selected_results
from hone.running.files import read_json, write_text
from hone.running.provenance import digest
from hone.running.script import job

with job(snakemake):
    params = snakemake.params
    inputs, output = snakemake.input, snakemake.output
    _, found = selected_results(inputs.selected, inputs.workspaces, inputs.limits)
    limits = {place: read_json(path) for place, path in found.items()}
    text = number_macros(limits, snakemake.params.name, digest(params.config), params.observed)
    write_text(output.numbers, text)
    fits = {Path(path).parts[-3:-1]: read_json(path) for path in inputs.fits}
    write_text(output.yields, yields_tables(fits, params.observed))
