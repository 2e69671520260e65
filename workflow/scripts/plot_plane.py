"""Draw the plane of the features with the observable's contours and edges."""

from pathlib import Path

from hone.events import read_events
from hone.figures import save, selected
from hone.figures.plane import draw_plane
from hone.observable import load_observable
from hone.script import job, setup_jax

with job(snakemake):
    setup_jax(brief=True)
    observable, _ = load_observable(selected(snakemake.input.selected, snakemake.input.models))
    events = {
        Path(path).stem: read_events(path, observable.features, stop=300)[0]
        for path in snakemake.input.events
    }
    figure = draw_plane(
        observable.score,
        observable.edges,
        events,
        observable.features,
        snakemake.wildcards.observable,
    )
    save(figure, snakemake.output)
