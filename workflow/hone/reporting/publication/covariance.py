"""The expected background of a workspace, with its covariance."""

from typing import NamedTuple

import numpy as np
import pyhf
from jaxtyping import Array, Float

from hone.errors import FitError, InputError
from hone.likelihood import infer
from hone.likelihood.arrays import compiled_if_traced
from hone.likelihood.histfactory import Model, from_pyhf
from hone.likelihood.specification import Workspace
from hone.results.bands import envelope, one_sigma, yield_covariance
from hone.statmodel.patchset import background_only

__all__ = ["BackgroundPrediction", "background_prediction", "correlation", "systematic_shifts"]

_CURVED = 0.5
"""Deviation from linearity, in total standard deviations, that is reported."""
_DEGENERATE = 1e-9
"""Smallest eigenvalue of the parameters' correlation matrix with a meaningful inverse."""


class BackgroundPrediction(NamedTuple):
    """Expected background in the B bins of all channels, with its covariance."""

    kind: str
    """``pre-fit`` or ``post-fit``."""
    channels: dict[str, int]
    """Number of bins of each channel, in the order of the bins."""
    rates: np.ndarray
    """Events (B,)."""
    covariance: np.ndarray
    """Events squared (B, B)."""
    curved: tuple[str, ...]
    """Parameters whose shifts by one standard deviation deviate from the covariance, e.g. one-sided
    ones."""


def background_prediction(
    workspace: Workspace, signal: str, blind: bool = False
) -> BackgroundPrediction:
    """The background of a workspace, with the covariance of its bins.

    The signal is removed from the workspace first: its staterror is relative to signal plus
    background, and too small for the background alone.

    Each parameter moves all bins coherently, by the larger of the shifts for one standard deviation
    up and down (:mod:`.bands`). Pre-fit, standard deviations are those of the constraint terms
    (1 for alphas, sigma for staterror and lumi, 1 / sqrt(tau) for shapesys; 0 if fixed), without
    correlations. With a free normalisation, which has no constraint, rates, standard deviations and
    correlations (inverse Hessian of -ln L) are those after a fit of the backgrounds alone to the
    observation in all channels; if ``blind``, to the expected background.

    Raises:
        InputError: a channel has no sample besides the signal.
        FitError: that fit did not converge, or does not determine its parameters.
    """
    spec = background_only(workspace, signal)
    empty = [channel["name"] for channel in spec["channels"] if not channel["samples"]]
    if empty:
        raise InputError(f"there is no background besides {signal!r} in {', '.join(empty)}")
    if not any(s["modifiers"] for c in spec["channels"] for s in c["samples"]):
        return _certain(spec)
    made = pyhf.Workspace(spec)
    oracle = made.model(poi_name=None)
    model = from_pyhf(oracle)
    pars, errors, is_free = _constraints(model)
    kind, correlations = "pre-fit", None
    if is_free.any():
        kind = "post-fit"
        data = model.expected_data(pars) if blind else made.data(oracle)
        fitted, correlations = infer.fit(
            data, model, return_uncertainties=True, return_correlations=True
        )
        pars, errors = np.asarray(fitted).T
        moving = errors > 0
        if np.linalg.eigvalsh(np.asarray(correlations)[np.ix_(moving, moving)])[0] < _DEGENERATE:
            raise FitError("the fit cannot tell the parameters of the background apart")
    rates, up, down = one_sigma(model, pars, errors)
    matrix = yield_covariance(up, down, correlations)
    sizes = {name: oracle.config.channel_nbins[name] for name in oracle.config.channels}
    far = _far(rates, up, down, np.sqrt(np.diag(matrix)))
    curved = tuple(n for n, is_far in zip(model.config.par_names, far, strict=True) if is_far)
    return BackgroundPrediction(kind, sizes, rates, matrix, curved)


def correlation(covariance: np.ndarray) -> np.ndarray:
    """Correlation matrix (B, B) of a covariance; NaN in rows and columns without variance."""
    sigma = np.sqrt(np.diag(covariance))
    scale = np.where(sigma > 0, sigma, np.nan)
    found = np.clip(covariance / np.outer(scale, scale), -1.0, 1.0)
    np.fill_diagonal(found, np.where(sigma > 0, 1.0, np.nan))
    return found


def systematic_shifts(
    model: pyhf.Model,
) -> tuple[np.ndarray, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Yields of each sample (S, B), and their changes by each systematic, at mu = 1.

    Changes (S, B) are of one standard deviation of the constraint, down and up, by the model's own
    interpolation; the parameters of a shapesys move together. MC statistics (staterror), free and
    fixed parameters, and parameters without effect are left out.

    Args:
        model: with its POI; samples are in the order of ``model.config.samples``.
    """
    config = model.config
    start = np.asarray(config.suggested_init(), dtype=float)
    start[config.poi_index] = 1.0
    statistical = {name for name, kind in config.modifiers if kind == "staterror"}

    def yields(pars: np.ndarray) -> np.ndarray:
        return np.asarray(model.main_model.expected_data(pars, return_by_sample=True))

    nominal = yields(start)
    shifts = {}
    for name in config.par_order:
        parameter = config.param_set(name)
        if not parameter.constrained or name in statistical:
            continue
        width = np.where(parameter.suggested_fixed, 0.0, parameter.width())
        sides = []
        for sign in (-1, 1):
            moved = start.copy()
            moved[config.par_slice(name)] += sign * width
            sides.append(yields(moved) - nominal)
        if any(side.any() for side in sides):
            shifts[name] = (sides[0], sides[1])
    return nominal, shifts


def _certain(spec: Workspace) -> BackgroundPrediction:
    """Backgrounds without any uncertainty: pyhf has no models without parameters."""
    yields = {
        c["name"]: np.sum([s["data"] for s in c["samples"]], axis=0) for c in spec["channels"]
    }
    # in pyhf's order
    yields = dict(sorted(yields.items()))
    rates = np.concatenate(list(yields.values()))
    sizes = {name: len(values) for name, values in yields.items()}
    return BackgroundPrediction("pre-fit", sizes, rates, np.zeros((rates.size, rates.size)), ())


def _constraints(model: Model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Suggested parameters, widths of their constraints, and which have none; each (P,)."""
    fixed = np.asarray(model.config.suggested_fixed(), dtype=bool)
    known = np.asarray(_precision(model))
    constrained = known > 0
    widths = np.where(constrained & ~fixed, np.where(constrained, known, 1.0) ** -0.5, 0.0)
    return np.asarray(model.config.suggested_init()), widths, ~constrained & ~fixed


@compiled_if_traced()
def _precision(model: Model) -> Float[Array, " P"]:
    """Inverse variances: 1 / sigma^2 of normal constraints, tau of Poisson ones (as in pyhf)."""
    likelihood = model.prepare()
    return likelihood.inverse_variance + likelihood.rate_per_unit


def _far(rates: np.ndarray, up: np.ndarray, down: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Parameters whose shift of a bin deviates far from their envelope, bool (P,).

    Args:
        rates: expected events (B,).
        up: change by one sigma up (P, B).
        down: change by one sigma down (P, B).
        total: uncertainty of each bin (B,).
    """
    straight = envelope(up, down)
    distance = np.maximum(np.abs(up - straight), np.abs(down + straight))
    # Larger than rounding: a bin may have no uncertainty.
    allowed = np.maximum(_CURVED * total, 1e-9 * np.maximum(np.abs(rates), 1.0))
    return (distance > allowed).any(axis=1)
