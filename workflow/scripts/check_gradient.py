"""Compare the gradient of a training's objective with finite differences."""

import jax
import numpy as np

from hone.errors import InputError
from hone.events.load import load_set
from hone.observable import load_observable
from hone.results.selection import selected
from hone.running.files import read_json, write_json
from hone.running.script import job, setup_jax
from hone.statmodel.workspace import processes
from hone.training.gradient import check_gradient, in_double_precision
from hone.training.objectives import resolve_objective
from hone.training.settings import Settings
from hone.training.step import Problem, draw_batch

with job(snakemake) as provenance:
    setup_jax()
    params, choice = snakemake.params, snakemake.input.selected
    name = params.observable["objective"]
    trained, saved = load_observable(selected(choice, snakemake.input.models))
    training = load_set(
        params.events, "training", params.features, snakemake.input.surveys, params.sizes
    )
    settings = Settings.of(
        params.observable,
        staterror=params.model["staterror"],
        histograms=params.histograms,
        evaluation_events=params.sizes["evaluation"],
    )
    problem, data = Problem.of(
        settings,
        processes(params.model, snakemake.wildcards.signal),
        training,
        resolve_objective(name, params.level, params.own_objective.get("folder", "")),
        trained.bins,
    )
    batch = draw_batch(data, settings.batch, jax.random.key(params.seed))
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
            "precision": saved.get("precision", "float64"),
            **found,
            "reason": reason,
            "provenance": provenance,
        },
    )
