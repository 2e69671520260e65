"""Draw what the selected seed has learned: film, overtraining (with its numbers), ROC, gradient."""

from hone.analysis import Analysis
from hone.events.load import load_set
from hone.observable import load_observable
from hone.reporting.figures import save
from hone.reporting.figures.animation import animate_training
from hone.reporting.figures.gradient import draw_gradient
from hone.reporting.figures.pages import save_animation
from hone.reporting.figures.separation import draw_overtraining, draw_roc
from hone.results.overtraining import overtraining
from hone.results.scored_regions import with_scored_regions
from hone.results.selection import selected
from hone.running.files import read_csv, read_json, write_json
from hone.running.script import job, setup_jax
from hone.statmodel.workspace import processes
from hone.training.film import make_film
from hone.training.separation import LARGEST, scored, separation
from hone.training.snapshots import load_snapshots

with job(snakemake) as provenance:
    setup_jax(brief=True)
    inputs, params, outputs = snakemake.input, snakemake.params, snakemake.output
    model, snapshots, history = (
        selected(inputs.selected, paths)
        for paths in (inputs.models, inputs.snapshots, inputs.histories)
    )
    observable, settings = load_observable(model)
    analysis = with_scored_regions(Analysis.model_validate(params.analysis), inputs.regions)
    samples = processes(analysis, snakemake.wildcards.signal)
    sets = {
        events_set: load_set(analysis, params.files, events_set, inputs.surveys, most=LARGEST)
        for events_set in ("training", "validation", "evaluation")
    }
    film = make_film(
        load_snapshots(snapshots, observable),
        settings.steps,
        sets["validation"],
        samples,
        analysis.workspace.staterror,
    )
    animation = animate_training(film, read_csv(history), params.title)
    save_animation(animation, outputs.animation)
    events = {name: scored(observable, found) for name, found in sets.items()}
    compared = overtraining(observable, sets, events, samples, analysis.limits.level)
    write_json(outputs.overtraining, {**compared, "provenance": provenance})
    figure = draw_overtraining(events, compared, observable.edges, samples, params.title)
    save(figure, [outputs.overtraining_png, outputs.overtraining_pdf])
    roc = draw_roc(separation(observable.edges, events["evaluation"], samples), params.title)
    save(roc, [outputs.roc_png, outputs.roc_pdf])
    gradient = draw_gradient(read_json(inputs.gradient), params.title)
    save(gradient, [outputs.gradient_png, outputs.gradient_pdf])
