"""The histograms of all regions side by side, as pyhf orders its channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hone.analysis.regions import ONE_REGION, Region
from hone.statmodel.templates import Histogram

if TYPE_CHECKING:  # it imports JAX: a second, for jobs that need none
    from jaxtyping import Array, Float

__all__ = ["Channels", "bin_name", "channel_sizes", "places"]


def channel_sizes(edges: Mapping[str, np.ndarray], regions: Sequence[Region]) -> dict[str, int]:
    """Number of bins of each channel, from bin edges by region as histograms have them.

    Args:
        edges: of each region; one region alone has no name there.
        regions: of the analysis, at least one.
    """
    return {name or regions[0].name: len(of_region) - 1 for name, of_region in edges.items()}


def places(channels: Mapping[str, int]) -> dict[str, slice]:
    """Where the bins of each channel are among those of all, from the number of bins of each."""
    ends = dict(zip(channels, np.cumsum(list(channels.values())).tolist(), strict=True))
    return {name: slice(ends[name] - bins, ends[name]) for name, bins in channels.items()}


def bin_name(place: int, channels: Mapping[str, int]) -> str:
    """One of the bins of all channels for messages, counted from 1 in its region as in figures."""
    name, own = next((n, p) for n, p in places(channels).items() if place < p.stop)
    number = f"bin {place - own.start + 1}"
    return f"region {name!r}, {number}" if len(channels) > 1 else number


@dataclass(frozen=True)
class Channels:
    """The histograms of all regions side by side, in pyhf's order.

    Sizes: R regions with the observable, b bins of it, F bins of all other regions, B = R b + F.
    """

    regions: tuple[Region, ...] = (ONE_REGION,)
    observable_bins: int = 1

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Number of bins of each channel."""
        return {
            r.name: self.observable_bins if r.is_trained else len(r.fixed_edges) - 1
            for r in self.regions
        }

    def edges(self, of_observable: np.ndarray) -> dict[str, np.ndarray]:
        """Bin edges of each channel."""
        return {r.name: of_observable if r.is_trained else r.fixed_edges for r in self.regions}

    @cached_property
    def trained(self) -> tuple[Region, ...]:
        """Regions with the observable; events carry their place in this list."""
        return tuple(r for r in self.regions if r.is_trained)

    @cached_property
    def fixed(self) -> tuple[Region, ...]:
        """All other regions."""
        return tuple(r for r in self.regions if not r.is_trained)

    @cached_property
    def _order(self) -> np.ndarray:
        """Place of each bin among those of the trained regions, then those of the fixed ones."""
        starts, position = {}, 0
        for region in (*self.trained, *self.fixed):
            starts[region.name] = position
            position += self.sizes[region.name]
        return np.concatenate([starts[n] + np.arange(size) for n, size in self.sizes.items()])

    def joined(
        self, trained: Sequence[Histogram] | Histogram, fixed: Sequence[Histogram]
    ) -> Histogram:
        """One histogram (B,) of those of the trained regions and those of the fixed ones.

        Args:
            trained: one for each region with the observable (b,), or all of these in one (R b,).
            fixed: one for each other region.
        """
        parts = [trained] if isinstance(trained, Histogram) else list(trained)
        parts += fixed
        if len(parts) == 1 and len(self.trained) == 1:
            return parts[0]
        if all(isinstance(p.values, np.ndarray) for p in parts):
            module: Any = np
        else:
            import jax.numpy as module  # a second, for jobs that need none
        return Histogram(*(module.concatenate([p[k] for p in parts])[self._order] for k in (0, 1)))

    def shares(
        self, shares: Float[Array, "N b"], place: Float[Array | np.ndarray, " N"] | None
    ) -> Float[Array, "N R*b"]:
        """Shares in the bins of all trained regions, for events with a place among these."""
        if place is None:
            return shares
        inside = place[:, None] == np.arange(len(self.trained))
        return (inside[:, :, None] * shares[:, None, :]).reshape(len(shares), -1)
