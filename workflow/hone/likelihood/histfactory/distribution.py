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
        toys[..., ~counted] = rng.normal(normal, self.sigma, (*sample_shape, normal.size))
        toys[..., counted] = rng.poisson(rate, (*sample_shape, rate.size))
        return toys

    def log_prob(self, value: ArrayLike) -> Float[np.ndarray, "*sample"]:
        """ln of the likelihood of data (..., D), with whole counts in the bins."""
        from scipy import stats  # more than a second, for this method alone

        data, counted = np.asarray(value, dtype=float), self._counted
        counts = stats.poisson.logpmf(data[..., counted], self.expected[counted])
        normal = stats.norm.logpdf(data[..., ~counted], self.expected[~counted], self.sigma)
        return np.asarray(counts.sum(axis=-1) + normal.sum(axis=-1))

    @property
    def _counted(self) -> np.ndarray:
        return np.concatenate([np.full(self.layout.total_bins, True), self.layout.aux_poisson])
