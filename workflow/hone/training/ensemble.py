"""The mean of the scores of several trainings."""

from collections.abc import Iterable, Sequence

import numpy as np

from hone.events.event_sets import EventSets, scores_of
from hone.observable import EnsembleObservable, Observable
from hone.statmodel.workspace import Process

__all__ = ["ensemble_of"]


def ensemble_of(
    members: Sequence[Observable], events: EventSets, samples: Sequence[Process]
) -> EnsembleObservable:
    """The mean score of networks, each with the signal above the background.

    To a likelihood it is the same on which side of the score the signal is, so that seeds differ in
    it: their mean would be of no use if none were turned round.

    Args:
        members: networks with one output, without cuts.
        events: in which the signal has a higher or a lower mean score.
        samples: processes of the hypothesis.

    Raises:
        TypeError: a member is no such network.
    """

    def is_turned(member: Observable) -> bool:
        scores = scores_of(member, events)

        def mean(names: Iterable[str]) -> float:
            known = [name for name in names if name in scores]
            weights = np.concatenate([events.weights[name] for name in known])
            return float(np.average(np.concatenate([scores[n] for n in known]), weights=weights))

        signal = mean(sample.name for sample in samples if sample.is_signal)
        return signal < mean(sample.name for sample in samples if not sample.is_signal)

    return EnsembleObservable.of(members, [is_turned(member) for member in members])
