"""Find the best bin edges of a trained network, or of several, on validation events."""

from hone.analysis import Analysis
from hone.events.event_sets import scores_of
from hone.events.load import load_set
from hone.observable import load_observable, save_observable
from hone.results.scored_regions import with_scored_regions
from hone.running.files import write_csv
from hone.running.script import job, setup_jax
from hone.statmodel.workspace import processes
from hone.training.bin_edges import optimise_edges
from hone.training.ensemble import ensemble_of
from hone.training.objectives import resolve_objective

with job(snakemake) as provenance:
    setup_jax()
    params = snakemake.params
    loaded = [load_observable(path) for path in snakemake.input.models]
    observable, settings = loaded[0]
    analysis = with_scored_regions(
        Analysis.model_validate(params.analysis), snakemake.input.regions
    )
    (rebinned,) = analysis.observables
    validation = load_set(
        analysis, params.files, "validation", snakemake.input.surveys, params.fold
    )
    samples = processes(analysis, snakemake.wildcards.signal)
    if len(loaded) > 1:
        observable = ensemble_of([network for network, _ in loaded], validation, samples)
    name, level = rebinned.objective or "cls", analysis.limits.level
    folder = params.own_objective.get("folder", "")
    of_model = resolve_objective(name, level, folder, analysis.measured)
    assert of_model is not None, "the config allows no objective of events here"
    edges, objective, history = optimise_edges(
        scores_of(observable, validation),
        validation,
        samples,
        rebinned.bins,
        analysis.workspace.staterror,
        of_model,
        rebinned,
    )
    write_csv(snakemake.output.histories[0], history)
    save_observable(
        snakemake.output.models[0],
        observable.with_edges(edges),
        settings.model_copy(update={"edges": "equal", "bins": rebinned.bins}),
        {**provenance, "validation_objective": objective},
    )
