"""Draw the plane of the features with the observable's contours and edges."""

from hone.figures import save, selected
from hone.figures.plane import draw_plane
from hone.observable import load_observable
from hone.script import job, setup_jax
from hone.training import load_event_sets

with job(snakemake):
    setup_jax()
    observable = load_observable(selected(snakemake.input.selected, snakemake.input.models))
    events = load_event_sets(snakemake.input.events, snakemake.params.features).features
    figure = draw_plane(
        observable.score,
        observable.edges,
        {name: matrix[:300] for name, matrix in events.items()},
        observable.features,
        snakemake.wildcards.observable,
    )
    save(figure, snakemake.output)
