"""The distribution of data at given parameters, to draw toys from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from hone.errors import InputError
from hone.likelihood.histfactory.layout import Layout

__all__ = ["Distribution"]


@dataclass(frozen=True)
class Distribution:
    """Bins and auxiliary data as independent Poisson and normal numbers.

    Raises:
        InputError: a rate is negative.
    """

    layout: Layout
    expected: Float[np.ndarray, " D"]
    """Expected data, in the order of data."""
    sigma: Float[np.ndarray, " normals"]
    """Widths of the auxiliary measurements that are normal, in their order."""
    root: Float[np.ndarray, "R R"] | None = None
    """Cholesky factor of the correlations of those that are correlated."""

    def __post_init__(self) -> None:
        rates = self.expected[: self.layout.total_bins]
        if (rates < 0).any():
            k = int(np.argmin(rates))
            raise InputError(
                f"no toys can be drawn: the expected rate of {self.layout.name_of(k)} is "
                f"{rates[k]:g}"
            )

    def expected_data(self) -> Float[np.ndarray, " D"]:
        """Expected data, in the order of data."""
        return self.expected

    def sample(
        self, sample_shape: tuple[int, ...] = (), rng: int | np.random.Generator | None = None
    ) -> Float[np.ndarray, "*sample D"]:
        """Toys; ``rng`` is a seed or a generator, and without it toys differ each time."""
        rng = np.random.default_rng(rng)
        counted = self._counted
        toys = np.empty((*sample_shape, self.expected.size))
        # Normals first: their number of random numbers does not depend on the rates.
        normal, rate = self.expected[~counted], self.expected[counted]
        drawn = rng.normal(normal, self.sigma, (*sample_shape, normal.size))
        if self.root is not None:
            at = self._correlated
            pulls = (drawn[..., at] - normal[at]) / self.sigma[at]
            drawn[..., at] = normal[at] + self.sigma[at] * (pulls @ self.root.T)
        toys[..., ~counted] = drawn
        toys[..., counted] = rng.poisson(rate, (*sample_shape, rate.size))
        return toys

    def log_prob(self, value: ArrayLike) -> Float[np.ndarray, "*sample"]:
        """ln of the likelihood of data (..., D), with whole counts in the bins."""
        from scipy import stats  # more than a second, for this method alone

        data, counted = np.asarray(value, dtype=float), self._counted
        counts = stats.poisson.logpmf(data[..., counted], self.expected[counted])
        pulls = (data[..., ~counted] - self.expected[~counted]) / self.sigma
        scale = np.log(self.sigma).sum()
        if self.root is not None:
            correlated = pulls[..., self._correlated]
            pulls[..., self._correlated] = correlated @ np.linalg.inv(self.root).T
            scale += np.log(np.diagonal(self.root)).sum()
        normal = stats.norm.logpdf(pulls)
        return np.asarray(counts.sum(axis=-1) + normal.sum(axis=-1) - scale)

    @property
    def _counted(self) -> np.ndarray:
        return np.concatenate([np.full(self.layout.total_bins, True), self.layout.aux_poisson])

    @property
    def _correlated(self) -> np.ndarray:
        """Places among the normal auxiliary measurements of those that are correlated."""
        of_normal = np.cumsum(~self.layout.aux_poisson) - 1
        return of_normal[self.layout.aux_of_par[list(self.layout.correlated)]]
