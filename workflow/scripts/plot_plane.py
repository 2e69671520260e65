"""Draw the features, the observable in planes of them, and their importance."""

import numpy as np

from hone.analysis import Analysis
from hone.analysis.leading import first_of_each
from hone.analysis.sections import Sizes
from hone.events.first_events import few_events
from hone.events.load import load_events, read_surveys
from hone.events.sources import sources
from hone.observable import TwoDimensionalObservable, load_observable
from hone.reporting.figures import save
from hone.reporting.figures.features import draw_features
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
    read = sources(analysis, params.files["evaluation"]), observable.features, analysis.channels
    events = few_events(*read, "evaluation", number=300)
    important = first_of_each([feature["name"] for feature in importance["features"]])
    plane = draw_plane(
        observable.score,
        observable.edges,
        events,
        observable.features,
        name,
        important,
        signal,
    )
    save(plane, [outputs.plane_png, outputs.plane_pdf])
    if isinstance(observable, TwoDimensionalObservable):
        names = ("output 1", "output 2")
        of_outputs = {n: np.asarray(observable.respond(x)) for n, x in events.items()}
        drawn = draw_plane(
            observable.hard, observable.edges, of_outputs, names, name, (), signal, numbered=True
        )
        save(drawn, [outputs.outputs_png, outputs.outputs_pdf])
    # Enough for a figure.
    surveys, sizes = read_surveys(snakemake.input.surveys), Sizes(evaluation=50_000)
    found = load_events(*read, surveys, "evaluation", sizes)
    # Samples are those of the hypothesis.
    signals = [sample.name for sample in analysis.samples if sample.is_signal]
    templates = analysis.templates_with_weights()
    features = draw_features(found, observable.features, templates, signals, name, important)
    save(features, [outputs.features_png, outputs.features_pdf])
