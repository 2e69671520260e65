"""Put the workspaces of the selected seeds, and patchsets, into one archive."""

from pathlib import Path

from hone.reporting.publication.archive import write_tar
from hone.reporting.publication.likelihoods import likelihood_files
from hone.results.selection import selected_files
from hone.running.same_workspace import refuse_foreign
from hone.running.script import job

with job(snakemake):
    inputs = snakemake.input
    workspaces, limits = (
        selected_files(inputs.selected, paths) for paths in (inputs.workspaces, inputs.limits)
    )
    for place, path in workspaces.items():
        refuse_foreign(path, limits[place])
    pairs = zip(map(Path, inputs.backgrounds), map(Path, inputs.patchsets), strict=True)
    content = likelihood_files(
        snakemake.params.name,
        workspaces,
        {background.parent.name: (background, patchset) for background, patchset in pairs},
        snakemake.params.observed,
    )
    write_tar(snakemake.output[0], content)
