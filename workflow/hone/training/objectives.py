"""Objectives that training minimises: of the likelihood, or losses of a classifier.

All are smooth functions of a :class:`hone.Model` or of a classifier's logits; significances have a
minus sign. None uses observed data.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hone.analysis.own_code import load_function
from hone.errors import InputError
from hone.likelihood.arrays import namespace, scipy_of
from hone.likelihood.histfactory import Model
from hone.likelihood.infer import asimov_limit, asimov_qmu, nominal_hessian, sigma_mu
from hone.likelihood.infer.asymptotics import safe_sqrt
from hone.likelihood.infer.setup import require_poi

__all__ = [
    "LOGARITHMS",
    "OF_EVENTS",
    "OF_MODEL",
    "Objective",
    "asimov_significance",
    "binary_cross_entropy",
    "cross_entropy",
    "log_cls",
    "log_generalised_variance",
    "log_limit",
    "log_p0",
    "log_sigma_mu",
    "log_trace",
    "of_each",
    "resolve_objective",
]


_ROUNDING = 1e-12
"""Of the rates of bins that are empty, relative to the largest."""


def log_cls(model: Model, mu: float = 1.0) -> Float[Array, ""]:
    """Natural logarithm of the median expected CLs at ``mu``, on nominal Asimov data.

    CLs = 2 Phi(-sqrt(q_A)) (arXiv:1007.1727, eq. 67 and 89); in log space it neither underflows
    nor loses its gradient at small CLs. The gradient is exact and costs one fit.
    """
    return _log_p(asimov_qmu(model, mu)) + np.log(2.0)


def log_limit(model: Model, level: float = 0.05) -> Float[Array, ""]:
    """Natural logarithm of the median expected upper limit, on nominal Asimov data."""
    limit = asimov_limit(model, level)
    return namespace(limit).log(limit)


def log_p0(model: Model) -> Float[Array, ""]:
    """Natural logarithm of the expected discovery p-value of a signal of strength 1.

    p0 = Phi(-sqrt(q_0)) (arXiv:1007.1727, eq. 52 and 53).
    """
    return _log_p(asimov_qmu(model, 1.0, "q0"))


def _log_p(q: Float[Array, ""]) -> Float[Array, ""]:
    """ln Phi(-sqrt(q)), the logarithm of the p-value of a test statistic."""
    return scipy_of(namespace(q)).special.log_ndtr(-safe_sqrt(q))


def log_sigma_mu(model: Model) -> Float[Array, ""]:
    """Natural logarithm of the POI's expected uncertainty: the loss of INFERNO (arXiv:1806.04743).

    See ``hone.likelihood.infer.sigma_mu``. The logarithm has the same minimum and a gradient that
    does not depend on the unit of the POI.
    """
    found = sigma_mu(model)
    return namespace(found).log(found)


@partial(jax.jit, static_argnames="of")
def log_generalised_variance(model: Model, of: tuple[str, ...] = ()) -> Float[Array, ""]:
    """Natural logarithm of the determinant of the parameters' covariance (Wilks 1932).

    The covariance is the inverse Hessian of -ln L at POI = 1 on nominal Asimov data; parameters
    that the model fixes are left out.

    Args:
        model: the model.
        of: names of the parameters whose covariance it is, with all others profiled; all if empty.
    """
    factor = jnp.linalg.cholesky(_covariance(model, of) if of else _information(model))
    logarithm = 2 * jnp.log(jnp.diagonal(factor)).sum()
    return logarithm if of else -logarithm


@partial(jax.jit, static_argnames="of")
def log_trace(model: Model, of: tuple[str, ...] = ()) -> Float[Array, ""]:
    """Natural logarithm of the sum of variances (A-optimality), with other parameters profiled.

    Args:
        model: the model.
        of: names of the parameters; the POI alone if empty.
    """
    names = of or (model.config.par_names[require_poi(model)],)
    return jnp.log(jnp.trace(_covariance(model, names)))


def _information(model: Model) -> Float[Array, "P P"]:
    """Hessian of -ln L at POI = 1 on nominal Asimov data, that of 1 where parameters are fixed."""
    hessian, free = nominal_hessian(model)
    both = free[:, None] & free[None, :]
    return jnp.where(both, hessian, jnp.eye(free.size))


def _covariance(model: Model, names: Sequence[str]) -> Float[Array, "K K"]:
    """Covariance of some parameters: of the inverse of :func:`_information`."""
    places = np.array([model.config.par_names.index(name) for name in names])
    matrix = _information(model)
    return jnp.linalg.solve(matrix, jnp.eye(len(matrix))[:, places])[places]


@partial(jax.jit, static_argnames="background_uncertainty")
def asimov_significance(model: Model, background_uncertainty: bool = False) -> Float[Array, ""]:
    """Asimov significance Z_A of counts, bins combined in quadrature.

    Without uncertainty Z_A^2 = sum over bins of 2 ((s + b) ln(1 + s / b) - s) (arXiv:1007.1727,
    eq. 97); with the variance of b as well, G. Cowan, "Discovery sensitivity for a counting
    experiment with background uncertainty" (2012), eq. 20. That variance is what the nuisance
    parameters' constraints leave each bin, to first order, without correlations between bins.
    NaN where a rate is negative, by more than 1e-12 of the largest bin.
    """
    start, poi = jnp.asarray(model.config.suggested_init()), require_poi(model)
    without = start.at[poi].set(0.0)
    likelihood = model.prepare()
    b = likelihood.rates(without)
    s = likelihood.rates(start.at[poi].set(1.0)) - b
    total = s + b
    # Tails that cancel leave no exact zero.
    rounding = _ROUNDING * jnp.maximum(abs(b), abs(total)).max()
    filled = ~(abs(b) <= rounding)  # NaN stays NaN
    safe_b = jnp.where(filled & (b > 0), b, 1.0)
    safe_total = jnp.where(filled & (total > 0), total, 1.0)
    impossible = jnp.any(~((b >= -rounding) & (total >= -rounding)))
    if background_uncertainty:
        constrained = likelihood.inverse_variance + likelihood.rate_per_unit
        spread = jnp.where(constrained > 0, 1 / jnp.where(constrained > 0, constrained, 1.0), 0.0)
        # The POI is not a nuisance parameter of the background.
        expansion = likelihood.expansion(without, likelihood.expected_data(without))
        jacobian = expansion.jacobian.dense()
        variance = jnp.einsum("pb,p->b", jacobian.at[poi].set(0.0) ** 2, spread)
        # Below a relative variance of 1e-9 the two formulae are the same.
        variance = jnp.maximum(variance, 1e-9 * safe_b)
        ratio = safe_total * (safe_b + variance) / (safe_b**2 + safe_total * variance)
        first = total * jnp.log(ratio)
        growth = variance * s / (safe_b * (safe_b + variance))
        second = safe_b**2 / variance * jnp.log1p(growth)
        squared = 2 * (first - second)
    else:
        squared = 2 * (total * jnp.log(safe_total / safe_b) - s)
    # A bin without background contributes nothing, instead of infinity.
    found = safe_sqrt(jnp.where(filled, squared, 0.0).sum())
    return jnp.where(impossible, jnp.nan, found)


def binary_cross_entropy(
    signal: tuple[Float[Array, " n"], Float[Array, " n"]],
    background: tuple[Float[Array, " m"], Float[Array, " m"]],
) -> Float[Array, ""]:
    """Binary cross-entropy, with equal total weights of both classes.

    Args:
        signal: logits and weights of the events of the signal.
        background: the same of the background.
    """
    (up, w_up), (down, w_down) = signal, background
    loss = (w_up * jax.nn.softplus(-up)).sum() / w_up.sum()
    loss += (w_down * jax.nn.softplus(down)).sum() / w_down.sum()
    return 0.5 * loss.astype("float64")


def cross_entropy(
    classes: Sequence[tuple[Float[Array, "n C"], Float[Array, " n"]]],
) -> Float[Array, ""]:
    """Cross-entropy of C classes, with equal total weights of all.

    Args:
        classes: outputs of the network and weights of the events of each class.
    """
    losses = [
        -(weights * jax.nn.log_softmax(outputs, axis=1)[:, k]).sum() / weights.sum()
        for k, (outputs, weights) in enumerate(classes)
    ]
    return jnp.stack(losses).mean().astype("float64")


Objective = Callable[[Model], Float[Array, ""]]
"""A function of a model that is smaller for better observables."""


def of_each(objective: Objective) -> Objective:
    """An objective of models stacked along a first axis, one value each.

    Those with a fit take stacked models as they are, which JAX traces in a fraction of the time
    that ``vmap`` needs for their loops.
    """
    name = getattr(objective, "func", objective)
    return objective if name in (log_cls, log_limit, log_p0) else jax.vmap(objective)


_OF_STRENGTHS = MappingProxyType(
    {"generalised_variance": log_generalised_variance, "trace": log_trace}
)
"""Objectives that can be of chosen parameters."""

OF_MODEL: Mapping[str, Objective] = MappingProxyType(
    {
        "cls": log_cls,
        "limit": log_limit,
        "p0": log_p0,
        "sigma_mu": log_sigma_mu,
        "generalised_variance": log_generalised_variance,
        "trace": log_trace,
        "z_a": lambda model: -asimov_significance(model),
        "z_a_uncertain": lambda model: -asimov_significance(model, True),
        "inverse_z_a": lambda model: 1 / asimov_significance(model),
        "inverse_z_a_uncertain": lambda model: 1 / asimov_significance(model, True),
    }
)
"""Objectives of the likelihood by name in the config."""

LOGARITHMS = frozenset({"cls", "limit", "p0", "sigma_mu", "generalised_variance", "trace"})
"""Those that are the natural logarithm of the quantity that they are named after."""

OF_EVENTS = ("bce", "bce_augmented", "cross_entropy")
"""Objectives of a classifier by name in the config."""


def resolve_objective(
    name: str, level: float, folder: str | Path, measured: Sequence[str] = ()
) -> Objective | None:
    """The objective with this name in the config; None for objectives of events.

    Args:
        name: one of :data:`OF_MODEL` or :data:`OF_EVENTS`, or ``module:function``.
        level: CLs at the limit, for ``limit``.
        folder: of the user's modules.
        measured: names of the signal strengths, the POI first. If there are several, the
            generalised variance and the trace are of these.

    Raises:
        InputError: the user's function cannot be used.
    """
    if name in OF_EVENTS:
        return None
    if ":" in name:
        return partial(_of_own, load_function(name, folder, "objective"), name)
    if name == "limit":
        return partial(log_limit, level=level)
    if name in _OF_STRENGTHS and len(measured) > 1:
        return partial(_OF_STRENGTHS[name], of=tuple(measured))
    return OF_MODEL[name]


def _of_own(function: Objective, name: str, model: Model) -> Float[Array, ""]:
    """A function of the user's own, so that what goes wrong in it names the setting."""
    try:
        value = function(model)
    except Exception as error:
        raise InputError(f"objective: {name!r} raised {type(error).__name__}: {error}") from error
    shape, dtype = getattr(value, "shape", None), str(getattr(value, "dtype", ""))
    if shape != () or not dtype.startswith("float"):
        what = f"an array of shape {shape}, {dtype}" if shape is not None else repr(value)
        raise InputError(
            f"objective: {name!r} must return one real number of JAX (shape ()), not {what}"
        )
    return value
