"""Animate the training of the selected seed of an observable, on validation events."""

from hone.analysis import Analysis
from hone.events.load import load_set
from hone.observable import load_observable
from hone.reporting.figures.animation import animate_training
from hone.reporting.figures.pages import save_animation
from hone.results.selection import selected
from hone.running.files import read_csv
from hone.running.script import job, setup_jax
from hone.statmodel.workspace import processes
from hone.training.film import make_film
from hone.training.snapshots import load_snapshots

with job(snakemake):
    setup_jax(brief=True)
    inputs, params = snakemake.input, snakemake.params
    model, snapshots, history = (
        selected(inputs.selected, paths)
        for paths in (inputs.models, inputs.snapshots, inputs.histories)
    )
    observable, settings = load_observable(model)
    analysis = Analysis.model_validate(params.analysis)
    validation = load_set(analysis, params.files, "validation", inputs.surveys)
    film = make_film(
        load_snapshots(snapshots, observable),
        settings.steps,
        validation,
        processes(analysis, snakemake.wildcards.signal),
        analysis.workspace.staterror,
    )
    animation = animate_training(film, read_csv(history), snakemake.params.title)
    save_animation(animation, snakemake.output[0])
