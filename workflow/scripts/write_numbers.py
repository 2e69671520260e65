"""Write the numbers of the selected seeds as LaTeX macros."""

from hone.reporting.publication.latex import number_macros
from hone.reporting.publication.selected import selected_results
from hone.running.files import read_json, write_text
from hone.running.provenance import digest
from hone.running.script import job

with job(snakemake):
    params = snakemake.params
    inputs = snakemake.input
    _, found = selected_results(inputs.selected, inputs.workspaces, inputs.limits)
    limits = {place: read_json(path) for place, path in found.items()}
    text = number_macros(limits, snakemake.params.name, digest(params.config), params.observed)
    write_text(snakemake.output[0], text)
