"""The regions of an analysis that are in the bins of another observable, with that observable."""

from collections.abc import Sequence
from pathlib import Path

from hone.analysis import Analysis
from hone.events.scored_regions import ScoredRegion
from hone.observable import load_observable
from hone.results.selection import selected_networks
from hone.running.files import place_of

__all__ = ["with_scored_regions"]


def with_scored_regions(analysis: Analysis, paths: Sequence[str | Path]) -> Analysis:
    """An analysis whose regions with an ``observable`` have it.

    Args:
        analysis: of the chain of one observable.
        paths: of each observable that regions name ``<signal>/<observable>/selected.json`` and the
            ``model.safetensors`` of all seeds and folds.

    Raises:
        InputError: an observable cannot be read.
    """
    networks = {}
    for choice in (Path(path) for path in paths if Path(path).name == "selected.json"):
        name = choice.parts[-2]
        models = [str(p) for p in paths if Path(p) != choice and place_of(p)[1] == name]
        networks[name] = [load_observable(p)[0] for p in selected_networks(choice, models)]
    regions = [
        region
        if region.observable is None
        else ScoredRegion.of(region, networks[region.observable])
        for region in analysis.regions
    ]
    return analysis.model_copy(update={"regions": regions})
