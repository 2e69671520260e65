"""Compute limits of a workspace, and check them with pyhf."""

from pathlib import Path

import numpy as np
import pyhf

from hone.analysis import Analysis
from hone.errors import InputError, ModelError
from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.results.bootstrap import nominal_without_staterror
from hone.results.certify import certify
from hone.results.limits import compute_limits, scan_cls, scan_range
from hone.results.replicas import normalisations
from hone.running.files import read_json, write_json
from hone.running.script import job, setup_jax
from hone.statmodel.channels import channel_sizes
from hone.statmodel.postprocessing import postprocess
from hone.statmodel.templates import read_histograms, read_subsamples
from hone.statmodel.workspace import build_workspace, processes, read_workspace

with job(snakemake) as provenance:
    setup_jax(brief=True)
    path, params = snakemake.input.workspace, snakemake.params
    analysis = Analysis.model_validate(params.analysis)
    level = analysis.limits.level
    oracle, observed = read_workspace(path)
    templates, edges = read_histograms(snakemake.input.histograms, analysis.workspace.histograms)
    spec, channels = read_json(path), channel_sizes(edges, analysis.channels)
    unpruned = processes(analysis, snakemake.wildcards.signal)
    samples, templates, _ = postprocess(
        unpruned,
        templates,
        channels,
        analysis.smoothed,
        analysis.workspace.pruning,
    )
    data = read_histograms(snakemake.input.histograms, "observed")[0]["data"].values
    if spec != build_workspace(samples, templates, data, analysis.workspace.staterror, channels):
        raise InputError(
            f"{path} is not what {snakemake.input.histograms} gives: one of them was changed or "
            "exchanged; remove both, and run Snakemake again"
        )
    try:
        model = from_pyhf(oracle)
    except ModelError as error:
        raise InputError(f"{path}: {error}") from error
    limits = compute_limits(
        model, observed, level, params.blind, analysis.measured, analysis.bounds_setting
    )
    nominal = np.asarray(infer.nominal_asimov(model, 0.0))
    check = certify(model, oracle, nominal, observed, limits, level)
    surveys = {Path(name).stem: read_json(name) for name in snakemake.input.surveys}
    bare = nominal_without_staterror(
        spec,
        samples,
        templates,
        level,
        params.event_sets,
        normalisations(analysis, surveys),
        unpruned,
        read_subsamples(snakemake.input.histograms, analysis.workspace.histograms),
    )
    write_json(
        snakemake.output[0],
        {
            **limits,
            "without_staterror": bare,
            "pyhf_check": check,
            "scan": scan_cls(model, observed, scan_range(model, limits), blind=params.blind),
            "provenance": {**provenance, "workspace": pyhf.utils.digest(spec)},
        },
    )
