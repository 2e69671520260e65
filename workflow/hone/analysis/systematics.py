"""Systematic uncertainties.

A kind of systematic is one class. It says which templates it needs, which modifiers of pyhf it
becomes, what of the compiled likelihood training fills with templates, and how far it shifts
yields. Yields are arrays (B,) of NumPy or JAX, float64, in any bins. Those with varied templates
are in :mod:`hone.analysis.shape_systematics`.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import Gt, Lt
from pydantic import model_validator

from hone.analysis.fields import Names
from hone.analysis.modifiers import Modifier
from hone.analysis.settings import Family, Positive, Text, refuse
from hone.analysis.yields import largest_change, norm_factor
from hone.likelihood import specification as spec

__all__ = ["Lumi", "Normsys", "Systematic"]

_ROUNDING = 1e-12
_SMALL_FACTOR = 0.5
"""A factor on a yield; where all are below, relative changes were probably meant."""


class Systematic(Modifier, Family):
    """An uncertainty of the expectation. Entries of one name share one nuisance parameter."""

    tag = "type"
    can_be_pruned: ClassVar[bool] = False
    """Whether it is left out of the workspace where it changes little."""
    has_parts: ClassVar[bool] = False
    """Whether its effect on the yield and that on the shape can be left out apart."""
    carriers: ClassVar[Mapping[str, str]] = {}
    """Types of pyhf's modifiers that carry ``norm`` and ``shape``, where these are not one."""
    is_of_bins: ClassVar[bool] = False
    """Whether it means another thing in other bins."""
    type: str
    regions: Names | None = None
    """Regions where the uncertainty acts; all if not given."""
    group: Text | None = None
    """Name of the group that it counts in where the uncertainty of mu is broken down, e.g.
    `jets`; a group of its own if not given. The MC statistical errors are `MC statistics`."""

    def acts_in(self, region: str) -> bool:
        return self.regions is None or region in self.regions

    @property
    def pyhf_types(self) -> list[str]:
        """Types of pyhf's modifiers that it becomes."""
        return list(self.carriers.values()) or [self.type]

    def shifted(self, nominal: Any, up: Any, down: Any) -> tuple[Any, Any]:
        """Yields (B,) at +1 and at -1 sigma, from the nominal and the varied templates."""
        raise NotImplementedError

    def refusal(self, nominal: np.ndarray) -> str:
        """Why a sample with such yields of a region (B,) cannot have it; empty if it can."""
        negative = np.flatnonzero(nominal < 0)
        if "shapesys" in self.pyhf_types and len(negative):
            return (
                f"the yield of bin {negative[0] + 1} is negative, and pyhf's shapesys "
                f"({self.name!r}) would have no uncertainty there: use histosys, or wider bins"
            )
        return ""

    def largest_effect(self, nominal: np.ndarray, up: np.ndarray, down: np.ndarray) -> float:
        """Largest relative change of a bin; infinite where a bin without yield changes."""
        return max(largest_change(nominal, y) for y in self.shifted(nominal, up, down))

    def effects_of_parts(
        self, nominal: np.ndarray, up: np.ndarray, down: np.ndarray
    ) -> tuple[float, float]:
        """Relative change of the yield of a region, and the largest of a bin with that yield kept.

        Each is the larger one of both sides. A single bin has no shape.
        """
        norms, shapes = [], []
        for varied in self.shifted(nominal, up, down):
            factor = norm_factor(nominal, varied)
            norms.append(abs(float(factor) - 1))
            shapes.append(largest_change(nominal, np.asarray(varied) / factor))
        norm, shape = (x if x > _ROUNDING else 0.0 for x in (max(norms), max(shapes)))
        return norm, shape

    def notes(self) -> list[str]:
        """What a figure says about it, beside its name."""
        return []


class Normsys(Systematic):
    """An uncertainty of the yield."""

    type: Literal["normsys"]
    can_be_pruned = True
    up: Positive
    """Factor on the yield at +1 sigma."""
    down: Positive | None = None
    """Factor on the yield at -1 sigma. It can be left out: then it is the mirror image, 2 - up, as
    0.9 of an `up` of 1.1."""

    @model_validator(mode="after")
    def _factors_on_the_yield(self) -> Self:
        down = 0.0 if self.down is None else self.down
        # The second is 20 % as 0.2 above and 0.8 below.
        if max(self.up, down) < _SMALL_FACTOR or (down and math.isclose(self.up + down, 1)):
            given = f"up: {self.up:g}" + (f", down: {down:g}" if down else "")
            meant = "" if down else f"; if {given} is meant, give down, too"
            raise refuse(
                f"{given}: these are factors on the yield, not relative changes: 20 % are "
                f"up: 1.2, down: 0.8{meant}"
            )
        if self.down is None and self.up >= 2:
            raise refuse(f"has no mirror image above 0 of an up of {self.up:g}; give it", "down")
        return self

    @property
    def factors(self) -> tuple[float, float]:
        """On the yield, at +1 and at -1 sigma."""
        return self.up, 2 - self.up if self.down is None else self.down

    def modifiers(self, nominal: Any, up: Any, down: Any) -> Iterator[spec.Modifier]:
        high, low = self.factors
        yield {"name": self.name, "type": "normsys", "data": {"hi": high, "lo": low}}

    def shifted(self, nominal: Any, up: Any, down: Any) -> tuple[Any, Any]:
        high, low = self.factors
        return nominal * high, nominal * low

    def largest_effect(self, nominal: np.ndarray, up: np.ndarray, down: np.ndarray) -> float:
        return max(abs(factor - 1) for factor in self.factors)

    def effects_of_parts(
        self, nominal: np.ndarray, up: np.ndarray, down: np.ndarray
    ) -> tuple[float, float]:
        return self.largest_effect(nominal, up, down), 0.0


class Lumi(Systematic):
    """The luminosity's uncertainty, common to its samples."""

    type: Literal["lumi"]
    uncertainty: Annotated[float, Gt(0), Lt(1)]
    """Relative uncertainty, e.g. 0.017."""

    def modifiers(self, nominal: Any, up: Any, down: Any) -> Iterator[spec.Modifier]:
        yield {"name": self.name, "type": "lumi", "data": None}

    def parameter(self) -> spec.Parameter:
        width = self.uncertainty
        return {
            "name": self.name, "inits": [1.0], "auxdata": [1.0], "sigmas": [width],
            "bounds": [[max(1 - 10 * width, 1e-3), 1 + 10 * width]],
        }  # fmt: skip

    def shifted(self, nominal: Any, up: Any, down: Any) -> tuple[Any, Any]:
        return nominal * (1 + self.uncertainty), nominal * (1 - self.uncertainty)
