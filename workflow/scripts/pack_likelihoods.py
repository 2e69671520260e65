"""Put the workspaces of the selected seeds, and patchsets, into one archive."""

from pathlib import Path

from hone.reporting.publication.archive import write_tar
from hone.reporting.publication.likelihoods import likelihood_files
from hone.reporting.publication.selected import selected_results
from hone.running.script import job

with job(snakemake):
    inputs = snakemake.input
    workspaces, _ = selected_results(inputs.selected, inputs.workspaces, inputs.limits)
    pairs = zip(map(Path, inputs.backgrounds), map(Path, inputs.patchsets), strict=True)
    content = likelihood_files(
        snakemake.params.name,
        workspaces,
        {background.parent.name: (background, patchset) for background, patchset in pairs},
        snakemake.params.observed,
    )
    write_tar(snakemake.output[0], content)
