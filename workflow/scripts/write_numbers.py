"""Write the numbers of the selected seeds as macros of LaTeX."""

from hone.files import read_json, replacing
from hone.provenance import digest
from hone.publication.latex import number_macros
from hone.script import job
from hone.selection import selected_files

with job(snakemake):
    params = snakemake.params
    found = selected_files(snakemake.input.selected, snakemake.input.limits)
    limits = {place: read_json(path) for place, path in found.items()}
    text = number_macros(limits, snakemake.params.analysis, digest(params.config), params.observed)
    with replacing(snakemake.output[0]) as partial:
        partial.write_text(text)
