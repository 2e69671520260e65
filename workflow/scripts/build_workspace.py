"""Turn histograms into a pyhf workspace."""

from hone.files import write_json
from hone.regions import ONE_REGION
from hone.script import job
from hone.templates import read_histograms
from hone.workspace import build_workspace, processes

with job(snakemake):
    path = snakemake.input.histograms
    histograms, edges = read_histograms(path, snakemake.params.histograms)
    observed, _ = read_histograms(path, "observed")
    names = [region["name"] for region in snakemake.params.model["regions"]]
    alone = names[0] if names else ONE_REGION[0].name
    # pyhf's schema has no room for provenance: it stands in the histograms and in limits.json.
    write_json(
        snakemake.output[0],
        build_workspace(
            processes(snakemake.params.model, snakemake.wildcards.signal),
            histograms,
            observed["data"].values,
            snakemake.params.model["staterror"],
            {name or alone: len(e) - 1 for name, e in edges.items()},
        ),
    )
