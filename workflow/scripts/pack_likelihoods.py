"""Put the workspaces of the selected seeds, and patchsets, into one archive."""

from pathlib import Path

from hone.publication.archive import write_tar
from hone.publication.likelihoods import likelihood_files
from hone.script import job
from hone.selection import selected_files

with job(snakemake):
    inputs = snakemake.input
    pairs = zip(map(Path, inputs.backgrounds), map(Path, inputs.patchsets), strict=True)
    content = likelihood_files(
        snakemake.params.analysis,
        selected_files(inputs.selected, inputs.workspaces),
        {background.parent.name: (background, patchset) for background, patchset in pairs},
        snakemake.params.observed,
    )
    write_tar(snakemake.output[0], content)
