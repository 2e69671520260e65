"""Compute the floor from the known densities."""

from hone.errors import FitError
from hone.results.floor import classifier_cls, figures_of_merit, fine_histograms
from hone.running.files import write_json
from hone.running.script import job, log, setup_jax
from hone.statmodel.workspace import processes

with job(snakemake) as provenance:
    setup_jax(brief=True)
    config, level = snakemake.params.config, snakemake.params.config["limits"]["level"]

    def floor_with(systematics):
        """Figures of merit with these systematics, or the reason why there are none."""
        chosen = {**config, "systematics": systematics}
        samples = processes(chosen, snakemake.wildcards.signal)
        try:
            fine = fine_histograms(chosen, samples)
            return {
                **figures_of_merit(samples, fine, level),
                "classifier_expected_cls": {
                    str(bins): classifier_cls(samples, fine, bins, level)
                    for bins in snakemake.params.bins
                },
            }
        except FitError as error:
            log.warning("no floor: %s", error)
            return {"expected_cls": None, "reason": str(error)}

    # Observables with a subset of the systematics have floors of their own.
    own = {}
    for name, chosen in snakemake.params.subsets.items():
        known = next((n for n in own if snakemake.params.subsets[n] == chosen), None)
        own[name] = own[known] if known else floor_with(chosen)
    content = floor_with(config["systematics"])
    write_json(snakemake.output[0], {**content, "of_observables": own, "provenance": provenance})
