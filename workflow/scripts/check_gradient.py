"""Compare the gradient of the training objective with finite differences."""

import jax
import numpy as np

from hone.analysis import Analysis
from hone.errors import InputError
from hone.events.streamed_sets import training_set
from hone.observable import load_observable
from hone.results.scored_regions import with_scored_regions
from hone.results.selection import selected
from hone.running.files import read_json, write_json
from hone.running.script import job, setup_jax
from hone.statmodel.workspace import processes
from hone.training.gradient import check_gradient, in_double_precision
from hone.training.objectives import resolve_objective
from hone.training.settings import Settings
from hone.training.step import Problem
from hone.training.streaming import draw

with job(snakemake) as provenance:
    setup_jax(brief=True)
    params, choice = snakemake.params, snakemake.input.selected
    analysis = with_scored_regions(
        Analysis.model_validate(params.analysis), snakemake.input.regions
    )
    # The model's own settings: some may have been searched.
    trained, saved = load_observable(selected(choice, snakemake.input.models))
    name = saved.objective
    training = training_set(analysis, params.files, snakemake.input.surveys, 1, saved.streamed)
    settings = Settings.of(analysis, saved)
    problem, data = Problem.of(
        settings,
        processes(analysis, snakemake.wildcards.signal),
        training,
        resolve_objective(
            name,
            analysis.limits.level,
            params.own_objective.get("folder", ""),
            analysis.measured,
        ),
        trained.bins,
    )
    batch = draw(data, settings.batch, jax.random.key(params.seed))
    found, reason = {}, None
    try:
        found = check_gradient(
            problem, in_double_precision(trained, saved), batch, np.random.default_rng(params.seed)
        )
    except InputError as error:
        reason = str(error)
    write_json(
        snakemake.output[0],
        {
            "seed": read_json(choice)["seed"],
            "objective_name": name,
            "precision": getattr(saved, "precision", "float64"),
            **found,
            "reason": reason,
            "provenance": provenance,
        },
    )
