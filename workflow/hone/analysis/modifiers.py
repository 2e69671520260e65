"""What modifies the expectation of samples by one parameter: strengths and normalisations.

Yields are arrays (B,) of NumPy or JAX, float64, in any bins.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

from annotated_types import Len
from pydantic import Field, model_validator

from hone.analysis.fields import Name, Names, Samples, several
from hone.analysis.settings import NonNegative, Settings, refuse
from hone.analysis.templates import Template
from hone.likelihood import specification as spec

if TYPE_CHECKING:  # it imports JAX
    from hone.likelihood.histfactory.layout import Layout

__all__ = ["ALL", "Leaf", "Modifier", "Normfactor", "SignalStrength", "Strength"]

ALL = "all"
"""As the sample of a modifier: all that there are."""


class Leaf(NamedTuple):
    """What training writes into the compiled likelihood: values at a place of an array."""

    array: str
    """Attribute of :class:`hone.likelihood.histfactory.Model`."""
    place: tuple[int | slice, ...]
    values: Any


class Modifier(Settings):
    """What changes the expectation of one sample or of several by one parameter."""

    name: Name
    """Name of the parameter."""
    sample: Samples
    """The sample that is changed, a list of them, or `all`: every simulated sample (of a normfactor
    every background)."""
    except_: Names | None = Field(None, alias="except")
    """Samples that `sample: all` leaves out."""

    @model_validator(mode="after")
    def _except_of_all(self) -> Self:
        if self.except_ is not None and self.sample != ALL:
            raise refuse("is of use with sample: all only; leave it out", "except")
        return self

    @property
    def samples(self) -> list[str]:
        """Names of the samples that it changes."""
        return several(self.sample)

    def of_samples(self, names: Sequence[str]) -> Self:
        """The same, with the names of the samples that ``all`` stands for.

        Args:
            names: of all samples that there are.

        Raises:
            ValidationError: a sample that is left out is none of them, or none remains.
        """
        if self.sample != ALL:
            return self
        left_out = self.except_ or []
        for name in left_out:
            if name not in names:
                known = ", ".join(names)
                raise refuse(f"there is no sample {name!r}; samples are {known}", "except")
        kept = [name for name in names if name not in left_out]
        if not kept:
            raise refuse("leaves out all samples", "except")
        return self.model_copy(update={"sample": kept, "except_": None})

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

    def modifiers(self, nominal: Any, up: Any, down: Any) -> Iterator[spec.Modifier]:
        """Modifiers of pyhf for a sample in a channel.

        Args:
            nominal: yields in the channel (B,).
            up: at +1 sigma; only meant where there are :meth:`templates`.
            down: at -1 sigma.
        """
        raise NotImplementedError

    def parameter(self) -> spec.Parameter | None:
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

    def modifiers(self, nominal: Any, up: Any, down: Any) -> Iterator[spec.Modifier]:
        yield {"name": self.name, "type": "normfactor", "data": None}

    def parameter(self) -> spec.Parameter:
        return {"name": self.name, "inits": [1.0], "bounds": [list(self.bounds)]}


class Strength(Normfactor):
    """The strength of signals: a factor on their yields, which is measured."""

    @property
    def begins_at_zero(self) -> bool:
        """Whether it can be the POI: q-tilde is for 0 and more, and tests are at 1."""
        low, high = self.bounds
        return low == 0 and high > 1


class SignalStrength(Strength):
    """That of one signal, the POI: settings are those of ``poi``."""

    nominal: float
    """Value before a fit."""

    def parameter(self) -> spec.Parameter:
        return {**super().parameter(), "inits": [self.nominal]}
