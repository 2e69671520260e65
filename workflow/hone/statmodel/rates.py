"""Where the expectation would be negative. One sample's may be: interference, weights of NLO."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["NegativeRate", "negative_rates"]


class NegativeRate(NamedTuple):
    """A bin that no fit can have."""

    bin: int
    rate: float
    side: str
    """Of which systematic, ``jes_up``; empty for the nominal one."""
    negative: dict[str, float]
    """Yields of the samples that are negative there."""

    def __str__(self) -> str:
        of = " and ".join(f"{name!r} ({value:.4g})" for name, value in self.negative.items())
        at = f" with {self.side}" if self.side else ""
        return (
            f"the expectation{at} is negative ({self.rate:.4g}), because of {of}; a negative yield "
            "needs other samples that outweigh it: use wider bins or more events"
        )


def negative_rates(
    nominal: Mapping[str, np.ndarray],
    varied: Mapping[str, Mapping[str, np.ndarray]],
    signals: Sequence[str],
) -> Iterator[NegativeRate]:
    """The lowest bin of each expectation that is negative in a bin.

    Without signals and with all of them, nominal and with each systematic at one sigma.

    Args:
        nominal: yields (B,) by sample.
        varied: what of them changes to what, by systematic and side, ``jes_up``.
        signals: names of those among the samples.
    """
    for side, changed in {"": {}, **varied}.items():
        yields = {**nominal, **changed}
        backgrounds = [name for name in nominal if name not in signals]
        for names in (backgrounds, list(nominal)):
            total = np.sum([yields[name] for name in names], axis=0)
            if names and (total < 0).any():
                k = int(np.argmin(total))
                below = {name: float(yields[name][k]) for name in names if yields[name][k] < 0}
                yield NegativeRate(k, float(total[k]), side, below)
                break
