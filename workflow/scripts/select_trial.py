"""Select the trial with the best validation objective, whose settings are trained."""

from hone.results.seed_choice import choose_trial, table_of_trials
from hone.running.files import write_csv, write_json
from hone.running.script import job

with job(snakemake) as provenance:
    chosen = choose_trial(snakemake.input.histories, snakemake.params.trials)
    write_csv(snakemake.output.table, table_of_trials(chosen))
    write_json(snakemake.output.tuned, {**chosen, "provenance": provenance})
