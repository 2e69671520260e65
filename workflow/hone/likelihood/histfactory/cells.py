"""Values of parameters and channels in the cells of samples and bins."""

from jaxtyping import Array, Float

from hone.likelihood.arrays import namespace, take
from hone.likelihood.histfactory.layout import Layout

__all__ = ["appended", "per_bin", "side_of"]


def side_of(pars: Float[Array, "*L P"]) -> Float[Array, "*L P"]:
    """The sign of each parameter for interpolations; positive for zero."""
    return namespace(pars).where(pars >= 0, 1.0, -1.0)


def appended(x: Float[Array, "*L N"], value: float) -> Float[Array, "*L M"]:
    """With one more entry at the end of the last axis."""
    xp = namespace(x)
    return xp.concatenate([x, xp.full((*x.shape[:-1], 1), value)], axis=-1)


def per_bin(x: Float[Array, "*shape C"], layout: Layout) -> Float[Array, "*shape B"]:
    """Values per channel, repeated for each of its bins."""
    if len(layout.nbins) == 1:
        return namespace(x).broadcast_to(x, (*x.shape[:-1], layout.total_bins))
    return take(x, layout.index["channel_of_bin"])
