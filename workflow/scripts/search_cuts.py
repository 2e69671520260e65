"""Find the best combination of cuts on a grid."""

import jax
import numpy as np

from hone.events.load import load_set
from hone.observable import create_observable, save_observable
from hone.running.files import write_csv
from hone.running.script import job, setup_jax
from hone.statmodel.workspace import processes
from hone.training.cut_search import search_cuts
from hone.training.objectives import resolve_objective

with job(snakemake) as provenance:
    setup_jax(brief=True)
    params = snakemake.params
    samples = processes(params.model, snakemake.wildcards.signal)
    training = load_set(
        params.events, "training", params.features, snakemake.input.surveys, params.sizes
    )
    nominal = np.concatenate([training.features[sample.name] for sample in samples])
    found, objective = search_cuts(
        create_observable(params.observable, params.features, nominal, jax.random.key(0)),
        training,
        samples,
        params.model["staterror"],
        resolve_objective(
            params.observable["objective"], params.level, params.own_objective.get("folder", "")
        ),
        params.observable["points"],
    )
    row = {"step": 1, "validation_objective": objective, **found.summary(1.0)}
    write_csv(snakemake.output.histories[0], [row])
    save_observable(
        snakemake.output.models[0],
        found,
        params.observable,
        {**provenance, "validation_objective": objective},
    )
