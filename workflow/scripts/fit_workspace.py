"""Fit the workspace of the selected seed by cabinetry."""

import logging

import pyhf

from hone.files import read_json, write_json
from hone.fit_results import fit_results
from hone.script import job
from hone.selection import selected

with job(snakemake) as provenance:
    spec = read_json(selected(snakemake.input.selected, snakemake.input.workspaces))
    content = fit_results(spec, snakemake.params.blind)
    for text in [*content["notes"], *(f"no {k}: {v}" for k, v in content["reasons"].items())]:
        logging.getLogger("hone").info(text)
    provenance["workspace"] = pyhf.utils.digest(spec)
    write_json(snakemake.output[0], {**content, "provenance": provenance})
