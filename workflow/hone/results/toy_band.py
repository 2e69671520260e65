"""The 68 % band of expected CLs by toys against that of asymptotic formulae."""

from typing import NamedTuple

from hone.results.documents import ToyTest

__all__ = ["BandEnd", "band_differs", "band_ends"]

_FEWEST = 1 / 3
"""Largest relative error of a CLs that is judged, that of ten toys."""
_SIGMAS = 3.0
"""Largest difference in standard deviations."""
_ENDS = {1: -1, 3: 1}
"""Places in an expected set, and the standard deviations that they stand for.

At +2 sigma most best fits are above the tested strength: there the CLs of toys jumps to 1."""


class BandEnd(NamedTuple):
    """Expected CLs this many standard deviations from the median, both ways."""

    sigmas: int
    toys: float
    error: float | None
    """Of ``toys``; None if no toy is as extreme."""
    asymptotic: float
    distance: float | None
    """In standard deviations; None if there are too few toys to tell."""

    @property
    def differs(self) -> bool:
        """Whether by more than toys scatter."""
        return self.distance is not None and abs(self.distance) > _SIGMAS


def band_ends(test: ToyTest | None) -> list[BandEnd]:
    """Both ends of the 68 % band; none without toys."""
    if not test:
        return []
    toys, formula = test["expected"]["cls"]["toys"], test["expected"]["cls"]["asymptotic"]
    errors = toys.get("cls_expected_error"), formula.get("cls_expected_error")
    found = []
    for place, sigmas in _ENDS.items():
        here, there = toys["cls_expected"][place], formula["cls_expected"][place]
        own, theirs = (of[place] if of else None for of in errors)
        # Where few toys are left, their own error is too small, or none.
        error = max(own or 0.0, theirs or 0.0)
        told = 0 < error <= _FEWEST * max(here, there)
        distance = (here - there) / error if told else None
        found.append(BandEnd(sigmas, here, own, there, distance))
    return found


def band_differs(test: ToyTest | None) -> bool:
    """Whether toys show that an end of a band is another."""
    return any(end.differs for end in band_ends(test))
