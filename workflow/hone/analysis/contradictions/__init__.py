"""What no setting can say on its own: objects of an analysis that do not fit together."""

from collections.abc import Iterator

from hone.analysis.analysis import Analysis
from hone.analysis.contradictions.branches import of_features
from hone.analysis.contradictions.observables import of_observables, of_studies
from hone.analysis.contradictions.parameters import of_normfactors, of_strengths
from hone.analysis.contradictions.regions import of_regions
from hone.analysis.contradictions.samples import of_histograms, of_samples
from hone.analysis.contradictions.systematics import of_systematics

__all__ = ["contradictions"]


def contradictions(analysis: Analysis) -> Iterator[str]:
    """Every contradiction, with the setting and what is allowed."""
    yield from of_samples(analysis)
    yield from of_histograms(analysis)
    yield from _of_observation(analysis)
    yield from of_features(analysis)
    yield from of_regions(analysis)
    yield from of_strengths(analysis)
    yield from of_systematics(analysis)
    yield from of_normfactors(analysis)
    yield from of_observables(analysis)
    yield from of_studies(analysis)
    if analysis.floor.in_bins and not analysis.has_floor:
        yield (
            "floor.in_bins: there is no floor: it needs features that are variables of generated "
            "events, varied distributions, and neither regions nor normfactors"
        )


def _of_observation(analysis: Analysis) -> Iterator[str]:
    observation = analysis.observation
    if observation.unblind and not analysis.data:
        yield "observation.unblind: there is no sample of process data to be unblinded"
    if observation.pseudo_data:
        if not analysis.has_ntuples:
            yield "observation.pseudo_data: generated events always have pseudo-data; remove it"
        if observation.unblind:
            yield "observation.pseudo_data: unblind counts the data; set one of both"
    bounds = (analysis.measure[0] if analysis.measure else analysis.poi).bounds
    if observation.mu > bounds[1]:
        yield (
            f"observation.mu: {observation.mu:g} is beyond {analysis.bounds_setting}, where no fit "
            f"goes: {bounds}"
        )
    if analysis.measure and observation.signal is not None:
        yield f"observation.signal: mu is the strength {analysis.measured[0]!r}; remove it"
    elif observation.signal not in (None, *analysis.signals):
        yield (
            f"observation.signal: there is no signal {observation.signal!r}; "
            f"signals are {', '.join(analysis.signals)}"
        )
