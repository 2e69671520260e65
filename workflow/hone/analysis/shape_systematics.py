"""Systematic uncertainties with varied templates."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from hone.analysis.distributions import Block
from hone.analysis.modifiers import Leaf
from hone.analysis.settings import refuse
from hone.analysis.systematics import Systematic
from hone.analysis.templates import Template
from hone.analysis.variations import SIDES, Side, Variation
from hone.analysis.yields import cancel, half_spread, norm_factor, not_below_zero
from hone.likelihood import specification as spec

if TYPE_CHECKING:  # it imports JAX
    from hone.likelihood.histfactory.layout import Layout

__all__ = ["Histosys", "Interpolated", "Normplusshape", "ShapeVariation", "Shapesys"]


class ShapeVariation(Systematic):
    """A systematic with varied templates, up and (or its mirror image) down."""

    up: Side
    """At +1 sigma: the varied `distribution`, or, for samples with `files`, a mapping with the
    varied `files` or `tree` (varied events), with other branches of the same events (`replace: {pt:
    pt_jes_up}`: wherever `pt` occurs in features, weights, selections and variables, `pt_jes_up` is
    read instead), or with only a `weight`, which stands in the place of the sample's (the same
    events, weighted otherwise; for generated events too, as in `weight * (1 + 0.1 * x)`). These go
    together. In files and trees `{sample}` is the
    sample's name: `{files: "{sample}_jes_up.root"}` is for many samples. Varied events have the
    sample's factor from weights to yields, `normalise: nominal`: there may be more of them, or
    less. With `normalise: own` they are scaled to its `yield` or `cross_section` by their own
    weights, as with a `sum_of_weights` of their own. For `dimuons` a factor on the muons' momenta
    (`muon_scale`) or on their resolution (`muon_resolution`). For samples with `histograms` the
    `path` of the varied ones, `{path: "{region}/{sample}_{systematic}_{side}"}`, or other `files`,
    or both."""
    down: Side | None = None

    depends_on_regions: ClassVar[bool] = False
    """Whether its yields at one sigma in a bin depend on the other bins of the region."""

    def sides(self, nominal: Any, up: Any, down: Any | None) -> tuple[Any, Any]:
        """Yields (B,) at +1 and at -1 sigma from the templates; in one region, if it matters.

        Args:
            nominal: yields.
            up: the template up.
            down: the template down; None if there is none.
        """
        assert down is not None, "it has both sides"
        return up, down

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


class Interpolated(ShapeVariation):
    """A systematic whose templates are interpolated by one parameter."""

    can_be_pruned = True
    has_parts = True
    down: Side | None = None
    """At -1 sigma, as `up`. It can be left out: then it is the mirror image of the variation up,
    bin by bin: 2 nominal - up, but not below zero where the nominal yield is not (of a
    `normplusshape` the mirror images of its norm and of its shape)."""
    symmetrise: Literal["one-sided", "two-sided", "max"] | None = None
    """Makes the variations up and down mirror images of each other in each bin, in training, in the
    workspace and in figures: nominal + d and nominal - d, but not below zero where nominal is not.
    `one-sided`: there is no `down`, and d = up - nominal; this is also what is done if nothing is
    said. `two-sided`: d = (up - down) / 2. `max`: d = up - nominal where that is larger than down -
    nominal in size, else d = nominal - down (TRExFitter's MAXIMUMKEEPSIGN: a bin keeps the
    direction of its variation).
    If neither this nor a mirror image is wanted, give both sides. Smoothing comes first."""
    smoothing: bool | None = None
    """Whether the ratio of the variation to the nominal template is smoothed in the workspace
    (353QH, twice), in regions with three bins or more; for variations with few events of their own.
    Training sees them as they are."""

    @model_validator(mode="after")
    def _sides_to_symmetrise(self) -> Self:
        if self.symmetrise == "one-sided" and self.down is not None:
            raise refuse("one-sided takes the variation up alone; remove down", "symmetrise")
        if self.symmetrise in ("two-sided", "max") and self.down is None:
            raise refuse(f"{self.symmetrise} needs a variation down as well", "symmetrise")
        return self

    def sides(self, nominal: Any, up: Any, down: Any | None) -> tuple[Any, Any]:
        if down is None:
            return up, self.mirrored(nominal, up)
        if self.symmetrise is None:
            return up, down
        if self.symmetrise == "two-sided":
            shift = (up - down) / 2
        else:
            larger = abs(up - nominal) >= abs(down - nominal)
            shift = larger * (up - nominal) + ~larger * (nominal - down)
        return tuple(not_below_zero(nominal + sign * shift, nominal) for sign in (1, -1))

    def mirrored(self, nominal: Any, up: Any) -> Any:
        """Yields at -1 sigma, where there is only a variation up."""
        return not_below_zero(2 * nominal - up, nominal)

    def shifted(self, nominal: Any, up: Any, down: Any) -> tuple[Any, Any]:
        return up, down

    def notes(self) -> list[str]:
        if self.down is None:
            return ["mirrored"]
        return [f"symmetrised: {self.symmetrise}"] if self.symmetrise else []


class Histosys(Interpolated):
    """An uncertainty of the distribution of events, yield and shape together, in one modifier: the
    templates are interpolated, and the yield is linear in the parameter beyond one sigma."""

    type: Literal["histosys"]

    def modifiers(self, nominal: Any, up: Any, down: Any) -> Iterator[spec.Modifier]:
        high, low = (np.asarray(side, dtype=float).tolist() for side in (up, down))
        yield {"name": self.name, "type": "histosys", "data": {"hi_data": high, "lo_data": low}}

    def leaves(
        self, layout: "Layout", sample: int, nominal: Any, up: Any, down: Any
    ) -> Iterator[Leaf]:
        place = (layout.histosys.index(self.name), sample)
        yield Leaf("histosys_lo", place, down)
        yield Leaf("histosys_hi", place, up)


class Normplusshape(Interpolated):
    """The same, as cabinetry (`NormPlusShape`) and TRExFitter write it: a normsys with the ratio of
    the yields in a region, varied to nominal, which changes exponentially with the parameter, times
    a histosys of the templates scaled to the nominal yield, both of one parameter. At one sigma it
    is what a `histosys` of the same templates is, elsewhere not: limits may differ by per cents. A
    region with one bin has the normsys alone; where a yield is zero, which no factor is, the
    histosys has everything, in training too."""

    type: Literal["normplusshape"]
    carriers = {"norm": "normsys", "shape": "histosys"}  # noqa: RUF012 -- pydantic's ClassVar
    depends_on_regions = True

    def refusal(self, nominal: np.ndarray) -> str:
        if cancel(nominal):
            return (
                "yields that cancel have no norm apart from their shape: "
                f"{self.name!r} must be a histosys"
            )
        return super().refusal(nominal)

    def mirrored(self, nominal: Any, up: Any) -> Any:
        # As cabinetry: mirror images of the norm and of the shape, not of their product.
        factor = norm_factor(nominal, up)
        positive = factor < 2
        shape = not_below_zero(2 * nominal - up / factor, nominal)
        # What is cut at zero is no part of the norm.
        scaled = shape * ((2 - factor) / norm_factor(nominal, shape))
        return positive * scaled + ~positive * super().mirrored(nominal, up)

    def modifiers(self, nominal: Any, up: Any, down: Any) -> Iterator[spec.Modifier]:
        high, low = norm_factor(nominal, up), norm_factor(nominal, down)
        yield {"name": self.name, "type": "normsys", "data": {"hi": float(high), "lo": float(low)}}
        shapes = [np.asarray(side, dtype=float) / f for side, f in ((up, high), (down, low))]
        if len(nominal) > 1 or not all(np.allclose(s, nominal, rtol=1e-9) for s in shapes):
            data = spec.Templates(hi_data=shapes[0].tolist(), lo_data=shapes[1].tolist())
            yield {"name": self.name, "type": "histosys", "data": data}

    def leaves(
        self, layout: "Layout", sample: int, nominal: Any, up: Any, down: Any
    ) -> Iterator[Leaf]:
        for number, channel in enumerate(layout.channels):
            bins = layout.channel_slice(channel)
            for end, side in (("hi", up), ("lo", down)):
                factor = norm_factor(nominal[bins], side[bins])
                if self.name in layout.normsys:
                    place = layout.normsys.index(self.name), sample
                    yield Leaf(f"normsys_{end}", (*place, number), factor)
                if self.name in layout.histosys:
                    place = layout.histosys.index(self.name), sample
                    yield Leaf(f"histosys_{end}", (*place, bins), side[bins] / factor)


class Shapesys(ShapeVariation):
    """An uncertainty of each bin on its own: half the difference of two varied distributions."""

    type: Literal["shapesys"]
    is_of_bins = True
    down: Side
    """At -1 sigma, as `up`."""

    def modifiers(self, nominal: Any, up: Any, down: Any) -> Iterator[spec.Modifier]:
        widths = np.asarray(half_spread(up, down), dtype=float)
        yield {"name": self.name, "type": "shapesys", "data": widths.tolist()}

    def leaves(
        self, layout: "Layout", sample: int, nominal: Any, up: Any, down: Any
    ) -> Iterator[Leaf]:
        place = (layout.shapesys.index(self.name), sample)
        yield Leaf("shapesys", place, half_spread(up, down))

    def shifted(self, nominal: Any, up: Any, down: Any) -> tuple[Any, Any]:
        width = half_spread(up, down)
        return nominal + width, nominal - width

    def notes(self) -> list[str]:
        return ["each bin apart"]
