"""Compute the floor from the known densities."""

from hone.analysis import Analysis
from hone.errors import FitError
from hone.results.floor import classifier_cls, figures_of_merit, fine_histograms
from hone.running.files import write_json
from hone.running.script import job, log, setup_jax
from hone.statmodel.workspace import processes

with job(snakemake) as provenance:
    setup_jax(brief=True)
    analysis = Analysis.model_validate(snakemake.params.analysis)
    level = analysis.limits.level

    def floor_with(systematics):
        """Figures of merit with these systematics, or the reason why there are none."""
        chosen = analysis.model_copy(update={"systematics": systematics})
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
    content = floor_with(analysis.systematics)
    for name, names in snakemake.params.subsets.items():
        known = next((n for n in own if snakemake.params.subsets[n] == names), None)
        chosen = [s for s in analysis.systematics if s.name in names]
        own[name] = own[known] if known else floor_with(chosen)
    write_json(snakemake.output[0], {**content, "of_observables": own, "provenance": provenance})
