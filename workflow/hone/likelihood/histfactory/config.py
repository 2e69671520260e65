"""Names, orders and suggestions of a model, as pyhf gives them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from hone.likelihood.histfactory.layout import Layout, ParameterSet

if TYPE_CHECKING:
    from hone.likelihood.histfactory.model import Model

__all__ = ["ModelConfig"]


class ParameterPlace(TypedDict):
    """Where a parameter set is among all parameters, as pyhf's ``par_map`` gives it."""

    slice: slice
    paramset: ParameterSet


@dataclass(frozen=True)
class ModelConfig:
    """The interface of ``pyhf.Model.config``, with the same names and orders.

    >>> model.config.par_names
    ['mu', 'uncorr_bkguncrt[0]', 'uncorr_bkguncrt[1]']
    >>> model.config.poi_index, model.config.suggested_init()
    (0, [1.0, 1.0, 1.0])
    """

    model: "Model"

    @property
    def _layout(self) -> Layout:
        return self.model.layout

    @property
    def channels(self) -> list[str]:
        return list(self._layout.channels)

    @property
    def samples(self) -> list[str]:
        return list(self._layout.samples)

    @property
    def modifiers(self) -> list[tuple[str, str]]:
        return list(self._layout.modifiers)

    @property
    def parameters(self) -> list[str]:
        return sorted(self.par_order)

    @property
    def channel_nbins(self) -> dict[str, int]:
        return dict(zip(self._layout.channels, self._layout.nbins, strict=True))

    @property
    def channel_slices(self) -> dict[str, slice]:
        return {name: self._layout.channel_slice(name) for name in self._layout.channels}

    @property
    def par_order(self) -> list[str]:
        return [parameter.name for parameter in self._layout.parameters]

    @property
    def par_names(self) -> list[str]:
        names = []
        for p in self._layout.parameters:
            indexed = [f"{p.name}[{index}]" for index in range(p.n_parameters)]
            names += [p.name] if p.is_scalar else indexed
        return names

    @property
    def poi_name(self) -> str | None:
        return self._layout.poi_name

    @property
    def poi_index(self) -> int | None:
        return self._layout.poi_index

    @property
    def npars(self) -> int:
        return self._layout.npars

    @property
    def nmaindata(self) -> int:
        return self._layout.total_bins

    @property
    def nauxdata(self) -> int:
        return int(self._layout.aux_par.size)

    @property
    def auxdata(self) -> list[float]:
        return self.model.auxdata.tolist()

    @property
    def par_map(self) -> dict[str, ParameterPlace]:
        """By parameter set."""
        return {p.name: {"slice": p.slice, "paramset": p} for p in self._layout.parameters}

    @property
    def auxdata_order(self) -> list[str]:
        return list(self._layout.auxdata_order)

    def par_slice(self, name: str) -> slice:
        return self._layout.parameter(name).slice

    def param_set(self, name: str) -> ParameterSet:
        return self._layout.parameter(name)

    def suggested_init(self) -> list[float]:
        return list(self._layout.flat("suggested_init"))

    def suggested_bounds(self) -> list[tuple[float, float]]:
        return list(self._layout.flat("suggested_bounds"))

    def suggested_fixed(self) -> list[bool]:
        return list(self._layout.flat("suggested_fixed"))
