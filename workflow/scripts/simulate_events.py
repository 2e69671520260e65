"""Generate the three sets of events of one sample or variation."""

from pathlib import Path

from hone.analysis import Analysis
from hone.events import generate, write_events
from hone.running.script import job

with job(snakemake) as provenance:
    analysis = Analysis.model_validate(snakemake.params.analysis)
    template = analysis.template(snakemake.wildcards.template)
    for path in map(Path, snakemake.output):
        variables, weights = generate(analysis, template, path.parent.name)
        write_events(path, variables, weights, {**provenance, "set": path.parent.name})
