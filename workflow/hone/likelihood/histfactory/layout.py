"""The static part of a model: names, orders, masks and index maps, compared by content."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np

from hone.likelihood.arrays import Index, index_of
from hone.likelihood.histfactory.interpolation import KINKED
from hone.likelihood.histfactory.split import Split

__all__ = ["Layout", "ParameterSet"]


@dataclass(frozen=True)
class ParameterSet:
    """The parameters that share a name, as pyhf's paramset describes them."""

    name: str
    start: int
    suggested_init: tuple[float, ...]
    suggested_bounds: tuple[tuple[float, float], ...]
    suggested_fixed: tuple[bool, ...]
    is_scalar: bool
    pdf_type: str | None
    """``"normal"``, ``"poisson"``, or None for a parameter without constraint."""

    @property
    def n_parameters(self) -> int:
        return len(self.suggested_init)

    @property
    def constrained(self) -> bool:
        return self.pdf_type is not None

    @property
    def slice(self) -> slice:
        return slice(self.start, self.start + self.n_parameters)


@dataclass(frozen=True, eq=False)
class Layout:
    """Everything about a model that is not a number of its spec.

    Sizes: S samples, B bins over all channels, C channels, H histosys, N normsys, T staterror and
    Y shapesys modifiers, P parameters, A auxiliary measurements. Bins follow pyhf's order of
    channels, parameters and auxiliary data pyhf's order of parameters.
    """

    channels: tuple[str, ...]
    samples: tuple[str, ...]
    modifiers: tuple[tuple[str, str], ...]
    nbins: tuple[int, ...]
    parameters: tuple[ParameterSet, ...]
    auxdata_order: tuple[str, ...]
    poi_name: str | None
    histosys: tuple[str, ...]
    normsys: tuple[str, ...]
    staterror: tuple[str, ...]
    shapesys: tuple[str, ...]
    histosys_par: np.ndarray
    """int (H,): parameter of each histosys."""
    histosys_mask: np.ndarray
    """bool (H, S, B)"""
    normsys_par: np.ndarray
    """int (N,)"""
    normsys_mask: np.ndarray
    """bool (N, S, C)"""
    factor_par: np.ndarray
    """int (K, S, B): parameters that multiply a cell; P stands for no parameter (a factor of 1)."""
    staterror_mask: np.ndarray
    """bool (T, S, B)"""
    shapesys_mask: np.ndarray
    """bool (Y, S, B)"""
    aux_par: np.ndarray
    """int (A,): parameter of each auxiliary measurement."""
    aux_poisson: np.ndarray
    """bool (A,): constrained by a Poisson (shapesys), else by a normal."""
    aux_sigma_source: np.ndarray
    """int (number of normals,): place of each sigma in (given sigmas, staterror sigmas (T * B))."""
    aux_tau_source: np.ndarray
    """int (number of Poissons,): place of each rate in the shapesys rates (Y * S * B)."""
    histosys_code: str = "code4p"
    """Interpolation of every histosys, in pyhf's names."""
    normsys_code: str = "code4"
    correlated: tuple[int, ...] = ()
    """Parameters whose auxiliary measurements are correlated with each other."""
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        sha = hashlib.sha256()
        for f in fields(self):
            if f.name == "digest":
                continue
            value = getattr(self, f.name)
            sha.update(f.name.encode())
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
                sha.update(f"{value.dtype.str}{value.shape}".encode())
                sha.update(np.ascontiguousarray(value).tobytes())
            else:
                sha.update(repr(value).encode())
        object.__setattr__(self, "digest", sha.hexdigest())

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and self.digest == other.digest

    @cached_property
    def npars(self) -> int:
        return sum(p.n_parameters for p in self.parameters)

    @cached_property
    def total_bins(self) -> int:
        """Number of bins over all channels."""
        return sum(self.nbins)

    @property
    def poi_index(self) -> int | None:
        return None if self.poi_name is None else self.parameter(self.poi_name).start

    @cached_property
    def channel_of_bin(self) -> np.ndarray:
        return np.repeat(np.arange(len(self.nbins)), self.nbins)

    @cached_property
    def index(self) -> dict[str, Index]:
        """Where entries are taken."""
        names = ("histosys_par", "normsys_alpha", "channel_of_bin")
        return {name: index_of(getattr(self, name)) for name in names}

    @cached_property
    def normsys_place(self) -> np.ndarray:
        """int (N, S, C): place of each normsys that there is, of V; V where there is none."""
        place = np.cumsum(self.normsys_mask).reshape(self.normsys_mask.shape) - 1
        return np.where(self.normsys_mask, place, self.normsys_mask.sum())

    @cached_property
    def normsys_alpha(self) -> np.ndarray:
        """int (V,): parameter of each."""
        return self.normsys_par[np.nonzero(self.normsys_mask)[0]]

    @cached_property
    def normsys_of_shared(self) -> np.ndarray:
        """int (G, S, K): place at each shared parameter and block of the :attr:`split`."""
        nothing = np.full((1, *self.normsys_mask.shape[1:]), self.normsys_mask.sum())
        rows = np.concatenate([self.normsys_place, nothing])[self.split.normsys_row]
        return rows[..., self.split.channel_of_block]

    @cached_property
    def split(self) -> Split:
        """Which parameters belong to one bin."""
        return Split.of(self)

    @cached_property
    def histosys_of_shared(self) -> tuple[Index, Index]:
        """Places of those with a histosys among the G shared parameters, and which it is, of H."""
        (places,) = (self.split.histosys_row < len(self.histosys)).nonzero()
        return index_of(places), index_of(self.split.histosys_row[places])

    @cached_property
    def kinked(self) -> np.ndarray:
        """bool (P,): parameters with a kink of the rates at zero."""
        found = np.zeros(self.npars, dtype=bool)
        found[self.histosys_par] = self.histosys_code in KINKED
        found[self.normsys_par] |= self.normsys_code in KINKED
        return found

    @cached_property
    def repeated(self) -> np.ndarray:
        """bool (P,): parameters that multiply a cell more than once."""
        factors = np.sort(self.factor_par, axis=0)
        twice = factors[1:][factors[1:] == factors[:-1]]
        return np.isin(np.arange(self.npars), twice)

    @cached_property
    def correlated_row(self) -> np.ndarray:
        """int (P,): place of each parameter among the R correlated ones; R for the others."""
        place = np.full(self.npars, len(self.correlated))
        place[list(self.correlated)] = np.arange(len(self.correlated))
        return place

    @cached_property
    def normal_of_aux(self) -> np.ndarray:
        """int (number of normals,): parameter of each normal constraint."""
        return self.aux_par[~self.aux_poisson]

    @cached_property
    def poisson_of_aux(self) -> np.ndarray:
        """int (number of Poissons,): parameter of each Poisson constraint."""
        return self.aux_par[self.aux_poisson]

    @cached_property
    def tau_of_aux(self) -> np.ndarray:
        """int (A,): place of each auxiliary measurement's rate; the number of Poissons for none."""
        count = np.cumsum(self.aux_poisson) - 1
        return np.where(self.aux_poisson, count, self.aux_poisson.sum())

    @cached_property
    def poisson_par(self) -> np.ndarray:
        """bool (P,): parameters constrained by a Poisson."""
        return np.isin(np.arange(self.npars), self.poisson_of_aux)

    @cached_property
    def aux_of_par(self) -> np.ndarray:
        """int (P,): auxiliary measurement of each parameter; A where there is none."""
        place = np.full(self.npars, self.aux_par.size)
        place[self.aux_par] = np.arange(self.aux_par.size)
        return place

    def parameter(self, name: str) -> ParameterSet:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)

    def channel_slice(self, channel: str) -> slice:
        """The bins of ``channel`` among all bins."""
        place = self.channels.index(channel)
        start = sum(self.nbins[:place])
        return slice(start, start + self.nbins[place])

    def name_of(self, place: int) -> str:
        """Name of an entry of the data, for messages."""
        if place < self.total_bins:
            channel = self.channels[int(self.channel_of_bin[place])]
            return f"channel {channel!r}, bin {place - self.channel_slice(channel).start + 1}"
        parameter = int(self.aux_par[place - self.total_bins])
        name = next(p.name for p in self.parameters if p.start <= parameter < p.slice.stop)
        return f"the auxiliary measurement of {name!r}"

    def flat(self, attribute: str) -> Iterator[Any]:
        """``suggested_init``, ``_bounds`` or ``_fixed`` of all parameters, in pyhf's order."""
        for parameter in self.parameters:
            yield from getattr(parameter, attribute)
