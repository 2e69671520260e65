"""Simulate dimuon events, and write them as an ntuple."""

from hone.analysis import Analysis
from hone.events.dimuons import detect, simulate
from hone.events.generate import seed_of
from hone.events.rootfiles import write_ntuple
from hone.running.script import job

with job(snakemake) as provenance:
    analysis = Analysis.model_validate(snakemake.params.analysis)
    template = analysis.template(snakemake.wildcards.template)
    sample, variation = analysis.sample(template.sample), analysis.variation(template)
    # Variations have the same generated events, with another detector response.
    collisions = seed_of(analysis.seed, "dimuons", sample.name) % 900_000_000 + 1
    muons = simulate(sample.dimuons, collisions)
    events = detect(*muons, collisions, **(variation.muons() if variation else {}))
    write_ntuple(snakemake.output[0], events, provenance)
