"""From a validated ``pyhf.Model`` to a :class:`~hone.likelihood.histfactory.model.Model`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hone.errors import ModelError
from hone.likelihood.floats import require_x64
from hone.likelihood.histfactory.checks import (
    INTERPOLATION,
    check_duplicates,
    check_options,
    check_rates,
    finite,
    interpolation,
    positive,
)
from hone.likelihood.histfactory.layout import Layout, ParameterSet
from hone.likelihood.histfactory.model import Model
from hone.likelihood.specification import Sample, Specification, Workspace

if TYPE_CHECKING:
    import pyhf

__all__ = ["from_pyhf"]

_PER_BIN = ("shapefactor", "shapesys", "staterror")
_SUPPORTED = {"histosys", "lumi", "normfactor", "normsys", *_PER_BIN}


def from_pyhf(
    model: pyhf.Model | pyhf.Workspace | Workspace | Specification, **options: Any
) -> Model:
    """Compile a pyhf model to JAX.

    The result has the same ``logpdf`` and ``expected_data``, with parameters and data in the same
    order, and can be differentiated with respect to its leaves.

    Args:
        model: any ``pyhf.Model``, not batched and without clipping; or a workspace or a model's
            specification (``pyhf.Workspace``, or JSON as a dict), of which pyhf makes the model.
        options: of ``pyhf.Workspace.model`` or ``pyhf.Model``, e.g. ``measurement_name``,
            ``poi_name``, ``patches``.

    Raises:
        ModelError: 64-bit mode is off; no model; a modifier, an interpolation or a user-set
            constraint that is not supported; a channel, a sample or a modifier given twice; a yield
            that is not finite; a negative rate at the suggested parameters; a free factor that only
            multiplies the POI. The message names channel, sample and modifier.

    >>> from_pyhf(spec).config.par_names == spec.config.par_names
    True
    >>> workspace = pyhf.Workspace.build(spec, [57, 55, *spec.config.auxdata])
    >>> from_pyhf(dict(workspace)).config.poi_name
    'mu'
    """
    require_x64()
    model = _made_by_pyhf(model, **options)
    check_options(model)
    check_duplicates(model.spec["channels"])
    compiler = _Compiler(model)
    compiler.check_poi()
    compiled = compiler.compile()
    check_rates(model)
    return compiled


def _made_by_pyhf(model: Any, **options: Any) -> pyhf.Model:
    import pyhf  # two seconds, for jobs that only score events

    if isinstance(model, pyhf.Model):
        if options:
            raise ModelError(
                f"{min(options)!r} is an option of a workspace or a specification, and the "
                "pyhf.Model given is already made"
            )
        return model
    if isinstance(model, pyhf.Workspace):
        return model.model(**options)
    if isinstance(model, Mapping) and "channels" in model:
        if "measurements" in model:
            return pyhf.Workspace(dict(model)).model(**options)
        return pyhf.Model(dict(model), **options)
    raise ModelError(
        f"{type(model).__name__} is no model: a pyhf.Model, a pyhf.Workspace, or the JSON of "
        "either as a dict is needed"
    )


class _Compiler:
    """Fills the arrays of :class:`Model` and :class:`Layout` from a pyhf model."""

    def __init__(self, model: pyhf.Model) -> None:
        config = model.config
        self.config = config
        self.channels, self.samples = list(config.channels), list(config.samples)
        self.nbins = [config.channel_nbins[channel] for channel in self.channels]
        self.bins = sum(self.nbins)
        starts = np.concatenate([[0], np.cumsum(self.nbins)])
        self.slices = [slice(*pair) for pair in pairwise(starts)]
        self.user_parameters = {p["name"]: p for p in model.spec.get("parameters", [])}
        self.cells = {
            (channel["name"], sample["name"]): sample
            for channel in model.spec["channels"]
            for sample in channel["samples"]
        }
        by_type: dict[str, list[str]] = {name: [] for name in _SUPPORTED}
        for name, kind in config.modifiers:
            if kind not in _SUPPORTED:
                raise ModelError(f"modifier {name!r} of type {kind!r} is not supported")
            by_type[kind].append(name)
        self.by_type = by_type
        self.codes = {modifier: interpolation(model, modifier) for modifier in INTERPOLATION}

    def check_poi(self) -> None:
        """Refuse a free factor on exactly the samples that the POI scales.

        Only its product with the POI can be measured: there is no limit on the POI.
        """
        scaled: dict[str, set[tuple[int, int]]] = {name: set() for name in self.config.par_order}
        for i_c, i_s, sample in self._walk():
            for modifier in sample["modifiers"]:
                scaled[modifier["name"]].add((i_c, i_s))
        poi = self.config.poi_name
        for name in self.by_type["normfactor"]:
            free = not all(self.config.param_set(name).suggested_fixed)
            if poi is not None and name != poi and free and scaled[name] == scaled[poi]:
                raise ModelError(
                    f"the normfactor {name!r} scales exactly what the POI {poi!r} scales: their "
                    "product is all that can be measured; remove it, or fix it in the measurement"
                )

    def compile(self) -> Model:
        names = self.by_type
        s, b, c = len(self.samples), self.bins, len(self.channels)
        nominal = np.zeros((s, b))
        lo, hi = (np.zeros((len(names["histosys"]), s, b)) for _ in range(2))
        histosys_mask = np.zeros(lo.shape, dtype=bool)
        normsys_lo, normsys_hi = (np.ones((len(names["normsys"]), s, c)) for _ in range(2))
        normsys_mask = np.zeros(normsys_lo.shape, dtype=bool)
        staterror = np.zeros((len(names["staterror"]), s, b))
        staterror_mask = np.zeros(staterror.shape, dtype=bool)
        shapesys = np.zeros((len(names["shapesys"]), s, b))
        shapesys_mask = np.zeros(shapesys.shape, dtype=bool)
        factors: list[list[list[int]]] = [[[] for _ in range(b)] for _ in range(s)]

        for i_c, i_s, sample in self._walk():
            bins = self.slices[i_c]
            where = f"channel {self.channels[i_c]!r}, sample {self.samples[i_s]!r}"
            nominal[i_s, bins] = finite(sample["data"], where, "yield")
            for modifier in sample["modifiers"]:
                kind, name = modifier["type"], modifier["name"]
                at = f"{where}, {kind} {name!r}"
                if modifier["type"] == "histosys":
                    templates = modifier["data"]
                    i = names["histosys"].index(name)
                    lo[i, i_s, bins] = finite(templates["lo_data"], at, "lo_data")
                    hi[i, i_s, bins] = finite(templates["hi_data"], at, "hi_data")
                    histosys_mask[i, i_s, bins] = True
                    continue
                if modifier["type"] == "normsys":
                    data = modifier["data"]
                    i = names["normsys"].index(name)
                    normsys_lo[i, i_s, i_c] = positive(data["lo"], at, "lo")
                    normsys_hi[i, i_s, i_c] = positive(data["hi"], at, "hi")
                    normsys_mask[i, i_s, i_c] = True
                    continue
                if modifier["type"] == "staterror":
                    i = names["staterror"].index(name)
                    staterror[i, i_s, bins] = finite(modifier["data"], at, "uncertainty")
                    staterror_mask[i, i_s, bins] = True
                elif modifier["type"] == "shapesys":
                    i = names["shapesys"].index(name)
                    shapesys[i, i_s, bins] = finite(modifier["data"], at, "uncertainty")
                    shapesys_mask[i, i_s, bins] = True
                start = self.config.par_slice(name).start
                parameters = self.config.param_set(name).n_parameters
                if kind == "shapefactor" and self.nbins[i_c] > parameters:
                    raise ModelError(
                        f"{at}: has {parameters} parameters, as many as its first channel has "
                        f"bins, but this channel has {self.nbins[i_c]}; give it another name here"
                    )
                if kind in _PER_BIN and parameters > 1:
                    # Parameters of a name in several channels are numbered through these channels.
                    first = self._offset(name, i_c)
                    for k in range(self.nbins[i_c]):
                        factors[i_s][bins.start + k].append(start + first + k)
                else:
                    for k in range(bins.start, bins.stop):
                        factors[i_s][k].append(start)

        aux = self._auxiliary(staterror_mask, shapesys_mask)
        layout = Layout(
            channels=tuple(self.channels),
            samples=tuple(self.samples),
            modifiers=tuple((name, kind) for name, kind in self.config.modifiers),
            nbins=tuple(self.nbins),
            parameters=tuple(self._parameter_sets()),
            auxdata_order=tuple(self.config.auxdata_order),
            poi_name=self.config.poi_name,
            histosys=tuple(names["histosys"]),
            normsys=tuple(names["normsys"]),
            staterror=tuple(names["staterror"]),
            shapesys=tuple(names["shapesys"]),
            histosys_par=self._starts(names["histosys"]),
            histosys_mask=histosys_mask,
            normsys_par=self._starts(names["normsys"]),
            normsys_mask=normsys_mask,
            factor_par=_padded(factors, self.config.npars),
            staterror_mask=staterror_mask,
            shapesys_mask=shapesys_mask,
            aux_par=aux["par"],
            aux_poisson=aux["poisson"],
            aux_sigma_source=aux["sigma_source"],
            aux_tau_source=aux["tau_source"],
            histosys_code=self.codes["histosys"],
            normsys_code=self.codes["normsys"],
        )
        leaves = {
            "nominal": nominal,
            "histosys_lo": lo,
            "histosys_hi": hi,
            "normsys_lo": normsys_lo,
            "normsys_hi": normsys_hi,
            "staterror": staterror,
            "shapesys": shapesys,
            "normal_auxdata": aux["normal_auxdata"],
            "normal_sigma": aux["normal_sigma"],
        }
        return Model(**jax.device_put(leaves), layout=layout)

    def _walk(self) -> Iterator[tuple[int, int, Sample]]:
        for i_c, channel in enumerate(self.channels):
            for i_s, sample in enumerate(self.samples):
                if (channel, sample) in self.cells:
                    yield i_c, i_s, self.cells[channel, sample]

    def _offset(self, name: str, i_c: int) -> int:
        """Where a channel's bins start among the parameters of a per-bin modifier."""
        before = 0
        for channel, nbins in list(zip(self.channels, self.nbins, strict=True))[:i_c]:
            samples = (s for (c, _), s in self.cells.items() if c == channel)
            if any(m["name"] == name for s in samples for m in s["modifiers"]):
                before += nbins
        total = self.config.param_set(name).n_parameters
        if before + self.nbins[i_c] > total:
            # In pyhf, channels with equal binning share a shapefactor bin by bin.
            return 0
        return before

    def _starts(self, names: list[str]) -> np.ndarray:
        return np.array([self.config.par_slice(name).start for name in names], dtype=int)

    def _parameter_sets(self) -> Iterator[ParameterSet]:
        for name in self.config.par_order:
            paramset = self.config.param_set(name)
            bounds = tuple((float(low), float(up)) for low, up in paramset.suggested_bounds)
            yield ParameterSet(
                name=name,
                start=self.config.par_slice(name).start,
                suggested_init=tuple(float(x) for x in paramset.suggested_init),
                suggested_bounds=bounds,
                suggested_fixed=tuple(bool(x) for x in paramset.suggested_fixed),
                is_scalar=paramset.is_scalar,
                pdf_type=paramset.pdf_type if paramset.constrained else None,
            )

    def _auxiliary(
        self, staterror_mask: np.ndarray, shapesys_mask: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Auxiliary measurements in pyhf's order: what each constrains, and where its width is."""
        par: list[int] = []
        poisson: list[bool] = []
        centres: list[float] = []
        sigmas: list[float] = []
        sources: list[tuple[str, int]] = []
        tau_source: list[int] = []
        for name in self.config.auxdata_order:
            paramset, place = self.config.param_set(name), self.config.par_slice(name)
            par += range(place.start, place.stop)
            poisson += [paramset.pdf_type == "poisson"] * paramset.n_parameters
            if name in self.by_type["shapesys"]:
                self._refuse_user_constraint(name, ("auxdata", "factors"))
                tau_source += list(
                    np.flatnonzero(shapesys_mask[self.by_type["shapesys"].index(name)])
                    + self.by_type["shapesys"].index(name) * shapesys_mask[0].size
                )
                continue
            centres += list(paramset.auxdata)
            if name in self.by_type["lumi"]:
                self._require_width(name)
            if name in self.by_type["staterror"]:
                self._refuse_user_constraint(name, ("sigmas",))
                i = self.by_type["staterror"].index(name)
                bins = np.flatnonzero(staterror_mask[i].any(axis=0))
                sources += [("derived", i * self.bins + k) for k in bins]
            else:
                sources += [("given", len(sigmas) + k) for k in range(paramset.n_parameters)]
                sigmas += list(paramset.width())
        sigma_source = [k if kind == "given" else len(sigmas) + k for kind, k in sources]
        return {
            "par": np.array(par, dtype=int),
            "poisson": np.array(poisson, dtype=bool),
            "sigma_source": np.array(sigma_source, dtype=int),
            "tau_source": np.array(tau_source, dtype=int),
            "normal_auxdata": np.array(centres, dtype=float),
            "normal_sigma": np.array(sigmas, dtype=float),
        }

    def _require_width(self, name: str) -> None:
        if not self.user_parameters.get(name, {}).get("sigmas"):
            raise ModelError(
                f"the measurement gives no 'sigmas' for {name!r}, its uncertainty: add it to the "
                "parameter's entry (pyhf would take 1, that is 100 %)"
            )

    def _refuse_user_constraint(self, name: str, keys: tuple[str, ...]) -> None:
        for key in keys:
            if key in self.user_parameters.get(name, {}):
                raise ModelError(
                    f"the measurement sets {key!r} of parameter {name!r}, which follows from the "
                    "yields and uncertainties in its samples; remove it from the measurement"
                )


def _padded(factors: list[list[list[int]]], no_parameter: int) -> np.ndarray:
    """Lists of parameters per cell as an int array (K, S, B), padded with ``no_parameter``."""
    rows = max((len(cell) for sample in factors for cell in sample), default=0)
    filled = [[cell + [no_parameter] * (rows - len(cell)) for cell in sample] for sample in factors]
    array = np.array(filled, dtype=int).reshape(len(factors), len(factors[0]), rows)
    return np.moveaxis(array, -1, 0)
