"""The floor: the same statistical model on a fine grid of the features.

If the densities are known, a grid so fine that they do not change within a cell loses no
information: its figures of merit are a lower bound for every observable.
"""

import logging
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyhf

from hone.analysis import Analysis
from hone.analysis.distributions import Block, Exponential, Normal, Normals
from hone.analysis.samples import GeneratedSample
from hone.analysis.shape_systematics import ShapeVariation
from hone.analysis.systematics import Systematic
from hone.errors import FitError
from hone.events import cell_probabilities
from hone.likelihood.histfactory import from_pyhf
from hone.likelihood.infer import asimov_limit, sigma_mu
from hone.results.best_bins import MERITS, best_bins, merged
from hone.results.documents import Floor
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import Process, build_workspace, processes
from hone.sums import bin_of
from hone.training.objectives import log_cls, log_p0

__all__ = ["classifier_cls", "figures_of_merit", "fine_histograms", "floors"]

_REACH = 6.0
_MAX_CELLS = 1_000_000
_COARSEST = 0.5
"""Largest cell in standard deviations; it loses about two per cent of the information."""
_NEGLIGIBLE = 1e-10
"""Cells with less than this fraction of the background are merged: the interpolated templates would
reach zero there, which would constrain the nuisance parameters."""


def floors(
    analysis: Analysis, signal: str, bins: Sequence[int], subsets: Mapping[str, Sequence[str]]
) -> Floor:
    """The content of ``floor.json``: with all systematics, and of observables with some of them.

    A floor that cannot be computed is None, with a reason.

    Args:
        analysis: of generated events.
        signal: the hypothesis.
        bins: numbers of bins of the exact classifier.
        subsets: names of the systematics of each observable that does not have all.
    """
    known: dict[tuple[str, ...], Floor] = {}

    def floor_with(names: Sequence[str]) -> Floor:
        kept = tuple(names)
        if kept not in known:
            chosen = [s for s in analysis.systematics if s.name in kept]
            known[kept] = _floor(analysis.model_copy(update={"systematics": chosen}), signal, bins)
        return known[kept]

    everything = floor_with([s.name for s in analysis.systematics])
    own = {name: floor_with(names) for name, names in subsets.items()}
    return {**everything, "of_observables": own}


def _floor(analysis: Analysis, signal: str, bins: Sequence[int]) -> Floor:
    samples, level = processes(analysis, signal), analysis.limits.level
    try:
        fine = fine_histograms(analysis, samples)
        classified = {str(b): classifier_cls(samples, fine, b, level) for b in bins}
        found: Floor = {
            **figures_of_merit(samples, fine, level),
            "classifier_expected_cls": classified,
        }
        if analysis.floor.in_bins:
            found["in_bins"] = {
                str(b): _lowest_found(samples, fine, b, level) for b in analysis.floor.in_bins
            }
        return found
    except FitError as error:
        logging.getLogger("hone").warning("no floor: %s", error)
        return {"expected_cls": None, "reason": str(error)}


def fine_histograms(
    analysis: Analysis, samples: Sequence[Process], step: float = 0.1
) -> dict[str, Histogram]:
    """Expected yields of every template in the cells of a grid in the features.

    Args:
        analysis: of generated events.
        samples: processes of the hypothesis.
        step: size of a cell, in units of the smallest standard deviation of each feature; larger
            if the grid would have more than a million cells.

    Raises:
        FitError: the grid would be too large.
    """
    distributions: dict[str, list[Block]] = {}
    of_sample: dict[str, GeneratedSample] = {}
    for process in samples:
        sample = analysis.sample(process.name)
        assert isinstance(sample, GeneratedSample)
        distributions[sample.name], of_sample[sample.name] = sample.distribution, sample
        for modifier in process.modifiers:
            if isinstance(modifier, Systematic) and modifier.is_of_bins:
                raise FitError(
                    f"the systematic {modifier.name!r} ({modifier.type}) depends on the "
                    "binning: it is not a density of events"
                )
            if isinstance(modifier, ShapeVariation):
                for template in modifier.templates(sample.name):
                    distributions[template.name] = modifier.density(template.side)
                    of_sample[template.name] = sample
    while True:
        edges = {f: _edges(list(distributions.values()), f, step) for f in analysis.features}
        cells = int(np.prod([float(len(e) - 1) for e in edges.values()]))
        if cells <= _MAX_CELLS:
            break
        step *= 1.05
        if step > _COARSEST:
            raise FitError(
                f"the grid for the floor would have {cells} cells; the limit is {_MAX_CELLS}"
            )
    yields = {
        name: of_sample[name].yield_ * cell_probabilities(blocks, edges).ravel()
        for name, blocks in distributions.items()
    }
    background = np.sum([yields[s.name] for s in samples if not s.is_signal], axis=0)
    merged = background < _NEGLIGIBLE * np.sum(background)
    return {
        name: Histogram(np.append(y[~merged], y[merged].sum()), np.zeros((~merged).sum() + 1))
        for name, y in yields.items()
    }


def figures_of_merit(
    samples: Sequence[Process], histograms: Mapping[str, Histogram], level: float
) -> Floor:
    """Nominal expected CLs at mu = 1, median limit, p0 and sigma_mu; None if it does not exist."""
    bins = len(next(iter(histograms.values())).values)
    spec = build_workspace(samples, histograms, np.zeros(bins), staterror=False)
    model = from_pyhf(pyhf.Workspace(spec).model(validate=False))

    def known(value: Any) -> float | None:
        return float(value) if np.isfinite(value) else None

    return {
        "expected_cls": known(np.exp(log_cls(model))),
        "expected_limit": known(asimov_limit(model, level)),
        "expected_p0": known(np.exp(log_p0(model))),
        "sigma_mu": known(sigma_mu(model)),
    }


def _lowest_found(
    samples: Sequence[Process], fine: Mapping[str, Histogram], bins: int, level: float
) -> dict[str, float | None]:
    """Each figure of merit in the best bins for it that are found, but p0."""
    found: dict[str, float | None] = {}
    for merit in MERITS:
        try:
            index = best_bins(samples, fine, bins, merit, level)
        except FitError as error:
            logging.getLogger("hone").warning("no lowest %s in %d bins: %s", merit, bins, error)
            found[merit] = None
            continue
        found[merit] = figures_of_merit(samples, merged(fine, index, bins), level)[merit]
    return found


def classifier_cls(
    samples: Sequence[Process], histograms: Mapping[str, Histogram], bins: int, level: float
) -> float | None:
    """Expected CLs of the exact-density classifier s / (s + b) in bins of equal width.

    The densities are normalised, as for a classifier trained on balanced classes.
    """
    signal, background = (
        np.sum([histograms[s.name].values for s in samples if s.is_signal is kind], axis=0)
        for kind in (True, False)
    )
    signal, background = signal / signal.sum(), background / background.sum()
    score = signal / (signal + background)
    index = bin_of(score, np.linspace(0, 1, bins + 1))
    return figures_of_merit(samples, merged(histograms, index, bins), level)["expected_cls"]


def _edges(distributions: Sequence[list[Block]], feature: str, step: float) -> np.ndarray:
    """Edges that reach six standard deviations beyond every mean; the outermost are infinite."""
    lows, highs, widths = [], [], []
    correlated = False
    for block in chain.from_iterable(distributions):
        if feature not in block.variables:
            continue
        if isinstance(block, Exponential):
            lows.append(0.0)
            highs.append(4 * _REACH / block.rate)
            # Ratios of exponentials vary less within their width than those of normals in their
            # tails: larger cells lose no more.
            widths.append(4 / block.rate)
            continue
        assert isinstance(block, Normal | Normals)
        at = block.variables.index(feature)
        covariance = np.array(block.covariance, dtype=float)
        correlated |= bool(np.any(covariance - np.diag(np.diagonal(covariance))))
        width = np.sqrt(covariance[at, at])
        means = [mean[at] for mean in block.centres]
        lows.append(min(means) - _REACH * width)
        highs.append(max(means) + _REACH * width)
        widths.append(width)
    size = step * min(widths)
    edges = np.arange(min(lows), max(highs) + size, size)
    if not correlated:
        edges[0], edges[-1] = -np.inf, np.inf
    return edges
