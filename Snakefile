"""Read and check the configuration, include the rules, name the final targets."""

from snakemake.utils import min_version

min_version("9.20")


# A config file describes a whole analysis. Snakemake would merge it into a default config file,
# whose settings would survive.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/events.smk"
include: "workflow/rules/observable.smk"
include: "workflow/rules/histograms.smk"
include: "workflow/rules/workspace.smk"
include: "workflow/rules/limits.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/likelihood.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/comparisons.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/publish.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/run.smk"


# Smaller targets: `check_inputs`, `limits` (draws nothing), `results` (no report); and `publish`,
# `export` (ONNX), `score` (friend trees).
rule all:
    default_target: True
    input:
        lambda _: FILES.missing(),
        "<results>/config.yaml",
        "<results>/report.html",
        "<results>/README.md",
        ["<results>/mlflow"] if ANALYSIS.tracking == "mlflow" else [],
