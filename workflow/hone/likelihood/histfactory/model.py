"""The differentiable model: a JAX PyTree whose leaves are the numbers of a HistFactory spec."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from hone.errors import InputError
from hone.likelihood.arrays import compiled_if_traced, namespace
from hone.likelihood.floats import require_x64
from hone.likelihood.histfactory.config import ModelConfig
from hone.likelihood.histfactory.constraint_terms import coupling, half_log_det, rates, widths
from hone.likelihood.histfactory.distribution import Distribution
from hone.likelihood.histfactory.interpolation import histosys_terms, normsys_coefficients
from hone.likelihood.histfactory.layout import Layout
from hone.likelihood.histfactory.likelihood import Likelihood
from hone.likelihood.histfactory.variants import (
    correlated,
    correlations,
    product_for,
    unconstrained,
)
from hone.likelihood.histfactory.vectors import checked_data, checked_pars, completed_data

__all__ = ["Model"]


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
        sigma = widths(layout, self.nominal, self.staterror, self.normal_sigma)
        tau = rates(layout, self.nominal, self.shapesys)

        def of_parameters(values: Array, parameters: np.ndarray) -> Array:
            place = np.full(layout.npars, len(parameters))
            place[parameters] = np.arange(len(parameters))
            nothing = xp.zeros((*values.shape[:-1], 1))
            return xp.concatenate([values, nothing], axis=-1)[..., place]

        inverse_variance = of_parameters(sigma**-2.0, layout.normal_of_aux)
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
            coupling=coupling(self.correlation, inverse_variance, layout),
            half_log_det=half_log_det(self.correlation),
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
        return _terms(self, self.checked_pars(pars), completed_data(self.layout, maindata, None))[0]

    def constraint_logpdf(self, auxdata: ArrayLike, pars: ArrayLike) -> Float[Array, ""]:
        """ln of the likelihood of the auxiliary data (A,) at ``pars`` (P,), as pyhf's."""
        terms = _terms(self, self.checked_pars(pars), completed_data(self.layout, None, auxdata))
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
        layout = correlated(self.layout, names)
        return replace(self, layout=layout, correlation=jnp.asarray(correlations(names, matrix)))

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
        return checked_data(self.layout, data)

    def checked_pars(self, pars: ArrayLike) -> Float[Array, " P"]:
        """``pars`` as a float64 vector.

        Raises:
            InputError: the length is not the number of parameters.
        """
        return checked_pars(self.layout, pars)


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
    values = namespace(model).concatenate(
        [model.normal_auxdata, rates(model.layout, model.nominal, model.shapesys)]
    )
    return values[np.argsort(np.argsort(model.layout.aux_poisson, kind="stable"))]


@compiled_if_traced()
def _sigma(model: Model) -> Float[Array, " normals"]:
    return model.prepare().sigma
