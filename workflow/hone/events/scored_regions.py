"""Regions in the bins of another observable than the one that is trained or fitted."""

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
from pydantic import PrivateAttr

from hone.analysis.regions import Region
from hone.observable import Observable
from hone.observable.scores import score_events

__all__ = ["ScoredRegion"]


class ScoredRegion(Region):
    """A region in the bins of an observable that is trained, and does not change any more."""

    _networks: tuple[Observable, ...] = PrivateAttr()

    @classmethod
    def of(cls, region: Region, networks: Sequence[Observable]) -> Self:
        """A region of a config.

        Args:
            region: with an ``observable``.
            networks: of each fold, or the one for all events.
        """
        made = cls.model_construct(**dict(region))
        made._networks = tuple(networks)
        return made

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return super().__hash__()

    @property
    def is_trained(self) -> bool:
        return False

    @property
    def fixed_edges(self) -> np.ndarray:
        # With folds, each network has its own: the mean is where the figures draw the bins.
        edges: np.ndarray = np.mean([network.edges for network in self._networks], axis=0)
        return edges

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self._networks[0].features)

    def bins_of(
        self, values: np.ndarray, fold: np.ndarray | None, name: Callable[[int], str]
    ) -> np.ndarray:
        """As :meth:`Region.bins_of`; events that fail a cut of the observable are in no bin.

        Raises:
            InputError: the score of an event is not a number.
        """
        return score_events(self._networks, values, fold, name).bin
