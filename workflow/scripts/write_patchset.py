"""Write all hypotheses of an observable as a patchset on one background-only workspace."""

from hone.reporting.publication.selected import selected_results
from hone.running.files import read_json, write_json
from hone.running.script import job
from hone.statmodel.patchset import make_patchset

with job(snakemake):
    params, inputs = snakemake.params, snakemake.input
    workspaces, _ = selected_results(inputs.selected, inputs.workspaces, inputs.limits)
    background, patchset = make_patchset(
        {signal: read_json(path) for (signal, _), path in workspaces.items()},
        params.parameters,
        f"signals of the analysis {params.name}, observable {snakemake.wildcards.observable}",
    )
    write_json(snakemake.output.background, background)
    write_json(snakemake.output.patchset, patchset)
