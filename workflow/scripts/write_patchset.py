"""Write all hypotheses of an observable as patches on one background-only workspace."""

from pathlib import Path

from hone.results.selection import selected
from hone.running.files import read_json, write_json
from hone.running.same_workspace import refuse_foreign
from hone.running.script import job
from hone.statmodel.patchset import make_patchset

with job(snakemake):
    params = snakemake.params
    workspaces = {}
    for choice in snakemake.input.selected:
        signal = Path(choice).parts[-3]
        path, limits = (
            selected(choice, [p for p in paths if Path(p).parts[-4] == signal])
            for paths in (snakemake.input.workspaces, snakemake.input.limits)
        )
        refuse_foreign(path, limits)
        workspaces[signal] = read_json(path)
    background, patchset = make_patchset(
        workspaces,
        params.parameters,
        f"signals of the analysis {snakemake.params.analysis}, "
        f"observable {snakemake.wildcards.observable}",
    )
    write_json(snakemake.output.background, background)
    write_json(snakemake.output.patchset, patchset)
