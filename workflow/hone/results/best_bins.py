"""The best few bins of a feature space with known densities.

The space is a grid of cells, and a bin any set of them. Where the Asimov data of a bin are n and
the fit of the tested hypothesis expects l, a cell with n' and l' that moves into the bin adds
(1 - n / l) l' + ln(n / l) n' to half of the test statistic, to first order: fitted parameters need
not be followed (envelope theorem). So the best bins are intervals of one number, l' / n', for the
fit that they lead to themselves. There are many such partitions, as for k-means. The best of those
that some starts lead to exists, but may not be the best of all.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
import pyhf

from hone.errors import FitError
from hone.likelihood.histfactory import Model, from_pyhf
from hone.likelihood.infer import asimov_limit, fixed_poi_fit, nominal_asimov, nominal_hessian
from hone.likelihood.infer.mle import twice_nll
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import Process, build_workspace

__all__ = ["MERITS", "Merit", "best_bins", "merged"]

Merit = Literal["expected_cls", "expected_limit", "sigma_mu"]

_GROUPS = 400
"""Of neighbouring cells, of which the first bins of a search are made."""
_SMALL_SHIFT = 1e-3
"""Of the POI, in units of its uncertainty: there the test statistic is a parabola."""
_SMALLEST_PART = 1e-4
_ENOUGH = 1e-6
"""Relative gain of a step with which a search ends."""
_MOST_STEPS = 200
_ROUNDS = 5


class _Tested(NamedTuple):
    """What is minimised, and the parameters (P,) of Asimov data and of the tested hypothesis."""

    value: float
    truth: np.ndarray
    pars: np.ndarray


class _Partition(NamedTuple):
    value: float
    """What is minimised; infinite if the bins cannot be fitted."""
    bin_of: np.ndarray
    """Bin of each cell (M,)."""
    ratio: np.ndarray
    """Asimov data over tested rates in the bins (N,)."""
    data: np.ndarray
    """Asimov data in the cells (M,)."""
    rates: np.ndarray
    """Tested rates in the cells (M,), negative where the interpolation of templates is."""


def merged(
    histograms: Mapping[str, Histogram], index: np.ndarray, bins: int
) -> dict[str, Histogram]:
    """Templates of cells (M,) in bins; ``index`` (M,) is the bin of each cell."""
    return {
        name: Histogram(np.bincount(index, h.values, minlength=bins), np.zeros(bins))
        for name, h in histograms.items()
    }


def best_bins(
    samples: Sequence[Process],
    histograms: Mapping[str, Histogram],
    bins: int,
    merit: Merit,
    level: float = 0.05,
) -> np.ndarray:
    """The bin of each cell in the best partition that is found.

    Args:
        samples: processes of the hypothesis.
        histograms: templates in the cells of a grid (M,), all with background.
        bins: how many, at least 2 and at most M.
        merit: what shall be small.
        level: CLs at the limit.

    Returns:
        int (M,), from 0 to ``bins`` - 1.

    Raises:
        FitError: no partition that was tried can be fitted.
    """
    grid = _Grid(samples, histograms, bins, merit, level)
    cells = grid.of_cells()
    starts = [cells, grid.unfitted(cells)]
    best = min((grid.searched(start) for start in starts), key=lambda found: found.value)
    if not np.isfinite(best.value):
        raise FitError(f"no partition into {bins} bins that was tried can be fitted")
    for _ in range(_ROUNDS):
        other = grid.searched(best)
        if not other.value < best.value:
            break
        best = other
    return best.bin_of


class _Grid:
    """The cells, and how partitions of them into so many bins are judged."""

    def __init__(
        self,
        samples: Sequence[Process],
        histograms: Mapping[str, Histogram],
        bins: int,
        merit: Merit,
        level: float,
    ) -> None:
        self._samples, self._histograms, self._bins = samples, histograms, bins
        self._test, self._level = MERITS[merit], level
        self._cells = len(next(iter(histograms.values())).values)
        spec = build_workspace(samples, histograms, np.zeros(self._cells), staterror=False)
        self._fine = from_pyhf(pyhf.Workspace(spec).model(validate=False))
        self._coarse = template_model(samples, bins, staterror=False)

    def of_cells(self) -> _Partition:
        """Each cell is a bin."""
        return self._judged(self._fine, np.arange(self._cells))

    def unfitted(self, cells: _Partition) -> _Partition:
        """The same with tested rates where only the POI differs: signal over background."""
        tested = self._test(self._fine, self._level)
        poi = self._fine.config.poi_index
        pars = tested.truth.copy()
        pars[poi] = tested.pars[poi]
        return cells._replace(rates=_rates(self._fine, pars))

    def searched(self, start: _Partition) -> _Partition:
        """A partition that no small step makes better.

        The first has the best intervals for the fit of another partition. Then cells move into the
        bins where they are worth most, first those for which this is much relative to their
        contents; in each step as many as make it better.
        """
        number = np.arange(self._cells)
        best, part = self._partition(_best_intervals(start, self._bins)), 1.0
        for _ in range(_MOST_STEPS if np.isfinite(best.value) else 0):
            before, ratio = best.value, best.ratio[:, None]
            worth = (1 - ratio) * best.rates + np.log(ratio) * best.data
            to = worth.argmax(axis=0)
            gain = worth[to, number] - worth[best.bin_of, number]
            order = np.argsort(-gain / np.sqrt(np.abs(best.rates) * best.data))
            reached = np.cumsum(gain[order])
            while best.value == before and part > _SMALLEST_PART:
                moving = order[: np.searchsorted(reached, part * reached[-1]) + 1]
                index = best.bin_of.copy()
                index[moving] = to[moving]
                best = min(best, self._partition(index), key=lambda found: found.value)
                part /= 2
            if before - best.value <= _ENOUGH * abs(before):
                break
            part = min(6 * part, 1.0)
        return best

    def _partition(self, index: np.ndarray) -> _Partition:
        try:
            if np.bincount(index, minlength=self._bins).min() > 0:
                filled = merged(self._histograms, index, self._bins)
                return self._judged(fill(self._coarse, self._samples, filled), index)
        except FitError:
            pass
        return _Partition(np.inf, index, *[np.full(1, np.nan)] * 3)

    def _judged(self, model: Model, index: np.ndarray) -> _Partition:
        value, *pars = self._test(model, self._level)
        if np.isnan(value):
            raise FitError("its fit has no result")
        data, rates = (_rates(model, p) for p in pars)
        return _Partition(value, index, data / rates, *(_rates(self._fine, p) for p in pars))


def _rates(model: Model, pars: np.ndarray) -> np.ndarray:
    return np.asarray(model.expected_data(pars, include_auxdata=False))


def _truth(model: Model, poi: float) -> np.ndarray:
    """Parameters of nominal Asimov data."""
    pars = np.array(model.config.suggested_init(), dtype=float)
    pars[model.config.poi_index] = poi
    return pars


def _of_cls(model: Model, _: float, mu: float = 1.0) -> _Tested:
    """Minus the test statistic, of which CLs is a falling function."""
    data, truth = nominal_asimov(model, 0.0), _truth(model, 0.0)
    pars, fitted = fixed_poi_fit(mu, data, model, return_fitted_val=True)
    return _Tested(float(twice_nll(truth, data, model) - fitted), truth, np.asarray(pars))


def _of_limit(model: Model, level: float) -> _Tested:
    limit = float(asimov_limit(model, level))
    if not np.isfinite(limit):
        raise FitError("there is no limit")
    return _of_cls(model, level, limit)._replace(value=limit)


def _of_sigma_mu(model: Model, _: float) -> _Tested:
    """The tested hypothesis is next to the true one: other parameters follow the POI."""
    hessian, free = map(np.asarray, nominal_hessian(model))
    poi, direction = model.config.poi_index, np.zeros(len(free))
    undetermined = "the Hessian of -ln L at nominal parameters is not positive definite"
    try:
        covariance = np.linalg.inv(hessian[np.ix_(free, free)])
    except np.linalg.LinAlgError as error:
        raise FitError(undetermined) from error
    direction[free] = covariance[:, np.flatnonzero(free) == poi][:, 0]
    if not direction[poi] > 0:
        raise FitError(undetermined)
    sigma, truth = float(np.sqrt(direction[poi])), _truth(model, 1.0)
    return _Tested(sigma, truth, truth + _SMALL_SHIFT * direction / sigma)


MERITS: Mapping[Merit, Callable[[Model, float], _Tested]] = MappingProxyType(
    {"expected_cls": _of_cls, "expected_limit": _of_limit, "sigma_mu": _of_sigma_mu}
)
"""Without p0: where the signal is in the data and not in the fit, pulls are so large that a
training on p0 finds better bins than this search."""


def _best_intervals(of: _Partition, bins: int) -> np.ndarray:
    """Intervals of the ratio of rates with the largest divergence of both, for a fixed fit (M,).

    By dynamic programming over groups of neighbouring cells.
    """
    order = np.argsort(of.rates / of.data)
    data, rates = of.data[order], of.rates[order]
    apart = (data - rates) ** 2 / (data + np.abs(rates))
    place = np.cumsum(data / data.sum() + apart / apart.sum()) / 2
    places = np.minimum((place * _GROUPS).astype(int), _GROUPS - 1)
    _, group = np.unique(places, return_inverse=True)
    below = [np.append(0.0, np.cumsum(np.bincount(group, x))) for x in (data, rates)]
    inside = [x[None] - x[:, None] for x in below]  # from a group to another one
    allowed = (inside[0] > 0) & (inside[1] > 0)
    data, rates = (np.where(allowed, x, 1.0) for x in inside)
    divergence = np.where(allowed, rates - data + data * np.log(data / rates), -np.inf)
    best, last_edges = divergence[0], []
    for _ in range(bins - 1):
        candidates = best[:, None] + divergence
        last_edges.append(candidates.argmax(axis=0))
        best = candidates.max(axis=0)
    edges = [len(best) - 1]
    for last in reversed(last_edges):
        edges.append(int(last[edges[-1]]))
    index = np.empty(len(order), dtype=int)
    index[order] = np.searchsorted(edges[:0:-1], group, side="right")
    return index
