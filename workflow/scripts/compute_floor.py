"""What no observable can beat, from the known densities."""

from hone.errors import FitError
from hone.files import write_json
from hone.floor import classifier_cls, figures_of_merit, fine_histograms
from hone.script import job, log, setup_jax
from hone.workspace import processes

with job(snakemake) as provenance:
    setup_jax(brief=True)
    config = snakemake.params.config
    samples, level = processes(config, snakemake.wildcards.signal), config["limits"]["level"]
    try:
        fine = fine_histograms(config, samples)
        content = {
            **figures_of_merit(samples, fine, level),
            "classifier_expected_cls": {
                str(bins): classifier_cls(samples, fine, bins, level)
                for bins in snakemake.params.bins
            },
        }
    except FitError as error:
        log.warning("no floor: %s", error)
        content = {"expected_cls": None, "reason": str(error)}
    write_json(snakemake.output[0], {**content, "provenance": provenance})
