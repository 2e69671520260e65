"""Select the seed with the best validation objective, which is published."""

from hone.results.seed_choice import choose_seed
from hone.running.files import write_json
from hone.running.script import job

with job(snakemake) as provenance:
    chosen = choose_seed(snakemake.input.histories)
    write_json(snakemake.output[0], {**chosen, "provenance": provenance})
