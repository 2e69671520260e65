"""Compute the floor from the known densities."""

from hone.analysis import Analysis
from hone.results.floor import floors
from hone.running.files import write_json
from hone.running.script import job, setup_jax

with job(snakemake) as provenance:
    setup_jax(brief=True)
    params, signal = snakemake.params, snakemake.wildcards.signal
    analysis = Analysis.model_validate(params.analysis)
    found = floors(analysis, signal, params.bins, params.subsets)
    write_json(snakemake.output[0], {**found, "provenance": provenance})
