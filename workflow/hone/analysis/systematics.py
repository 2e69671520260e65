"""What modifies the expectation of samples: systematic uncertainties and free normalisations.

A kind of systematic is one class. It says which templates it needs, which modifiers of pyhf it
becomes, what of the compiled likelihood training fills with templates, and how far it shifts
yields. Yields are arrays (B,) of NumPy or JAX, float64, in any bins.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from annotated_types import Gt, Len, Lt
from pydantic import Field, TypeAdapter, WrapValidator, model_validator

from hone.analysis.distributions import Block, Distribution
from hone.analysis.fields import ExpressionText, Files, Name, Names, Samples, several
from hone.analysis.settings import Family, NonNegative, Positive, Settings, Text, refuse
from hone.analysis.templates import Template

if TYPE_CHECKING:  # it imports JAX
    from hone.likelihood.histfactory.layout import Layout

__all__ = [
    "SIDES",
    "Histosys",
    "Leaf",
    "Lumi",
    "Modifier",
    "Normfactor",
    "Normsys",
    "ShapeVariation",
    "Shapesys",
    "Systematic",
    "Variation",
]

SIDES = ("up", "down")


class Variation(Settings):
    """One side of a systematic of a sample with ntuples: how its events or weights differ."""

    files: Files | None = None
    tree: Text | None = None
    weight: ExpressionText | None = None
    normalise: Literal["nominal", "own"] | None = None
    sum_of_weights: Positive | None = None
    muon_scale: Positive | None = None
    muon_resolution: NonNegative | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = {key for key, value in self if value is not None}
        if not given:
            raise refuse("{} is not allowed: a variation has files, a tree or a weight")
        normalisation = given & {"normalise", "sum_of_weights"}
        if normalisation and not given & {"files", "tree"}:
            key = min(normalisation)
            raise refuse("only varied files or trees have a normalisation", key)
        if self.sum_of_weights is not None and self.normalise == "nominal":
            raise refuse("there is a sum_of_weights as well; give one of both", "normalise")
        return self

    def muons(self) -> dict[str, float]:
        """What differs in the muons of dimuons."""
        found = {"muon_scale": self.muon_scale, "muon_resolution": self.muon_resolution}
        return {key: value for key, value in found.items() if value is not None}

    @property
    def has_events(self) -> bool:
        """Whether it has events of its own, not only other weights."""
        return any(value is not None for key, value in self if key != "weight")

    @property
    def has_own_normalisation(self) -> bool:
        """Whether its events are scaled to the sample's yield, instead of having its factor."""
        return self.sum_of_weights is not None or self.normalise == "own"


def _of_its_type(value: Any, _: Any) -> Any:
    """Errors are those of a distribution where there is a list, and of a mapping elsewhere."""
    if isinstance(value, list):
        return TypeAdapter(Distribution).validate_python(value)
    if not isinstance(value, dict | Variation):
        raise refuse(
            f"{json.dumps(value, default=str)} is not allowed; allowed are a distribution (a list "
            "of blocks), and a mapping with files, tree or weight (of dimuons muon_scale or "
            "muon_resolution)"
        )
    return Variation.model_validate(value)


Side = Annotated[Variation | Distribution, WrapValidator(_of_its_type)]


class Leaf(NamedTuple):
    """What training writes into the compiled likelihood: values (B,) at a place of an array."""

    array: str
    """Attribute of :class:`hone.likelihood.histfactory.Model`."""
    place: tuple[int, ...]
    values: Any


class Modifier(Settings):
    """What changes the expectation of one sample or of several by one parameter."""

    name: Name
    """Name of the parameter."""
    sample: Samples
    """The sample that is changed, or a list of them."""

    @property
    def samples(self) -> list[str]:
        """Names of the samples that it changes."""
        return several(self.sample)

    def acts_in(self, region: str) -> bool:
        """Whether it acts in a region."""
        return True

    def templates(self, sample: str) -> list[Template]:
        """The varied templates of a sample that it needs, up before down."""
        return []

    def event_templates(self, sample: str) -> list[Template]:
        """Those of :meth:`templates` that have events of their own, not only other weights."""
        return [t for t in self.templates(sample) if t not in self.weights(sample)]

    def weights(self, sample: str) -> dict[Template, str]:
        """Expressions of the weight by template, of those that have the sample's own events."""
        return {}

    def modifiers(self, nominal: Any, up: Any, down: Any) -> Iterator[dict[str, Any]]:
        """Modifiers of pyhf for a sample in a channel, without their ``name``.

        Args:
            nominal: yields in the channel (B,).
            up: at +1 sigma; only meant where there are :meth:`templates`.
            down: at -1 sigma.
        """
        raise NotImplementedError

    def parameter(self) -> dict[str, Any] | None:
        """Settings of the parameter in pyhf's measurement, if it needs any."""
        return None

    def leaves(
        self, layout: "Layout", sample: int, nominal: Any, up: Any, down: Any
    ) -> Iterator[Leaf]:
        """What training fills in for a sample, from templates (B,) that are still being trained.

        Args:
            layout: of the compiled likelihood, which has an array of names for each type.
            sample: place of the sample in it.
            nominal: its yields.
            up: at +1 sigma.
            down: at -1 sigma.
        """
        yield from ()


class Normfactor(Modifier):
    """A free normalisation of backgrounds, without constraint: a control region measures it."""

    bounds: Annotated[list[NonNegative], Len(2, 2)] = Field([0.0, 10.0])
    """Smallest and largest factor."""

    @model_validator(mode="after")
    def _around_one(self) -> Self:
        if not self.bounds[0] <= 1 <= self.bounds[1]:
            raise refuse(f"{self.bounds} must rise, with 1 between them", "bounds")
        return self

    def modifiers(self, nominal: Any, up: Any, down: Any) -> Iterator[dict[str, Any]]:
        yield {"type": "normfactor", "data": None}

    def parameter(self) -> dict[str, Any]:
        return {"inits": [1.0], "bounds": [list(self.bounds)]}


class Systematic(Modifier, Family):
    """An uncertainty of the expectation. Entries of one name share one nuisance parameter."""

    tag = "type"
    can_be_pruned: ClassVar[bool] = False
    """Whether it is left out of the workspace where it changes little."""
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

    def shifted(self, nominal: Any, up: Any, down: Any) -> tuple[Any, Any]:
        """Yields (B,) at +1 and at -1 sigma, from the nominal and the varied templates."""
        raise NotImplementedError

    def largest_effect(self, nominal: np.ndarray, up: np.ndarray, down: np.ndarray) -> float:
        """Largest relative change of a bin; infinite where a bin without yield changes."""
        changes = [np.abs(np.asarray(y) - nominal) for y in self.shifted(nominal, up, down)]
        relative = [
            np.divide(c, nominal, out=np.full(len(c), np.inf), where=nominal > 0) for c in changes
        ]
        return max(
            float(np.where(c == 0, 0.0, r).max()) for c, r in zip(changes, relative, strict=True)
        )

    def notes(self) -> list[str]:
        """What a figure says about it, beside its name."""
        return []


class Normsys(Systematic):
    """An uncertainty of the yield."""

    type: Literal["normsys"]
    can_be_pruned = True
    up: Positive
    """Factor on the yield at +1 sigma."""
    down: Positive
    """Factor on the yield at -1 sigma."""

    def modifiers(self, nominal: Any, up: Any, down: Any) -> Iterator[dict[str, Any]]:
        yield {"type": "normsys", "data": {"hi": self.up, "lo": self.down}}

    def shifted(self, nominal: Any, up: Any, down: Any) -> tuple[Any, Any]:
        return nominal * self.up, nominal * self.down

    def largest_effect(self, nominal: np.ndarray, up: np.ndarray, down: np.ndarray) -> float:
        return max(abs(self.up - 1), abs(self.down - 1))


class ShapeVariation(Systematic):
    """A systematic with varied templates, up and (or its mirror image) down."""

    up: Side
    """At +1 sigma: the varied `distribution`, or, for samples with `files`, a mapping with the
    varied `files` or `tree` (varied events), or with only a `weight` (the same events, weighted
    otherwise: for generated events too, where `weight` is a branch). Varied events have the
    sample's factor from weights to yields, `normalise: nominal`: there may be more of them, or
    less. With `normalise: own` they are scaled to its `yield` or `cross_section` by their own
    weights, as with a `sum_of_weights` of their own. For `dimuons` a factor on the muons' momenta
    (`muon_scale`) or on their resolution (`muon_resolution`)."""
    down: Side | None = None

    def side(self, name: str) -> Variation | list[Block] | None:
        """What is given for ``up`` or ``down``."""
        found: Variation | list[Block] | None = getattr(self, name)
        return found

    def density(self, name: str) -> list[Block]:
        """The varied density of generated events, ``up`` or ``down``."""
        found = self.side(name)
        assert isinstance(found, list), "checked with the samples"
        return found

    def templates(self, sample: str) -> list[Template]:
        return [Template(sample, self.name, s) for s in SIDES if self.side(s) is not None]

    def weights(self, sample: str) -> dict[Template, str]:
        found = {}
        for template in self.templates(sample):
            given = self.side(template.side)
            if isinstance(given, Variation) and not given.has_events and given.weight:
                found[template] = given.weight
        return found


class Histosys(ShapeVariation):
    """An uncertainty of the distribution of events: the templates are interpolated."""

    type: Literal["histosys"]
    can_be_pruned = True
    down: Side | None = None
    """At -1 sigma, as `up`. It can be left out: then it is the mirror image of the variation up,
    bin by bin."""
    smoothing: bool | None = None
    """Whether the ratio of the variation to the nominal template is smoothed in the workspace
    (353QH, twice), in regions with three bins or more; for variations with few events of their own.
    Training sees them as they are."""

    def modifiers(self, nominal: Any, up: Any, down: Any) -> Iterator[dict[str, Any]]:
        high, low = (np.asarray(side, dtype=float).tolist() for side in (up, down))
        yield {"type": "histosys", "data": {"hi_data": high, "lo_data": low}}

    def leaves(
        self, layout: "Layout", sample: int, nominal: Any, up: Any, down: Any
    ) -> Iterator[Leaf]:
        place = (layout.histosys.index(self.name), sample)
        yield Leaf("histosys_lo", place, down)
        yield Leaf("histosys_hi", place, up)

    def shifted(self, nominal: Any, up: Any, down: Any) -> tuple[Any, Any]:
        return up, down

    def notes(self) -> list[str]:
        return ["mirrored"] if self.down is None else []


class Shapesys(ShapeVariation):
    """An uncertainty of each bin on its own: half the difference of two varied distributions."""

    type: Literal["shapesys"]
    is_of_bins = True
    down: Side
    """At -1 sigma, as `up`."""

    def modifiers(self, nominal: Any, up: Any, down: Any) -> Iterator[dict[str, Any]]:
        widths = np.asarray(_half_spread(up, down), dtype=float)
        yield {"type": "shapesys", "data": widths.tolist()}

    def leaves(
        self, layout: "Layout", sample: int, nominal: Any, up: Any, down: Any
    ) -> Iterator[Leaf]:
        place = (layout.shapesys.index(self.name), sample)
        yield Leaf("shapesys", place, _half_spread(up, down))

    def shifted(self, nominal: Any, up: Any, down: Any) -> tuple[Any, Any]:
        width = _half_spread(up, down)
        return nominal + width, nominal - width

    def notes(self) -> list[str]:
        return ["each bin apart"]


class Lumi(Systematic):
    """The luminosity's uncertainty, common to its samples."""

    type: Literal["lumi"]
    uncertainty: Annotated[float, Gt(0), Lt(1)]
    """Relative uncertainty, e.g. 0.017."""

    def modifiers(self, nominal: Any, up: Any, down: Any) -> Iterator[dict[str, Any]]:
        yield {"type": "lumi", "data": None}

    def parameter(self) -> dict[str, Any]:
        width = self.uncertainty
        return {
            "inits": [1.0], "auxdata": [1.0], "sigmas": [width],
            "bounds": [[max(1 - 10 * width, 1e-3), 1 + 10 * width]],
        }  # fmt: skip

    def shifted(self, nominal: Any, up: Any, down: Any) -> tuple[Any, Any]:
        return nominal * (1 + self.uncertainty), nominal * (1 - self.uncertainty)


def _half_spread(up: Any, down: Any) -> Any:
    return abs(up - down) / 2
