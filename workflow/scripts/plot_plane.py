"""Draw the observable in planes of its features, and the importance of the features."""

from hone.analysis import Analysis
from hone.events.first_events import few_events
from hone.events.sources import sources
from hone.observable import load_observable
from hone.reporting.figures import save
from hone.reporting.figures.importance import draw_importance
from hone.reporting.figures.plane import draw_plane
from hone.results.scored_regions import with_scored_regions
from hone.results.selection import selected
from hone.running.files import read_json
from hone.running.script import job, setup_jax

with job(snakemake):
    setup_jax(brief=True)
    params, outputs = snakemake.params, snakemake.output
    name, signal = params.title, snakemake.wildcards.signal
    importance = read_json(snakemake.input.importance)
    save(draw_importance(importance, name), [outputs.importance_png, outputs.importance_pdf])
    observable, _ = load_observable(selected(snakemake.input.selected, snakemake.input.models))
    analysis = with_scored_regions(
        Analysis.model_validate(params.analysis), snakemake.input.regions
    )
    events = few_events(
        sources(analysis, params.files["evaluation"]),
        observable.features,
        analysis.channels,
        "evaluation",
        number=300,
    )
    plane = draw_plane(
        observable.score,
        observable.edges,
        events,
        observable.features,
        name,
        [feature["name"] for feature in importance["features"]],
        signal,
    )
    save(plane, [outputs.plane_png, outputs.plane_pdf])
