"""Write the numbers of the selected seeds as macros of LaTeX."""

from hone.reporting.publication.latex import number_macros
from hone.results.selection import selected_files
from hone.running.files import read_json, replacing
from hone.running.provenance import digest
from hone.running.same_workspace import refuse_foreign
from hone.running.script import job

with job(snakemake):
    params = snakemake.params
    found, workspaces = (
        selected_files(snakemake.input.selected, paths)
        for paths in (snakemake.input.limits, snakemake.input.workspaces)
    )
    for place, path in found.items():
        refuse_foreign(workspaces[place], path)
    limits = {place: read_json(path) for place, path in found.items()}
    text = number_macros(limits, snakemake.params.name, digest(params.config), params.observed)
    with replacing(snakemake.output[0]) as partial:
        partial.write_text(text)
