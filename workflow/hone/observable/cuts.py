"""Cuts on named variables: sharp for limits, sigmoids in training."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from hone.analysis.observables import Cut
from hone.observable.base import Observable
from hone.observable.scaling import Events, moments, standardised

__all__ = ["CutObservable", "Cuts"]


class Cuts(eqx.Module):
    """One-sided cuts, all of which an event has to pass; two on one variable make a window."""

    thresholds: Float[Array, " K"]
    """In units of the variables' standard deviations, from ``centre``."""
    log_slopes: Float[Array, " K"]
    """Logarithm of the sigmoids' steepness, in the same units."""
    centre: np.ndarray
    """Origin of the thresholds, in the variables' own units, float64 (K,)."""
    scale: np.ndarray
    """Standard deviation of the variables that are cut on, float64 (K,)."""
    columns: tuple[int, ...] = eqx.field(static=True)
    """Which features are cut on."""
    sides: tuple[str, ...] = eqx.field(static=True)
    """``above`` keeps events above the threshold, ``below`` those below."""
    names: tuple[str, ...] = eqx.field(static=True)

    @classmethod
    def create(cls, cuts: Sequence[Cut], features: Sequence[str], events: Events) -> "Cuts":
        """Cuts before training.

        Args:
            cuts: of the analysis.
            features: names of the columns of events.
            events: whose mean and standard deviation scale the variables, of each sample (n, F).
        """
        columns = [list(features).index(cut.variable) for cut in cuts]
        samples = [events] if isinstance(events, np.ndarray) else events
        mean, scale = moments([s[:, columns] for s in samples], [cut.variable for cut in cuts])
        starts = [
            (-0.5 if cut.side == "above" else 0.5) if cut.start is None else (cut.start - m) / s
            for cut, m, s in zip(cuts, mean, scale, strict=True)
        ]
        return cls(
            thresholds=jnp.asarray(starts, dtype="float64"),
            log_slopes=jnp.log(jnp.asarray([cut.slope for cut in cuts], float)),
            centre=mean,
            scale=scale,
            columns=tuple(columns),
            sides=tuple(cut.side for cut in cuts),
            names=tuple(cut.variable for cut in cuts),
        )

    def values(self) -> np.ndarray:
        """Thresholds in the variables' own units (K,)."""
        return np.asarray(self.centre + self.scale * self.thresholds)

    def at(self, thresholds: np.ndarray) -> "Cuts":
        """The same cuts at other thresholds, in the variables' own units (K,)."""
        centre = np.asarray(thresholds, dtype=float)
        # With the thresholds as origin, rounding does not matter for an event on a threshold.
        return eqx.tree_at(
            lambda c: (c.centre, c.thresholds), self, (centre, jnp.zeros(len(centre)))
        )

    def respond(self, events: Float[Array, "N F"]) -> Float[Array, "N K"]:
        """Distance of each event from each threshold, positive inside, in standard deviations."""
        signs = np.where([side == "above" for side in self.sides], 1.0, -1.0)
        chosen = standardised(events[:, np.array(self.columns)], self.centre, self.scale)
        return jnp.asarray(signs * (chosen - self.thresholds))

    def hard(self, margins: Float[Array, "N K"]) -> Bool[Array, " N"]:
        """Whether events pass."""
        return (margins > 0).all(axis=1)

    def soft(self, margins: Float[Array, "N K"]) -> Float[Array, " N"]:
        """Product of a sigmoid for each cut."""
        return jax.nn.sigmoid(jnp.exp(self.log_slopes) * margins).prod(axis=1)

    def trainable(self) -> Any:
        """Thresholds and slopes."""
        marks = jax.tree.map(lambda _: False, self)
        return eqx.tree_at(lambda c: (c.thresholds, c.log_slopes), marks, (True, True))

    def summary(self) -> dict[str, float]:
        """Thresholds in the variables' units, and slopes per standard deviation."""
        row = {}
        slopes = np.exp(np.asarray(self.log_slopes))
        for name, side, value, slope in zip(
            self.names, self.sides, self.values(), slopes, strict=True
        ):
            row[f"{name}_{side}"] = float(value)
            row[f"{name}_{side}_slope"] = float(slope)
        return row


class CutObservable(Observable):
    """Counts the events that pass cuts, in one bin."""

    cuts: Cuts
    features: tuple[str, ...] = eqx.field(static=True)

    @property
    def edges(self) -> Float[Array, " 2"]:
        """0 and 1."""
        return jnp.arange(2.0)

    def respond(self, events: Float[Array, "N F"]) -> Any:
        return self.cuts.respond(events)

    def hard(self, response: Any) -> Float[Array, " N"]:
        return jnp.where(self.cuts.hard(response), 0.5, jnp.nan)

    def widths(
        self, response: Any, weights: Float[Array, " N"], progress: Float[Array, ""] | float
    ) -> Float[Array, "*N"]:
        return jnp.zeros(())

    def shares(self, response: Any, widths: Float[Array, "*N"]) -> Float[Array, "N B"]:
        return self.cuts.soft(response)[:, None]

    @property
    def has_cuts(self) -> bool:
        return True

    def trainable(self) -> Any:
        marks = jax.tree.map(lambda _: False, self)
        return eqx.tree_at(lambda o: o.cuts, marks, self.cuts.trainable())

    def summary(self, progress: float) -> dict[str, float]:
        return super().summary(progress) | self.cuts.summary()
