"""Read the weights of all events of a source once: how many there are, and what they add up to."""

from hone.files import write_json
from hone.inputs import count_events, sources
from hone.script import job

with job(snakemake) as provenance:
    params, name = snakemake.params, snakemake.wildcards.template
    (source,) = sources(params.inputs, [name], {name: snakemake.input})
    write_json(snakemake.output[0], {**count_events(source), "provenance": provenance})
