"""The differentiable model: a JAX PyTree whose leaves are the numbers of a HistFactory spec."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from hone.errors import InputError, ModelError
from hone.likelihood.arrays import cholesky, compiled_if_traced, namespace
from hone.likelihood.histfactory.config import ModelConfig
from hone.likelihood.histfactory.distribution import Distribution
from hone.likelihood.histfactory.interpolation import histosys_terms, normsys_coefficients
from hone.likelihood.histfactory.layout import Layout
from hone.likelihood.histfactory.likelihood import Likelihood
from hone.likelihood.histfactory.variants import (
    correlated,
    product_for,
    unconstrained,
)

__all__ = ["Model", "as_floats", "require_x64"]


def require_x64() -> None:
    """Refuse to compute in 32 bits.

    Raises:
        ModelError: JAX's 64-bit mode is off.
    """
    if not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        raise ModelError(
            "hone computes in 64 bits, but JAX's 64-bit mode is off: call "
            'jax.config.update("jax_enable_x64", True) before anything else'
        )


def as_floats(values: ArrayLike) -> Any:
    """A float64 array, of NumPy if not traced, because each JAX operation would be compiled."""
    try:
        return np.asarray(values, dtype=float)
    except jax.errors.TracerArrayConversionError:
        return jnp.asarray(values, dtype=float)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Model:
    """A HistFactory model as a registered PyTree, made by :func:`.from_pyhf`.

    The leaves are the float64 numbers of the spec; what follows from them (staterror widths,
    shapesys rates, auxiliary data) is derived differentiably on each use, so that leaves may be
    replaced or differentiated with respect to. Names, masks and index maps are in the static
    ``layout``, compared by content: equal models share one compiled program, and models of one
    layout can be stacked, for ``jax.vmap``. Sizes as in :class:`~.layout.Layout`.
    Cells to which a modifier does not apply are masked; their values have no effect.

    >>> jax.grad(lambda m: m.expected_data([1.0, 1.0, 1.0])[0])(model).nominal.tolist()
    [[1.0, 0.0], [1.0, 0.0]]
    """

    nominal: Float[Array, "S B"]
    """Nominal yields, in events."""
    histosys_lo: Float[Array, "H S B"]
    histosys_hi: Float[Array, "H S B"]
    normsys_lo: Float[Array, "N S C"]
    normsys_hi: Float[Array, "N S C"]
    staterror: Float[Array, "T S B"]
    """Absolute MC statistical uncertainties, in events."""
    shapesys: Float[Array, "Y S B"]
    """Absolute uncorrelated uncertainties, in events."""
    normal_auxdata: Float[Array, " normals"]
    """Centres of the normal constraints (0 for alphas, 1 for staterror, the luminosity)."""
    normal_sigma: Float[Array, " given"]
    """Widths of the normal constraints that do not follow from yields (1 for alphas)."""
    layout: Layout = field(metadata={"static": True})
    correlation: Float[Array, "R R"] | None = None
    """Correlation of the auxiliary measurements of the parameters ``layout.correlated``."""

    @property
    def config(self) -> ModelConfig:
        """Names, orders and suggestions, with the interface of ``pyhf.Model.config``."""
        return ModelConfig(self)

    @property
    def auxdata(self) -> Float[Array, " A"]:
        """Nominal auxiliary data, in pyhf's order."""
        found: Array = _auxdata(self)
        return found

    def prepare(self) -> Likelihood:
        """Derive what all evaluations share, once before a loop over parameters.

        Leaves may have a common first axis: models of one layout, stacked.

        Raises:
            ModelError: JAX's 64-bit mode is off.
        """
        require_x64()
        layout, xp = self.layout, namespace(self)
        terms = histosys_terms(self.nominal[..., None, :, :], self.histosys_lo, self.histosys_hi)
        symmetric, asymmetric = (xp.where(layout.histosys_mask, term, 0.0) for term in terms)
        existing = np.flatnonzero(layout.normsys_mask)
        coefficients = normsys_coefficients(
            *(
                x.reshape(*x.shape[:-3], -1)[..., existing]
                for x in (self.normsys_lo, self.normsys_hi)
            )
        )
        sigma, tau = self._sigma(), self._tau()

        def of_parameters(values: Array, parameters: np.ndarray) -> Array:
            place = np.full(layout.npars, len(parameters))
            place[parameters] = np.arange(len(parameters))
            nothing = xp.zeros((*values.shape[:-1], 1))
            return xp.concatenate([values, nothing], axis=-1)[..., place]

        inverse_variance = of_parameters(sigma**-2.0, layout.normal_of_aux)
        coupling = half_log_det = None
        if self.correlation is not None:
            unit = np.eye(len(layout.correlated))
            width = inverse_variance[..., list(layout.correlated)] ** 0.5
            coupling = (xp.linalg.inv(self.correlation) - unit) * width[..., None]
            coupling = coupling * width[..., None, :]
            half_log_det = 0.5 * xp.linalg.slogdet(self.correlation)[1]

        return Likelihood(
            nominal=self.nominal,
            symmetric=symmetric,
            asymmetric=asymmetric,
            normsys=coefficients,
            sigma=sigma,
            tau=tau,
            inverse_variance=inverse_variance,
            rate_per_unit=of_parameters(tau, layout.poisson_of_aux),
            layout=layout,
            coupling=coupling,
            half_log_det=half_log_det,
        )

    def expected_actualdata(self, pars: ArrayLike) -> Float[Array, " B"]:
        """Expected events per bin at ``pars`` (P,)."""
        return self.expected_data(pars)[: self.layout.total_bins]

    def expected_auxdata(self, pars: ArrayLike) -> Float[Array, " A"]:
        """Expected auxiliary data at ``pars`` (P,)."""
        return self.expected_data(pars)[self.layout.total_bins :]

    def expected_data(self, pars: ArrayLike, include_auxdata: bool = True) -> Float[Array, " D"]:
        """Expected data at ``pars`` (P,): bins, then auxiliary data unless switched off.

        >>> model.expected_data([0.5, 1.0, 1.0], include_auxdata=False).tolist()
        [56.0, 57.5]
        """
        data = _expected_data(self, self.checked_pars(pars))
        return data if include_auxdata else data[: self.layout.total_bins]

    def logpdf(self, pars: ArrayLike, data: ArrayLike) -> Float[Array, ""]:
        """ln of the likelihood of ``data`` (B + A,) at ``pars`` (P,), a scalar.

        Minus infinity where an expected rate is negative (pyhf gives NaN there).

        Raises:
            InputError: parameters or data have the wrong length.

        >>> print(f"{model.logpdf([1.0, 1.0, 1.0], data):.4f}")
        -13.2627
        """
        return _logpdf(self, self.checked_pars(pars), self.checked_data(data))

    def pdf(self, pars: ArrayLike, data: ArrayLike) -> Float[Array, ""]:
        """The likelihood of ``data`` (B + A,) at ``pars`` (P,), a scalar; as :meth:`logpdf`."""
        value = self.logpdf(pars, data)
        return namespace(value).exp(value)

    def mainlogpdf(self, maindata: ArrayLike, pars: ArrayLike) -> Float[Array, ""]:
        """ln of the likelihood of the bins ``maindata`` (B,) at ``pars`` (P,), as pyhf's.

        >>> aux = model.config.auxdata
        >>> parts = model.mainlogpdf([57, 55], [1, 1, 1]), model.constraint_logpdf(aux, [1, 1, 1])
        >>> print(f"{sum(parts):.4f}")
        -13.2627
        """
        return _terms(self, self.checked_pars(pars), self._data_of(maindata, None))[0]

    def constraint_logpdf(self, auxdata: ArrayLike, pars: ArrayLike) -> Float[Array, ""]:
        """ln of the likelihood of the auxiliary data (A,) at ``pars`` (P,), as pyhf's."""
        terms = _terms(self, self.checked_pars(pars), self._data_of(None, auxdata))
        return terms[1] + terms[2]

    def make_pdf(self, pars: ArrayLike) -> Distribution:
        """The distribution of data at ``pars`` (P,), to draw toys from, as ``pyhf.Model.make_pdf``.

        Raises:
            InputError: parameters have the wrong length, or a rate is negative there.

        >>> model.make_pdf([1.0, 1.0, 1.0]).sample((10,), rng=1).shape
        (10, 4)
        """
        expected = np.asarray(self.expected_data(pars))
        root = None if self.correlation is None else np.linalg.cholesky(self.correlation)
        return Distribution(self.layout, expected, np.asarray(_sigma(self)), root)

    @property
    def nominal_rates(self) -> Float[Array, "1 S 1 B"]:
        """Nominal yields in pyhf's shape."""
        return self.nominal[None, :, None, :]

    @property
    def batch_size(self) -> None:
        """None: one set of parameters at a time; ``jax.vmap`` takes batches."""
        return None

    def _data_of(self, maindata: ArrayLike | None, auxdata: ArrayLike | None) -> Any:
        """Data with one of its parts; the other is of no consequence."""
        bins, aux = self.layout.total_bins, self.layout.aux_par.size
        parts = (
            np.ones(bins) if maindata is None else as_floats(maindata),
            np.ones(aux) if auxdata is None else as_floats(auxdata),
        )
        module: Any = np if all(isinstance(part, np.ndarray) for part in parts) else jnp
        return self.checked_data(module.concatenate(parts))

    def replace(self, **leaves: Array | np.ndarray) -> "Model":
        """A copy with some leaves replaced, e.g. by the yields of a training.

        >>> model.replace(nominal=2 * model.nominal).expected_actualdata([1.0, 1.0, 1.0]).tolist()
        [124.0, 126.0]
        """
        return replace(self, **leaves)  # type: ignore[arg-type]

    def with_poi(self, name: str | None) -> "Model":
        """The same model with another parameter of interest, or none; any with a single value.

        Raises:
            InputError: there is no such parameter, or it has a value for each bin.

        >>> model.with_poi(None).config.poi_name is None
        True
        """
        if name is not None and name not in (known := self.config.par_order):
            raise InputError(f"there is no parameter {name!r}, allowed: {', '.join(known)}")
        if name is not None and self.layout.parameter(name).n_parameters > 1:
            raise InputError(f"{name!r} has several values, a parameter of interest has one")
        return replace(self, layout=replace(self.layout, poi_name=name))

    def without_constraint(self, *names: str) -> "Model":
        """The same model with parameters that nothing but the bins measures.

        Their constraint terms are left out of the likelihood, and their auxiliary measurements of
        the data. Bounds stay as they are (from -5 to 5 for shapes, if nothing else is said):
        ``par_bounds`` of a fit replaces them. A workspace of pyhf cannot say so.

        Args:
            names: of parameters with a constraint; those of all bins, of a parameter for each bin.

        Raises:
            InputError: there is no such parameter, or it has no constraint.

        >>> free = model.without_constraint("uncorr_bkguncrt")
        >>> free.config.nauxdata, free.config.param_set("uncorr_bkguncrt").constrained
        (0, False)
        """
        layout, normal = unconstrained(self.layout, names)
        kept = np.isin(self.layout.correlated, layout.correlated)
        correlation = (
            None if self.correlation is None else self.correlation[..., kept, :][..., kept]
        )
        return replace(
            self,
            layout=layout,
            normal_auxdata=self.normal_auxdata[..., normal],
            correlation=correlation if layout.correlated else None,
        )

    def with_correlation(self, names: Sequence[str], matrix: ArrayLike) -> "Model":
        """The same model with correlated auxiliary measurements of normally constrained parameters.

        Their constraint terms become a normal distribution in several dimensions. A correlation
        given before is replaced. A workspace of pyhf cannot say so.

        Args:
            names: of R parameters with one value each, e.g. of systematics.
            matrix: correlations (R, R), 1 on the diagonal; they can be differentiated.

        Raises:
            InputError: a parameter does not exist or has no such constraint, or this is no
                correlation matrix.

        >>> rate = {"name": "rate", "type": "normsys", "data": {"lo": 0.9, "hi": 1.1}}
        >>> size = {"name": "size", "type": "normsys", "data": {"lo": 0.8, "hi": 1.2}}
        >>> sample = {"name": "background", "data": [50.0], "modifiers": [rate, size]}
        >>> channels = [{"name": "region", "samples": [sample]}]
        >>> both = from_pyhf({"channels": channels}, poi_name=None)
        >>> alike = both.with_correlation(["rate", "size"], [[1.0, 0.5], [0.5, 1.0]])
        >>> data = [50.0, 0.0, 0.0]
        >>> print(f"{alike.logpdf([1.0, -0.5], data) - both.logpdf([1.0, -0.5], data):.3f}")
        -0.398
        """
        layout, values = correlated(self.layout, names), as_floats(matrix)
        if values.shape != (len(names),) * 2:
            raise InputError(f"the correlations have shape {values.shape}, not {(len(names),) * 2}")
        if isinstance(values, np.ndarray):
            unit = (np.diagonal(values) == 1).all() and (values == values.T).all()
            if not unit or not np.isfinite(cholesky(values)).all():
                raise InputError(
                    f"correlations of {', '.join(map(repr, names))}: the matrix must be symmetric "
                    "and positive definite, with 1 on its diagonal"
                )
        return replace(self, layout=layout, correlation=jnp.asarray(values))

    def with_product(self, name: str, of: Sequence[str]) -> "Model":
        """The same model with a normfactor that is a product of others, and no parameter any more.

        With a sample for each term, yields are polynomials: SM + c interference + c^2 quadratic is
        ``with_product("c_squared", ["c", "c"])``, if the normfactor ``c_squared`` scales the last
        sample. A workspace of pyhf cannot say so; with its parameter free, pyhf reads the same
        workspace.

        Args:
            name: of the normfactor.
            of: normfactors that are multiplied; twice for a square.

        Raises:
            InputError: one is no normfactor, or the product is the parameter of interest.

        >>> model.with_product("mu", ["mu", "mu"])
        Traceback (most recent call last):
        hone.errors.InputError: 'mu' cannot be a product: it is the parameter of interest
        """
        return replace(self, layout=product_for(self.layout, name, of))

    def checked_data(self, data: ArrayLike) -> Float[Array, " D"]:
        """``data`` as a float64 vector of bins and auxiliary data.

        Raises:
            InputError: the length is not that of bins and auxiliary data together, a value is
                not finite, or a count is negative (only where values are known, not in ``jit``).
        """
        values = as_floats(data)
        layout = self.layout
        bins, aux = layout.total_bins, layout.aux_par.size
        if values.shape != (bins + aux,):
            raise InputError(
                f"data has shape {values.shape}, but the model needs ({bins + aux},): "
                f"{bins} bins and {aux} auxiliary measurements"
            )
        if isinstance(values, np.ndarray):
            counted = np.concatenate([np.full(bins, True), layout.aux_poisson])
            wrong = ~np.isfinite(values) | (counted & (values < 0))
            if wrong.any():
                k = int(np.argmax(wrong))
                raise InputError(
                    f"data[{k}], {layout.name_of(k)}, is {values[k]:g}: it must be finite"
                    + (" and not negative" if counted[k] else "")
                )
        return values

    def checked_pars(self, pars: ArrayLike) -> Float[Array, " P"]:
        values = as_floats(pars)
        if values.shape != (self.layout.npars,):
            raise InputError(
                f"parameters have shape {values.shape}, but the model has "
                f"{self.layout.npars} parameters"
            )
        return values

    def _sigma(self) -> Float[Array, " normals"]:
        """Widths of the normal constraints; a staterror's is sqrt(sum unc^2) / sum nominal.

        Bins without yield or uncertainty get width 1, as in pyhf's ``modifiers/staterror.py``.
        """
        mask, xp = self.layout.staterror_mask, namespace(self)
        total = xp.where(mask, self.nominal[..., None, :, :], 0.0).sum(axis=-2)
        variance = xp.where(mask, self.staterror**2, 0.0).sum(axis=-2)
        valid = (total > 0) & (variance > 0)
        ratio = xp.where(valid, variance, 1.0) ** 0.5 / xp.where(valid, total, 1.0)
        derived = xp.where(valid, ratio, 1.0)
        derived = derived.reshape(*derived.shape[:-2], -1)
        sigma = xp.concatenate([self.normal_sigma, derived], axis=-1)
        return sigma[..., self.layout.aux_sigma_source]

    def _tau(self) -> Float[Array, " poissons"]:
        """Rates (nominal / uncertainty)^2 of the shapesys constraints, 1 where undefined."""
        nominal, xp = self.nominal[..., None, :, :], namespace(self)
        valid = self.layout.shapesys_mask & (nominal > 0) & (self.shapesys > 0)
        tau = xp.where(valid, nominal**2 / xp.where(valid, self.shapesys, 1.0) ** 2, 1.0)
        return tau.reshape(*tau.shape[:-3], -1)[..., self.layout.aux_tau_source]


@compiled_if_traced()
def _expected_data(model: Model, pars: Float[Array, " P"]) -> Float[Array, " D"]:
    return model.prepare().expected_data(pars)


@compiled_if_traced()
def _logpdf(model: Model, pars: Float[Array, " P"], data: Float[Array, " D"]) -> Float[Array, ""]:
    return model.prepare().logpdf(pars, data)


@compiled_if_traced()
def _terms(
    model: Model, pars: Float[Array, " P"], data: Float[Array, " D"]
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    return model.prepare().logpdf_terms(pars, data)


@compiled_if_traced()
def _auxdata(model: Model) -> Float[Array, " A"]:
    # Normal constraints first.
    values = namespace(model).concatenate([model.normal_auxdata, model._tau()])
    return values[np.argsort(np.argsort(model.layout.aux_poisson, kind="stable"))]


@compiled_if_traced()
def _sigma(model: Model) -> Float[Array, " normals"]:
    return model.prepare().sigma
