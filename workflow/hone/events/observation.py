"""The observation of an analysis in the bins of an observable."""

from collections.abc import Mapping, Sequence

from hone.analysis import Analysis
from hone.events.documents import Surveys
from hone.events.sources import Source, observed_source
from hone.events.stream import count_data, draw_data, fill_histograms
from hone.observable import Observable
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import expected_observation

__all__ = ["observe"]


def observe(
    analysis: Analysis,
    signal: str,
    observables: Sequence[Observable],
    simulated: Sequence[Source],
    injected: Sequence[Source],
    surveys: Surveys,
    paths: Sequence[str],
    hard: Mapping[str, Histogram],
) -> Histogram:
    """Events in all channels (B,): what is expected while the analysis is blind, else what is drawn
    from the simulated events or counted. The same observation for all hypotheses.

    Args:
        analysis: with the observation.
        signal: the hypothesis, which is not in the observation if it is not the injected one.
        observables: the network of each fold, or the one observable of all events.
        simulated: sources of the hypothesis, variations too.
        injected: source of the injected signal where that is of another hypothesis.
        surveys: what :func:`hone.events.survey.survey` found, by source.
        paths: files of the observed events, if these are counted.
        hard: histograms of ``simulated``, by template.

    Raises:
        InputError: the files cannot be used; an event has no score.
    """
    settings, regions, features = analysis.observation, analysis.channels, observables[0].features
    nominal = [source for source in simulated if source.name == source.sample] + list(injected)
    strengths = {signal: 0.0, **analysis.true_strengths}
    if analysis.is_blind:
        of_injected = fill_histograms(observables, injected, regions, surveys, features)["hard"]
        yields = {**hard, **of_injected}
        return expected_observation({s.name: yields[s.name] for s in nominal}, strengths)
    if settings.pseudo_data:
        return draw_data(observables, nominal, regions, surveys, features, strengths, settings.seed)
    return count_data(observables, observed_source(analysis, paths), regions, features)
