"""Standardised features, in double precision and without overflow, and networks of them."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Self

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from hone.analysis.leading import padded_groups
from hone.errors import InputError
from hone.outliers import Regular, mean_and_deviation
from hone.sentinels import PADDING

__all__ = ["Events", "Standardised", "limits", "moments", "standardised"]

_LARGEST = np.finfo(float).max


Events = np.ndarray | Sequence[np.ndarray]
"""Features of events (n, F), or those of each sample."""


def moments(events: Events, features: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each feature, float64 (F,); 1 for one that is constant.

    Marks for missing values and a few values far out, :class:`~hone.outliers.Regular`, do not
    count. Leading values of the same, as all of ``jet_pt[:5]``, have those of all together, as far
    as they are there.

    Args:
        events: of any size that a double holds.
        features: their names, for messages (F).

    Raises:
        InputError: a feature is not finite, or missing in all events.
    """
    samples, events = _together(events)
    # Squares of large numbers overflow: scale by a power of two first, which is exact.
    powers = np.frexp(np.abs(events).max(axis=0))[1]
    small = np.ldexp(events, -powers)
    mean, deviation = (np.ldexp(x, powers) for x in (small.mean(axis=0), small.std(axis=0)))
    for name, numbers in zip(features, zip(mean, deviation, strict=True), strict=True):
        if not np.isfinite(numbers).all():
            raise InputError(
                f"feature {name!r} has mean {numbers[0]} and standard deviation {numbers[1]} over "
                "the training events: exclude events where it is not finite"
            )
    for column, regular in enumerate(_regular(samples)):
        if not regular.has_all and (own := events[regular.holds(events[:, column]), column]).size:
            mean[column], deviation[column] = mean_and_deviation(own)
    for name, columns in padded_groups(features).items():
        there = [_there(sample, columns) for sample in samples]
        if not any(map(len, there)):
            raise InputError(f"feature {name!r}: no training event has any of them")
        mean[columns], deviation[columns] = moments(there, [name])
    return mean, np.where(deviation > 0, deviation, 1.0)


def limits(
    events: Events, scale: np.ndarray, features: Sequence[str], masked: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Between which values a network sees each feature, float64 (F,) and (F,).

    The largest doubles, except where there are marks for missing values or a few values far out:
    these are seen at most one standard deviation beyond all others, not thousands of them. So is
    what is padded.

    Args:
        events: as for :func:`moments`.
        scale: of it.
        features: as for it.
        masked: whether it is told what is padded.
    """
    samples, together = _together(events)
    lowest, highest = np.full(len(scale), -_LARGEST), np.full(len(scale), _LARGEST)
    for column, regular in enumerate(_regular(samples)):
        if not regular.has_all:
            own = together[regular.holds(together[:, column]), column]
            low, high = (own.min(), own.max()) if own.size else (0.0, 0.0)
            lowest[column] = max(low - scale[column], -_LARGEST)
            highest[column] = min(high + scale[column], _LARGEST)
    for name, columns in padded_groups(features).items():
        there, own = [_there(sample, columns) for sample in samples], scale[columns[:1]]
        low, highest[columns] = limits(there, own, [name])
        lowest[columns] = low if masked else np.maximum(low, np.concatenate(there).min() - own)
    return lowest, highest


def _together(events: Events) -> tuple[list[np.ndarray], np.ndarray]:
    """Events of each sample, and of all, float64."""
    samples = [events] if isinstance(events, np.ndarray) else events
    doubles = [np.asarray(sample, dtype=float) for sample in samples]
    return doubles, np.concatenate(doubles)


def _regular(samples: Sequence[np.ndarray]) -> Iterator[Regular]:
    """Of each feature, without what is padded."""
    for columns in zip(*(sample.T for sample in samples), strict=True):
        there = [values[values != PADDING] for values in columns]
        yield Regular.of(*there)


def _there(events: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    """All values of some features that are there (n, 1)."""
    values = events[:, columns]
    return values[values != PADDING][:, None]


def standardised(events: Any, mean: np.ndarray, scale: np.ndarray) -> Any:
    """(events (n, F) - mean) / scale, float64, NumPy's or JAX's."""
    # The difference of the halves of two large numbers is finite.
    return (0.5 * events.astype("float64") - 0.5 * mean) / (0.5 * scale)


class Standardised(eqx.Module):
    """A network of standardised features.

    Features are standardised in float64 before they are cast to the network's precision.
    """

    mean: np.ndarray
    """Subtracted from the features, float64 (F,); from training events, not trained."""
    scale: np.ndarray
    """Divides the features, float64 (F,)."""
    lowest: np.ndarray
    """Smallest value that is seen of a feature, float64 (F,); events below have it."""
    highest: np.ndarray
    """Largest value, float64 (F,)."""
    precision: str = eqx.field(static=True)

    @staticmethod
    def scaling(
        events: Events, features: Sequence[str], masked: bool = False
    ) -> dict[str, np.ndarray]:
        """Its fields for training events; arguments as for :func:`limits`."""
        mean, scale = moments(events, features)
        lowest, highest = limits(events, scale, features, masked)
        return {"mean": mean, "scale": scale, "lowest": lowest, "highest": highest}

    def inputs(self, events: Float[Array, "N F"]) -> Float[Array, "N F"]:
        """Features as the network sees them, in its precision."""
        seen = jnp.clip(events, self.lowest, self.highest)
        scaled: Float[Array, "N F"] = standardised(seen, self.mean, self.scale)
        return scaled.astype(self.precision)

    @abstractmethod
    def __call__(self, events: Float[Array, "N F"]) -> Float[Array, "N outputs"]:
        """Outputs of events, in the network's precision."""

    @abstractmethod
    def started_from(self, other: Any) -> Self:
        """With the weights and the scaling of a network of the same layers."""

    @abstractmethod
    def trainable(self) -> Any:
        """PyTree of the same structure: True for leaves that are trained."""

    @abstractmethod
    def matrices(self) -> list[Array]:
        """The weights of all layers, without biases."""

    def in_training(self, keys: PRNGKeyArray) -> Self:
        """As :meth:`.Observable.in_training`."""
        return self
