"""Turn histograms into a pyhf workspace, and write down what every systematic does in it."""

from hone.files import write_csv, write_json
from hone.postprocessing import Effect, effects, pruned, smooth
from hone.regions import ONE_REGION
from hone.script import job, log
from hone.templates import read_histograms
from hone.workspace import build_workspace, processes

with job(snakemake):
    path, params = snakemake.input.histograms, snakemake.params
    histograms, edges = read_histograms(path, params.histograms)
    observed, _ = read_histograms(path, "observed")
    names = [region["name"] for region in params.model["regions"]]
    alone = names[0] if names else ONE_REGION[0].name
    channels = {name or alone: len(e) - 1 for name, e in edges.items()}
    samples = processes(params.model, snakemake.wildcards.signal)
    if params.smoothed:
        histograms = smooth(samples, histograms, params.smoothed, channels)
    rows = effects(samples, histograms, channels, params.smoothed, params.pruning)
    left_out = pruned(rows)
    for region, sample, systematic, _ in sorted(left_out):
        log.info("pruned: %s of %s in %s", systematic, sample, region)
    # pyhf's schema has no room for provenance: it stands in the histograms and in limits.json.
    write_json(
        snakemake.output.workspace,
        build_workspace(
            samples,
            histograms,
            observed["data"].values,
            params.model["staterror"],
            channels,
            left_out,
        ),
    )
    write_csv(snakemake.output.systematics, [row._asdict() for row in rows], Effect._fields)
