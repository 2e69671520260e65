"""Bootstrap replicas of templates: as if the events had been simulated again."""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from hone.analysis import Analysis
from hone.analysis.samples import GeneratedSample, HistogramSample
from hone.events.documents import Surveys
from hone.statmodel.templates import Histogram

__all__ = ["Normalisation", "normalisations", "replicas"]

log = logging.getLogger(__name__)

_SEED = 1


class Normalisation(NamedTuple):
    """How the yield of a set of events follows from sums of weights.

    A bin is factor x (sum of all selected events) x (its part of those that the histograms are made
    of). The factor is divided by the sum of the weights of all events in the files, or a constant.
    """

    sample: str
    """Name of the sample."""
    total: float | None
    """Yield of all events of the sample, in any region or none; None of histograms, where a bin is
    all that is known."""
    rest: float = 0.0
    """Weight of selected events of other sets, which are in no histogram, relative to those that
    are."""
    others: float | None = 0.0
    """The same of events that the sample's selection leaves out, where the factor is divided by the
    sum of all; None where it is not."""
    has_samples_factor: bool = False
    """Whether it is a variation with the factor of its sample."""


def normalisations(analysis: Analysis, surveys: Surveys) -> dict[str, Normalisation]:
    """By set of events, from what is known about each."""
    found = {}
    for name, known in surveys.items():
        sample, of_sample = analysis.sample(known["sample"]), surveys[known["sample"]]
        if isinstance(sample, HistogramSample):
            found[name] = Normalisation(sample.name, None)
            continue
        if isinstance(sample, GeneratedSample):
            found[name] = Normalisation(sample.name, sample.yield_)
            continue
        sets = {key: entry["weight"] for key, entry in known["sets"].items()}
        everything, divided_by = sum(sets.values()), known["divided_by"]
        inside = everything if analysis.split.folds else sets["evaluation"]
        factor = of_sample["factor"] if known["sample_factor"] else known["factor"]
        found[name] = Normalisation(
            sample.name,
            factor * everything,
            max(everything / inside - 1, 0.0),
            None if divided_by is None else max((divided_by - everything) / inside, 0.0),
            known["sample_factor"],
        )
    return found


def replicas(
    histograms: Mapping[str, Histogram],
    normalised: Mapping[str, Normalisation],
    number: int,
    events: Mapping[str, str] | None = None,
    subsamples: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> dict[str, Histogram]:
    """Bootstrap replicas of templates, values and variances of shape (number, B).

    As if the events were drawn again with replacement: a bin of weighted events is replaced by a
    Poisson number with mean values^2 / variances, its effective number of events; events that fail
    cuts, of other sets and outside of the selection fluctuate too, and the normalisation follows.
    Of a sample and its variations of the same events, random parts of the events are drawn again,
    the same in all of them (a bootstrap of groups). Bins that are worth less than one event, where
    weights of both signs cancel, are seldom drawn, and then large: a warning names them.

    Args:
        histograms: templates with variances.
        normalised: how each set of events is normalised.
        number: of replicas.
        events: set of events that each template uses, itself if not given; templates of one set
            fluctuate together.
        subsamples: yields in parts of the events, by set, of those that share events with others
            (parts, B + 1): in the last bin all events.
    """
    used = {name: (events or {}).get(name, name) for name in histograms}
    drawn: dict[str, _Drawn] = {}
    # Samples first: variations have their factor, and some their events.
    sets = sorted(set(used.values()), key=lambda name: (name != normalised[name].sample, name))
    for i, name in enumerate(sets):
        of, parts = normalised[name], subsamples.get(name)
        sample = None if parts is None else drawn.get(of.sample)
        rng = np.random.default_rng([_SEED, i])
        drawn[name] = _Drawn(histograms[name], of, rng, number, parts, sample)
        if parts is None:
            _warn_of_cancelling(name, histograms[name])
    found = {}
    for name, histogram in histograms.items():
        one, of = drawn[used[name]], normalised[used[name]]
        divided_by = drawn[of.sample].divided_by if of.has_samples_factor else one.divided_by
        factor = one.bins * (one.norm / divided_by)[:, None]
        values, variances = (np.asarray(x, dtype=float) for x in histogram)
        # More events with the same weights.
        found[name] = Histogram(values * factor, variances * factor)
    return found


def _warn_of_cancelling(name: str, histogram: Histogram) -> None:
    """Weights without negative ones are worth one event or more: (sum w)^2 >= sum w^2."""
    values, variances = (np.asarray(x, dtype=float) for x in histogram)
    cancel = np.flatnonzero((values != 0) & (values**2 < (1 - 1e-9) * variances))
    if len(cancel):
        log.warning(
            "%r, bins %s: the yield is smaller than its MC error; bootstrap errors are rough",
            name,
            ", ".join(str(k + 1) for k in cancel),
        )


class _Drawn:
    """N replicas of a set of events.

    Args:
        histogram: of the events (B,).
        of: their normalisation.
        rng: random numbers.
        number: N.
        parts: of the events (G, B + 1), if they are drawn again in these.
        sample: the sample that has the same events, of whose parts the same are drawn.
    """

    times: np.ndarray
    """How often each part is drawn, int (N, G), if there are any."""
    outside: np.ndarray
    """Factors on the weights of other sets and of events that are not selected (N, 2)."""

    def __init__(
        self,
        histogram: Histogram,
        of: Normalisation,
        rng: np.random.Generator,
        number: int,
        parts: np.ndarray | None,
        sample: "_Drawn | None",
    ) -> None:
        values, variances = (np.asarray(x, dtype=float) for x in histogram)
        total = values.sum() if of.total is None else of.total
        inside = values.sum()
        # Of the sign of the yield: otherwise it is rounding, or weights of both signs cancel.
        lost = total - inside if (total - inside) * total > 0 else 0.0
        values = np.append(values, lost)
        variances = np.append(variances, abs(lost) * variances.sum() / abs(inside or 1.0))
        known = (values != 0) & (variances > 0)
        count = np.where(known, values**2 / np.where(known, variances, 1.0), 0.0)
        if parts is None:
            factors = rng.poisson(count, size=(number, len(count))) / np.where(known, count, 1.0)
            inside = factors @ values / (values.sum() or 1.0)
        else:
            size = len(parts)
            self.times = (
                rng.multinomial(size, np.full(size, 1 / size), size=number)
                if sample is None else sample.times
            )  # fmt: skip
            before = parts.sum(axis=0)
            factors = self.times @ parts / np.where(before == 0, 1.0, before)
            inside = factors[:, -1]
        self.bins = factors[:, :-1]
        """Factors on the bins (N, B)."""
        outside = count.sum() * np.array([of.rest, of.others or 0.0])
        self.outside = (
            rng.poisson(outside, size=(number, 2)) / np.where(outside > 0, outside, 1.0)
            if sample is None else sample.outside
        )  # fmt: skip
        selected = inside + of.rest * self.outside[:, 0]
        everything = selected + (of.others or 0.0) * self.outside[:, 1]
        safe = np.where(inside != 0, inside, 1.0)
        fixed = of.total is None
        self.norm = np.ones(number) if fixed else selected / (1 + of.rest) / safe
        """Factor on all bins from the sum of the selected events (N,)."""
        self.divided_by = (
            np.ones(number)
            if fixed or of.others is None
            else everything / (1 + of.rest + of.others)
        )
        """Factor on the sum of weights that the normalisation is divided by (N,)."""
