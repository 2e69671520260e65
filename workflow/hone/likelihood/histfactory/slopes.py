"""-ln L and its gradient for many parameters and data of one model, by NumPy.

Without a Hessian, all that depends on templates is a product of two matrices for many fits at once:
a gradient costs a tenth of what :meth:`.Likelihood.expansion` does, or less.
"""

from typing import Any

import numpy as np
from jaxtyping import Array, Float

from hone.likelihood.histfactory.cells import appended, per_bin, side_of
from hone.likelihood.histfactory.likelihood import Likelihood
from hone.likelihood.histfactory.poisson import (
    BARRIER,
    poisson_derivatives,
    poisson_deviance,
    with_barrier,
)

__all__ = ["Slopes"]

_ELEMENTS = 200_000
"""Size of the largest arrays, for the processor's cache."""
_ORDERS = 6
"""Of the polynomial of normsys, code 4."""


class Slopes:
    """-ln L and its gradient, prepared for many calls; of one model without kinks."""

    def __init__(self, likelihood: Likelihood) -> None:
        layout, split = likelihood.layout, likelihood.layout.split
        samples, bins = likelihood.nominal.shape
        self.likelihood, self.layout, self.split = likelihood, layout, split
        self.shapes, self.norms = len(layout.histosys), len(layout.normsys)
        templates = [likelihood.symmetric, likelihood.asymmetric]
        self.templates: Any = np.concatenate(templates).reshape(-1, samples * bins)
        self.power = split.power.reshape(len(split.shared), -1).T.copy()
        blocks, channels = split.channel_of_block, len(layout.nbins)
        self.channels = (blocks[:, None] == np.arange(channels)).astype(float)
        self.cells = samples * channels
        if self.norms:
            # As matrices of powers of alpha and cells, the factor beside its derivative; 1 and 0
            # where there is no normsys.
            each = np.zeros((self.norms, self.cells, 8))
            each[layout.normsys_mask.reshape(self.norms, -1)] = likelihood.normsys
            powers, coefficients = np.arange(1, _ORDERS + 1), each[..., :_ORDERS]
            both = np.zeros((self.norms, _ORDERS + 1, 2, self.cells))
            both[:, 0, 0] = 1.0
            both[:, 1:, 0] = coefficients.swapaxes(1, 2)
            both[:, :-1, 1] = (coefficients * powers).swapaxes(1, 2)
            self.polynomial = both.reshape(self.norms, _ORDERS + 1, -1)
            self.log_low, self.log_high = each[..., 6], each[..., 7]
        largest = max(2 * self.norms * self.cells, samples * bins)
        self.together = max(_ELEMENTS // largest, 8)

    def __call__(self, pars: Float[Array, "L P"], data: Float[Array, "L D"]) -> tuple[Any, Any]:
        """As :meth:`.Likelihood.nll` (L,), and its gradient (L, P)."""
        starts = range(0, max(len(pars), 1), self.together)
        parts = [
            self._of_some(pars[k : k + self.together], data[k : k + self.together]) for k in starts
        ]
        value, gradient = zip(*parts, strict=True)
        return np.concatenate(value), np.concatenate(gradient)

    def _of_some(self, pars: Any, data: Any) -> tuple[Any, Any]:
        likelihood, layout, split, fits = self.likelihood, self.layout, self.split, len(pars)
        weights = likelihood.weights(pars, side_of(pars))
        # As in an expansion.
        safe: Any = np.where(np.abs(pars) < 1e-150, 1e-150, pars)
        factor: Any = likelihood.factors(safe)
        if self.norms:
            norm, norm_slope = self._normsys(pars[:, layout.normsys_par])
            in_channels = norm.prod(axis=0).reshape(fits, -1, len(layout.nbins))
            factor *= per_bin(in_channels, layout)
        template: Any = likelihood.nominal
        if self.shapes:
            both = np.concatenate([weights.symmetric[0], weights.asymmetric[0]], axis=1)
            template = (both @ self.templates).reshape(factor.shape)
            template += likelihood.nominal
        cells = factor * template
        rates: Any = cells.sum(axis=1)
        rates[np.abs(rates) < 1e-100] = 0.0
        main, aux = likelihood.apart(data)
        main = with_barrier(main, rates, BARRIER)
        slope, _ = poisson_derivatives(main, rates)
        cells *= slope[:, None]
        blocks = split.sum_in_blocks(cells)
        shared, own = split.apart(safe)
        of_shared = blocks.reshape(fits, -1) @ self.power / shared
        of_own = (split.with_own(cells) * split.own_power).sum(axis=1) / own
        if self.norms:
            norm_slope /= norm
            in_channels = (blocks @ self.channels).reshape(fits, -1)
            of_norms = np.einsum("nlc,lc->ln", norm_slope, in_channels)
            of_shared += appended(of_norms, 0.0)[:, split.normsys_row]
        if self.shapes:
            factor *= slope[:, None]
            both = factor.reshape(fits, -1) @ self.templates.T
            of_shapes = both[:, : self.shapes] + weights.asymmetric[1] * both[:, self.shapes :]
            of_shared += appended(of_shapes, 0.0)[:, split.histosys_row]
        constraint = likelihood.constraint(pars, aux)
        value = poisson_deviance(main, rates).sum(axis=1) + constraint[0]
        return value, split.joined(of_shared, of_own) + constraint[1]

    def _normsys(self, alpha: Float[Array, "L N"]) -> tuple[Any, Any]:
        """Factors (N, L, S * C), and their derivatives."""
        alpha = alpha.T
        powers = np.clip(alpha, -1.0, 1.0)[..., None] ** np.arange(_ORDERS + 1)
        both = powers @ self.polynomial
        norm, fit = np.nonzero(np.abs(alpha) >= 1)
        if len(norm):
            far = alpha[norm, fit][:, None]
            rate = np.where(far > 0, self.log_high[norm], -self.log_low[norm])
            outside = np.exp(far * rate)
            both[norm, fit] = np.concatenate([outside, outside * rate], axis=1)
        return both[..., : self.cells], both[..., self.cells :]
