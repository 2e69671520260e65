"""Animate the training of the selected seed of an observable, on validation events."""

from hone.figures.animation import animate_training
from hone.figures.pages import save_animation
from hone.files import read_csv
from hone.film import make_film
from hone.inputs.load import load_set
from hone.observable import load_observable
from hone.script import job, setup_jax
from hone.selection import selected
from hone.training.snapshots import load_snapshots
from hone.workspace import processes

with job(snakemake):
    setup_jax(brief=True)
    inputs, params = snakemake.input, snakemake.params
    model, snapshots, history = (
        selected(inputs.selected, paths)
        for paths in (inputs.models, inputs.snapshots, inputs.histories)
    )
    observable, settings = load_observable(model)
    validation = load_set(
        params.events, "validation", observable.features, inputs.surveys, params.sizes
    )
    film = make_film(
        load_snapshots(snapshots, observable),
        settings["steps"],
        validation,
        processes(params.model, snakemake.wildcards.signal),
        params.model["staterror"],
    )
    animation = animate_training(film, read_csv(history), snakemake.params.title)
    save_animation(animation, snakemake.output[0])
