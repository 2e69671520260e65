"""Known densities of generated events: independent blocks, whose product is the density."""

from typing import Annotated, Literal, Self

import numpy as np
from annotated_types import Len
from pydantic import AfterValidator, model_validator

from hone.analysis.fields import Variable
from hone.analysis.settings import Family, Positive, one_of, refuse

__all__ = [
    "WEIGHT", "Block", "Distribution", "Exponential", "Normal", "Normals", "branches_of",
]  # fmt: skip

WEIGHT = "weight"
"""Branch of the weight of generated events."""


class Block(Family):
    """Density of some variables, independent of all others."""

    tag = "kind"
    kind: str
    variables: Annotated[list[Variable], Len(1)]
    """The variables of the block."""


class _WithCovariance(Block):
    covariance: list[list[float]]
    """Covariance matrix of the variables, positive definite."""

    @property
    def centres(self) -> list[list[float]]:
        """Means of the parts, of equal weight, each with a number for each variable."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        size, key = len(self.variables), "means" if "means" in type(self).model_fields else "mean"
        if any(len(mean) != size for mean in self.centres):
            raise refuse(f"needs {size} numbers, one per variable", key)
        if [len(row) for row in self.covariance] != [size] * size:
            raise refuse(f"needs {size} rows of {size} numbers", "covariance")
        matrix = np.array(self.covariance)
        if not (np.array_equal(matrix, matrix.T) and (np.linalg.eigvalsh(matrix) > 0).all()):
            raise refuse("must be symmetric and positive definite", "covariance")
        return self


class Normal(_WithCovariance):
    """A (multivariate) normal density."""

    kind: Literal["normal"]
    mean: list[float]
    """Mean of each variable."""

    @property
    def centres(self) -> list[list[float]]:
        """The mean."""
        return [self.mean]


class Normals(_WithCovariance):
    """A mixture of normal densities, in equal parts, with different means."""

    kind: Literal["normals"]
    means: Annotated[list[list[float]], Len(1)]
    """The means of the parts, each with a number for each variable."""

    @property
    def centres(self) -> list[list[float]]:
        """The means."""
        return self.means


class Exponential(Block):
    """An exponential above zero."""

    kind: Literal["exponential"]
    rate: Positive
    """Rate of each variable; its mean is 1 / rate."""


def branches_of(blocks: list[Block]) -> tuple[str, ...]:
    """Branches of the events that are drawn from a density, besides their weight."""
    return tuple(name for block in blocks for name in block.variables)


def _disjoint(blocks: list[Block]) -> list[Block]:
    variables = [name for block in blocks for name in block.variables]
    if len(set(variables)) != len(variables):
        raise refuse("a variable appears in more than one block")
    return blocks


Distribution = Annotated[list[Annotated[Block, one_of(Block)]], Len(1), AfterValidator(_disjoint)]
