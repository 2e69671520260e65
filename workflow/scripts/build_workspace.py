"""Turn histograms into a pyhf workspace, and tabulate the effects of the systematics."""

from hone.analysis import Analysis
from hone.running.files import write_csv, write_json
from hone.running.script import job, log
from hone.statmodel.channels import channel_sizes
from hone.statmodel.postprocessing import Effect, postprocess
from hone.statmodel.templates import read_histograms
from hone.statmodel.workspace import build_workspace, processes

with job(snakemake):
    path = snakemake.input.histograms
    analysis = Analysis.model_validate(snakemake.params.analysis)
    raw, edges = read_histograms(path, analysis.workspace.histograms)
    observed, _ = read_histograms(path, "observed")
    channels = channel_sizes(edges, analysis.channels)
    samples, histograms, rows = postprocess(
        processes(analysis, snakemake.wildcards.signal),
        raw,
        channels,
        analysis.smoothed,
        analysis.workspace.pruning,
    )
    for row in rows:
        if row.pruned != "no":
            what = row.systematic if row.pruned == "all" else f"{row.pruned} of {row.systematic}"
            log.info("pruned: %s of %s in %s", what, row.sample, row.region)
    # pyhf's schema allows no provenance: it is in histograms.root and in limits.json.
    write_json(
        snakemake.output.workspace,
        build_workspace(
            samples, histograms, observed["data"].values, analysis.workspace.staterror, channels
        ),
    )
    write_csv(snakemake.output.systematics, [row._asdict() for row in rows], Effect._fields)
