"""Find the best combination of cuts on a grid."""

import jax

from hone.analysis import Analysis
from hone.events.load import load_set
from hone.observable import create_observable, save_observable
from hone.results.scored_regions import with_scored_regions
from hone.running.files import write_csv
from hone.running.script import job, setup_jax
from hone.statmodel.workspace import processes
from hone.training.cut_search import search_cuts
from hone.training.objectives import resolve_objective

with job(snakemake) as provenance:
    setup_jax(brief=True)
    params = snakemake.params
    analysis = with_scored_regions(
        Analysis.model_validate(params.analysis), snakemake.input.regions
    )
    (cuts,) = analysis.observables
    samples = processes(analysis, snakemake.wildcards.signal)
    training = load_set(analysis, params.files, "training", snakemake.input.surveys, params.fold)
    nominal = [training.features[sample.name] for sample in samples]
    found, objective = search_cuts(
        create_observable(cuts, analysis.features, nominal, jax.random.key(0)),
        training,
        samples,
        analysis.workspace.staterror,
        resolve_objective(
            cuts.objective,
            analysis.limits.level,
            params.own_objective.get("folder", ""),
            analysis.measured,
        ),
        cuts.points,
    )
    row = {"step": 1, "validation_objective": objective, **found.summary(1.0)}
    write_csv(snakemake.output.histories[0], [row])
    save_observable(
        snakemake.output.models[0],
        found,
        cuts,
        {**provenance, "validation_objective": objective},
    )
