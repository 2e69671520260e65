"""Scan the likelihood of the selected seed: best fits, profile, contours, toys."""

from hone.errors import InputError, ModelError
from hone.likelihood.histfactory import from_pyhf
from hone.results.best_fit import stored
from hone.results.likelihood_scan import likelihood_of
from hone.results.selection import selected
from hone.results.toy_tests import toy_test_or_reason
from hone.running.files import read_json, write_json
from hone.running.same_workspace import refuse_foreign, workspace_digest
from hone.running.script import job, setup_jax
from hone.statmodel.workspace import read_workspace

with job(snakemake) as provenance:
    setup_jax()
    params, choice = snakemake.params, snakemake.input.selected
    path = selected(choice, snakemake.input.workspaces)
    limits_path = selected(choice, snakemake.input.limits)
    refuse_foreign(path, limits_path)
    limits = read_json(limits_path)
    pyhf_model, data = read_workspace(path)
    try:
        model = from_pyhf(pyhf_model)
    except ModelError as error:
        raise InputError(f"{path}: {error}") from error
    observed = None if params.blind else data
    reasons = {}
    fits, profile, contour = likelihood_of(model, observed, reasons, params.beside)
    median = limits["expected_limits"][2]
    toys = toy_test_or_reason(
        model,
        1.0 if median is None else median,
        observed,
        params.toys,
        params.seed,
        reasons,
    )
    write_json(
        snakemake.output[0],
        {
            "seed": read_json(choice)["seed"],
            "poi": model.config.poi_name,
            "best_fit": {name: stored(fit) for name, fit in fits.items()},
            "profile": profile,
            "contour": contour,
            "toys": None if toys is None else {**toys, "at_limit": median is not None},
            "reasons": reasons,
            "provenance": {**provenance, "workspace": workspace_digest(path)},
        },
    )
