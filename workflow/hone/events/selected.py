"""The events of a sample or a variation as columns: features, weights, region, fold."""

from collections.abc import Sequence

import numpy as np

from hone.analysis.regions import Region
from hone.errors import InputError
from hone.events.documents import Surveys
from hone.events.load import read_range, scale_of_set, scored_range
from hone.events.reader import Reader
from hone.events.sources import Source

__all__ = ["selected_events", "weight_names"]


def selected_events(
    source: Source,
    events_set: str,
    features: Sequence[str],
    regions: Sequence[Region],
    surveys: Surveys,
) -> dict[str, np.ndarray]:
    """The events of a set that are in a region with the observable, in memory.

    Args:
        source: of the events.
        events_set: ``training``, ``validation`` or ``evaluation``; with folds all events are in
            the last one, and nothing in others.
        features: expressions, in order.
        regions: of the analysis.
        surveys: what :func:`hone.events.survey.survey` found, by source; none for data.

    Returns:
        Arrays (n,): each feature (float64); ``weight`` (float64), with which the events of the set
        add up to the yield, and ``weight__<systematic>_<side>`` if the weight is varied; the name
        of the ``region`` if several have the observable; the ``fold``, if there are folds.

    Raises:
        InputError: the files cannot be used, or a feature has the name of another column.
    """
    reader, names = Reader(source, features, regions), weight_names(source)
    if common := {*names, "region", "fold"} & {*features}:
        raise InputError(
            f"the feature {min(common)!r} has the name of another column of the events; give it "
            f"as an expression, e.g. 1 * {min(common)}"
        )
    low, high = (
        scored_range(source, surveys)
        if events_set == "evaluation"
        else read_range(source, events_set, surveys)
    )
    trained = [region.name for region in regions if region.is_trained]
    parts: list[dict[str, np.ndarray]] = []
    for batch in reader.batches(low, high):
        own = batch.trained
        columns = dict(zip(features, batch.features.T, strict=True))
        columns |= dict(zip(names, batch.weights(own), strict=True))
        if len(trained) > 1:
            columns["region"] = np.array(trained)[batch.place[own]]
        folds = batch.folds
        parts.append(columns if folds is None else columns | {"fold": folds[own]})
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    scale = scale_of_set(source, surveys, events_set)
    return found | {name: scale * found[name] for name in names}


def weight_names(source: Source) -> list[str]:
    """``weight``, and ``weight__<systematic>_<side>`` of each template with another weight."""
    return [f"weight{template.removeprefix(source.name)}" for template in source.weights]
