"""Best fit of the selected seed's workspace: pulls, impacts, breakdown, yields."""

import logging

import pyhf

from hone.results.fit_results import fit_results
from hone.results.selection import selected
from hone.running.files import read_json, write_json
from hone.running.script import job, setup_jax

with job(snakemake) as provenance:
    setup_jax()
    spec = read_json(selected(snakemake.input.selected, snakemake.input.workspaces))
    known = read_json(snakemake.input.likelihood)["best_fit"].get("observed")
    params = snakemake.params
    content = fit_results(
        spec, params.blind, known, params.groups, params.toys, params.seed, params.level
    )
    for text in [*content["notes"], *(f"no {k}: {v}" for k, v in content["reasons"].items())]:
        logging.getLogger("hone").info(text)
    provenance["workspace"] = pyhf.utils.digest(spec)
    write_json(snakemake.output[0], {**content, "provenance": provenance})
