"""Simulate dimuon events, and write them as an ntuple."""

from hone.events.dimuons import detect, simulate
from hone.events.generate import seed_of
from hone.events.rootfiles import write_ntuple
from hone.running.script import job

with job(snakemake) as provenance:
    params = snakemake.params
    # Variations have the same generated events, with another detector response.
    collisions = seed_of(params.seed, "dimuons", params.sample) % 900_000_000 + 1
    momenta = simulate(params.dimuons, collisions)
    events = detect(momenta, collisions, **params.variation)
    write_ntuple(snakemake.output[0], events, provenance)
