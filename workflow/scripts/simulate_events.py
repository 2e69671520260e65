"""Generate the three sets of events of one sample or variation."""

from pathlib import Path

from hone.events import generate, write_events
from hone.running.script import job

with job(snakemake) as provenance:
    for path in map(Path, snakemake.output):
        variables, weights = generate(
            snakemake.params.config, snakemake.wildcards.template, path.parent.name
        )
        write_events(path, variables, weights, {**provenance, "set": path.parent.name})
